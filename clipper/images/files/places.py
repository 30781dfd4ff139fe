"""Where the bytes of an image lie in an archive, and how a manifest keeps that.

In a manifest, a row with a place and without a content hash is a file that may describe images. What does not
belong here: reading an archive (`archives/`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import repeat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from clipper.hashing import ContentHash

if TYPE_CHECKING:
    import pyarrow as pa

# Endings of archives, and of those that are packed as a whole, in which nothing can be read in place.
TAR, ZIP, PARQUET, ARROW = ".tar", ".zip", ".parquet", ".arrow"
TIFFS = (".tif", ".tiff")
ARCHIVE_ENDINGS = (TAR, ZIP, PARQUET, ARROW)
PACKED_WHOLE = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")


# Columns of a place: the archive, where the file begins, how it is kept. The key of the archives in the JSON.
ARCHIVE, OFFSET, PACKING, _ARCHIVES = "archive", "offset", "packing", "archives"


class Packing(IntEnum):
    """How a member's bytes are kept in its archive. The numbers are written to disk."""

    PLAIN = 0  # from `offset` on, as they are
    DEFLATED = 8  # from `offset` on, packed by zip
    ROW = 20  # in the row `offset` of a table
    LISTED = 21  # in a row of a table whose cells are lists; see `listed_at`
    PAGE = 30  # the TIFF page whose directory begins at `offset`


# Those of an image that lies in the row of a table.
IN_ROWS = (Packing.ROW, Packing.LISTED)
# Images in one cell of a table.
MAX_LISTED = 1 << 16


def listed_at(row: int, position: int) -> int:
    """Return the offset of an image in a list of images: its row and its position in one number."""
    return row * MAX_LISTED + position


class Place(NamedTuple):
    """Where a member's bytes lie: the archive's path below the images' root, offset and size in bytes."""

    archive: str
    member: str
    offset: int
    size: int
    packing: int = Packing.PLAIN

    @property
    def row(self) -> int | None:
        """The row of a table; None for an image that lies in none."""
        if self.packing == Packing.LISTED:
            return self.offset // MAX_LISTED
        return self.offset if self.packing == Packing.ROW else None


@dataclass(frozen=True)
class Archive:
    """An archive: its path below the images' root, and its size and time."""

    name: str
    bytes: int
    mtime_ns: int


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

    def place_in(self, archive: Archive) -> Place:
        """Return where the file lies."""
        return Place(archive.name, self.name, self.offset, self.stored, int(self.packing))


@dataclass
class Contents:
    """What an archive holds: images, and files that may describe them; files that cannot be read.

    `failed` is name -> reason. `others` counts all other files by their ending. `limits` are those under
    which the archive was read. `objects` is the column of a table that holds boxes; "" for none.
    """

    archive: Archive
    images: list[Member] = field(default_factory=list)
    beside: list[Member] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    limits: str = ""
    objects: str = ""

    def is_of(self, archive: Archive, limits: str) -> bool:
        """Whether this was read from an archive as it is now, under these limits."""
        return (self.archive, self.limits) == (archive, limits)


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


def sample_key(name: str) -> str:
    """Return what the files of one sample of WebDataset share: the path up to the name's first dot."""
    folder, slash, own = name.rpartition("/")
    return f"{folder}{slash}{own.partition('.')[0]}"


def key_in_tar(image_id: str, place: Place | None) -> str | None:
    """Return the key of an image's sample in a tar; None for an image that lies in no tar."""
    return sample_key(image_id) if place and place.archive.lower().endswith(TAR) else None


def place_fields() -> "list[tuple[str, pa.DataType]]":
    """Return the columns of a place: its fields by name."""
    import pyarrow as pa

    kinds = (pa.dictionary(pa.int32(), pa.string()), pa.string(), pa.int64(), pa.int64(), pa.int8())
    return list(zip(Place._fields, kinds, strict=True))


def read_places(table: "pa.Table") -> "Iterable[Place | None]":
    """Return the place of each row of a manifest's table; None for a file that lies in no archive."""
    if ARCHIVE not in table.column_names:
        return repeat(None, len(table))
    columns = [table[name].to_pylist() for name in Place._fields]
    return (place if place.archive is not None else None for place in map(Place, *columns))


def notes_on(archives: Iterable[Contents]) -> dict[str, Any]:
    """Write what lies in archives beside the files that have rows: an entry of the JSON beside the table."""
    notes = [
        vars(contents.archive)
        | {"failed": contents.failed, "others": dict(contents.others), "limits": contents.limits}
        | ({"objects": contents.objects} if contents.objects else {})
        for contents in archives
    ]
    return {_ARCHIVES: notes} if notes else {}


def read_notes(made_of: Mapping[str, Any]) -> dict[str, Contents]:
    """Read what `notes_on` wrote; `add_member` adds the files."""
    return {
        note["name"]: Contents(
            Archive(note["name"], note["bytes"], note["mtime_ns"]),
            failed=dict(note["failed"]),
            others=Counter(note["others"]),
            limits=note["limits"],
            objects=note.get("objects", ""),
        )
        for note in made_of.get(_ARCHIVES, [])
    }


def beside_rows(archives: Iterable[Contents]) -> list[dict[str, Any]]:
    """Return a row for each file in an archive that may describe images."""
    return [
        member.place_in(contents.archive)._asdict()
        | {"id": member.name, "bytes": member.bytes, "mtime_ns": contents.archive.mtime_ns}
        for contents in archives
        for member in contents.beside
    ]


def add_member(archives: Mapping[str, Contents], place: Place, size: int, key: bytes | None) -> None:
    """Add a file, which has a row, to its archive: an image if it has a content hash."""
    if contents := archives.get(place.archive):
        member = Member(place.member, place.offset, place.size, size, place.packing, key)
        (contents.beside if key is None else contents.images).append(member)
