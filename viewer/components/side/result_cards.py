"""What the panel says of an answer: its results as cards, its terms, how similar they are as a whole."""

from typing import Any

from clipper.query import clip_score
from viewer.components.page.query_bar import term_view
from viewer.session.answers import Answer
from viewer.session.state import ViewState

NO_QUERY: dict[str, Any] = {
    "query": "", "text": "", "listed": 0, "milliseconds": 0, "spread": {}, "chance": None, "faint": "",
}  # fmt: skip
MAX_FOLDED_CARDS = 24  # images that a card shows of those folded under it


def result_cards(state: ViewState, answer: Answer, *, start: int = 0) -> list[dict[str, Any]]:
    """An answer's results as cards, best first, from a place on."""

    def card(row: int, similarity: float) -> dict[str, Any]:
        told = {**state.dataset.image_ref(row), "similarity": similarity}
        return {**told, "score": round(clip_score(similarity))} if answer.words_only else told

    found = []
    for at in range(start, len(answer.rows)):
        found.append(card(int(answer.rows[at]), float(answer.similarity[at])))
        under = answer.alike[at] if answer.alike else ()
        if under and answer.similarities is not None:
            some = under[:MAX_FOLDED_CARDS]
            alike = [card(row, float(answer.similarities[row])) for row in some]
            found[-1].update(count=len(under), alike=alike)
    return found


def query_view(state: ViewState) -> dict[str, Any]:
    """The query in view: its words, its terms, how many results, how the similarities are spread."""
    answer = state.answer
    shown = {"parts": term_views(state), "fold": state.fold, "within": state.only_selection}
    shown |= {
        "cut": state.min_similarity,
        "cap": state.max_similarity,
        "selectable": state.selection is not None,
    }
    if answer is None:
        return {**shown, **NO_QUERY}
    spread = answer.histogram
    return {
        **shown,
        "query": answer.called,
        "text": answer.text,
        "listed": answer.total,
        "milliseconds": round(answer.seconds * 1000),
        "spread": {"counts": list(spread.counts), "low": spread.low, "high": spread.high} if spread else {},
        "chance": state.chance if comparable_to_baseline(answer) else None,
        "faint": weak_match_note(state, answer),
    }


def term_views(state: ViewState) -> list[dict[str, Any]]:
    """The terms that can be weighed against one another: none where a query is one text alone."""
    terms = state.asked
    plain = len(terms) == 1 and terms[0].text and not terms[0].minus
    return [] if plain else [term_view(term, state) for term in terms]


def comparable_to_baseline(answer: Answer) -> bool:
    """Whether its similarities can be compared with those of words: nothing but words, none of them minus."""
    return answer.words_only and not any(term.minus for term in answer.terms)


def weak_match_note(state: ViewState, answer: Answer) -> str:
    """Why the results are not worth much, "" where they may be."""
    if not len(answer.rows):
        return "" if not state.dataset.n else f"No image {_describe_limits(state)}."
    best = float(answer.similarity[0])
    known = state.chance is not None and state.max_similarity is None and comparable_to_baseline(answer)
    if not known or best > state.chance:
        return ""
    where = " of these images" if state.listing(limited=False).passes is not None else ""
    return (
        f"Nothing here really matches: the best{where} is {best:.3f}, and words picked at random "
        f"find {state.chance:.3f} in this dataset."
    )


def _describe_limits(state: ViewState) -> str:
    if state.min_similarity is not None and state.max_similarity is not None:
        return f"is between {state.min_similarity:.3f} and {state.max_similarity:.3f}"
    if state.min_similarity is not None:
        return f"is at {state.min_similarity:.3f} or above"
    if state.max_similarity is not None:
        return f"is at {state.max_similarity:.3f} or below"
    return "of the selection passes the filters" if state.only_selection else "passes the filters"
