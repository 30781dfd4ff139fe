"""List and read files behind a URL; a folder that cannot be listed is told, and is not an empty one.

The `find` and `glob` of most file systems of fsspec take a folder that they cannot list for an empty one: a
server that does not answer would look as if all images were deleted. What does not belong here:
choosing images (`images/folder.py`).
"""

import re
from collections.abc import Sequence
from glob import has_magic
from typing import Any

Entries = dict[str, dict[str, Any]]


def find_files(files: Any, root: str, depth: int | None = None) -> tuple[Entries, dict[str, str]]:
    """Return the files below a folder by their paths, and why folders in it cannot be listed, by theirs.

    Args:
        files: a file system of fsspec.
        root: the folder's path there.
        depth: so many levels; None: all.

    Raises:
        Exception: the folder itself cannot be listed; each file system has errors of its own.
    """
    if not _walks(files):
        return files.find(root, detail=True), {}
    found: Entries = {}
    closed: dict[str, str] = {}
    folders = [(root, 1)]
    while folders:
        below, level = folders.pop()
        try:
            entries = files.ls(below, detail=True)
        except Exception as error:
            if below == root:
                raise
            if isinstance(error, FileNotFoundError):  # it was deleted meanwhile
                continue
            closed[below] = f"cannot be listed: {error or type(error).__name__}"
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


def read_files(files: Any, paths: Sequence[str]) -> dict[str, bytes | Exception]:
    """Return the bytes of files, read many at once, or why one cannot be read.

    `cat` would take a name such as `a[1].txt` for a pattern: such files are read one by one.
    """
    plain = [path for path in paths if not has_magic(path)]
    found: dict[str, bytes | Exception] = files.cat(plain, on_error="return") if plain else {}
    for path in paths:
        if path not in found:
            try:
                found[path] = files.cat_file(path)
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own
                found[path] = error
    return found


def glob_files(files: Any, root: str, pattern: str) -> Entries:
    """Return the files that match a pattern, by their paths.

    Args:
        files: a file system of fsspec.
        root: the folder before the pattern's first star.
        pattern: whole, with the root.

    Raises:
        Exception: a folder cannot be listed; each file system has errors of its own.
    """
    from fsspec.utils import glob_translate

    if not _walks(files) or not _is_generic(files, "glob"):
        return dict(files.glob(pattern, detail=True))
    depth = None if "**" in pattern else pattern[len(root) :].strip("/").count("/") + 1
    found, closed = find_files(files, root, depth)
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
