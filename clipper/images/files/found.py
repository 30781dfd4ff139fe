"""The images found in a folder, as columns; an object only for each that is asked for.

What does not belong here: finding them (`images/walk.py`), and what an image is (`images/listing.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, overload

from clipper.columns import (
    binaries,
    decode_name,
    empty,
    encode_name,
    fixed_binaries,
    integers,
    json_rows,
    numbers,
    truths,
)
from clipper.hashing import ContentHash, JsonPieces
from clipper.images.files.etags import ETAG_BYTES, ETag
from clipper.images.files.places import ARCHIVE, Place

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ID, BYTES, MTIME_NS, KEY, REASON, ETAG = "id", "bytes", "mtime_ns", "content_hash", "reason", "etag"
# Files that are turned into objects, or into columns, at a time.
BLOCK = 1 << 16


@dataclass(frozen=True)
class FoundImage:
    """A file found in the folder and not opened yet. `id` is its path below the folder, with `/`.

    A file in an archive has the `place` of its bytes there, and the archive's time. An image in an archive
    was read already: it has a `content_hash`, or the `reason` why it cannot be read. An object may have an
    `etag`, as `images/files/etags.py` reads it.
    """

    id: str
    bytes: int
    mtime_ns: int
    place: Place | None = None
    content_hash: ContentHash | None = None
    reason: str | None = None
    etag: ETag | None = None


class FoundImages(Sequence[FoundImage]):
    """Images, sorted by id, in columns.

    The columns: `id` large_binary, which sorts as the ids do (`hashing.encode_name`), `bytes` and `mtime_ns`
    int64. If an image lies in an archive or cannot be read, also `content_hash`, `reason` and the fields of
    `Place`, and if an object store lists them `etag`, each null where it is not known.
    """

    def __init__(self, table: "pa.Table") -> None:
        """Take over the columns of a table, whose rows may be in any order."""
        import pyarrow.compute as pc

        table = table.combine_chunks()
        self.table = table.take(pc.sort_indices(table[ID])).combine_chunks()

    @classmethod
    def of(cls, images: Iterable[FoundImage]) -> Self:
        """Make columns of some images."""
        return cls(table_of(images))

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, at: int) -> FoundImage: ...
    @overload
    def __getitem__(self, at: slice) -> list[FoundImage]: ...
    def __getitem__(self, at: "int | slice") -> "FoundImage | list[FoundImage]":
        if isinstance(at, slice):
            return [self[row] for row in range(len(self))[at]]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return next(_objects(self.table.slice(at % len(self), 1)))

    def __iter__(self) -> Iterator[FoundImage]:
        for start in range(0, len(self), BLOCK):
            yield from _objects(self.table.slice(start, BLOCK))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def ids(self) -> "pa.LargeBinaryArray":
        """The ids, as bytes."""
        return self.column(ID)

    @property
    def are_of_archives(self) -> bool:
        """Whether there are columns of what was read in archives."""
        return KEY in self.table.column_names

    def column(self, name: str) -> "pa.Array":
        """Return one column in one piece."""
        import pyarrow as pa

        column = self.table[name]
        return column.chunk(0) if column.num_chunks else pa.nulls(0, column.type)

    def numbers(self, name: str) -> "np.ndarray":
        """Return a column of numbers: (n,) int64."""
        return numbers(self.column(name))

    def at(self, rows: "np.ndarray") -> Iterator[FoundImage]:
        """Yield the images of some rows, in that order."""
        return _objects(self.table.take(integers(rows)))

    def are_loose(self) -> "np.ndarray":
        """Return which lie in no archive and have no reason why they cannot be read: (n,) bool."""
        import numpy as np

        return np.asarray(self._are_null(ARCHIVE) & self._are_null(REASON), bool)

    def are_hashed(self) -> "np.ndarray":
        """Return which were hashed when their archive was read, and can be read: (n,) bool.

        One whose id is no UTF-8 is not among them: a manifest cannot hold it.
        """
        import numpy as np

        hashed = ~self._are_null(KEY) & self._are_null(REASON)
        return np.asarray(hashed & self.are_text() if hashed.any() else hashed, bool)

    def hashed(self, rows: "np.ndarray") -> "pa.Table":
        """Return the columns of some of the images that were hashed, with ids as large_string."""
        import pyarrow as pa

        table = self.table.take(integers(rows))
        return table.set_column(0, ID, table[ID].cast(pa.large_string()))

    def etags(self) -> "pa.Array | None":
        """Return the ETags that an object store lists; None if there are none."""
        return self.column(ETAG) if ETAG in self.table.column_names else None

    def _are_null(self, name: str) -> "np.ndarray":
        import numpy as np

        if name not in self.table.column_names:
            return np.ones(len(self), bool)
        return truths(self.column(name).is_null())

    def are_text(self) -> "np.ndarray":
        """Return which ids are UTF-8: (n,) bool."""
        import numpy as np
        import pyarrow as pa

        try:
            self.ids.cast(pa.large_string())
        except pa.ArrowInvalid:
            return np.array([not any("\ud800" <= c <= "\udfff" for c in name) for name in self.names()])
        return np.ones(len(self), bool)

    def names(self) -> Iterator[str]:
        """Yield the ids one after another."""
        for start in range(0, len(self), BLOCK):
            yield from map(decode_name, self.ids.slice(start, BLOCK).to_pylist())

    def paths_of(self, name: str) -> Iterator[str]:
        """Yield the ids of all files of one name."""
        import pyarrow.compute as pc

        ending = pc.filter(self.ids, pc.ends_with(self.ids, encode_name(name)))
        paths = map(decode_name, ending.to_pylist())
        return (path for path in paths if path.rpartition("/")[2] == name)

    def stamps(self) -> JsonPieces:
        """Return id, size and time of each image, for a digest."""
        return json_rows(self.ids, self.column(BYTES), self.column(MTIME_NS))


def table_of(images: Iterable[FoundImage]) -> "pa.Table":
    """Return the columns of some images, in their order."""
    import pyarrow as pa

    images = list(images)
    if not images:
        return empty(_fields()[:3])
    columns = [binaries([encode_name(one.id) for one in images])]
    columns += [integers([one.bytes for one in images]), integers([one.mtime_ns for one in images])]
    fields = _fields()
    if any(one.place or one.reason or one.content_hash for one in images):
        none = (None,) * len(Place._fields)
        cells = [[one.content_hash for one in images], [one.reason for one in images]]
        cells += map(list, zip(*(one.place or none for one in images), strict=True))
        columns += [pa.array(own, kind) for own, (_, kind) in zip(cells, fields[3:], strict=True)]
    table = pa.table(columns, schema=pa.schema(fields[: len(columns)]))
    if any(one.etag for one in images):
        table = table.append_column(ETAG, fixed_binaries([one.etag for one in images], ETAG_BYTES))
    return table


def table_of_folder(
    below: str, names: Sequence[str], sizes: Sequence[int], times: Sequence[int]
) -> "pa.Table":
    """Return the columns of the images in one folder.

    Args:
        below: the folder's id; "" for the images folder itself.
        names: of the images in it.
        sizes: in bytes.
        times: of the last change, in nanoseconds since 1970.
    """
    import pyarrow as pa

    above = encode_name(f"{below}/") if below else b""
    named = binaries([above + encode_name(name) for name in names])
    columns = [named, integers(sizes), integers(times)]
    return pa.table(columns, schema=pa.schema(_fields()[: len(columns)]))


def joined(tables: "Sequence[pa.Table]") -> FoundImages:
    """Join tables of images, of which some may lack the columns of archives."""
    import pyarrow as pa

    return FoundImages(pa.concat_tables(tables or [table_of([])], promote_options="default"))


def _objects(table: "pa.Table") -> Iterator[FoundImage]:
    columns = [table[name].to_pylist() for name in (ID, BYTES, MTIME_NS)]
    if KEY not in table.column_names and ETAG not in table.column_names:
        for name, size, time_ns in zip(*columns, strict=True):
            yield FoundImage(decode_name(name), size, time_ns)
        return
    columns += [
        table[name].to_pylist() if name in table.column_names else [None] * len(table)
        for name in (*Place._fields, KEY, REASON, ETAG)
    ]
    for name, size, time_ns, *place, key, reason, etag in zip(*columns, strict=True):
        there = Place(*place) if place[0] is not None else None
        yield FoundImage(decode_name(name), size, time_ns, there, key, reason, etag)


def _fields() -> "list[tuple[str, pa.DataType]]":
    import pyarrow as pa

    own = [(ID, pa.large_binary()), (BYTES, pa.int64()), (MTIME_NS, pa.int64())]
    own += [(KEY, pa.binary(16)), (REASON, pa.large_string())]
    kinds = (pa.large_string(), pa.large_string(), pa.int64(), pa.int64(), pa.int8())
    return own + list(zip(Place._fields, kinds, strict=True))
