"""The most memory that this process has held, with its children at that moment. On Linux."""

import threading
import time
from pathlib import Path

_PAUSE = 0.2  # seconds between looks at the children


class Peak:
    """Watches the memory in a thread of its own."""

    def __init__(self) -> None:
        self._most = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self) -> int:
        """Return the bytes since the last call; a child of less than a moment is not seen."""
        with self._lock:
            most, self._most = max(self._most, _held("self", "VmHWM")), 0
            Path("/proc/self/clear_refs").write_text("5")
        return most

    def _watch(self) -> None:
        while True:
            time.sleep(_PAUSE)
            try:
                children = sum(_held(child, "VmRSS") for child in _children())
            except (OSError, KeyError):  # one has just ended
                continue
            if children:
                with self._lock:
                    self._most = max(self._most, children + _held("self", "VmRSS"))


def _children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def _held(process: str, name: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    return 1024 * int(told[name].split()[0])
