"""A folder of image files, on this machine or behind an fsspec URL: list it, read from it.

What does not belong here: decoding images (`images/decode.py`), and comparing with the last run
(`store/manifest.py`).
"""

import os
import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError, ImagesError
from clipper.hashing import digest
from clipper.images.decode import check_size, read_file
from clipper.images.formats import (
    HEAD_BYTES,
    READABLE_ENDINGS,
    ending_of,
    is_surely_image,
    is_surely_readable,
    reason_not_read,
)
from clipper.images.listing import LINKED_FOLDERS, FoundImage, Listing, has_image_ending, is_hidden
from clipper.images.places import Contents, Place
from clipper.images.remote import find_files, read_files
from clipper.settings import CONFIG_NAME, is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

# Folders of desktops and servers that are never part of a dataset: thumbnails, recycle bins.
SKIPPED_FOLDERS = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"})
HOME_FILES = frozenset({CONFIG_NAME, "store"})
# After so many files with one unlisted ending that are no images, no more of them are opened.
MAX_MISSES = 1_000
# Remote files read at once.
_AT_ONCE = 256


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

    def list_files(
        self,
        *,
        archives: Mapping[str, Contents] | None = None,  # noqa: ARG002 - a folder has none
        images: Container[str] = (),
    ) -> Listing:
        """List all image files, as `list_images` does, and the other files.

        On this machine, files without an ending, or with one that says nothing, are opened: those that begin
        as an image does are images. Behind a URL they are not, because each would be a request.

        Args:
            archives: what archives held, by name; one that has not changed since is not read again.
            images: ids of files that were images before; such a file is not opened.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        began_ns = time.time_ns()
        listing = self._list()
        listing.began_ns = began_ns
        if not self.remote:
            self._open_unlisted(listing, images)
        listing.settle()
        return listing

    def list_unopened(self, archives: Callable[[], Mapping[str, Contents]]) -> Listing:  # noqa: ARG002
        """List the files as `list_files` does, and open none: files whose ending says nothing are no images.

        Args:
            archives: returns what archives held.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        listing = self._list()
        listing.settle()
        return listing

    def _list(self) -> Listing:
        return self._list_remote() if self.remote else _walk(Path(self.location))

    def _open_unlisted(self, listing: Listing, known: Container[str]) -> None:
        """Find the images among the files whose ending says nothing."""
        for label, files in listing.unlisted.items():
            missed = 0
            for file in sorted(files, key=lambda file: file.id):
                if file.id in known or (missed < MAX_MISSES and self._begins_as_image(file.id)):
                    listing.promote(label, file)
                else:
                    missed += 1
        listing.others = +listing.others

    def _begins_as_image(self, image_id: str) -> bool:
        try:
            head = read_file(self.path(image_id), max_bytes=self.max_bytes, head=HEAD_BYTES)
        except (OSError, BadImageError):
            return False
        return is_surely_image(head)

    def list_here(self) -> tuple[list[FoundImage], list[str]]:
        """List the files and the names of folders directly in this folder; nothing if it cannot be read."""
        if self.remote:
            files, root = filesystem(self.location)
            try:
                entries = files.ls(root, detail=True)
            except Exception:  # noqa: BLE001 - each file system has errors of its own
                return [], []
            folders = [_name(e["name"].rstrip("/")) for e in entries if e["type"] == "directory"]
            plain = [e for e in entries if e["type"] != "directory"]
            return [
                FoundImage(_name(e["name"]), int(e.get("size") or 0), changed_ns(e)) for e in plain
            ], folders
        try:
            here = list(os.scandir(self.location))
        except OSError:
            return [], []
        folders = [entry.name for entry in here if entry.is_dir()]
        return [_describe(entry, entry.name) for entry in here if entry.is_file()], folders

    def read_each(self, found: Sequence[FoundImage]) -> "Iterator[tuple[str, bytes | str]]":
        """Read files one after another, remote ones many at once.

        Yields:
            each file's path in the folder, and its bytes, or the reason why it cannot be read.
        """
        if not self.remote:
            for file in found:
                yield file.id, self._read_or_reason(file)
            return
        files, root = filesystem(self.location)
        for start in range(0, len(found), _AT_ONCE):
            paths = {f"{root}/{file.id}": file.id for file in found[start : start + _AT_ONCE]}
            read = read_files(files, list(paths))
            for path, name in paths.items():
                data = read[path]
                yield name, data if isinstance(data, bytes) else f"cannot be read: {data}"

    def _read_or_reason(self, file: FoundImage) -> bytes | str:
        try:
            return self._read(file.id, file.place, most=file.bytes)
        except BadImageError as error:
            return str(error)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"

    def read_head(self, file: FoundImage, count: int) -> bytes:
        """Read the first bytes of a file; none if it cannot be read."""
        try:
            if not self.remote:
                return read_file(self.path(file.id), max_bytes=self.max_bytes, head=count)
            files, root = filesystem(self.location)
            return bytes(files.cat_file(f"{root}/{file.id}", start=0, end=count))
        except Exception:  # noqa: BLE001 - each file system has errors of its own
            return b""

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
        files, root = filesystem(self.location)
        if not files.exists(root):
            raise ImagesError(f"{self.location} does not exist; check `images` in clipper.toml")

    def fingerprint(self, listing: Listing | None = None, *, labels: Sequence[object] = ()) -> str:
        """Digest names, sizes and times of what may be an image, and of files with metadata; read no file.

        Args:
            listing: the result of `list_files`; without it the folder is listed.
            labels: what shows whether label files changed, wherever they lie.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        listing = listing or self.list_files()
        maybe = chain(listing.images, *listing.unlisted.values())
        images = {image.id: image for image in maybe}.values()
        files = (sorted(images, key=lambda image: image.id), listing.tables, listing.sidecars)
        seen = [[(file.id, file.bytes, file.mtime_ns) for file in found] for found in files]
        return digest(self.location, *seen, *([list(labels)] if labels else []))

    def path(self, image_id: str, place: Place | None = None) -> str:  # noqa: ARG002 - of an archive
        """The absolute path or the URL of an image."""
        return f"{self.location.rstrip('/')}/{image_id}"

    def read(self, image_id: str, place: Place | None = None) -> bytes:
        """Read a file, or an image in an archive, which has a place there.

        Raises:
            BadImageError: the file is missing, empty, not a regular file, unreadable or over the limit.
        """
        try:
            data = self._read(image_id, place)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error.strerror or error}") from error
        if not data:
            raise BadImageError("is empty (0 bytes)")
        return data

    def read_beside(self, name: str, place: Place | None = None) -> bytes | None:
        """Read a file beside the images, such as metadata.json; return None if there is none."""
        try:
            return self._read(name, place)
        except FileNotFoundError:
            return None
        except BadImageError as error:
            raise ImagesError(f"{self.path(name)} {error}") from error
        except OSError as error:
            raise ImagesError(f"{self.path(name)} cannot be read: {error.strerror or error}") from error

    def rows_of(self, archive: str) -> "pa.Table | None":  # noqa: ARG002 - a folder has none
        """Return the columns beside the images of a table of images; None if it has none."""
        return None

    def images_left_out(self, archive: str) -> list[str]:  # noqa: ARG002 - a folder has none
        """Return the columns of a table that hold further images, which are not read."""
        return []

    def objects_of(self, archive: str) -> "tuple[pa.ChunkedArray, dict[str, Any]] | None":  # noqa: ARG002 - a folder has none
        """Return the column of boxes of a table of images, and what its classes are called; None without."""
        return None

    def read_many(self, found: Sequence[FoundImage]) -> list[bytes | None]:
        """Read files, several at a time; None for one that cannot be read or is over the limit."""
        if self.remote:
            files, root = filesystem(self.location)
            paths = [f"{root}/{file.id}" for file in found]
            read = read_files(files, paths)
            data = (read[path] for path in paths)
            return [one if isinstance(one, bytes) and len(one) <= self.max_bytes else None for one in data]
        return [self._read_or_none(file) for file in found]

    def _read_or_none(self, file: FoundImage) -> bytes | None:
        try:
            return self._read(file.id, file.place, most=file.bytes)
        except (OSError, BadImageError):
            return None

    def _read(
        self,
        name: str,
        place: Place | None = None,  # noqa: ARG002 - of an archive
        *,
        most: int | None = None,  # noqa: ARG002 - bytes of a file in an archive, which may say less than it has
    ) -> bytes:
        if self.remote:
            return self._read_remote(name)
        return read_file(self.path(name), max_bytes=self.max_bytes)

    def _read_remote(self, name: str) -> bytes:
        files, root = filesystem(self.location)
        path = f"{root}/{name}"
        try:
            check_size(int(files.size(path) or 0), max_bytes=self.max_bytes)
            return bytes(files.cat_file(path))
        except (OSError, BadImageError):
            raise
        except Exception as error:  # of a file system with errors of its own
            raise OSError(str(error) or type(error).__name__) from error

    def _list_remote(self) -> Listing:
        files, root = filesystem(self.location)
        files.invalidate_cache()  # Dagster's sensor lists the folder again and again in one process
        try:
            entries, closed = find_files(files, root)
        except Exception as error:
            raise cannot_list(self.location, error) from error
        listing = Listing()
        for path, why in closed.items():
            listing.images.append(FoundImage(path[len(root) :].strip("/"), 0, 0, reason=why))
        ids = {path: path[len(root) :].lstrip("/") for path in entries}
        homes = {image_id.rpartition("/")[0] for image_id in ids.values() if _name(image_id) == CONFIG_NAME}
        listing.homes = homes
        for path, entry in entries.items():
            image_id = ids[path]
            if _is_left_out(image_id, homes):
                continue
            size, changed = int(entry.get("size") or 0), changed_ns(entry)
            listing.add(image_id, partial(FoundImage, image_id, size, changed))
        listing.unlisted.clear()
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


def is_kept_name(name: str) -> bool:
    """Whether a file of this path in an archive is looked at: neither hidden nor in a folder left out."""
    return not _is_left_out(name, ()) and not is_hidden(name)


def is_image_name(name: str) -> bool:
    """Whether a file of this path in an archive is taken for an image."""
    return has_image_ending(name) and is_kept_name(name)


def _name(image_id: str) -> str:
    return image_id.rpartition("/")[2]


def filesystem(location: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path there.

    Raises:
        ImagesError: there is no such file system, or it cannot be opened.
    """
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(location)
    except Exception as error:  # each file system has errors of its own
        raise ImagesError(f"{location} cannot be opened: {error or type(error).__name__}") from error
    return files, str(root).rstrip("/")


def cannot_list(location: str, error: Exception) -> ImagesError:
    """Return the error for a URL that cannot be listed."""
    if isinstance(error, FileNotFoundError):
        return ImagesError(f"{location} does not exist; check `images` in clipper.toml")
    why = " ".join(str(error).split()) or type(error).__name__
    return ImagesError(f"{location} cannot be listed: {why}")


def changed_ns(entry: dict[str, Any]) -> int:
    """When a remote file changed, in nanoseconds since 1970; 0 if its file system does not say."""
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("created")
    if isinstance(changed, datetime):
        return int(changed.timestamp() * 1e9)
    return int(float(changed or 0) * 1e9)
