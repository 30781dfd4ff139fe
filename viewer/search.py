"""Runs a visitor's query off the event loop and puts the answer, or why there is none, into the state."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from clipper.errors import ClipperError
from clipper.search import Query
from viewer.background import in_background
from viewer.data import Dataset
from viewer.state import Answer, ViewState, cleaned, refused

RESULTS = 60
# One at a time: two models' threads on the same cores would only slow each other.
SEARCHERS = ThreadPoolExecutor(1, thread_name_prefix="search")

log = logging.getLogger(__name__)


def answer(dataset: Dataset, text: str, *, k: int = RESULTS) -> Answer:
    """Rank the images of a dataset for a text."""
    started = time.perf_counter()
    hits = dataset.atlas.rank(Query(text=text), k=min(k, max(dataset.n, 1)))
    seconds = time.perf_counter() - started
    rows = np.asarray(hits.rows, np.int64)
    place = float(hits.x), float(hits.y)
    similarities = np.asarray(dataset.atlas.similarities(hits.vector), np.float32)
    return Answer(text, rows, np.asarray(hits.similarity), *place, seconds, similarities)


class Searcher:
    """The searches of one session: only the latest one's answer is shown."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._latest = 0
        self._text = ""
        state.param.watch(self._called_off, "searching")
        state.param.watch(self._ask_again, "dataset")

    def ask(self, text: str) -> None:
        """Search for a text; an empty one goes back to the view without a query."""
        state, text = self._state, cleaned(text)
        self._latest += 1
        if not text:
            state.param.update(answer=None, searching=False, message="")
            return
        if why := refused(text):
            state.param.update(searching=False, message=why)
            return
        self._text = text
        state.param.update(searching=True, message="")
        then = partial(self._finish, self._latest, state.dataset)
        in_background(partial(answer, state.dataset, text), then, pool=SEARCHERS)

    def _called_off(self, event: Any) -> None:
        """Whatever ends the search, the answer that is still on its way is not wanted any more."""
        if not event.new:
            self._latest += 1

    def _ask_again(self, _event: Any) -> None:
        """A search under way when another version is taken is one of that version."""
        if self._state.searching:
            self.ask(self._text)

    def _finish(self, number: int, dataset: Dataset, done: "Future[Answer]") -> None:
        if number != self._latest or dataset is not self._state.dataset:
            return
        if (error := done.exception()) is not None:
            self._state.param.update(searching=False, message=excuse(error))
            return
        found = done.result()
        log.info("search of %d images took %.0f ms", dataset.n, found.seconds * 1000)
        self._state.selected = None
        self._state.remember(found)


def excuse(error: BaseException) -> str:
    """What to tell the visitor: an error that a person can mend in its own words, any other in ours."""
    if isinstance(error, ClipperError):
        return str(error)
    log.error("a search failed", exc_info=error)
    return "The search failed. The server's log says why; searching again may work."
