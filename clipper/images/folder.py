"""A folder of image files, on this machine or behind an fsspec URL: list it, read from it.

What does not belong here: decoding images (`images/decode.py`), and comparing with the last run
(`store/manifest.py`).
"""

import os
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from clipper.errors import BadImageError, ImagesError
from clipper.hashing import digest
from clipper.images.decode import check_size, read_file
from clipper.images.formats import (
    HEAD_BYTES,
    READABLE_ENDINGS,
    ending_of,
    is_surely_readable,
    reason_not_read,
)
from clipper.images.listing import LINKED_FOLDERS, FoundImage, Listing
from clipper.settings import CONFIG_NAME, is_url

# Folders of desktops and servers that are never part of a dataset: thumbnails, recycle bins.
SKIPPED_FOLDERS = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"})
HOME_FILES = frozenset({CONFIG_NAME, "store"})


class ImageFolder:
    """A folder of images, on this machine or behind an fsspec URL."""

    def __init__(self, location: str, *, max_bytes: int = 1 << 29) -> None:
        self.location = location
        self.max_bytes = max_bytes
        self.remote = is_url(location)

    def list_images(self) -> list[FoundImage]:
        """List all image files, sorted by id; folders whose names begin with a dot are skipped.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        return self.list_files().images

    def list_files(self) -> Listing:
        """List all image files, as `list_images` does, and count the other files.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        began_ns = time.time_ns()
        listing = self._list_remote() if self.remote else _walk(Path(self.location))
        listing.began_ns = began_ns
        listing.settle()
        return listing

    def reason_not_read(self, image_id: str) -> str | None:
        """Return why a file is not read, by its ending; None if it is.

        On this machine the first bytes overrule the ending of a format that Clipper does not decode: phones
        send many a JPEG as .heic.
        """
        reason = reason_not_read(ending_of(image_id))
        if reason is None or self.remote:
            return reason
        try:
            head = read_file(self.path(image_id), max_bytes=self.max_bytes, head=HEAD_BYTES)
        except (OSError, BadImageError):
            return None  # reading it reports the reason
        return None if is_surely_readable(head) else reason

    def require(self) -> None:
        """Check that the folder exists.

        Raises:
            ImagesError: the folder is missing.
        """
        if not self.remote:
            _require(Path(self.location))
            return
        files, root = _filesystem(self.location)
        if not files.exists(root):
            raise ImagesError(f"{self.location} does not exist; check `images` in clipper.toml")

    def fingerprint(self, listing: Listing | None = None) -> str:
        """Digest the names, sizes and times of images and files with metadata; read no file.

        Args:
            listing: the result of `list_files`; without it the folder is listed.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        listing = listing or self.list_files()
        files = (listing.images, listing.tables, listing.sidecars)
        seen = [[(file.id, file.bytes, file.mtime_ns) for file in found] for found in files]
        return digest(self.location, *seen)

    def path(self, image_id: str) -> str:
        """The absolute path or the URL of an image."""
        return f"{self.location.rstrip('/')}/{image_id}"

    def read(self, image_id: str) -> bytes:
        """Read a file.

        Raises:
            BadImageError: the file is missing, empty, not a regular file, unreadable or over the limit.
        """
        try:
            data = self._read(image_id)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error.strerror or error}") from error
        if not data:
            raise BadImageError("is empty (0 bytes)")
        return data

    def read_beside(self, name: str) -> bytes | None:
        """Read a file beside the images, such as metadata.json; return None if there is none."""
        try:
            return self._read(name)
        except FileNotFoundError:
            return None
        except BadImageError as error:
            raise ImagesError(f"{self.path(name)} {error}") from error
        except OSError as error:
            raise ImagesError(f"{self.path(name)} cannot be read: {error.strerror or error}") from error

    def read_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Read files, several at a time; None for one that cannot be read or is over the limit."""
        if self.remote:
            files, root = _filesystem(self.location)
            paths = [f"{root}/{name}" for name in names]
            found = files.cat(paths, on_error="return") if paths else {}
            data = (found.get(path) for path in paths)
            return [one if isinstance(one, bytes) and len(one) <= self.max_bytes else None for one in data]
        return [self._read_or_none(name) for name in names]

    def _read_or_none(self, name: str) -> bytes | None:
        try:
            return self._read(name)
        except (OSError, BadImageError):
            return None

    def _read(self, name: str) -> bytes:
        if self.remote:
            return self._read_remote(name)
        return read_file(self.path(name), max_bytes=self.max_bytes)

    def _read_remote(self, name: str) -> bytes:
        files, root = _filesystem(self.location)
        path = f"{root}/{name}"
        check_size(int(files.size(path) or 0), max_bytes=self.max_bytes)
        return bytes(files.cat_file(path))

    def _list_remote(self) -> Listing:
        files, root = _filesystem(self.location)
        files.invalidate_cache()  # Dagster's sensor lists the folder again and again in one process
        try:
            entries = files.find(root, detail=True)
        except (OSError, ValueError) as error:
            raise ImagesError(f"{self.location} cannot be listed: {error}") from error
        listing = Listing()
        ids = {path: path[len(root) :].lstrip("/") for path in entries}
        homes = {image_id.rpartition("/")[0] for image_id in ids.values() if _name(image_id) == CONFIG_NAME}
        listing.homes = homes
        for path, entry in entries.items():
            image_id = ids[path]
            if _is_left_out(image_id, homes):
                continue
            size, changed = int(entry.get("size") or 0), _changed(entry)
            listing.add(image_id, partial(FoundImage, image_id, size, changed))
        return listing


def _require(root: Path) -> None:
    if not root.is_dir():
        raise ImagesError(
            f"the images folder {root} does not exist; check `images` in clipper.toml, or mount it"
        )


def _walk(root: Path) -> Listing:
    _require(root)
    listing = Listing()
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            entries = list(os.scandir(root / below))
        except OSError as error:
            if below == "":
                raise ImagesError(f"{root} cannot be read: {error.strerror}") from error
            listing.images.append(FoundImage(below, 0, 0))  # reading it reports the reason
            continue
        if any(entry.name == CONFIG_NAME for entry in entries):  # a home: skip its own files
            entries = [entry for entry in entries if entry.name not in HOME_FILES]
            listing.homes.add(below)
        for entry in entries:
            image_id = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if _is_entered(entry.name):
                    folders.append(image_id)
            elif _is_linked_folder(entry) and ending_of(entry.name) not in READABLE_ENDINGS:
                listing.others[LINKED_FOLDERS] += 1
            else:
                listing.add(image_id, partial(_describe, entry, image_id))
    return listing


def _is_linked_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # links that lead in a circle
        return False


def _describe(entry: "os.DirEntry[str]", image_id: str) -> FoundImage:
    try:
        status = entry.stat()
    except OSError:  # a broken link: reading it reports the reason
        return FoundImage(image_id, 0, 0)
    return FoundImage(image_id, status.st_size, status.st_mtime_ns)


def _is_entered(folder: str) -> bool:
    """Whether a folder with this name is searched for images."""
    return not folder.startswith(".") and folder not in SKIPPED_FOLDERS


def _is_left_out(image_id: str, homes: Collection[str]) -> bool:
    """Whether a listed file lies in a folder that `_walk` skips; `homes` are the folders that are homes."""
    parts = image_id.split("/")
    above = {"/".join(parts[:depth]): parts[depth] for depth in range(len(parts))}
    ours = any(part in HOME_FILES and folder in homes for folder, part in above.items())
    return ours or not all(map(_is_entered, parts[:-1]))


def _name(image_id: str) -> str:
    return image_id.rpartition("/")[2]


def _filesystem(location: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(location)
    except (ImportError, ValueError) as error:
        raise ImagesError(f"{location} cannot be opened: {error}") from error
    return files, str(root).rstrip("/")


def _changed(entry: dict[str, Any]) -> int:
    """When a remote file changed, in nanoseconds since 1970; 0 if its file system does not say."""
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("created")
    if isinstance(changed, datetime):
        return int(changed.timestamp() * 1e9)
    return int(float(changed or 0) * 1e9)
