"""Tell a home from its copies, so that two homes never write to the same collections of a server.

A home's collections have its key in their names, and the key lies in the home: a copy has it, too. What does
not belong here: collections (`chroma/server.py`).
"""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from clipper.errors import StoreError
from clipper.hashing import digest
from clipper.store.home import Home
from clipper.store.staged import Staged

_MACHINE = Path("/etc/machine-id")


@dataclass(frozen=True)
class Place:
    """Where a home lies.

    Attributes:
        machine: a digest of what names the machine.
        inodes: of the home and its store. A copy has others. A home that is moved within its disk, or that
            several machines or containers mount, keeps them.
        path: of the home.
    """

    machine: str
    inodes: tuple[int, int]
    path: str

    @classmethod
    def of(cls, home: Home) -> Self:
        """Look where a home is now: one on an object store is at its URL, whichever machine reads it."""
        if home.copy:
            of_url = digest(home.copy.url)
            return cls(of_url, (int(of_url[:8], 16), int(of_url[8:], 16)), home.copy.url)
        folder = home.folder.resolve()
        inodes = (folder.stat().st_ino, (folder / home.store.name).stat().st_ino)
        return cls(digest(_machine()), inodes, str(folder))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None if it is nothing of the kind."""
        parts = text.split(" ", 3)
        if len(parts) != 4 or not (parts[1].isdecimal() and parts[2].isdecimal()):  # noqa: PLR2004
            return None
        return cls(parts[0], (int(parts[1]), int(parts[2])), parts[3])

    def __str__(self) -> str:
        return f"{self.machine} {self.inodes[0]} {self.inodes[1]} {self.path}"

    @property
    def label(self) -> str:
        """What a collection says of the place of its home."""
        return digest(self.machine, self.path)

    def is_copy_of(self, earlier: "Place", key: str) -> bool:
        """Return whether the home here is a copy of the one that had the key, not that one itself.

        - The path and the machine are the same: it is itself, and perhaps restored from a backup.
        - The path or the machine is another, but the inodes are the same: it was moved within its disk, or
          another machine or container mounts it.
        - The path and the inodes are others: a copy if a home with this key is still at the old path, else it
          was moved to another disk.
        - The machine and the inodes are others: a copy. It may have been moved there, but nobody can see it.
        """
        if self.inodes == earlier.inodes:
            return False
        if self.machine != earlier.machine:
            return True
        return self.path != earlier.path and _has_key(Path(earlier.path), key)


def _machine() -> str:
    try:
        return _MACHINE.read_text("utf-8").strip() or platform.node()
    except OSError:
        return platform.node()


def _has_key(folder: Path, key: str) -> bool:
    """Return whether a folder is the home with a key; a folder that cannot be read counts as that home."""
    try:
        return Staged.read(Home(folder)).server_key == key
    except (OSError, StoreError):
        return True
