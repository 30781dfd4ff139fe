"""Where the bytes of an image lie in an archive, and which files are archives.

What does not belong here: reading an archive (`archives/`).
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from clipper.hashing import ContentHash

# Endings of archives, and of those that are packed as a whole, in which nothing can be read in place.
TAR, ZIP, PARQUET, ARROW = ".tar", ".zip", ".parquet", ".arrow"
TIFFS = (".tif", ".tiff")
ARCHIVE_ENDINGS = (TAR, ZIP, PARQUET, ARROW)
PACKED_WHOLE = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")


class Packing(IntEnum):
    """How a member's bytes are kept in its archive. The numbers are written to disk."""

    PLAIN = 0  # from `offset` on, as they are
    DEFLATED = 8  # from `offset` on, packed by zip
    ROW = 20  # in the row `offset` of a table
    PAGE = 30  # the TIFF page whose directory begins at `offset`


class Place(NamedTuple):
    """Where a member's bytes lie: the archive's path below the images' root, offset and size in bytes."""

    archive: str
    member: str
    offset: int
    size: int
    packing: int = Packing.PLAIN


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name there, place and size, and the hash of its bytes.

    `content_hash` is None for a file that is no image, and for one that cannot be read: `reason` says why.
    """

    name: str
    offset: int
    stored: int
    bytes: int
    packing: int = Packing.PLAIN
    content_hash: ContentHash | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Archive:
    """An archive: its path below the images' root, and its size and time."""

    name: str
    bytes: int
    mtime_ns: int


@dataclass
class Contents:
    """What an archive holds: images, files that cannot be read (name -> reason), other files by ending."""

    archive: Archive
    images: list[Member] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)


def is_archive(name: str) -> bool:
    """Whether a file's ending is that of an archive whose members can be read in place."""
    return PurePosixPath(name).suffix.lower() in ARCHIVE_ENDINGS


def is_packed_whole(name: str) -> bool:
    """Whether a file is an archive that must be unpacked before its members can be read."""
    return name.lower().endswith(PACKED_WHOLE)


def member_id(name: str) -> str:
    """Turn a member's name into an id: a relative path with `/`, which never leads out of a folder.

    Archives may hold names such as `/etc/x.jpg` and `../x.jpg`, and ids become paths of exports.
    """
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))
