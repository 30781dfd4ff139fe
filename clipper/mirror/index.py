"""What a local copy knows of the store: which object each of its files was equal to, and when.

What does not belong here: moving files (`mirror/copy.py`).
"""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

FORMAT = 1
NAME = ".mirror-index.json"


class Entry(NamedTuple):
    """A file of a copy when it was equal to an object: the object's tag, the file's size and time."""

    tag: str
    size: int
    mtime_ns: int


class Index:
    """The entries of a copy's files by path; several threads may note some."""

    def __init__(self, folder: Path, entries: dict[str, Entry]) -> None:
        self._path, self._entries = folder / NAME, entries
        self._changed = False
        self._lock = threading.Lock()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a copy's index. One that is lost or damaged only costs time: files are compared anew."""
        try:
            told = json.loads((folder / NAME).read_text("utf-8"))
            if told["format"] != FORMAT:
                return cls(folder, {})
            entries = {str(name): Entry(*entry) for name, entry in told["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls(folder, {})
        return cls(folder, entries)

    def save(self) -> None:
        """Write the index, if anything was noted."""
        if not self._changed:
            return
        temporary = self._path.with_name(f"{NAME}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"format": FORMAT, "files": self._entries}, indent=0), "utf-8")
        temporary.replace(self._path)
        self._changed = False

    def get(self, name: str) -> Entry | None:
        """The entry of a path."""
        return self._entries.get(name)

    def names(self) -> Iterator[str]:
        """All paths that have an entry."""
        return iter([*self._entries])

    def note(self, name: str, entry: Entry) -> None:
        """Note that a file is as an object."""
        with self._lock:
            if self._entries.get(name) != entry:
                self._entries[name] = entry
                self._changed = True

    def drop(self, name: str) -> None:
        """Forget a path."""
        with self._lock:
            self._changed |= self._entries.pop(name, None) is not None
