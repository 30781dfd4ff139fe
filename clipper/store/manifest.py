"""The manifest: the files of the images folder with their content hashes; and what differs between two.

What does not belong here: decoding images, and anything derived from them.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.hashing import digest
from clipper.images.places import (
    Contents,
    Place,
    add_member,
    beside_rows,
    notes_on,
    place_fields,
    read_notes,
    read_places,
)
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import pyarrow as pa

# The column with the time at which a content was first indexed; an earlier Clipper's manifest has none.
FIRST_NS = "first_ns"

# An image's content hash before and after; None where it is not there.
Fate = tuple[bytes | None, bytes | None]
_NOWHERE: Fate = (None, None)


@dataclass(frozen=True)
class Entry:
    """One file: its id, the hash of its bytes, size and modification time.

    The time is a nanosecond later if the scan came so soon after it that the file may change once more.

    `first_ns` is when the scan began that first found these bytes, under any name; None if unknown. An image
    in an archive has the `place` of its bytes there, and the archive's time.
    """

    id: str
    content_hash: bytes
    bytes: int
    mtime_ns: int
    first_ns: int | None = None
    place: Place | None = None


@dataclass(frozen=True)
class Changes:
    """What differs between two versions of a dataset: the images that came, went, changed or were renamed.

    `fates` has the content hashes before and after of each image that differs. `unchanged` counts the others.
    """

    fates: Mapping[str, Fate] = field(default_factory=dict)
    unchanged: int = field(default=0, compare=False)

    @cached_property
    def moved(self) -> dict[str, str]:
        """Old id -> new id, of a removed and an added image with the same bytes."""
        came: dict[bytes, deque[str]] = {}
        for image_id, (before, after) in self.fates.items():
            if before is None and after is not None:
                came.setdefault(after, deque()).append(image_id)
        went = ((image_id, before) for image_id, (before, after) in self.fates.items() if after is None)
        return {image_id: came[key].popleft() for image_id, key in went if key and came.get(key)}

    @cached_property
    def added(self) -> list[str]:
        """Images that were not there before, under any name."""
        known = set(self.moved.values())
        return [i for i, (before, _) in self.fates.items() if before is None and i not in known]

    @cached_property
    def removed(self) -> list[str]:
        """Images that are not there any more, under any name."""
        return [i for i, (_, after) in self.fates.items() if after is None and i not in self.moved]

    @cached_property
    def changed(self) -> list[str]:
        """Images with the same id and other bytes."""
        return [i for i, (before, after) in self.fates.items() if before and after]

    def counts(self) -> dict[str, int]:
        """How many images of each kind there are."""
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "moved": len(self.moved),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
        }

    def then(self, later: "Changes") -> "Changes":
        """Join these changes and later ones: an image that came and went again has not changed."""
        fates = {}
        for image_id in {**self.fates, **later.fates}:
            earlier = self.fates.get(image_id, later.fates.get(image_id, _NOWHERE))
            latest = later.fates.get(image_id, self.fates.get(image_id, _NOWHERE))
            if earlier[0] != latest[1]:
                fates[image_id] = (earlier[0], latest[1])
        images = later.unchanged + _still_there(later.fates)
        return Changes(fates, images - _still_there(fates))


@dataclass(frozen=True)
class Manifest:
    """The files of the folder, sorted by id, and those that could not be read (id -> reason).

    `others` counts the files that are no images, by ending; a scan reports it, the file does not keep it.
    `archives` says what lies in each archive beside the entries.
    """

    entries: list[Entry]
    unreadable: dict[str, str]
    others: dict[str, int] = field(default_factory=dict, compare=False)
    archives: Mapping[str, Contents] = field(default_factory=dict, compare=False)

    @property
    def version(self) -> str:
        """The version: it follows from ids and contents alone, so touching a file does not change it."""
        contents = [(entry.id, entry.content_hash.hex()) for entry in self.entries]
        return digest(contents, self.unreadable)

    def hashes(self) -> list[bytes]:
        """Return the distinct content hashes, in the order in which they first appear."""
        return list(self.first_entries())

    def contents(self) -> dict[str, bytes]:
        """Return id -> content hash."""
        return {entry.id: entry.content_hash for entry in self.entries}

    def first_entries(self) -> dict[bytes, Entry]:
        """Return the first file with each distinct content, in the order in which they appear."""
        firsts: dict[bytes, Entry] = {}
        for entry in self.entries:
            firsts.setdefault(entry.content_hash, entry)
        return firsts

    def changes_since(self, before: "Manifest | None") -> Changes:
        """Compare with an earlier manifest; with None, every image is new."""
        return compare(before.contents() if before else {}, self.contents())

    def write(self, path: Path) -> None:
        """Write as Parquet."""
        import pyarrow as pa

        rows = [
            vars(entry) | {"reason": None} | (entry.place._asdict() if entry.place else {})
            for entry in self.entries
        ]
        lost = [
            {"id": image_id, "bytes": 0, "mtime_ns": 0, "reason": reason}
            for image_id, reason in self.unreadable.items()
        ]
        schema = _schema(with_places=bool(self.archives))
        rows += lost + beside_rows(self.archives.values())
        write_part(path, pa.Table.from_pylist(rows, schema=schema), notes_on(self.archives.values()))

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read what `write` wrote."""
        table = read_parquet(path)
        columns = [table[name].to_pylist() for name in ("id", "content_hash", "bytes", "mtime_ns", "reason")]
        first = table[FIRST_NS].to_pylist() if FIRST_NS in table.column_names else repeat(None, len(table))
        archives = read_notes(read_made_of(path)) if is_written(path) else {}
        entries, reasons = [], {}
        places = read_places(table)
        for (image_id, key, size, time_ns, reason), first_ns, place in zip(
            zip(*columns, strict=True), first, places, strict=True
        ):
            if key is not None:
                entries.append(Entry(image_id, key, size, time_ns, first_ns, place))
            elif place is None:
                reasons[image_id] = reason
            if place is not None:
                add_member(archives, place, size, key)
        for contents in archives.values():  # as they lie in the archive: rows are sorted by id
            contents.images.sort(key=lambda image: image.offset)
        return cls(entries, reasons, archives=archives)


def in_order_of_reading(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries in an order in which files are read once: those of an archive as they lie in it."""
    return sorted(entries, key=lambda entry: entry.place[:1] + entry.place[2:3] if entry.place else ("", 0))


def compare(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Changes:
    """Compare two versions of a dataset: the content hash of each image by its id."""
    fates: dict[str, Fate] = {i: (key, after.get(i)) for i, key in before.items() if after.get(i) != key}
    fates |= {i: (None, key) for i, key in after.items() if i not in before}
    return Changes(fates, len(after) - _still_there(fates))


def _still_there(fates: Mapping[str, Fate]) -> int:
    return sum(after is not None for _, after in fates.values())


def _schema(*, with_places: bool) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("content_hash", pa.binary(16)),
            ("bytes", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("reason", pa.string()),
            (FIRST_NS, pa.int64()),
            *(place_fields() if with_places else []),
        ]
    )
