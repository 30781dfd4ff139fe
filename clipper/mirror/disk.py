"""Files of a local copy on this machine's disk: listed, written as a whole, and errors that name the way out.

What does not belong here: which files are fetched or sent, and when (`mirror/copy.py`, `mirror/writer.py`).
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clipper.errors import StoreError
from clipper.hashing import file_checksum
from clipper.mirror import layout, location
from clipper.system import replace_file
from clipper.threads import in_threads

AT_ONCE = 8  # files moved at a time
_CHECKSUM_DIGITS = 32  # of a shard's name, which is its checksum
_SPARE = 64 << 20  # bytes of the disk to leave free


class Disk:
    """The folder of one copy."""

    def __init__(self, folder: Path, url: str) -> None:
        """Touch nothing yet; `url` is the home's, for messages."""
        self.folder, self.url = folder, url

    def path(self, name: str) -> Path:
        """The file of an object's path."""
        return self.folder.joinpath(*name.split("/"))

    def files(self, below: str = "") -> dict[str, tuple[int, int]]:
        """Return all files that belong into the store: sizes and times of change, by path."""
        found: dict[str, tuple[int, int]] = {}
        waiting = [below]
        while waiting:
            folder = waiting.pop()
            # A run deletes what it replaced meanwhile: then the others are there all the same.
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._folder(folder)) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [name] if layout.is_copied_folder(name) else []
                    elif layout.is_copied(name):
                        with suppress(FileNotFoundError):
                            status = entry.stat()
                            found[name] = (status.st_size, status.st_mtime_ns)
        return found

    def write(self, name: str, data: bytes) -> None:
        """Write a file, which is there as a whole or not at all."""
        with self.written_beside(name, data) as move:
            move()

    @contextmanager
    def written_beside(self, name: str, data: bytes) -> Iterator[Callable[[], None]]:
        """Write a file's bytes beside it; yield what gives them its name, for which a full disk has room.

        Raises:
            StoreError: the disk is full, or the copy cannot be written.
        """
        path = self.path(name)
        temporary = temporary_beside(path)

        def move() -> None:
            with self.errors_named():
                replace_file(temporary, path)

        try:
            with self.errors_named():
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_bytes(data)
            yield move
        finally:
            temporary.unlink(missing_ok=True)

    def require_space(self, needed: int) -> None:
        """Raise StoreError if so many bytes do not fit on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed and needed + _SPARE > free:
            raise self._full(f"{needed / 1e9:.2f} GB are needed, {free / 1e9:.2f} are free")

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Turn errors of the disk into a StoreError that says what to do; a missing file stays one."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._full(str(error.strerror)) from error
            raise StoreError(
                f"the local copy {self.folder} of {self.url} cannot be written ({error.strerror or error}); "
                f"set {location.VARIABLE} to another folder"
            ) from error

    def _folder(self, name: str) -> Path:
        return self.path(name) if name else self.folder

    def _full(self, why: str) -> StoreError:
        return StoreError(
            f"the disk of {self.folder}, the local copy of {self.url}, is full ({why}); free some space, or "
            f"set {location.VARIABLE} to a folder of a larger disk"
        )


def temporary_beside(path: Path) -> Path:
    """The name under which this process writes a file or a folder until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def each_file(work: Callable[[str], None], names: Iterable[str]) -> None:
    """Do some work for each file's name, several at a time."""
    in_threads(work, names, at_once=AT_ONCE, name="mirror")


def why_wrong(path: Path, size: int, name: str) -> str | None:
    """Say how a file is not as it was written; None if it is, as far as its name and size tell."""
    came = path.stat().st_size
    if came != size:
        return f"has {size:,} bytes, and {came:,} came"
    stem, dot, ending = name.partition(".")
    if ending == "arrow" and dot and len(stem) == _CHECKSUM_DIGITS and file_checksum(path) != stem:
        return "is damaged (its checksum does not hold)"
    return None
