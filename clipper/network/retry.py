"""Try again what may pass: a cut connection, a server in trouble.

What does not belong here: which errors pass; each caller knows its own.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def patiently(
    attempt: Callable[[], T],
    *,
    tries: Callable[[Exception], int],
    pause: float,
    wait: Callable[[Exception], float] = lambda _: 0.0,
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """Return what `attempt` returns; try again after an error that may pass.

    Args:
        attempt: a request, or what remains of one.
        tries: how often an error is met in a row before it counts; 1: it is not tried again.
        pause: seconds before the second try; they double with each further one.
        wait: seconds to wait at least after an error, such as those that a server asks for.
        progress: grows as bytes arrive; only tries in a row without a new byte are counted.

    Raises:
        Exception: that of the last attempt.
    """
    failed = 0
    while True:
        before = progress()
        try:
            return attempt()
        except Exception as error:
            failed = 1 if progress() > before else failed + 1
            if failed >= tries(error):
                raise
            seconds = max(wait(error), pause * 2 ** (failed - 1))
        time.sleep(seconds)
