"""Read the setting `images` where it names archives: a pattern, or one archive.

What does not belong here: listing and reading archives (`folder.py`).
"""

import os
import re
from collections import Counter
from glob import has_magic
from pathlib import Path, PurePosixPath

from clipper.errors import ImagesError
from clipper.images.files.places import ARCHIVE_ENDINGS, TIFFS, is_archive, is_packed_whole
from clipper.images.folder import is_image_name
from clipper.images.listing import is_metadata_name
from clipper.settings import is_url

_RANGE = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}")
MAX_NAMES = 1_000_000


def names_archives(location: str) -> bool:
    """Whether a location is a pattern, or by its ending an archive; a folder of such a name is none."""
    if not is_url(location) and Path(location).is_dir():
        return False
    return has_magic(as_glob(location)) or bool(kind_of(location)) or is_packed_whole(location)


def as_glob(location: str) -> str:
    """Return a location with `*` for the ranges of WebDataset, such as `{000..099}`."""
    return _RANGE.sub("*", location)


def expanded(location: str) -> set[str] | None:
    """Return all names that the ranges of a location mean; None if it has none.

    Raises:
        ImagesError: they are more than `MAX_NAMES`, or the location has another pattern, too.
    """
    names = [location]
    if _RANGE.search(location) and has_magic(_RANGE.sub("", location)):
        raise ImagesError(f"{location} has a range and another pattern; write one of them")
    for _ in range(len(_RANGE.findall(location))):
        names = [one for name in names for one in _of_range(name)]
        if len(names) > MAX_NAMES:
            raise ImagesError(f"{location} means more than {MAX_NAMES:,} archives")
    return set(names) if names != [location] else None


def _of_range(name: str) -> list[str]:
    found = _RANGE.search(name)
    if found is None:
        return [name]
    first, last = found[1], found[2]
    width = len(first) if first.startswith("0") else 0
    numbers = range(int(first), min(int(last), int(first) + MAX_NAMES) + 1)
    return [f"{name[: found.start()]}{number:0{width}d}{name[found.end() :]}" for number in numbers]


def archives_within(folder: Path) -> str | None:
    """Return a pattern of the archives in a folder that holds no image file; None if it does, or has none.

    Of several kinds of archives, the pattern names the one that is there most often.
    """
    kinds: Counter[str] = Counter()
    is_nested = False
    for above, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        if any(map(is_image_name, names)):
            return None
        found = [name for name in names if is_archive(name) and not is_metadata_name(name)]
        kinds.update(PurePosixPath(name).suffix for name in found if not name.startswith("."))
        is_nested |= bool(found) and Path(above) != folder
    return f"{'**/' if is_nested else ''}*{kinds.most_common(1)[0][0]}" if kinds else None


def root_of(location: str) -> str:
    """Return the folder in which the archives of a location lie: what comes before a pattern or a name."""
    if not is_url(location):
        path = Path(as_glob(location))
        above = [folder for folder in path.parents if not any(map(has_magic, folder.parts))]
        return str(path.parent if path.is_file() else above[0])
    scheme, mark, path_there = location.partition("://")
    parts = as_glob(path_there).split("/")
    plain = next((i for i, part in enumerate(parts) if has_magic(part)), len(parts) - 1)
    return f"{scheme}{mark}{'/'.join(parts[:plain])}"


def kind_of(name: str) -> str | None:
    """Return the ending that tells the kind of an archive; None for another file."""
    ending = PurePosixPath(name).suffix.lower()
    return ending if ending in (*ARCHIVE_ENDINGS, *TIFFS) else None
