"""Walk through a folder on this machine, and list what lies in it.

What does not belong here: folders behind a URL (`images/folder.py`), and what an image is (`listing.py`).
"""

import os
from functools import partial
from pathlib import Path

from clipper.errors import ImagesError
from clipper.images.files.found import BLOCK, FoundImage, table_of_folder
from clipper.images.formats import READABLE_ENDINGS, ending_of
from clipper.images.listing import LINKED_FOLDERS, Listing
from clipper.settings import CONFIG_NAME

# Folders of desktops and servers that are never part of a dataset: thumbnails, recycle bins.
SKIPPED_FOLDERS = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"})
HOME_FILES = frozenset({CONFIG_NAME, "store"})


def require_folder(root: Path) -> None:
    """Check that the images folder exists.

    Raises:
        ImagesError: it is missing.
    """
    if not root.is_dir():
        raise ImagesError(
            f"the images folder {root} does not exist; check `images` in clipper.toml, or mount it"
        )


def walk(root: Path) -> Listing:
    """List the files below a folder, without opening any; the caller settles the listing.

    Raises:
        ImagesError: the folder is missing or cannot be read.
    """
    require_folder(root)
    listing = Listing()
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            folders += _list_folder(root / below, below, listing)
        except OSError as error:
            if below == "":
                raise ImagesError(f"{root} cannot be read: {error.strerror}") from error
            listing.add_image(FoundImage(below, 0, 0))  # reading it reports the reason
    return listing


def _list_folder(folder: Path, below: str, listing: Listing) -> list[str]:
    """Add the files of one folder to the listing; return the folders in it that are searched too.

    Of an image only its name, size and time are kept, as numbers in columns: a folder may hold millions.
    """
    names: list[str] = []
    sizes: list[int] = []
    times: list[int] = []
    others: list[os.DirEntry[str]] = []
    tables = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if (
                ending_of(name) in READABLE_ENDINGS
                and name[0] != "."
                and not entry.is_dir(follow_symlinks=False)
            ):
                try:
                    status = entry.stat()
                except OSError:  # a broken link: reading it reports the reason
                    sizes.append(0)
                    times.append(0)
                else:
                    sizes.append(status.st_size)
                    times.append(status.st_mtime_ns)
                names.append(name)
                if len(names) == BLOCK:
                    tables.append(table_of_folder(below, names, sizes, times))
                    names, sizes, times = [], [], []
            else:
                others.append(entry)
    for table in [*tables, table_of_folder(below, names, sizes, times)] if names or tables else []:
        listing.add_images(table)
    if any(entry.name == CONFIG_NAME for entry in others):  # a home: skip its own files
        others = [entry for entry in others if entry.name not in HOME_FILES]
        listing.homes.add(below)
    return _list_others(others, below, listing)


def _list_others(others: "list[os.DirEntry[str]]", below: str, listing: Listing) -> list[str]:
    """Add the files that are no images by their ending; return the folders among them that are searched."""
    folders: list[str] = []
    for entry in others:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            if is_entered(entry.name):
                folders.append(path)
        elif _is_linked_folder(entry) and ending_of(entry.name) not in READABLE_ENDINGS:
            listing.others[LINKED_FOLDERS] += 1
        else:
            listing.add(path, partial(describe, entry, path))
    return folders


def describe(entry: "os.DirEntry[str]", path: str) -> FoundImage:
    """Describe a file; of a broken link nothing is known."""
    try:
        status = entry.stat()
    except OSError:  # reading it reports the reason
        return FoundImage(path, 0, 0)
    return FoundImage(path, status.st_size, status.st_mtime_ns)


def is_entered(folder: str) -> bool:
    """Whether a folder with this name is searched for images."""
    return not folder.startswith(".") and folder not in SKIPPED_FOLDERS


def _is_linked_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # links that lead in a circle
        return False
