"""The bytes of files that were fetched from a server to be hashed, kept on the disk until they are decoded.

So a new image is downloaded once. What does not belong here: fetching (`images/folder.py`), and the time to
delete the bytes (`indexing/embed.py`).
"""

import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.hashing import ContentHash, content_hash

if TYPE_CHECKING:
    from collections.abc import Container

# The most that is kept: so many bytes, and this share of what is free on the disk.
MAX_BYTES, FREE_SHARE = 16 << 30, 0.25
# Bytes that one of several processes may write at a time.
GRANT = 64 << 20


class FetchedFiles:
    """Files by their content hash, in a folder. One that a killed run wrote in part is not given back.

    `known` are contents that need no decoding: theirs are not kept.
    """

    def __init__(self, folder: Path, *, grants: Path | None = None) -> None:
        """Take a folder, which need not be there yet.

        Args:
            folder: of the files.
            grants: where several processes write: a folder of empty files. Who deletes one may write `GRANT`
                bytes.
        """
        self.folder, self._grants = folder, grants
        self.known: Container[ContentHash] = ()
        self._left: int | None = None  # bytes that may be written
        self._lock = threading.Lock()

    def put(self, key: ContentHash, data: bytes) -> None:
        """Keep a file's bytes if there is room for them."""
        if key in self.known or not self._takes(len(data)):
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            self._takes(-len(data))
        except OSError:  # the disk is full, or not writable: the run goes on without
            with self._lock:
                self._left, self._grants = 0, None
            with suppress(OSError):
                path.unlink()

    def get(self, key: ContentHash) -> bytes | None:
        """Return the bytes of a content; None if they are not here, or not whole."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        return data if content_hash(data) == key else None

    def clear(self) -> None:
        """Delete all; the caller holds the home's lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._left = None

    def grant(self, folder: Path) -> None:
        """Divide the room among processes: make the files that grant it, and the folders they write to.

        Whoever made a folder may delete what others wrote to it.
        """
        folder.mkdir(parents=True)
        for number in range(self.room() // GRANT):
            (folder / str(number)).touch()
        for number in range(256):
            (self.folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    def _takes(self, size: int) -> bool:
        """Whether so many bytes may be written; they count from then on."""
        with self._lock:
            if self._left is None:
                self._left = 0 if self._grants else self.room()
            while size > self._left:
                if not self._is_granted():
                    return False
                self._left += GRANT
            self._left -= size
            return True

    def _is_granted(self) -> bool:
        """Whether another `GRANT` bytes may be written."""
        for path in self._grants.iterdir() if self._grants and self._grants.is_dir() else ():
            try:
                path.unlink()
            except FileNotFoundError:  # another process was faster
                continue
            except OSError:
                return False
            return True
        return False

    def room(self) -> int:
        """How many bytes may be written beside those that a stopped run left."""
        try:
            free = shutil.disk_usage(self.folder.parent).free
            used = sum(path.stat().st_size for path in self.folder.glob("*/*"))
        except OSError:
            return 0
        return min(MAX_BYTES, int(FREE_SHARE * (free + used))) - used

    def _path(self, key: ContentHash) -> Path:
        name = key.hex()
        return self.folder / name[:2] / name
