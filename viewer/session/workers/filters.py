"""Applies a visitor's filters off the event loop, and puts the passing rows and the counts into the state.

What does not belong here: the meaning of conditions (`dataset/columns/filters.py`).
"""

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clipper.query_filter import Condition
from viewer.dataset.columns.facets import Facet
from viewer.dataset.columns.filters import (
    Filters,
    Masks,
    count_values,
    filter_rows,
    validate_filters,
)
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.columns.word_column import WORDS, WordColumn
from viewer.dataset.dataset import Dataset
from viewer.pools import FILTER_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

_Applied = tuple[dict[str, Condition], np.ndarray | None]

log = logging.getLogger(__name__)


class _Request(NamedTuple):
    """Filters to apply to a dataset with these tags and words."""

    dataset: Dataset
    filters: Filters
    tags: TagRows
    words: WordColumn | None

    def is_current(self, state: ViewState) -> bool:
        """Whether the state still shows that dataset with those tags and words."""
        same = state.tags is self.tags and state.word_column is self.words
        return state.dataset is self.dataset and same and bool(state.filters)

    def facets(self) -> dict[str, Facet]:
        """Return the facets of the dataset with these tags and words."""
        return self.dataset.facets_with(self.tags, self.words)


class FilterWorker:
    """Applies the latest filters of one session; it skips filters that were replaced meanwhile."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._busy = False
        self._latest: _Request | None = None
        self._masks: Masks = {}
        state.param.watch(self._changed, ["filters", "tags", "word_column"])
        if state.filters:
            self._start()

    def end(self) -> None:
        """End the session: release what is large."""
        self._latest, self._masks = None, {}

    def _changed(self, *events: Any) -> None:
        state, dataset = self._state, self._state.dataset
        if dataset is None:
            return
        if not state.filters:
            state.param.update(kept=None, counts=None)
            return
        # Other tags and words change what passes only if a filter is on them.
        column = {"tags": dataset.tag_column_name, "word_column": WORDS}
        changed = {event.name for event in events}
        matters = "filters" in changed or any(column[name] in state.filters for name in changed)
        if not self._busy and matters:
            self._start()

    def _start(self) -> None:
        """Work out what passes first, so that the map can be drawn, then the counts."""
        state = self._state
        request = _Request(state.dataset, state.filters, state.tags, state.word_column)
        latest = self._latest
        if latest is None or latest.dataset is not request.dataset:
            self._masks = {}
        else:
            if latest.tags is not request.tags:
                self._masks.pop(request.dataset.tag_column_name, None)
            if latest.words is not request.words:
                self._masks.pop(WORDS, None)
        self._latest, self._busy = request, True
        in_background(partial(_apply, request, self._masks), partial(self._found, request), pool=FILTER_POOL)

    def _found(self, request: _Request, done: "Future[_Applied]") -> None:
        state = self._state
        if not request.is_current(state) or done.exception() is not None:
            self._next(request, done)
            return
        good, kept = done.result()
        if (
            good != request.filters and state.filters == request.filters
        ):  # some conditions were not valid, as in an old link
            request = request._replace(filters=good)
            state.param.update(filters=dict(good), kept=kept)
        else:
            state.kept = kept
        in_background(
            partial(_count, request, self._masks), partial(self._counted, request), pool=FILTER_POOL
        )

    def _counted(self, request: _Request, done: "Future[dict[str, np.ndarray]]") -> None:
        if request.is_current(self._state) and done.exception() is None:
            self._state.counts = done.result()
        self._next(request, done)

    def _next(self, request: _Request, done: "Future[Any]") -> None:
        """Apply the filters that were set meanwhile."""
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            state.filters = {}
        elif state.filters and (
            state.filters != request.filters or not request.is_current(state) or state.kept is None
        ):
            self._start()  # also if they were removed and set again meanwhile


def _apply(request: _Request, masks: Masks) -> _Applied:
    """Return the valid ones of the filters, and which rows pass them."""
    started = time.perf_counter()
    facets = request.facets()
    good = validate_filters(facets, request.filters)
    kept = filter_rows(facets, good, masks=masks)
    log.info("filtering %d images took %.0f ms", request.dataset.n, (time.perf_counter() - started) * 1000)
    return good, kept


def _count(request: _Request, masks: Masks) -> dict[str, np.ndarray]:
    return count_values(request.facets(), masks)
