"""Slow work of a session: done in a pool, its outcome handed back under the session's lock."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import panel as pn

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
