"""Works out a visitor's part of the dataset off the event loop: what passes the filters, and what is counted.

Filters, a selection and limits of similarity make the part (`dataset/columns/part.py`). The latest of them
wins. What does not belong here: the meaning of conditions (`dataset/columns/filters.py`).
"""

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from clipper.query import Scores
from clipper.query_filter import Condition
from clipper.similarity.similarities import Similarities
from viewer.dataset.columns.facets import Facet
from viewer.dataset.columns.filters import (
    Filters,
    Masks,
    count_values,
    filter_rows,
    validate_filters,
)
from viewer.dataset.columns.part import Part
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.columns.word_column import WORDS, WordColumn
from viewer.dataset.dataset import TIMES, Dataset
from viewer.dataset.ranking import listable_mask
from viewer.pools import FILTER_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

WATCHED = (
    "filters",
    "tags",
    "word_column",
    "zone",
    "selection",
    "answer",
    "min_similarity",
    "max_similarity",
)
OPEN = (None, None)  # the limits of any similarity
_IDENTICAL = ("dataset", "tags", "words", "zone", "selection", "similarities")  # of a request

_Applied = tuple[dict[str, Condition], np.ndarray | None]
_Counted = tuple[Part, dict[str, np.ndarray]]

log = logging.getLogger(__name__)


class _Request(NamedTuple):
    """What makes the part of a dataset with these tags and words; `similarities` is None without limits."""

    dataset: Dataset
    filters: Filters
    tags: TagRows
    words: WordColumn | None
    zone: str
    selection: np.ndarray | None
    similarities: Scores | None
    limits: tuple[float | None, float | None]

    @classmethod
    def of(cls, state: ViewState) -> Self:
        """Return what a state asks for now."""
        limits = (state.min_similarity, state.max_similarity)
        known = state.answer.similarities if state.answer is not None and limits != OPEN else None
        if known is None:
            limits = OPEN
        return cls(
            state.dataset,
            state.filters,
            state.tags,
            state.word_column,
            state.zone,
            state.selection,
            known,
            limits,
        )

    @property
    def makes_a_part(self) -> bool:
        """Whether anything is asked for: without, charts count all images."""
        return bool(self.filters) or self.selection is not None or self.similarities is not None

    def is_current(self, state: ViewState) -> bool:
        """Whether its outcome may be shown; a filter or limit that is being dragged may have moved on."""
        now = _Request.of(state)
        same = all(getattr(self, name) is getattr(now, name) for name in _IDENTICAL)
        return same and self.filters.keys() == now.filters.keys() and now.makes_a_part

    def asks_the_same(self, other: "_Request") -> bool:
        """Whether another request has the same outcome."""
        same = all(getattr(self, name) is getattr(other, name) for name in _IDENTICAL)
        return same and self.filters == other.filters and self.limits == other.limits

    def passes_the_same(self, other: "_Request") -> bool:
        """Whether the same rows pass the filters of another request."""
        same = self.dataset is other.dataset and self.filters == other.filters
        tags = self.tags is other.tags or self.dataset.tag_column_name not in self.filters
        zone = self.zone is other.zone or not self.filters.keys() & TIMES.keys()
        return same and tags and zone and (self.words is other.words or WORDS not in self.filters)

    def facets(self) -> dict[str, Facet]:
        """Return the facets of the dataset with these tags and words."""
        return self.dataset.facets_with(self.tags, self.words, zone=self.zone)

    def within(self) -> np.ndarray | None:
        """Return which rows are selected and within the limits, (n,) bool; None: all."""
        n = self.dataset.n
        selection = None if self.selection is None else self.selection[self.selection < n]
        selected = listable_mask(n, kept=None, selection=selection)
        if self.similarities is None or len(self.similarities) != n:
            return selected
        similar = Similarities.of(self.similarities).within(*self.limits)
        return similar if selected is None else similar & selected


class FilterWorker:
    """Works out the latest part of one session; it skips what was replaced meanwhile."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._busy = False
        self._latest: _Request | None = None
        self._masks: Masks = {}
        self._kept_of: _Request | None = None  # what the state's `kept` is of
        state.param.watch(self._changed, list(WATCHED))
        if _Request.of(state).makes_a_part:
            self._start()

    def end(self) -> None:
        """End the session: release what is large."""
        self._latest, self._masks, self._kept_of = None, {}, None

    def _changed(self, *events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        request, latest = _Request.of(state), self._latest
        if not state.filters:
            state.kept = self._kept_of = None
        if not request.makes_a_part:
            self._latest = None
            state.param.update(part=None, counts=None)
            return
        if self._busy or (latest is not None and request.asks_the_same(latest)):
            return
        # Other tags and words change what passes only if a filter is on them: the state counts them itself.
        column = {"tags": state.dataset.tag_column_name, "word_column": WORDS}
        if any(
            column.get(event.name, event.name) not in {*column.values()} - {*state.filters}
            for event in events
        ):
            self._start()

    def _start(self) -> None:
        """Work out what passes first, so that the map can be drawn, then the counts.

        If the map shows already what passes, the counts come at once: between the two, the event loop does
        everything else that a new selection changes.
        """
        request, latest = _Request.of(self._state), self._latest
        if latest is None or latest.dataset is not request.dataset:
            self._masks = {}
        else:
            if latest.tags is not request.tags:
                self._masks.pop(request.dataset.tag_column_name, None)
            if latest.zone is not request.zone:
                for name in TIMES:
                    self._masks.pop(name, None)
            if latest.words is not request.words:
                self._masks.pop(WORDS, None)
        self._latest, self._busy = request, True
        shown = self._kept_of
        if not request.filters or (shown is not None and shown.passes_the_same(request)):
            self._begin_count(request)
            return
        in_background(partial(_apply, request, self._masks), partial(self._found, request), pool=FILTER_POOL)

    def _found(self, request: _Request, done: "Future[_Applied]") -> None:
        state = self._state
        if state.dataset is None or not request.is_current(state) or done.exception() is not None:
            self._next(request, done)
            return
        good, kept = done.result()
        if (
            good != request.filters and state.filters == request.filters
        ):  # some conditions were not valid, as in an old link
            request = self._latest = request._replace(filters=good)
            state.param.update(filters=dict(good), kept=kept)
        elif self._kept_of is None or not self._kept_of.passes_the_same(request):
            state.kept = (
                kept  # not again what passed before: the map is drawn and the results are ranked anew
            )
        self._kept_of = request
        self._begin_count(request)

    def _begin_count(self, request: _Request) -> None:
        in_background(
            partial(_count, request, self._masks), partial(self._counted, request), pool=FILTER_POOL
        )

    def _counted(self, request: _Request, done: "Future[_Counted]") -> None:
        state = self._state
        if state.dataset is not None and request.is_current(state) and done.exception() is None:
            part, counts = done.result()
            state.param.update(part=part, counts=counts)
        self._next(request, done)

    def _next(self, request: _Request, done: "Future[Any]") -> None:
        """Work out what was asked for meanwhile."""
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            self._latest = None
            state.filters = {}
            return
        now = _Request.of(state)
        stale = not now.asks_the_same(request) or state.part is None or (state.filters and state.kept is None)
        if now.makes_a_part and stale:
            self._start()  # also if filters were removed and set again meanwhile


def _apply(request: _Request, masks: Masks) -> _Applied:
    """Return the valid ones of the filters, and which rows pass them."""
    started = time.perf_counter()
    facets = request.facets()
    good = validate_filters(facets, request.filters)
    kept = filter_rows(facets, good, masks=masks)
    log.info("filtering %d images took %.0f ms", request.dataset.n, (time.perf_counter() - started) * 1000)
    return good, kept


def _count(request: _Request, masks: Masks) -> _Counted:
    """Return the part, and the counts of each column; the filters are valid."""
    started = time.perf_counter()
    selected = None if request.selection is None else len(request.selection)
    within, facets = request.within(), request.facets()
    kept = filter_rows(facets, request.filters, masks=masks)
    counts = count_values(facets, masks, within)
    parts = [mask for mask in (kept, within) if mask is not None]
    rows = np.logical_and.reduce(parts) if parts else np.ones(request.dataset.n, bool)
    log.info("counting %d images took %.0f ms", request.dataset.n, (time.perf_counter() - started) * 1000)
    part = Part(rows, selected, filtered=bool(request.filters), limited=request.similarities is not None)
    return part, counts
