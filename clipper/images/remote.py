"""List and read files behind a URL; a folder that cannot be listed is reported, and is not an empty one.

The `find` and `glob` of most file systems of fsspec take a folder that they cannot list for an empty one: a
server that does not answer would look as if all images were deleted. What does not belong here:
choosing images (`images/folder.py`).
"""

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from glob import has_magic
from typing import Any, BinaryIO

from clipper.errors import BadImageError, ImagesError, RefusedError, StorageError, require_extra
from clipper.images.files.bucket import UnsortedError, list_bucket
from clipper.images.files.etags import etag_of
from clipper.images.files.found import FoundImage, FoundImages, joined
from clipper.network.storage import ask

Entries = dict[str, dict[str, Any]]
# The extra that brings the file system of a URL.
EXTRA_OF_SCHEME = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
# Reads that wait at a time for an object store, whose client serves all threads.
STORE_READS = 32
# Held while a file is read whose size nobody knows.
_one_grown = threading.Lock()


def filesystem(location: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path there.

    Raises:
        ImagesError: there is no such file system, or it cannot be opened.
        MissingExtraError: its package is not installed.
    """
    import fsspec

    if extra := EXTRA_OF_SCHEME.get(location.partition("://")[0]):
        require_extra(extra, who=location)
    try:
        files, root = fsspec.core.url_to_fs(location, **_options(location))
    except Exception as error:  # each file system has errors of its own
        raise ImagesError(f"{location} cannot be opened: {error or type(error).__name__}") from error
    return files, str(root).rstrip("/")


def is_s3(location: str) -> bool:
    """Whether a URL is one of S3, or of a server that speaks as S3 does."""
    return EXTRA_OF_SCHEME.get(location.partition("://")[0]) == "s3"


def _options(location: str) -> dict[str, Any]:
    """Give the client of S3 a connection for each read that waits, unless a person configured the number."""
    import fsspec

    if not is_s3(location):
        return {}
    configured = fsspec.config.conf.get("s3", {}).get("config_kwargs")
    own = configured if isinstance(configured, dict) else {}
    return {"config_kwargs": {"max_pool_connections": STORE_READS, **own}}


def cannot_list(location: str, error: Exception) -> ImagesError:
    """Return the error for a URL that cannot be listed."""
    if isinstance(error, ImagesError):
        return error
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


def list_objects(files: Any, root: str, *, location: str) -> FoundImages:
    """Return all files below a folder; a folder in it that cannot be listed is one with the reason.

    Args:
        files: a file system of fsspec.
        root: the folder's path there.
        location: the URL, for messages.

    Raises:
        ImagesError: the storage refuses, or does not answer, in the middle of the listing, too.
        Exception: the folder itself cannot be listed; each file system has errors of its own.
    """
    if is_s3(location) and not getattr(files, "version_aware", False):
        bucket, key, _ = files.split_path(root)

        def page(after: str, most: int) -> Any:
            after_that = {"StartAfter": after} if after else {}
            request = partial(
                files.call_s3, "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=most, **after_that
            )
            return ask(location, request, doing="listed")

        prefix = f"{key}/" if key else ""
        with suppress(UnsortedError):
            if found := joined(list_bucket(page, prefix, changed_ns, threads=STORE_READS)):
                return found
    entries, closed = find_files(files, root, location=location)

    def name_of(path: str) -> str:
        return path[len(root) :].strip("/")

    images = [FoundImage(name_of(path), 0, 0, reason=why) for path, why in closed.items()]
    for path, entry in entries.items():
        if path.endswith("/"):  # an object that stands for a folder
            continue
        size = int(entry.get("size") or 0)
        images.append(FoundImage(name_of(path), size, changed_ns(entry), etag=etag_of(entry)))
    return FoundImages.of(images)


def find_files(
    files: Any, root: str, depth: int | None = None, *, location: str
) -> tuple[Entries, dict[str, str]]:
    """Return the files below a folder by their paths, and why folders in it cannot be listed, by theirs.

    Args:
        files: a file system of fsspec.
        root: the folder's path there.
        depth: so many levels; None: all.
        location: the URL, for messages.

    Raises:
        ImagesError: the storage refuses, or does not answer, in the middle of the listing, too.
        Exception: the folder itself cannot be listed; each file system has errors of its own.
    """
    if not _walks(files):
        return ask(location, lambda: files.find(root, detail=True), doing="listed"), {}
    found: Entries = {}
    closed: dict[str, str] = {}
    folders = [(root, 1)]
    while folders:
        below, level = folders.pop()
        try:
            entries = ask(location, partial(files.ls, below, detail=True), doing="listed")
        except Exception as error:
            if below == root or isinstance(error, StorageError):
                raise
            if not isinstance(error, FileNotFoundError):  # else it was deleted meanwhile
                closed[below] = _why_closed(error)
            continue
        for entry in entries:
            path = str(entry["name"]).rstrip("/")
            if path == below:  # a place that is no folder, or that lists itself
                continue
            if entry["type"] != "directory":
                found[entry["name"]] = entry
            elif depth is None or level < depth:
                folders.append((path, level + 1))
    return found, closed


def _why_closed(error: Exception) -> str:
    why = error.__cause__ if isinstance(error, RefusedError) else error
    return f"cannot be listed: {why or type(error).__name__}"


def read_files(files: Any, paths: Sequence[str], *, location: str) -> dict[str, bytes | Exception]:
    """Return the bytes of files, read many at once, or why one cannot be read.

    `cat` would take a name such as `a[1].txt` for a pattern: such files are read one by one, as those are
    that could not be read.

    Raises:
        ImagesError: the storage refuses, or does not answer.
    """
    plain = [path for path in paths if not has_magic(path)]
    try:
        found: dict[str, bytes | Exception] = files.cat(plain, on_error="return") if plain else {}
    except Exception:  # noqa: BLE001 - some file systems fail as a whole
        found = {}
    for path in paths:
        if not isinstance(found.get(path), bytes):
            try:
                found[path] = ask(location, partial(files.cat_file, path))
            except ImagesError:
                raise
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own
                found[path] = error
    return found


def read_listed(files: Any, path: str, listed_bytes: int, *, max_bytes: int, location: str) -> bytes:
    """Return a file's bytes by one request, which does not ask for its size: a listing told it.

    Many threads read at once, each a file of the size that was listed. One that has grown since is read
    again, and only one such file at a time.

    Raises:
        BadImageError: it has more than `max_bytes` by now; they are not read.
        ImagesError: the storage refuses, or does not answer.
        Exception: any other; each file system has errors of its own.
    """

    def start(count: int) -> bytes:
        return bytes(ask(location, partial(files.cat_file, path, start=0, end=count)))

    data = start(listed_bytes + 1)
    if len(data) <= listed_bytes:
        return data
    with _one_grown:
        data = start(max_bytes + 1)
    if len(data) > max_bytes:
        raise BadImageError(f"has grown to more bytes than the limit of {max_bytes:,} (max_bytes)")
    return data


def patient(file: BinaryIO, location: str) -> BinaryIO:
    """Have an open file of a file system ask again for bytes that it did not get.

    Its reads raise ImagesError if the storage refuses, or does not answer.
    """
    cache: Any = getattr(file, "cache", None)
    if (fetch := getattr(cache, "fetcher", None)) is not None:
        cache.fetcher = lambda start, end: ask(location, partial(fetch, start, end))
    return file


def glob_files(files: Any, root: str, pattern: str, *, location: str) -> Entries:
    """Return the files that match a pattern, by their paths.

    Args:
        files: a file system of fsspec.
        root: the folder before the pattern's first star.
        pattern: whole, with the root.
        location: the URL, for messages.

    Raises:
        ImagesError: the storage refuses, or does not answer.
        Exception: a folder cannot be listed; each file system has errors of its own.
    """
    from fsspec.utils import glob_translate

    if not _walks(files) or not _is_generic(files, "glob"):
        return dict(ask(location, lambda: files.glob(pattern, detail=True), doing="listed"))
    depth = None if "**" in pattern else pattern[len(root) :].strip("/").count("/") + 1
    found, closed = find_files(files, root, depth, location=location)
    if closed:
        folder, why = next(iter(closed.items()))
        raise OSError(f"{folder} {why}")
    matches = re.compile(glob_translate(pattern)).match
    return {path: entry for path, entry in found.items() if matches(path)}


def _walks(files: Any) -> bool:
    """Whether a file system lists one folder after another.

    Object stores such as S3 have no folders, but a `find` of their own: it asks for all names at once, and
    raises an error if it cannot.
    """
    return _is_generic(files, "find") and _is_generic(files, "walk")


def _is_generic(files: Any, method: str) -> bool:
    """Whether a file system has a method as fsspec wrote it, and not one of its own."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    own = type(files)
    if isinstance(files, AsyncFileSystem):
        return getattr(own, f"_{method}") is getattr(AsyncFileSystem, f"_{method}")
    return getattr(own, method, None) is getattr(AbstractFileSystem, method)
