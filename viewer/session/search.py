"""Runs a visitor's query off the event loop and puts the answer, or why there is none, into the state.

What is listed of an answer follows filters, selection and the range of similarities; for that the query is
not run again.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clipper.errors import ClipperError
from clipper.query import MAX_TEXT, Query
from clipper.query_syntax import Term, default_weight, format_each, format_terms, parse
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import PAGE_SIZE, Listing, Ranked, rank, similarity_histogram
from viewer.pools import BASELINE_POOL, RANK_POOL, SEARCH_POOL
from viewer.session.answers import UPLOADED, Answer, Upload, normalize_spaces, query_problem
from viewer.session.background import failed, in_background
from viewer.session.state import NO_LIMITS, NO_SEARCH, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)


def run_query(
    dataset: Dataset,
    text: str,
    *,
    listing: Listing | None = None,
    uploads: Mapping[str, Upload] | None = None,
) -> Answer:
    """Rank the images of a dataset for a query.

    Args:
        dataset: the images.
        text: the query's terms, as they are written.
        listing: which of them are listed.
        uploads: images that are not of the dataset, by the name that a term's `like` has.

    Raises:
        ClipperError: a term's image is not there, or the terms take each other away.
    """
    started = time.perf_counter()
    terms, uploads = parse(text), uploads or {}
    known = {name: upload.vector for name, upload in uploads.items() if upload.model == dataset.model}
    if any(term.like.startswith(UPLOADED) and term.like not in known for term in terms):
        raise ClipperError("An uploaded image is not kept for longer than its page; drop it in once more.")
    names = {name: upload.name for name, upload in uploads.items()}
    hits = dataset.atlas.rank(Query(terms=terms, known=known), k=1)
    similarities = np.nan_to_num(np.asarray(hits.similarities), copy=False, nan=-1.0)
    found = Answer(
        format_terms(terms), np.empty(0, np.int64), np.empty(0, np.float32),
        float(hits.x), float(hits.y), 0.0,
        similarities, terms, query_title(terms, dataset, names),
        histogram=similarity_histogram(similarities),
    )  # fmt: skip
    found = with_results(found, rank_dataset(dataset, similarities, listing or Listing()))
    return replace(found, seconds=time.perf_counter() - started)


def rank_dataset(dataset: Dataset, similarities: np.ndarray, listing: Listing) -> Ranked:
    """What is listed of a dataset for similarities with all its images, (n,) float32."""
    return rank(similarities, listing, vectors=dataset.atlas.stored.__getitem__)


def with_results(answer: Answer, found: Ranked) -> Answer:
    """An answer with these results."""
    rows = np.asarray(found.rows, np.int64)
    return replace(
        answer,
        rows=rows,
        similarity=found.similarity,
        total=found.total,
        alike=found.alike,
        in_range=found.in_range,
    )


def query_title(terms: Sequence[Term], dataset: Dataset, names: Mapping[str, str]) -> str:
    """A query as a person reads it: images by name."""
    if len(terms) == 1 and terms[0].text and not terms[0].minus:
        return terms[0].text
    return " ".join(
        f"{'-' if term.minus else ''}like “{image_name(term.like, dataset, names)}”" if term.like else piece
        for term, piece in zip(terms, format_each(terms), strict=True)
    )


def image_name(like: str, dataset: Dataset, names: Mapping[str, str]) -> str:
    """What a person calls the image that a term names."""
    row = dataset.row_of(like)
    return names.get(like, like) if row is None else dataset.label(row)


class Searcher:
    """The searches of one session: only the latest one's answer is shown."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._latest = 0
        self._listing = 0
        state.param.watch(self._called_off, "searching")
        state.param.watch(self._ask_again, "dataset")
        state.param.watch(
            self._relist,
            ["kept", "selection", "only_selection", "min_similarity", "max_similarity", "fold", "dataset"],
        )

    # -- what is asked

    def ask(self, text: str) -> None:
        """Search for a query as it is written; an empty one goes back to the view without a query."""
        terms = self._read(text)
        if terms is not None:
            self._search(terms)

    def words(self, text: str) -> None:
        """Search for these words, beside the images that are asked for already."""
        terms = self._read(text)
        if terms is None:
            return
        named = {term.like for term in terms if term.like}
        images = [term for term in self._state.asked if term.like and term.like not in named]
        self._search((*images, *terms))

    def add(self, term: Term) -> None:
        """Ask for one term more; of the same image or text there is one."""
        others = [old for old in self._state.asked if (old.text, old.like) != (term.text, term.like)]
        self._search((*others, term))

    def change(self, old: str, change: Callable[[Term], Term | None]) -> None:
        """Ask with the term that is written `old` changed, or without it where the change gives None."""
        terms = [change(term) if format_terms([term]) == old else term for term in self._state.asked]
        self._search(tuple(term for term in terms if term))

    def like(self, name: str, *, minus: bool = False) -> None:
        """Ask for more like an image, or for less."""
        self.add(Term(like=name, weight=default_weight(minus=minus, image=True)))

    def _read(self, text: str) -> tuple[Term, ...] | None:
        """A query as its terms; None, and told why, where it is longer than anybody writes one."""
        if len(text) > MAX_TEXT:
            self._state.message = f"That is {len(text):,} characters; shorten it."
            return None
        return parse(normalize_spaces(text))

    def _search(self, terms: tuple[Term, ...]) -> None:
        state = self._state
        self._latest += 1
        if not terms:
            state.param.update(**NO_SEARCH)
            return
        if why := query_problem(terms):
            state.param.update(searching=False, message=why)
            return
        anew = state.answer is None or format_terms(terms) != state.answer.text
        state.param.update(searching=True, message="", asked=terms)
        listing = state.listing(limited=not anew)
        work = partial(run_query, state.dataset, format_terms(terms), listing=listing, uploads=state.uploads)
        then = partial(self._finish, self._latest, self._listing, state.dataset)
        in_background(work, then, pool=SEARCH_POOL)

    def _called_off(self, event: Any) -> None:
        """Whatever ends the search, the answer that is still on its way is not wanted any more."""
        if not event.new:
            self._latest += 1

    def _ask_again(self, _event: Any) -> None:
        """A search under way when another version is taken is one of that version."""
        if self._state.searching:
            self._search(self._state.asked)

    def _finish(self, number: int, listing: int, dataset: Dataset, done: "Future[Answer]") -> None:
        state = self._state
        if number != self._latest or dataset is not state.dataset:
            return
        if (error := done.exception()) is not None:
            state.param.update(searching=False, message=error_message(error))
            return
        found, relisted = done.result(), listing != self._listing
        log.info("search of %d images took %.0f ms", dataset.n, found.seconds * 1000)
        if state.answer is None or state.answer.text != found.text:
            state.param.update(**NO_LIMITS)
        state.param.update(selected=None, pointed=None)  # the card under the pointer is another now
        state.remember(found)
        if relisted:  # what is listed has changed since it was asked
            self._relist()
        self._measure_chance()

    # -- what is listed of it

    def more(self, upto: int = 0) -> None:
        """List one page more, or as many as hold the first `upto` results."""
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
        in_background(work, partial(self._listed, self._listing, state.answer.text), pool=RANK_POOL)

    def _listed(self, number: int, text: str, done: "Future[Ranked]") -> None:
        found = self._state.answer
        if number != self._listing or found is None or found.text != text:
            return
        if (error := done.exception()) is not None:
            self._state.message = error_message(error)
            return
        self._state.relist(with_results(found, done.result()))

    def _measure_chance(self) -> None:
        """What random words find here, in the background: the first time, dozens of them are embedded."""
        state = self._state
        if state.chance is None:
            dataset = state.dataset
            in_background(lambda: dataset.atlas.chance, partial(self._measured, dataset), pool=BASELINE_POOL)

    def _measured(self, dataset: Dataset, done: "Future[float]") -> None:
        if not failed(done, "searching for random words") and dataset is self._state.dataset:
            self._state.chance = done.result()


def error_message(error: BaseException) -> str:
    """What to tell the visitor: an error that a person can mend in its own words, any other in ours."""
    if isinstance(error, ClipperError):
        return str(error)
    log.error("a search failed", exc_info=error)
    return "The search failed. The server's log says why; searching again may work."
