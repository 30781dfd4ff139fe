"""Works out what a visitor's filters let pass, off the event loop, and puts it into the state.

What conditions mean is `dataset/filters.py`'s.
"""

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viewer.dataset.columns.filters import (
    Condition,
    Filters,
    Masks,
    count_values,
    filter_rows,
    validate_filters,
)
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset
from viewer.pools import FILTER_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

_Applied = tuple[dict[str, Condition], np.ndarray | None]

log = logging.getLogger(__name__)


class _Request(NamedTuple):
    """What is worked out: filters, of a dataset with these tags."""

    dataset: Dataset
    filters: Filters
    tags: TagRows

    def holds(self, state: ViewState) -> bool:
        """Whether the state still shows that dataset with those tags."""
        return state.dataset is self.dataset and state.tags is self.tags and bool(state.filters)


class FilterWorker:
    """The filters of one session: the latest are worked out, those overtaken meanwhile are not."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._busy = False
        self._of: _Request | None = None
        self._masks: Masks = {}
        state.param.watch(self._changed, ["filters", "tags"])
        if state.filters:
            self._start()

    def end(self) -> None:
        """The session is over: let go of what is large."""
        self._of, self._masks = None, {}

    def _changed(self, *events: Any) -> None:
        state, dataset = self._state, self._state.dataset
        if dataset is None:
            return
        if not state.filters:
            state.param.update(kept=None, counts=None)
            return
        # Other tags alone let no others pass where none is asked for.
        asked = {event.name for event in events} | state.filters.keys()
        if not self._busy and asked & {"filters", dataset.tag_column_name}:
            self._start()

    def _start(self) -> None:
        """First what passes, so that the map can be drawn; then the counts."""
        state = self._state
        asked = _Request(state.dataset, state.filters, state.tags)
        of = self._of
        if of is None or of.dataset is not asked.dataset:
            self._masks = {}
        elif of.tags is not asked.tags:
            self._masks.pop(asked.dataset.tag_column_name, None)
        self._of, self._busy = asked, True
        in_background(partial(_apply, asked, self._masks), partial(self._found, asked), pool=FILTER_POOL)

    def _found(self, asked: _Request, done: "Future[_Applied]") -> None:
        state = self._state
        if not asked.holds(state) or done.exception() is not None:
            self._next(asked, done)
            return
        good, kept = done.result()
        if good != asked.filters and state.filters == asked.filters:  # as from an old link
            asked = asked._replace(filters=good)
            state.param.update(filters=dict(good), kept=kept)
        else:
            state.kept = kept
        in_background(partial(_count, asked, self._masks), partial(self._counted, asked), pool=FILTER_POOL)

    def _counted(self, asked: _Request, done: "Future[dict[str, np.ndarray]]") -> None:
        if asked.holds(self._state) and done.exception() is None:
            self._state.counts = done.result()
        self._next(asked, done)

    def _next(self, asked: _Request, done: "Future[Any]") -> None:
        """What was asked meanwhile."""
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            state.filters = {}
        elif state.filters and (
            state.filters != asked.filters or not asked.holds(state) or state.kept is None
        ):
            self._start()  # also where they were taken away and are the same again


def _apply(asked: _Request, masks: Masks) -> _Applied:
    """What makes sense of the filters here, and what it lets pass."""
    started = time.perf_counter()
    facets = asked.dataset.facets_with_tags(asked.tags)
    good = validate_filters(facets, asked.filters)
    kept = filter_rows(facets, good, masks=masks)
    log.info("filtering %d images took %.0f ms", asked.dataset.n, (time.perf_counter() - started) * 1000)
    return good, kept


def _count(asked: _Request, masks: Masks) -> dict[str, np.ndarray]:
    return count_values(asked.dataset.facets_with_tags(asked.tags), masks)
