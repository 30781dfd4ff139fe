"""What is in the images folder now, and what differs from last time.

What does not belong here: opening images, and anything derived from them.
"""

from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.hashing import digest
from clipper.store.tables import read_parquet, write_part

if TYPE_CHECKING:
    import pyarrow as pa

# The column of the times at which contents were first indexed; a manifest of an earlier Clipper has none.
FIRST = "first_ns"


@dataclass(frozen=True)
class Entry:
    """One file: its id, the hash of its bytes, size and modification time.

    `first_ns` is when the scan began that first met these bytes, under whatever name; None: not known.
    """

    id: str
    content_hash: bytes
    bytes: int
    mtime_ns: int
    first_ns: int | None = None


@dataclass(frozen=True)
class Changes:
    """Ids that differ between two manifests. `moved` maps a new id to the one it had."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "moved": len(self.moved),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
        }


@dataclass(frozen=True)
class Manifest:
    """The files of the folder, sorted by id, and those that could not be read (id -> reason).

    `others` counts the files that are no images, by ending: told of a scan, and not kept.
    """

    entries: list[Entry]
    unreadable: dict[str, str]
    others: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def version(self) -> str:
        """Follows from ids and contents alone: touching a file changes nothing."""
        contents = [(entry.id, entry.content_hash.hex()) for entry in self.entries]
        return digest(contents, self.unreadable)

    def hashes(self) -> list[bytes]:
        """The distinct content hashes, in the order they first appear."""
        return list(self.firsts())

    def firsts(self) -> dict[bytes, Entry]:
        """For each distinct content the first file that has it, in the order in which they appear."""
        firsts: dict[bytes, Entry] = {}
        for entry in self.entries:
            firsts.setdefault(entry.content_hash, entry)
        return firsts

    def write(self, path: Path) -> None:
        """Write as Parquet."""
        import pyarrow as pa

        rows = [vars(entry) | {"reason": None} for entry in self.entries]
        lost = [
            {"id": image_id, "bytes": 0, "mtime_ns": 0, "reason": reason}
            for image_id, reason in self.unreadable.items()
        ]
        write_part(path, pa.Table.from_pylist(rows + lost, schema=_schema()), {})

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read what `write` wrote."""
        table = read_parquet(path)
        columns = [table[name].to_pylist() for name in ("id", "content_hash", "bytes", "mtime_ns", "reason")]
        first = table[FIRST].to_pylist() if FIRST in table.column_names else repeat(None, len(table))
        entries, reasons = [], {}
        for image_id, key, size, time_ns, reason, first_ns in zip(*columns, first, strict=True):
            if key is None:
                reasons[image_id] = reason
            else:
                entries.append(Entry(image_id, key, size, time_ns, first_ns))
        return cls(entries, reasons)


def compare(before: Manifest | None, after: Manifest) -> Changes:
    """What differs. A removed and an added file of the same content are one that moved."""
    old = {entry.id: entry.content_hash for entry in before.entries} if before else {}
    new = {entry.id: entry.content_hash for entry in after.entries}
    removed = {image_id: old[image_id] for image_id in old if image_id not in new}
    by_hash: dict[bytes, list[str]] = {}
    for image_id, key in removed.items():
        by_hash.setdefault(key, []).append(image_id)
    added: list[str] = []
    moved: dict[str, str] = {}
    for image_id in (image_id for image_id in new if image_id not in old):
        sources = by_hash.get(new[image_id])
        if sources:
            moved[image_id] = sources.pop(0)
        else:
            added.append(image_id)
    changed = [key for key in new if key in old and new[key] != old[key]]
    left = set(moved.values())
    gone = [image_id for image_id in removed if image_id not in left]
    same = len(new) - len(added) - len(moved) - len(changed)
    return Changes(added, changed, gone, moved, same)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("content_hash", pa.binary(16)),
            ("bytes", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("reason", pa.string()),
            (FIRST, pa.int64()),
        ]
    )
