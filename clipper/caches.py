"""Find a folder for this user's caches, in the temporary folder if the usual one cannot be written.

A service, or a container that starts as any user, may have no folder that it can write. Numba caches compiled
functions; it raises an error if it finds no folder, and UMAP could not be imported. What does not belong
here: the contents of a cache (`insight/words/vocabulary.py`).
"""

import os
import stat
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

NUMBA_VARIABLE = "NUMBA_CACHE_DIR"  # numba reads it when it is imported


def cache_folder(name: str) -> Path | None:
    """Return a folder of this user's cache by its name below it; the folder may not exist yet.

    If that cannot be written, it is one in the temporary folder; None if there is no place for it either.
    """
    own = own_cache_folder()
    if own is not None and _is_writable(own / name):
        return own / name
    folder = _temporary_folder()
    return None if folder is None else folder / name


def own_cache_folder() -> Path | None:
    """Return the user's cache folder as the system has it; None for a user who has no home."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        folder = home / "Library" / "Caches"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        named = os.environ.get("XDG_CACHE_HOME", "")
        folder = Path(named) if Path(named).is_absolute() else home / ".cache"
    return folder if folder.is_absolute() else None


def prepare_numba() -> None:
    """Name a folder for numba's cache if it would find none that can be written; child processes use it too.

    To be called before numba is imported. The variable stays as it is if it is set.
    """
    if os.environ.get(NUMBA_VARIABLE):
        return
    own = own_cache_folder()
    if own is not None and _is_writable(own / "numba", folders_in_it=True):
        return
    if folder := _temporary_folder():
        os.environ[NUMBA_VARIABLE] = str(folder / "numba")


def _is_writable(folder: Path, *, folders_in_it: bool = False) -> bool:
    """Whether files can be made in a folder, or the folder where it is missing.

    Args:
        folder: may be missing.
        folders_in_it: look at these too: after a run with `sudo` some may be another user's.
    """
    existing = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), None)
    if existing is None or not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return False
    if not folders_in_it or existing != folder:
        return True
    try:
        return all(os.access(each, os.W_OK | os.X_OK) for each in folder.iterdir() if each.is_dir())
    except OSError:
        return False


@cache
def _temporary_folder() -> Path | None:
    """Make this user's folder below the temporary one: the same each time, so that a later process finds it.

    Others can write beside it. Numba's cache holds code, so a folder that another user may have made, or
    may write to, is not used: then it is a new one with a name that nobody can guess.
    """
    import tempfile

    try:
        base = Path(tempfile.gettempdir())
    except FileNotFoundError:  # no folder can be written
        return None
    own = base / (f"clipper-{os.getuid()}" if hasattr(os, "getuid") else "clipper")
    try:
        with suppress(FileExistsError):
            own.mkdir(mode=0o700)
        return own if _is_private(own) else Path(tempfile.mkdtemp(prefix="clipper-"))
    except OSError:
        return None


def _is_private(folder: Path) -> bool:
    """Whether a folder is this user's alone; on Windows the temporary folder is so already."""
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode):
        return False
    return not hasattr(os, "getuid") or (seen.st_uid == os.getuid() and not seen.st_mode & 0o077)
