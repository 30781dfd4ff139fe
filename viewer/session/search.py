"""Runs a visitor's query off the event loop and puts its answer, or the reason for none, into the state.

A query is parsed once, where it enters: the query bar, a chip, a link. From there on it travels as terms.
Which results are listed follows filters, selection and the range of similarities; that ranks the known
similarities again and does not run the query again.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clipper.errors import ClipperError
from clipper.query import MAX_TEXT_LENGTH, Query, Scores
from clipper.query_syntax import Term, default_weight, format_each, format_terms, parse
from clipper.similarity.similarities import Similarities
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import PAGE_SIZE, Listing, Ranked, rank, similarity_histogram
from viewer.pools import BASELINE_POOL, RANK_POOL, SEARCH_POOL
from viewer.session.answers import (
    UPLOAD_PREFIX,
    Answer,
    SimilarityColours,
    Terms,
    Upload,
    normalize_spaces,
    query_problem,
)
from viewer.session.background import failed, in_background
from viewer.session.state import NO_LIMITS, NO_SEARCH, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)

LONGEST_TITLE = 160  # characters of a query as a heading
SURELY_READ = 20  # characters of a text of which a model reads all: CLIP reads 77 tokens, each one or more


def run_query(
    dataset: Dataset,
    terms: Terms,
    *,
    listing: Listing | None = None,
    uploads: Mapping[str, Upload] | None = None,
) -> Answer:
    """Rank the images of a dataset for a query.

    Args:
        dataset: the images.
        terms: the query.
        listing: which images are listed.
        uploads: images outside the dataset, by the name in a term's `like`.

    Raises:
        ClipperError: a term's image is not there, or the terms cancel each other out.
    """
    started = time.perf_counter()
    uploads = uploads or {}
    known = {name: upload.vector for name, upload in uploads.items() if upload.model == dataset.model}
    if any(term.like.startswith(UPLOAD_PREFIX) and term.like not in known for term in terms):
        kept = all(term.like in uploads for term in terms if term.like.startswith(UPLOAD_PREFIX))
        why = "was read by another model" if kept else "is not kept for longer than its page"
        raise ClipperError(f"An uploaded image {why}; drop it in once more.")
    names = {name: upload.name for name, upload in uploads.items()}
    hits = dataset.atlas.rank(Query(terms=terms, known=known), k=0)  # listed below, with its limits
    texts = [term.text for term in terms if len(term.text) > SURELY_READ]
    in_parts = {text: parts for text in texts if (parts := dataset.atlas.text_parts(text)) > 1}
    similarities = Similarities.of(hits.similarities)
    found = Answer(
        terms, np.empty(0, np.int64), np.empty(0, np.float32), float(hits.x), float(hits.y), 0.0,
        similarities, shorten(query_title(terms, dataset, names)), in_parts=in_parts,
        histogram=similarity_histogram(similarities), asked=started,
    )  # fmt: skip
    found = with_results(found, rank_dataset(dataset, similarities, listing or Listing()))
    return replace(found, seconds=time.perf_counter() - started)


class ColouredAnswer(NamedTuple):
    """An answer, and the colours by it of each map that is coloured by similarity."""

    answer: Answer
    colours: Mapping[Dataset, SimilarityColours]


def answer_query(
    dataset: Dataset,
    terms: Terms,
    *,
    listing: Listing,
    uploads: Mapping[str, Upload],
    coloured: Sequence[Dataset],
) -> ColouredAnswer:
    """Rank the images of a dataset for a query; make the colours of the maps of `coloured`, too.

    Raises:
        ClipperError: see `run_query`.
    """
    answer = run_query(dataset, terms, listing=listing, uploads=uploads)
    return ColouredAnswer(answer, {each: SimilarityColours.of(answer, each) for each in coloured})


def rank_dataset(dataset: Dataset, similarities: Scores, listing: Listing) -> Ranked:
    """Rank a dataset by the similarities of all its images."""
    return rank(similarities, listing, vectors=dataset.atlas.stored.__getitem__)


def with_results(answer: Answer, ranked: Ranked) -> Answer:
    """Return an answer with other results."""
    rows = np.asarray(ranked.rows, np.int64)
    return replace(
        answer,
        rows=rows,
        similarity=ranked.similarity,
        total=ranked.total,
        alike=ranked.alike,
        in_range=ranked.in_range,
    )


def query_title(terms: Sequence[Term], dataset: Dataset, names: Mapping[str, str]) -> str:
    """Write a query for a person: images by name. `names` are those of uploaded images."""
    if len(terms) == 1 and terms[0].text and not terms[0].minus:
        return terms[0].text
    return " ".join(
        f"{'-' if term.minus else ''}like “{image_name(term.like, dataset, names)}”" if term.like else piece
        for term, piece in zip(terms, format_each(terms), strict=True)
    )


def shorten(title: str) -> str:
    """Cut a long title: the query bar holds the whole query."""
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def image_name(like: str, dataset: Dataset, names: Mapping[str, str]) -> str:
    """Return a person's name for the image of a term: the dataset's label, or an upload's file name."""
    row = dataset.row_of(like)
    return names.get(like, like) if row is None else dataset.label(row)


class Searcher:
    """The searches of one session: only the latest one's answer is shown."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._latest = 0
        self._listing = 0
        state.param.watch(self._cancel, "searching")
        state.param.watch(self._search_again, "dataset")
        state.param.watch(
            self._relist,
            ["kept", "selection", "only_selection", "min_similarity", "max_similarity", "fold", "dataset"],
        )

    # -- the query

    def ask(self, text: str) -> None:
        """Parse a query and search for it; an empty one goes back to the view without a query."""
        terms = self._parse(text)
        if terms is not None:
            self.search(terms)

    def ask_words(self, text: str) -> None:
        """Search for these words, together with the images in the query now."""
        terms = self._parse(text)
        if terms is None:
            return
        named = {term.like for term in terms if term.like} | {*self._state.unknown}
        images = [term for term in self._state.terms if term.like and term.like not in named]
        self.search((*images, *terms))

    def add_term(self, term: Term) -> None:
        """Add a term to the query; it replaces one with the same image or text."""
        others = [old for old in self._state.terms if (old.text, old.like) != (term.text, term.like)]
        self.search((*others, term))

    def add_image(self, name: str, *, minus: bool = False) -> None:
        """Search for more, or less, like an image."""
        self.add_term(Term(like=name, weight=default_weight(minus=minus, image=True)))

    def change_term(self, key: str, change: Callable[[Term], Term | None]) -> None:
        """Search with one term changed, or without it where `change` returns None. `key` is its text."""
        terms = [change(term) if format_terms([term]) == key else term for term in self._state.terms]
        self.search(tuple(term for term in terms if term))

    def search(self, terms: Terms) -> None:
        """Search for a query; without terms, go back to the view without a query."""
        state = self._state
        self._latest += 1
        if not terms:
            state.param.update(**NO_SEARCH)
            return
        if problem := query_problem(terms):
            state.param.update(searching=False, message=problem)
            return
        terms, unknown = self._named(terms)
        whole, terms = terms, tuple(term for term in terms if term.like not in unknown)
        if not terms:
            state.param.update(
                searching=False, terms=whole, unknown=unknown, message=next(iter(unknown.values()))
            )
            return
        other_query = state.answer is None or terms != state.answer.terms
        state.param.update(searching=True, message="", terms=whole, unknown=unknown)
        listing = state.listing(limited=not other_query)
        work = partial(
            answer_query, state.dataset, terms, listing=listing, uploads=state.uploads,
            coloured=state.similarity_coloured(),
        )  # fmt: skip
        then = partial(self._finish, self._latest, self._listing, state.dataset)
        in_background(work, then, pool=SEARCH_POOL)

    def give_up(self) -> None:
        """Give up a search that is on its way: the query is that of the answer in view again."""
        found = self._state.answer
        self._state.param.update(searching=False, terms=found.terms if found else (), unknown={})

    def _named(self, terms: Terms) -> tuple[Terms, dict[str, str]]:
        """Return terms with the ids of the images that they name; and why others name none, by their key."""
        found: list[Term] = []
        unknown: dict[str, str] = {}
        for term in terms:
            if not term.like or term.like.startswith(UPLOAD_PREFIX):
                found.append(term)
                continue
            image_id, problem = self._state.dataset.named(term.like)
            if problem:
                unknown[term.like] = problem
            found.append(term if problem else replace(term, like=image_id))
        return tuple(found), unknown

    def _parse(self, text: str) -> Terms | None:
        """Parse a query; return None and show a message if the text is longer than anybody writes one."""
        if len(text) > MAX_TEXT_LENGTH:
            self._state.message = f"That is {len(text):,} characters; shorten it."
            return None
        return parse(normalize_spaces(text))

    def _cancel(self, event: Any) -> None:
        """Drop an answer that is still on its way when something else ends the search."""
        if not event.new:
            self._latest += 1

    def _search_again(self, event: Any) -> None:
        """Run a search that is under way in the version that replaced its own.

        A query that the model before had no answer to is asked of the next one: that may read words. Random
        words reach another similarity by another model.
        """
        state = self._state
        if event.new is None:
            return
        is_other_model = event.old is not None and event.old.model != event.new.model
        if state.searching or (is_other_model and state.terms and state.answer is None):
            self.search(state.terms)
        elif is_other_model and state.answer is not None:
            self._measure_baseline()

    def _finish(self, number: int, listing: int, dataset: Dataset, done: "Future[ColouredAnswer]") -> None:
        state = self._state
        if number != self._latest or dataset is not state.dataset:
            return
        if (error := done.exception()) is not None:
            state.param.update(searching=False, message=error_message(error))
            return
        (found, colours), relisted = done.result(), listing != self._listing
        log.info("search of %d images took %.0f ms", dataset.n, found.seconds * 1000)
        if state.answer is None or state.answer.terms != found.terms:
            state.param.update(**NO_LIMITS)
        state.param.update(selected=None, pointed=None)  # the card under the pointer is another now
        state.keep_colours(colours)
        state.show_answer(found)
        if relisted:  # what to list changed while the search ran
            self._relist()
        self._measure_baseline()

    # -- the list of its results

    def list_more(self, upto: int = 0) -> None:
        """List one page more, or as many pages as the first `upto` results need."""
        found = self._state.answer
        if found is not None and len(found.rows) < found.total:
            self._list(max(len(found.rows) + PAGE_SIZE, math.ceil(upto / PAGE_SIZE) * PAGE_SIZE))

    def _relist(self, *_events: Any) -> None:
        self._list(PAGE_SIZE)

    def _list(self, count: int) -> None:
        state = self._state
        self._listing += 1
        if state.dataset is None or state.answer is None or state.answer.similarities is None:
            return
        work = partial(rank_dataset, state.dataset, state.answer.similarities, state.listing(count=count))
        in_background(work, partial(self._listed, self._listing, state.answer.terms), pool=RANK_POOL)

    def _listed(self, number: int, terms: Terms, done: "Future[Ranked]") -> None:
        found = self._state.answer
        if number != self._listing or found is None or found.terms != terms:
            return
        if (error := done.exception()) is not None:
            self._state.message = error_message(error)
            return
        self._state.update_answer(with_results(found, done.result()))

    def _measure_baseline(self) -> None:
        """Measure how well random words match, in the background: the first time embeds dozens of them."""
        state = self._state
        if state.baseline is None and state.dataset.atlas.has_text:
            dataset = state.dataset
            in_background(
                lambda: dataset.atlas.random_text_baseline,
                partial(self._measured, dataset),
                pool=BASELINE_POOL,
            )

    def _measured(self, dataset: Dataset, done: "Future[float]") -> None:
        if not failed(done, "searching for random words") and dataset is self._state.dataset:
            self._state.baseline = done.result()


def error_message(error: BaseException) -> str:
    """Return a message for the visitor: the text of an error a person can fix; any other is logged."""
    if isinstance(error, ClipperError):
        return str(error)
    log.error("a search failed", exc_info=error)
    return "The search failed. The server's log says why; searching again may work."
