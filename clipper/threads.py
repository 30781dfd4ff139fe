"""Do some work for each of many items in a few threads; after the first error nothing more is begun."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

# Blocks computed at once: a limit for memory's sake.
MAX_WORKERS = 4

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
        at_once: threads at most; if 0, as many as there are cores, and no more than MAX_WORKERS.
        name: the start of the threads' names.
        stop: is called when work fails or the caller is interrupted. It should end work that takes long,
            since all work that is begun is waited for.

    Raises:
        Exception: the first error of the work, in the order of the items.
    """
    todo = [*items]
    if not todo:
        return []
    at_once = at_once or min(os.cpu_count() or 1, MAX_WORKERS)
    with ThreadPoolExecutor(min(at_once, len(todo)), thread_name_prefix=name) as pool:
        begun = [pool.submit(work, item) for item in todo]
        try:
            wait(begun, return_when=FIRST_EXCEPTION)
            for each in begun:
                if each.done():
                    each.result()
            return [each.result() for each in begun]
        except BaseException:
            if stop:
                stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
