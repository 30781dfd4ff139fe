"""The most memory that this process has held, with its children at that moment. On Linux.

A page of a file that several of them have read counts once.
"""

import threading
from contextlib import suppress
from pathlib import Path

import psutil

_PAUSE = 0.5  # seconds between looks at the children


class Peak:
    """Watches the memory in a thread of its own, until it is closed: each look takes some of a core."""

    def __init__(self) -> None:
        self._most = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self) -> int:
        """Return the bytes since the last call; a child of less than a moment is not seen."""
        with self._lock:
            most, self._most = max(self._most, _most_held()), 0
            Path("/proc/self/clear_refs").write_text("5")
        return most

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._closed.wait(_PAUSE):
            children = this.children()
            if not children:
                continue
            held = 0
            for process in [this, *children]:
                with suppress(psutil.Error):  # it has just ended
                    held += process.memory_full_info().pss
            with self._lock:
                self._most = max(self._most, held)


def _most_held() -> int:
    """The most that this process alone has held since that was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    return 1024 * int(told["VmHWM"].split()[0])
