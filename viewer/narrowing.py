"""Works out what a visitor's filters let pass, off the event loop, and puts it into the state.

What conditions mean is `filters.py`'s.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from viewer.background import in_background
from viewer.data import Dataset
from viewer.filters import Condition, Filters, Masks, count, keep, sound
from viewer.state import ViewState

NARROWERS = ThreadPoolExecutor(2, thread_name_prefix="filter")

_Kept = tuple[dict[str, Condition], np.ndarray | None]

log = logging.getLogger(__name__)


class Narrower:
    """The filters of one session: the latest are worked out, those overtaken meanwhile are not."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._busy = False
        self._of: Dataset | None = None
        self._masks: Masks = {}
        state.param.watch(self._changed, "filters")
        if state.filters:
            self._start()

    def end(self) -> None:
        """The session is over: let go of what is large."""
        self._of, self._masks = None, {}

    def _changed(self, _event: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        if not state.filters:
            state.param.update(kept=None, counts=None)
        elif not self._busy:
            self._start()

    def _start(self) -> None:
        """First what passes, so that the map can be drawn; then the counts."""
        state = self._state
        if self._of is not state.dataset:
            self._of, self._masks = state.dataset, {}
        self._busy = True
        work = partial(_kept, state.dataset, state.filters, self._masks)
        in_background(work, partial(self._found, state.dataset, state.filters), pool=NARROWERS)

    def _found(self, dataset: Dataset, asked: Filters, done: "Future[_Kept]") -> None:
        state = self._state
        if state.dataset is not dataset or not state.filters or done.exception() is not None:
            self._next(dataset, asked, done)
            return
        good, kept = done.result()
        if good != asked and state.filters == asked:  # as from an old link
            asked = good
            state.param.update(filters=dict(good), kept=kept)
        else:
            state.kept = kept
        work = partial(_counted, dataset, self._masks)
        in_background(work, partial(self._counted, dataset, asked), pool=NARROWERS)

    def _counted(self, dataset: Dataset, asked: Filters, done: "Future[dict[str, np.ndarray]]") -> None:
        if self._state.dataset is dataset and self._state.filters and done.exception() is None:
            self._state.counts = done.result()
        self._next(dataset, asked, done)

    def _next(self, dataset: Dataset, asked: Filters, done: "Future[Any]") -> None:
        """What was asked meanwhile."""
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            state.filters = {}
        elif state.filters and (state.filters != asked or state.dataset is not dataset):
            self._start()


def _kept(dataset: Dataset, filters: Filters, masks: Masks) -> _Kept:
    """What makes sense of the filters here, and what it lets pass."""
    started = time.perf_counter()
    facets = dataset.facets
    good = sound(facets, filters)
    kept = keep(facets, good, masks=masks)
    log.info("filtering %d images took %.0f ms", dataset.n, (time.perf_counter() - started) * 1000)
    return good, kept


def _counted(dataset: Dataset, masks: Masks) -> dict[str, np.ndarray]:
    return count(dataset.facets, masks)
