"""How much work something is, in figures that do not depend on what else the machine does.

Compare processor time of this thread only, and only within one test: as a ratio.
"""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object], *, repeats: int = 5) -> float:
    """The processor time that this thread needs for `work`: the least of some tries."""
    tries = []
    for _ in range(repeats):
        started = time.thread_time()
        work()
        tries.append(time.thread_time() - started)
    return min(tries)


def ratio(work: Callable[[], object], baseline: Callable[[], object]) -> float:
    """How many times the processor time of `baseline` the `work` needs."""
    return seconds(work) / max(seconds(baseline), 1e-6)
