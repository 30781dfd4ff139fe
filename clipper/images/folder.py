"""A folder of image files, on this machine or behind an fsspec URL: list it, read from it.

What does not belong here: decoding images (`images/decode.py`), and comparing with the last run
(`store/manifest.py`).
"""

import os
import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError, ImagesError, StorageError
from clipper.hashing import ContentHash, digest
from clipper.images.decode import check_size, read_file
from clipper.images.files.found import FoundImage, FoundImages
from clipper.images.files.places import Contents, Place
from clipper.images.formats import (
    HEAD_BYTES,
    ending_of,
    is_surely_image,
    is_surely_readable,
    reason_not_read,
)
from clipper.images.listing import Listing, has_image_ending, is_hidden
from clipper.images.remote import (
    STORE_READS,
    cannot_list,
    changed_ns,
    filesystem,
    list_objects,
    read_files,
    read_listed,
)
from clipper.images.walk import HOME_FILES, describe, is_entered, require_folder, walk
from clipper.network.storage import ask
from clipper.settings import CONFIG_NAME, is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from clipper.images.files.fetched import FetchedFiles

# After so many files with one unlisted ending that are no images, no more of them are opened.
MAX_MISSES = 1_000
# Remote files read at once.
_AT_ONCE = 256
# URLs of files that are on this machine.
_HERE = frozenset({"file", "local", "memory"})
# Reads that wait at a time: of a disk, and of a server whose client has one connection a thread.
DISK_READS, SERVER_READS = 4, 4


class ImageFolder:
    """A folder of images, on this machine or behind an fsspec URL."""

    def __init__(self, location: str, *, max_bytes: int = 1 << 29) -> None:
        self.location = location
        self.max_bytes = max_bytes
        self.remote = is_url(location)
        # Where a run keeps what it fetches to hash it, until that is decoded; None: it is fetched again.
        self.fetched: FetchedFiles | None = None
        self._shared: tuple[int, Any, str] | None = None  # a process, and the file system that it opened

    def is_fetched(self) -> bool:
        """Whether each read of a file takes it from another machine, as far as the URL tells."""
        return self.remote and self.location.partition("://")[0] not in _HERE

    def reads_at_once(self) -> int:
        """How many threads read files of this folder in less time than fewer do."""
        if not self.remote:
            return DISK_READS
        return STORE_READS if self._filesystem()[0].async_impl else SERVER_READS

    def _filesystem(self) -> tuple[Any, str]:
        """Return fsspec's file system of this folder, and the path there.

        Those of object stores serve all threads at once: one client does, instead of one a thread.

        Raises:
            ImagesError: there is no such file system, or it cannot be opened.
            MissingExtraError: its package is not installed.
        """
        if self._shared is not None and self._shared[0] == os.getpid():
            return self._shared[1:]
        files, root = filesystem(self.location)
        if files.async_impl:
            self._shared = os.getpid(), files, root
        return files, root

    def list_images(self) -> FoundImages:
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
        return self._list_remote() if self.remote else walk(Path(self.location))

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
        """List the files and the names of folders directly in this folder; nothing if it cannot be read.

        Raises:
            StorageError: the server does not answer, and may have files there.
        """
        if self.remote:
            files, root = self._filesystem()
            try:
                entries = ask(self.location, lambda: files.ls(root, detail=True), doing="listed")
            except StorageError:
                raise
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
        return [describe(entry, entry.name) for entry in here if entry.is_file()], folders

    def read_each(self, found: Sequence[FoundImage]) -> "Iterator[tuple[str, bytes | str]]":
        """Read files one after another, remote ones many at once.

        Yields:
            each file's path in the folder, and its bytes, or the reason why it cannot be read.

        Raises:
            ImagesError: the storage behind the URL refuses, or does not answer.
        """
        if not self.remote:
            for file in found:
                yield file.id, self._read_or_reason(file)
            return
        files, root = self._filesystem()
        for start in range(0, len(found), _AT_ONCE):
            paths = {f"{root}/{file.id}": file.id for file in found[start : start + _AT_ONCE]}
            read = read_files(files, list(paths), location=self.location)
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
        """Read the first bytes of a file; none if it cannot be read.

        Raises:
            ImagesError: the storage behind the URL refuses, or does not answer.
        """
        try:
            if not self.remote:
                return read_file(self.path(file.id), max_bytes=self.max_bytes, head=count)
            files, root = self._filesystem()
            path = f"{root}/{file.id}"
            return bytes(ask(self.path(file.id), lambda: files.cat_file(path, start=0, end=count)))
        except ImagesError:
            raise
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
            ImagesError: the folder is missing; or the storage behind the URL refuses, or does not answer.
        """
        if not self.remote:
            require_folder(Path(self.location))
            return
        files, root = self._filesystem()
        try:
            if not ask(self.location, lambda: files.exists(root), doing="listed"):
                ask(self.location, lambda: files.info(root), doing="listed")  # `exists` hides most errors
        except Exception as error:
            raise cannot_list(self.location, error) from error

    def fingerprint(self, listing: Listing | None = None, *, labels: Sequence[object] = ()) -> str:
        """Digest names, sizes and times of what may be an image, and of files with metadata; read no file.

        Args:
            listing: the result of `list_files`; without it the folder is listed.
            labels: what shows whether label files changed, wherever they lie.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        listing = listing or self.list_files()
        files = (listing.tables, listing.sidecars)
        seen = [[(file.id, file.bytes, file.mtime_ns) for file in found] for found in files]
        images = listing.maybe_images().stamps()
        return digest(self.location, images, *seen, *([list(labels)] if labels else []))

    def path(self, image_id: str, place: Place | None = None) -> str:  # noqa: ARG002 - of an archive
        """The absolute path or the URL of an image."""
        return f"{self.location.rstrip('/')}/{image_id}"

    def read(
        self,
        image_id: str,
        place: Place | None = None,
        *,
        listed_bytes: int = 0,
        content_hash: ContentHash | None = None,
    ) -> bytes:
        """Read a file, or an image in an archive, which has a place there.

        Args:
            image_id: the file's path below the folder.
            place: of an image in an archive.
            listed_bytes: the file's size in a listing, which saves asking a server for it; 0: unknown.
            content_hash: of the file, if it is known: it is not fetched again if its bytes are here.

        Raises:
            BadImageError: the file is missing, empty, not a regular file, unreadable or over the limit.
            ImagesError: the storage behind the URL refuses, or does not answer: that says nothing about the
                file.
        """
        if content_hash and self.fetched and (kept := self.fetched.get(content_hash)) is not None:
            return kept
        try:
            if self.remote and place is None:
                data = self._read_remote(image_id, listed_bytes)
            else:
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
        """Read files, several at a time; None for one that cannot be read or is over the limit.

        Raises:
            ImagesError: the storage behind the URL refuses, or does not answer.
        """
        if self.remote:
            files, root = self._filesystem()
            paths = [f"{root}/{file.id}" for file in found]
            read = read_files(files, paths, location=self.location)
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

    def _read_remote(self, name: str, listed_bytes: int = 0) -> bytes:
        files, root = self._filesystem()
        path = f"{root}/{name}"
        url = self.path(name)
        try:
            if listed_bytes:
                check_size(listed_bytes, max_bytes=self.max_bytes)
                return read_listed(files, path, listed_bytes, max_bytes=self.max_bytes, location=url)
            check_size(int(ask(url, lambda: files.size(path)) or 0), max_bytes=self.max_bytes)
            return bytes(ask(url, lambda: files.cat_file(path)))
        except (OSError, BadImageError, ImagesError):
            raise
        except Exception as error:  # of a file system with errors of its own
            raise OSError(str(error) or type(error).__name__) from error

    def _list_remote(self) -> Listing:
        files, root = self._filesystem()
        files.invalidate_cache()  # Dagster's sensor lists the folder again and again in one process
        try:
            found = list_objects(files, root, location=self.location)
        except Exception as error:
            raise cannot_list(self.location, error) from error
        listing = Listing(homes={name.rpartition("/")[0] for name in found.paths_of(CONFIG_NAME)})
        for file in found:
            if file.reason:  # a folder that cannot be listed
                listing.add_image(file)
            elif not _is_left_out(file.id, listing.homes):
                listing.add(file.id, partial(_itself, file))
        listing.unlisted.clear()
        return listing


def _itself(file: FoundImage) -> FoundImage:
    return file


def _is_left_out(image_id: str, homes: Collection[str]) -> bool:
    """Whether a listed file lies in a folder that `walk` skips; `homes` are the folders that are homes."""
    parts = image_id.split("/")
    above = {"/".join(parts[:depth]): parts[depth] for depth in range(len(parts))}
    ours = any(part in HOME_FILES and folder in homes for folder, part in above.items())
    return ours or not all(map(is_entered, parts[:-1]))


def is_kept_name(name: str) -> bool:
    """Whether a file of this path in an archive is looked at: neither hidden nor in a folder left out."""
    return not _is_left_out(name, ()) and not is_hidden(name)


def is_image_name(name: str) -> bool:
    """Whether a file of this path in an archive is taken for an image."""
    return has_image_ending(name) and is_kept_name(name)


def _name(image_id: str) -> str:
    return image_id.rpartition("/")[2]
