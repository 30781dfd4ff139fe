"""Copy the folder of a collection, and set which users may write its files.

What does not belong here: Chroma, which writes the files (`chroma/collection.py`).
"""

import os
import shutil
from pathlib import Path


def may_write(folder: Path) -> bool:
    """Return whether this user may write a folder and all in it, as Chroma does even when it only reads."""
    return all(os.access(path, os.W_OK) for path in (folder, *folder.rglob("*")))


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder to a new one that this user may write, whether or not they may write the first.

    Raises:
        OSError: something cannot be read or written.
    """
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_dir():
            copy_folder(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def share_as_folder(folder: Path) -> None:
    """Let those who may write a folder write its files too: SQLite makes its files for their owner alone.

    Who shares a home with a group has set the permissions of its folders, or the umask.
    """
    allowed = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(allowed)
