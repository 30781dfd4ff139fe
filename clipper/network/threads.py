"""Threads that wait for a disk or a server, of which any may never answer.

What does not belong here: the work that they do, and trying again (`network/retry.py`).
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Threads(Generic[T]):
    """Threads for which no end of the process waits, unlike those of an executor: a server may be silent."""

    def __init__(self, most: int, *, name: str) -> None:
        """Start none yet; there are `most` at most."""
        self._most, self._name = most, name
        self._started = 0
        self._waiting: SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = SimpleQueue()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Have some work done, and return its future."""
        future: Future[T] = Future()
        self._waiting.put((future, work))
        if self._started < self._most:
            self._started += 1
            name = f"{self._name}-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def end(self) -> None:
        """Let each thread end once it has done what it does."""
        for _ in range(self._started):
            self._waiting.put(None)

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            future, work = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - raised where its result is asked for
                    future.set_exception(error)
