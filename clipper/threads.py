"""Do some work for each of many items in a few threads; after the first error nothing more is begun."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Generic, TypeVar

# Items at once, where the caller names no number: a limit for the sake of memory.
_MAX_WORKERS = 4
# Seconds after which the waiting thread wakes for a moment: on Windows it hears of Ctrl-C only then.
_LOOK = 0.5

Item = TypeVar("Item")
Result = TypeVar("Result")


class StoppedError(Exception):
    """Work ended early because other work failed; that one's error is reported."""


def in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    at_once: int = 0,
    name: str = "",
    stop: Callable[[], None] | None = None,
) -> list[Result]:
    """Call `work` with each item, a few at once; return the results in order.

    Args:
        work: what to do.
        items: one argument each.
        at_once: threads at most; if 0, as many as there are cores, and no more than four.
        name: the start of the threads' names.
        stop: is called when work fails or the caller is interrupted. It should end work that takes long,
            since all work that is begun is waited for.

    Raises:
        Exception: the first error of the work.
    """
    todo = [*items]
    if not todo:
        return []
    at_once = at_once or min(os.cpu_count() or 1, _MAX_WORKERS)
    each = _Each(work, len(todo))
    begun: list[Future[Result]] = []
    with ThreadPoolExecutor(min(at_once, len(todo)), thread_name_prefix=name) as pool:
        try:
            begun.extend(pool.submit(each, item) for item in todo)
            each.wait()
            return [future.result() for future in begun]
        except BaseException:
            each.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if stop:
                stop()
            raise


class _Each(Generic[Item, Result]):
    """The work for each of `count` items, which ends with the first error."""

    def __init__(self, work: Callable[[Item], Result], count: int) -> None:
        self._work, self._left = work, iter(range(count - 1, -1, -1))
        self._over, self._errors = Event(), list[BaseException]()
        self.stopped = Event()

    def __call__(self, item: Item) -> Result:
        if self.stopped.is_set():
            raise StoppedError
        try:
            return self._work(item)
        except BaseException as error:
            self._errors.append(error)
            self.stopped.set()
            raise
        finally:
            if next(self._left) == 0 or self.stopped.is_set():
                self._over.set()

    def wait(self) -> None:
        """Wait until all is done, or raise the first error."""
        while not self._over.wait(_LOOK):
            pass
        if self._errors:
            raise self._errors[0]
