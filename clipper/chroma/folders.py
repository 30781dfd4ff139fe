"""Copy the folder of a collection, set which users may write its files, and make its database smaller.

What does not belong here: Chroma, which writes the files (`chroma/collection.py`).
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from clipper.errors import StoreError
from clipper.system import replace_file

DATABASE = "chroma.sqlite3"
# The database is written again without its free pages where these are more than this share.
FREE_SHARE = 0.25


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


@contextmanager
def without_indexes(folder: Path) -> Iterator[None]:
    """Take away what a new database looks values up by, until the block has written its rows and closed it.

    The values of a batch of rows lie all over such an index: each of its pages would be written with each
    batch, and before that into SQLite's journal. Made once at the end, it is written once.

    Raises:
        StoreError: the database is damaged, or its disk is full.
    """
    database = folder / DATABASE
    made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    with _as_store_error(database, "cannot be written"), closing(sqlite3.connect(database)) as connection:
        indexes = connection.execute(made).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        connection.commit()
    yield
    with _as_store_error(database, "cannot be written"), closing(sqlite3.connect(database)) as connection:
        for _, sql in indexes:
            connection.execute(sql)
        connection.commit()


@contextmanager
def _as_store_error(database: Path, what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{database} {what}: {error}") from error


def compact(folder: Path) -> None:
    """Write the database of a closed collection again without its free pages, where these are many.

    Chroma's log of vectors passes through the database, and the pages that it took would stay free for good.

    Raises:
        StoreError: the database is damaged, or its disk is full.
    """
    database, growing = folder / DATABASE, folder / f"{DATABASE}.compact"
    smaller = _as_store_error(database, "cannot be made smaller")
    with smaller, closing(sqlite3.connect(database)) as connection:
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if free <= FREE_SHARE * pages:
            return
        connection.execute("VACUUM INTO ?", (str(growing),))
    replace_file(growing, database)
