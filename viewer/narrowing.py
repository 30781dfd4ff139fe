"""Works out what a visitor's filters let pass, off the event loop, and puts it into the state.

What conditions mean is `filters.py`'s.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from viewer.background import in_background
from viewer.data import Dataset
from viewer.filters import Filters, Masks, Narrowed, narrow, sound
from viewer.state import ViewState

NARROWERS = ThreadPoolExecutor(2, thread_name_prefix="filter")

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
        state = self._state
        if self._of is not state.dataset:
            self._of, self._masks = state.dataset, {}
        self._busy = True
        work = partial(_narrowed, state.dataset, state.filters, self._masks)
        in_background(work, partial(self._finish, state.dataset, state.filters), pool=NARROWERS)

    def _finish(self, dataset: Dataset, filters: Filters, done: "Future[Narrowed]") -> None:
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            state.filters = {}
        elif state.dataset is dataset and state.filters:
            found = done.result()
            state.param.update(kept=found.kept, counts=dict(found.counts))
        if state.filters and (state.filters != filters or state.dataset is not dataset):
            self._start()


def _narrowed(dataset: Dataset, filters: Filters, masks: Masks) -> Narrowed:
    started = time.perf_counter()
    facets = dataset.facets
    found = narrow(facets, sound(facets, filters), masks=masks)
    log.info("filtering %d images took %.0f ms", dataset.n, (time.perf_counter() - started) * 1000)
    return found
