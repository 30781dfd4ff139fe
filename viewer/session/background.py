"""Runs slow work of a session in a thread pool, and hands its outcome back under the session's lock."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

import panel as pn

from viewer.compat import event_loop_caller

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")


def in_background(
    work: Callable[[], Outcome], then: Callable[["Future[Outcome]"], None], *, pool: Executor
) -> None:
    """Run `work` in the pool, then call `then` with its future in the document that is current now."""
    document = pn.state.curdoc
    if document is None:  # no session, as in a test: nothing to keep responsive
        then(pool.submit(work))
        return
    call_in_loop = event_loop_caller()

    def hand_back(done: "Future[Outcome]") -> None:
        call_in_loop(lambda: document.add_next_tick_callback(lambda: then(done)))

    pool.submit(work).add_done_callback(hand_back)


@contextmanager
def in_one_message() -> Iterator[None]:
    """Send all that the block changes in one message of Bokeh's, before what is changed later.

    Panel would send each change in a message of its own, and wait while another is on its way. A change of a
    figure, which Bokeh sends, then reaches the page before the figure does, and is lost. The caller is called
    back by `in_background`, so that it has the session's lock.
    """
    document = pn.state.curdoc
    if document is None or document.callbacks.hold_value:
        yield
        return
    document.hold("collect")
    try:
        yield
    finally:
        document.unhold()


def failed(done: "Future[Any]", what: str) -> bool:
    """Return whether work failed, and log its error; `what` names the work."""
    error = done.exception()
    if error is not None:
        log.error("%s failed", what, exc_info=error)
    return error is not None
