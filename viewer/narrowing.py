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

    def _finish(self, dataset: Dataset, filters: Filters, done: "Future[tuple[Filters, Narrowed]]") -> None:
        self._busy = False
        state = self._state
        if state.dataset is None:
            return
        if (error := done.exception()) is not None:
            log.error("filters could not be applied", exc_info=error)
            state.filters = {}
        elif state.dataset is dataset and state.filters:
            self._show(filters, *done.result())
        if state.filters and (state.filters != filters or state.dataset is not dataset) and not self._busy:
            self._start()

    def _show(self, asked: Filters, good: Filters, found: Narrowed) -> None:
        """A condition that makes no sense here, as from an old link, is taken away."""
        state = self._state
        counts = dict(found.counts) if good else None
        if good != asked and state.filters == asked:
            state.param.update(filters=dict(good), kept=found.kept, counts=counts)
        else:
            state.param.update(kept=found.kept, counts=counts)


def _narrowed(dataset: Dataset, filters: Filters, masks: Masks) -> tuple[Filters, Narrowed]:
    """What makes sense of the filters here, and what it lets pass."""
    started = time.perf_counter()
    facets = dataset.facets
    good = sound(facets, filters)
    found = narrow(facets, good, masks=masks)
    log.info("filtering %d images took %.0f ms", dataset.n, (time.perf_counter() - started) * 1000)
    return good, found
