"""The files of a manifest as columns; an object only for each file that is asked for.

What does not belong here: comparing manifests, and how one is written (`store/manifest.py`).
"""

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat, starmap
from typing import TYPE_CHECKING, Self, overload

from clipper.columns import (
    binaries,
    booleans,
    empty,
    fixed_binaries,
    integers,
    integers_or_null,
    json_rows,
    numbers,
    truths,
)
from clipper.hashing import JsonPieces
from clipper.images.files.etags import ETAG_BYTES, ETag
from clipper.images.files.places import ARCHIVE, IN_ROWS, MAX_LISTED, OFFSET, PACKING, Packing, Place
from clipper.store.columns.keys import BLOCK, Keys, first_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ID, KEY, BYTES, MTIME_NS = "id", "content_hash", "bytes", "mtime_ns"
# The column with the time at which a content was first indexed; an earlier Clipper's manifest has none.
FIRST_NS = "first_ns"
# The column with the ETags that an object store lists; a manifest of other files has none.
ETAG = "etag"


@dataclass(frozen=True)
class Entry:
    """One file: its id, the hash of its bytes, size and modification time.

    The time is a nanosecond later if the scan came so soon after it that the file may change once more.

    `first_ns` is when the scan began that first found these bytes, under any name; None if unknown. An image
    in an archive has the `place` of its bytes there, and the archive's time. `etag` is that of the bytes that
    were hashed, if they came from an object store that lists it.
    """

    id: str
    content_hash: bytes
    bytes: int
    mtime_ns: int
    first_ns: int | None = None
    place: Place | None = None
    etag: ETag | None = None


class Entries(Sequence[Entry]):
    """Files in the order of a table's rows, in columns.

    The columns: `id` large_string, `content_hash` binary(16), `bytes`, `mtime_ns` and `first_ns` int64; if a
    file lies in an archive, also the fields of `Place`, null for one that does not; if a file has an ETag,
    also `etag` binary(20).
    """

    def __init__(self, table: "pa.Table") -> None:
        """Take over the columns of a table; one that is not there is missing for all."""
        import pyarrow as pa

        has = {
            name: name in table.column_names and table[name].null_count < len(table)
            for name in (ARCHIVE, ETAG)
        }
        fields = _fields(with_places=has[ARCHIVE], with_etags=has[ETAG])
        columns = [
            table[name].cast(kind) if name in table.column_names else pa.nulls(len(table), kind)
            for name, kind in fields
        ]
        self.table = pa.table(columns, schema=pa.schema(fields)).combine_chunks()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Make columns of some files."""
        import pyarrow as pa

        if not (entries := list(entries)):
            return cls(empty(_fields()))
        if not any(entry.place for entry in entries):
            return cls(_of_loose(entries))
        rows = [vars(entry) | (entry.place._asdict() if entry.place else {}) for entry in entries]
        return cls(pa.Table.from_pylist(rows, schema=pa.schema(_fields(with_places=True, with_etags=True))))

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> "Entries": ...
    def __getitem__(self, at: "int | slice") -> "Entry | Entries":
        if isinstance(at, slice):
            return self.take(range(len(self))[at])
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return next(iter(Entries(self.table.slice(at % len(self), 1))))

    def __iter__(self) -> Iterator[Entry]:
        names = [name for name, _ in _fields()]
        for start in range(0, len(self), BLOCK):
            block = self.table.slice(start, BLOCK)
            cells = zip(*(block[name].to_pylist() for name in names), strict=True)
            if not self.has_places and not self.has_etags:
                yield from starmap(Entry, cells)
                continue
            more = [
                block[name].to_pylist() if name in block.column_names else repeat(None, len(block))
                for name in (*Place._fields, ETAG)
            ]
            for own, (*place, etag) in zip(cells, zip(*more, strict=True), strict=True):
                image_id, key, size, time_ns, first_ns = own
                there = Place(*place) if place[0] is not None else None
                yield Entry(image_id, key, size, time_ns, first_ns, there, etag)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Entries):
            return bool(self.table.equals(other.table))
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def has_places(self) -> bool:
        """Whether any of the files lies in an archive."""
        return ARCHIVE in self.table.column_names

    @property
    def has_etags(self) -> bool:
        """Whether any of the files has an ETag."""
        return ETAG in self.table.column_names

    @property
    def ids(self) -> "pa.LargeStringArray":
        """The files' ids."""
        return self.column(ID)

    @property
    def keys(self) -> "pa.FixedSizeBinaryArray":
        """The content hashes."""
        return self.column(KEY)

    def column(self, name: str) -> "pa.Array":
        """Return one column in one piece."""
        import pyarrow as pa

        column = self.table[name]
        return column.chunk(0) if column.num_chunks else pa.nulls(0, column.type)

    def numbers(self, name: str) -> "np.ndarray":
        """Return a column of numbers that has no gap: (n,) int64."""
        return numbers(self.column(name))

    def take(self, rows: "np.ndarray | Sequence[int]") -> "Entries":
        """Return the files of some rows, in that order."""
        return Entries(self.table.take(integers(rows)))

    def where(self, mask: "np.ndarray") -> "Entries":
        """Return the files of which (n,) bool is true."""
        return self if mask.all() else Entries(self.table.filter(booleans(mask)))

    def names(self) -> Iterator[str]:
        """Yield the ids one after another."""
        for start in range(0, len(self), BLOCK):
            yield from self.ids.slice(start, BLOCK).to_pylist()

    def archives(self) -> set[str]:
        """Return the archives in which files lie."""
        return set(self.column(ARCHIVE).drop_null().unique().to_pylist()) if self.has_places else set()

    def tables(self) -> set[str]:
        """Return the tables in whose rows files lie."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.has_places:
            return set()
        in_rows = pc.is_in(self.column(PACKING), value_set=pa.array(IN_ROWS, pa.int8()))
        return set(self.column(ARCHIVE).filter(in_rows).unique().to_pylist())

    def rows_of_table(self, name: str) -> "tuple[np.ndarray, np.ndarray]":
        """Return which files lie in a table of images, and in which row of it: (k,) int64 each."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.has_places:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        in_rows = pc.is_in(self.column(PACKING), value_set=pa.array(IN_ROWS, pa.int8()))
        inside = pc.and_(in_rows, pc.fill_null(pc.equal(self.column(ARCHIVE), name), False))
        files = np.flatnonzero(truths(inside))
        offsets, packing = (numbers(self.column(each).take(integers(files))) for each in (OFFSET, PACKING))
        return files, np.where(packing == Packing.LISTED, offsets // MAX_LISTED, offsets)

    @cached_property
    def contents(self) -> Keys:
        """The distinct content hashes."""
        return Keys.of(self.keys)

    def first_of_each(self) -> "Entries":
        """Return the first file of each content, in their order."""
        return self.take(first_rows(self.keys))

    def identity(self) -> JsonPieces:
        """Return ids and content hashes for a digest: `[id, hash]` for each file."""
        return json_rows(self.ids, self.keys)


class SortedNames(Container[str]):
    """Names in a sorted column: whether one is among them is found without a copy of all."""

    def __init__(self, names: "pa.LargeStringArray") -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        def read(row: int) -> str:
            return str(self._names[row])

        at = bisect_left(range(len(self._names)), str(name), key=read)
        return at < len(self._names) and read(at) == name


def _of_loose(entries: Sequence[Entry]) -> "pa.Table":
    """Make columns of files that lie in no archive, without importing pandas: Ctrl-C may come meanwhile."""
    import pyarrow as pa

    columns = [
        binaries([entry.id.encode() for entry in entries]).cast(pa.large_string()),
        fixed_binaries([entry.content_hash for entry in entries], 16),
        integers([entry.bytes for entry in entries]),
        integers([entry.mtime_ns for entry in entries]),
        integers_or_null([entry.first_ns for entry in entries]),
        fixed_binaries([entry.etag for entry in entries], ETAG_BYTES),
    ]
    return pa.table(columns, names=[ID, KEY, BYTES, MTIME_NS, FIRST_NS, ETAG])


def _fields(*, with_places: bool = False, with_etags: bool = False) -> "list[tuple[str, pa.DataType]]":
    import pyarrow as pa

    own = [(ID, pa.large_string()), (KEY, pa.binary(16))]
    own += [(name, pa.int64()) for name in (BYTES, MTIME_NS, FIRST_NS)]
    kinds = (pa.large_string(), pa.large_string(), pa.int64(), pa.int64(), pa.int8())
    own += list(zip(Place._fields, kinds, strict=True)) if with_places else []
    return own + ([(ETAG, pa.binary(ETAG_BYTES))] if with_etags else [])
