"""Slow work of a session: done in a pool, its outcome handed back under the session's lock."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import panel as pn

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")


def in_background(
    work: Callable[[], Outcome], then: Callable[["Future[Outcome]"], None], *, pool: Executor
) -> None:
    """Run `work` in the pool, then `then` with its future in the document that is current now."""
    document = pn.state.curdoc
    future = pool.submit(work)
    if document is None:  # no session, as in a test: there is nothing to keep free
        then(future)
        return
    future.add_done_callback(lambda done: document.add_next_tick_callback(lambda: then(done)))


def failed(done: "Future[Any]", what: str) -> bool:
    """Whether it failed; then the log says why, and `what` it was."""
    error = done.exception()
    if error is not None:
        log.error("%s failed", what, exc_info=error)
    return error is not None
