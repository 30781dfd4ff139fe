"""Runs slow work of a session in a thread pool, and hands its outcome back under the session's lock."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import panel as pn

from viewer.compat import event_loop_caller, is_on_its_way

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")


def in_background(
    work: Callable[[], Outcome], then: Callable[["Future[Outcome]"], None], *, pool: Executor
) -> None:
    """Run `work` in the pool, then call `then` with its future in the document that is current now.

    An outcome that is there while the page is on its way to the browser waits until it has loaded.
    """
    document = pn.state.curdoc
    if document is None:  # no session, as in a test: nothing to keep responsive
        then(pool.submit(work))
        return
    call_in_loop = event_loop_caller()

    def tell(done: "Future[Outcome]") -> None:
        if is_on_its_way(document):
            when_loaded(partial(then, done))
        else:
            then(done)

    def hand_back(done: "Future[Outcome]") -> None:
        call_in_loop(lambda: document.add_next_tick_callback(partial(tell, done)))

    pool.submit(work).add_done_callback(hand_back)


def when_loaded(call: Callable[[], None]) -> None:
    """Call a function once the page has loaded: now, if it has."""
    if pn.state.loaded:
        call()
    else:
        pn.state.onload(partial(_call_late, call))


def _call_late(call: Callable[[], None]) -> None:
    """Call what waited for the page; an error of it must not stop what else waits."""
    try:
        call()
    except Exception:
        log.exception("what waited for the page to load could not be done")


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
