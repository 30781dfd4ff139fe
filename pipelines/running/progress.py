"""The progress of a run in Dagster's log: every half minute how much is done, how fast, and what is left.

What does not belong here: which stages report progress (`clipper.indexing`).
"""

import time
from collections import deque
from collections.abc import Callable

# Seconds between two lines of one stage, and those over which its speed is measured.
EVERY_SECONDS, WINDOW_SECONDS = 30.0, 300.0


class ProgressLog:
    """Logs what the stages of a run report; a stage that is over within EVERY_SECONDS has no line."""

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._stage, self._done = "", 0
        self._said_at = 0.0
        # When how much was done: what a line said, and the beginning.
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note the progress of a stage: `done` of `total`."""
        now = self._clock()
        begins = stage != self._stage or done < self._done
        self._stage, self._done = stage, done
        if begins:
            self._said_at = now
            self._seen = deque([(now, done)])
            return
        if now - self._said_at < EVERY_SECONDS:
            return
        self._said_at = now
        while len(self._seen) > 1 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        self._seen.append((now, done))
        self._log(line(stage, done, total, speed=(done - before) / max(now - then, 1e-9)))


def line(stage: str, done: int, total: int, *, speed: float) -> str:
    """One line: `embed: 12,800 of 100,000, 6.4/s, 3 h 47 min left`; `speed` is in files a second."""
    if speed <= 0:
        return f"{stage}: {done:,} of {total:,}"
    rate = f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s"  # noqa: PLR2004
    return f"{stage}: {done:,} of {total:,}, {rate}, {_duration((total - done) / speed)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
