"""A folder of image files, on this machine or behind an fsspec URL: list it, read from it.

What does not belong here: opening images (`images.py`), and what is remembered between runs (`manifest.py`).
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from clipper.errors import ImagesError
from clipper.home import digest
from clipper.images import BadImageError
from clipper.metadata import METADATA_NAME
from clipper.settings import is_url

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".gif",
        ".tif",
        ".tiff",
        ".avif",
        ".bmp",
        ".dib",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".jp2",
        ".j2k",
        ".ico",
        ".tga",
        ".heic",
        ".heif",
    ]
)
# Never part of a dataset: homes, version control, thumbnails and bins of desktops and servers.
SKIPPED_FOLDERS = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"})


@dataclass(frozen=True)
class FoundImage:
    """A file of the folder, not opened yet. `id` is its path below the folder, with `/`."""

    id: str
    bytes: int
    mtime_ns: int


class ImageFolder:
    """A folder of images: on this machine, or behind an fsspec URL."""

    def __init__(self, location: str, *, max_bytes: int = 1 << 29) -> None:
        self.location = location
        self.max_bytes = max_bytes
        self.remote = is_url(location)

    def find(self) -> list[FoundImage]:
        """All image files, sorted by id; folders that begin with a dot are not entered.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        found = self._find_remote() if self.remote else _walk(Path(self.location))
        return sorted(found, key=lambda image: image.id)

    def require(self) -> None:
        """See that the folder is there.

        Raises:
            ImagesError: it is not.
        """
        if not self.remote:
            _require(Path(self.location))
            return
        files, root = _filesystem(self.location)
        if not files.exists(root):
            raise ImagesError(f"{self.location} does not exist; check `images` in clipper.toml")

    def fingerprint(self) -> str:
        """Changes with any name, size or time in the folder, metadata.json's too; nothing is read.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        seen = [(image.id, image.bytes, image.mtime_ns) for image in self.find()]
        return digest(self.location, seen, self._stamp(METADATA_NAME))

    def path(self, image_id: str) -> str:
        """Where an image lies: an absolute path, or a URL."""
        return f"{self.location.rstrip('/')}/{image_id}"

    def read(self, image_id: str) -> bytes:
        """The file's bytes.

        Raises:
            BadImageError: it is gone, not a regular file, unreadable or larger than the limit.
        """
        try:
            data = self._read(image_id)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error.strerror or error}") from error
        if not data:
            raise BadImageError("is empty (0 bytes)")
        return data

    def read_beside(self, name: str) -> bytes | None:
        """A file that lies among the images, such as metadata.json; None when there is none."""
        try:
            return self._read(name)
        except FileNotFoundError:
            return None
        except BadImageError as error:
            raise ImagesError(f"{self.path(name)} {error}") from error
        except OSError as error:
            raise ImagesError(f"{self.path(name)} cannot be read: {error.strerror or error}") from error

    def _read(self, name: str) -> bytes:
        return self._read_remote(name) if self.remote else self._read_local(name)

    def _stamp(self, name: str) -> list[int]:
        """Size and time of one file; nothing of one that is not there."""
        if self.remote:
            files, root = _filesystem(self.location)
            path = f"{root}/{name}"
            if not files.exists(path):
                return []
            entry = files.info(path)
            return [int(entry.get("size") or 0), _changed(entry)]
        try:
            status = Path(self.path(name)).stat()
        except OSError:
            return []
        return [status.st_size, status.st_mtime_ns]

    def _read_local(self, image_id: str) -> bytes:
        # O_NONBLOCK: a FIFO that got an image's name must not stop the run.
        descriptor = os.open(self.path(image_id), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BadImageError("is not a regular file")
            self._check_size(status.st_size)
            return file.read(self.max_bytes)

    def _read_remote(self, name: str) -> bytes:
        files, root = _filesystem(self.location)
        path = f"{root}/{name}"
        self._check_size(int(files.size(path) or 0))
        return bytes(files.cat_file(path))

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise BadImageError(f"has {size:,} bytes, more than the limit of {self.max_bytes:,} (max_bytes)")

    def _find_remote(self) -> Iterator[FoundImage]:
        files, root = _filesystem(self.location)
        files.invalidate_cache()  # Dagster's sensor looks again and again from one process
        try:
            entries = files.find(root, detail=True)
        except (OSError, ValueError) as error:
            raise ImagesError(f"{self.location} cannot be listed: {error}") from error
        for path, entry in entries.items():
            image_id = path[len(root) :].lstrip("/")
            if _wanted(image_id):
                yield FoundImage(image_id, int(entry.get("size") or 0), _changed(entry))


def _require(root: Path) -> None:
    if not root.is_dir():
        raise ImagesError(
            f"the images folder {root} does not exist; check `images` in clipper.toml, or mount it"
        )


def _walk(root: Path) -> Iterator[FoundImage]:
    _require(root)
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            entries = list(os.scandir(root / below))
        except OSError as error:
            if below == "":
                raise ImagesError(f"{root} cannot be read: {error.strerror}") from error
            yield FoundImage(below, 0, 0)  # told when it is read: it cannot be
            continue
        for entry in entries:
            image_id = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS:
                    folders.append(image_id)
            elif _wanted(image_id):
                yield _describe(entry, image_id)


def _describe(entry: "os.DirEntry[str]", image_id: str) -> FoundImage:
    try:
        status = entry.stat()
    except OSError:  # a broken link: told when it is read
        return FoundImage(image_id, 0, 0)
    return FoundImage(image_id, status.st_size, status.st_mtime_ns)


def _wanted(image_id: str) -> bool:
    folders, _, name = image_id.rpartition("/")
    hidden = name.startswith(".") or any(part.startswith(".") for part in folders.split("/"))
    return not hidden and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - 10x faster


def _filesystem(location: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(location)
    except (ImportError, ValueError) as error:
        raise ImagesError(f"{location} cannot be opened: {error}") from error
    return files, str(root).rstrip("/")


def _changed(entry: dict[str, Any]) -> int:
    """When a remote file changed, in nanoseconds; 0 where its system does not tell."""
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("created")
    if isinstance(changed, datetime):
        return int(changed.timestamp() * 1e9)
    return int(float(changed or 0) * 1e9)
