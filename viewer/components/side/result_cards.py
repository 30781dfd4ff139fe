"""An answer for the result panel: its results as cards, its terms, and its figures.

What does not belong here: the panel that shows them (`gallery.py`), and a card's look (`cards.js`).
"""

from typing import Any

import numpy as np

from viewer.components.page.query_bar import term_view
from viewer.dataset.columns.facets import ValueFacet
from viewer.dataset.columns.local_times import zone_words
from viewer.dataset.columns.ordering import first_codes
from viewer.dataset.dataset import TIMES, Dataset
from viewer.session.answers import Answer
from viewer.session.state import ImageList, ViewState

NO_QUERY: dict[str, Any] = {
    "query": "", "text": "", "listed": 0, "milliseconds": 0, "spread": {}, "baseline": None, "faint": "",
}  # fmt: skip
MAX_FOLDED_CARDS = 24  # cards shown of those folded under a card


def image_card(dataset: Dataset, row: int, similarity: float | None = None) -> dict[str, Any]:
    """Return what `cards.js` shows of an image: its id, label and content stamp, and a similarity if any."""
    card = dataset.image_ref(row)
    return card if similarity is None else {**card, "similarity": similarity}


def result_cards(state: ViewState, answer: Answer, *, start: int = 0) -> list[dict[str, Any]]:
    """Return the cards of an answer's results, best first, from position `start` on."""
    scale = state.dataset.atlas.score_scale

    def result_card(row: int, similarity: float) -> dict[str, Any]:
        card = image_card(state.dataset, row, similarity)
        score = scale.figure(similarity) if answer.words_only else None
        return card if score is None else {**card, "score": score, "scale": scale.name}

    found = []
    for at in range(start, len(answer.rows)):
        found.append(result_card(int(answer.rows[at]), float(answer.similarity[at])))
        under = answer.alike[at] if answer.alike else ()
        if under and answer.similarities is not None:
            some = under[:MAX_FOLDED_CARDS]
            alike = [result_card(row, float(answer.similarities[row])) for row in some]
            found[-1].update(count=len(under), alike=alike)
    return found


def listed_cards(state: ViewState, images: ImageList, start: int, stop: int) -> list[dict[str, Any]]:
    """Return the cards of a list from position `start` to `stop`: with what sorts and groups the images."""
    scores = state.answer.similarities if state.answer else None
    codes = None if images.group is None else first_codes(images.group)
    cards = []
    for row in images.rows[start:stop].tolist():
        card = image_card(state.dataset, row, None if scores is None else float(scores[row]))
        if images.sort is not None and (value := images.sort.text_of(row)):
            card["value"] = value
        if images.group is not None and codes is not None:
            card["group"] = _group_label(images.group, int(codes[row]))
        cards.append(card)
    return cards


def group_counts(images: ImageList) -> dict[str, int]:
    """Return how many of the listed images each group has, by the label that cards have."""
    if images.group is None:
        return {}
    found = np.flatnonzero(images.counts).tolist()
    return {_group_label(images.group, code): int(images.counts[code]) for code in found}


def _group_label(group: ValueFacet, code: int) -> str:
    return group.labels[code] if code < len(group.labels) else group.absent


def group_choices(state: ViewState) -> dict[str, str]:
    """Return the columns that can group the images, and their titles."""
    tags = {state.dataset.tag_column_name: state.tag_column.title} if state.tags else {}
    return {**tags, **state.dataset.group_choices}


def order_view(state: ViewState) -> dict[str, Any]:
    """Return how the images are sorted and grouped, and the columns that can do so: name, title, kind.

    `clock` says on whose clock times of files are, where these sort the images.
    """
    return {
        "sort": state.sort if state.sort in state.dataset.sort_choices else "",
        "ascending": state.ascending,
        "clock": zone_words(state.zone) if state.sort in TIMES else "",
        "group": state.group if state.group in group_choices(state) else "",
        "sortable": sortable_columns(state.dataset),
        "groupable": [[name, title] for name, title in group_choices(state).items()],
    }


def sortable_columns(dataset: Dataset) -> list[list[str]]:
    """Return the name, title and kind of each column that can sort images; the map's order has no kind."""
    kinds = {name: facet.kind if (facet := dataset.facet(name)) else "" for name in dataset.sort_choices}
    return [[name, title, kinds[name]] for name, title in dataset.sort_choices.items()]


def query_view(state: ViewState) -> dict[str, Any]:
    """Return the query in view: title, terms, number of results, histogram of the similarities."""
    answer = state.answer
    view = {
        "parts": term_views(state),
        "fold": state.fold,
        "only_selection": state.only_selection,
        "min_similarity": state.min_similarity,
        "max_similarity": state.max_similarity,
        "selectable": state.selection is not None,
    }
    if answer is None:
        return {**view, **NO_QUERY}
    spread = answer.histogram
    return {
        **view,
        "query": answer.title,
        "text": answer.text,
        "listed": answer.total,
        "milliseconds": round(answer.seconds * 1000),
        "spread": {"counts": list(spread.counts), "low": spread.low, "high": spread.high} if spread else {},
        "baseline": state.baseline if comparable_to_baseline(answer) else None,
        "faint": weak_match_note(state, answer),
    }


def term_views(state: ViewState) -> list[dict[str, Any]]:
    """Return the terms that a visitor can weight: none if the query is a single text."""
    terms = state.terms
    plain = len(terms) == 1 and terms[0].text and not terms[0].minus
    return [] if plain else [term_view(term, state) for term in terms]


def comparable_to_baseline(answer: Answer) -> bool:
    """Whether the similarities can be compared with the baseline: the query is words, none with a minus."""
    return answer.words_only and not any(term.minus for term in answer.terms)


def weak_match_note(state: ViewState, answer: Answer) -> str:
    """Return why the results match badly; "" if they may match well."""
    if not len(answer.rows):
        return "" if not state.dataset.n else f"No image {_describe_limits(state)}."
    best = float(answer.similarity[0])
    known = state.baseline is not None and state.max_similarity is None and comparable_to_baseline(answer)
    if not known or best > state.baseline:
        return ""
    where = " of these images" if state.listing(limited=False).passes is not None else ""
    return (
        f"Nothing here really matches: the best{where} is {best:.3f}, and words picked at random "
        f"find {state.baseline:.3f} in this dataset."
    )


def _describe_limits(state: ViewState) -> str:
    if state.min_similarity is not None and state.max_similarity is not None:
        return f"is between {state.min_similarity:.3f} and {state.max_similarity:.3f}"
    if state.min_similarity is not None:
        return f"is at {state.min_similarity:.3f} or above"
    if state.max_similarity is not None:
        return f"is at {state.max_similarity:.3f} or below"
    return "of the selection passes the filters" if state.only_selection else "passes the filters"
