"""The rows of a collection as columns, a digest of each, and what differs from those that one holds.

A row becomes Python objects only in the batch that goes to Chroma, so that ten million fit into memory. What
does not belong here: Chroma (`chroma/collection.py`), and where rows come from (`indexing/collect.py`).
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from clipper.store.embeddings import MappedVectors

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Near the most that Chroma takes at once.
BATCH = 5_000
# Numbers of the vectors in one request: a server takes 40 MB, and a number is 5.3 bytes on the way.
_REQUEST_NUMBERS = 4 << 20
# Rows whose digests are made at a time.
_DIGESTED = 1 << 14
_DIGEST_BYTES = 16
_HASHED = 8  # bytes of a content hash that choose its shard


class Vectors(Protocol):
    """Some (n, d) float32 unit vectors, in memory or on disk."""

    def __len__(self) -> int:
        """Return n."""
        ...

    def __getitem__(self, rows: "np.ndarray | slice") -> "np.ndarray":
        """Read some of them."""
        ...


class Batch(NamedTuple):
    """A few rows as Chroma takes them."""

    ids: list[str]
    vectors: "np.ndarray"
    metadata: list[dict[str, Any]]


@dataclass(frozen=True)
class Rows:
    """The n rows of a collection.

    Attributes:
        ids: of the images, (n,) strings, none twice.
        vectors: (n, d) float32 unit vectors.
        metadata: a table of n rows; a value that is null, or a list that is empty, is left out of a row.
        contents: (n,) content hashes of 16 bytes. With `remade` they identify the vectors.
        remade: (n,) booleans: whether the vector is of other pixels than an earlier Clipper made.
        digests: (n,) digests of 16 bytes of the metadata; made here if they are not given.
    """

    ids: "pa.Array"
    vectors: Vectors
    metadata: "pa.Table"
    contents: "pa.Array"
    remade: "pa.Array"
    digests: "pa.Array" = field(default=None)

    def __post_init__(self) -> None:
        """Make the digests."""
        if self.digests is None:
            object.__setattr__(self, "digests", digest_rows(self.metadata))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def at_once(self) -> int:
        """How many rows go to Chroma in one request."""
        return max(1, min(BATCH, _REQUEST_NUMBERS // self.vectors[:1].shape[1])) if len(self) else BATCH

    def batch(self, rows: "np.ndarray") -> Batch:
        """Return some rows as Chroma takes them; `rows` are (k,) integers."""
        return Batch(self.ids.take(_as_array(rows)).to_pylist(), self.vectors[rows], self.metadata_of(rows))

    def metadata_of(self, rows: "np.ndarray") -> list[dict[str, Any]]:
        """Return the metadata of some rows as Chroma takes it: without nulls and empty lists."""
        told = self.metadata.take(_as_array(rows)).to_pylist()
        return [
            {name: value for name, value in row.items() if value is not None and value != []} for row in told
        ]

    def positions(self, ids: list[str]) -> "np.ndarray":
        """Return the row of each id, (k,) int64; -1 where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(pa.array(ids, pa.string()), value_set=self.ids)
        return _as_numpy(found.fill_null(-1)).astype("int64")

    def shard(self, number: int, shards: int) -> Self:
        """Return the rows that belong to one of some shards: their content hashes choose it."""
        if shards == 1:
            return self
        rows = _rows_where(shard_of(self.contents, shards) == number)
        at = _as_array(rows)
        columns = (self.contents, self.remade, self.digests)
        contents, remade, digests = (column.take(at) for column in columns)
        vectors = self.vectors
        chosen = vectors.only(rows) if isinstance(vectors, MappedVectors) else Chosen(vectors, rows)
        return type(self)(self.ids.take(at), chosen, self.metadata.take(at), contents, remade, digests)


class Chosen:
    """Some of other vectors."""

    def __init__(self, vectors: Vectors, rows: "np.ndarray") -> None:
        """Choose them by their (k,) rows."""
        self._vectors, self._rows = vectors, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: "np.ndarray | slice") -> "np.ndarray":
        return self._vectors[self._rows[rows]]

    def __reduce__(self) -> "tuple[type[Chosen], tuple[np.ndarray, np.ndarray]]":
        """Another process gets no others than the chosen ones."""
        import numpy as np

        return type(self), (self[slice(None)], np.arange(len(self)))


@dataclass(frozen=True)
class Known:
    """What a collection is known to hold, row by row, as far as it is known.

    A null in `contents` is a vector that is not known, one in `digests` metadata that is not; an id with both
    may even be absent.
    """

    ids: "pa.Array"
    contents: "pa.Array"
    remade: "pa.Array"
    digests: "pa.Array"

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Know a collection that holds these rows."""
        return cls(rows.ids, rows.contents, rows.remade, rows.digests)

    @classmethod
    def only_ids(cls, ids: "pa.Array") -> Self:
        """Know nothing but ids that may be there."""
        import pyarrow as pa

        unknown = pa.nulls(len(ids), pa.binary(_DIGEST_BYTES))
        return cls(ids, unknown, pa.nulls(len(ids), pa.bool_()), unknown)

    def of_earlier_pixels(self) -> Self:
        """Return what is known where an earlier decoder made the vectors: not those it gave other pixels."""
        import pyarrow as pa
        import pyarrow.compute as pc

        unknown = pc.if_else(self.remade, pa.scalar(None, pa.bool_()), self.remade)
        return type(self)(self.ids, self.contents, unknown, self.digests)

    def without(self, rows: Rows, difference: "Difference") -> Self:
        """Return what is known for certain once some of the changes of a difference may be made."""
        import pyarrow as pa
        import pyarrow.compute as pc

        updated = rows.ids.take(_as_array(difference.update))
        unsure = pa.concat_arrays([rows.ids.take(_as_array(difference.write)), difference.delete])
        kept = pc.invert(pc.is_in(self.ids, value_set=unsure))
        ids, contents, remade, digests = (
            column.filter(kept) for column in (self.ids, self.contents, self.remade, self.digests)
        )
        nothing = pa.scalar(None, digests.type)
        digests = pc.if_else(pc.is_in(ids, value_set=updated), nothing, digests)
        other = type(self).only_ids(unsure)
        return type(self)(
            pa.concat_arrays([ids, other.ids]),
            pa.concat_arrays([contents, other.contents]),
            pa.concat_arrays([remade, other.remade]),
            pa.concat_arrays([digests, other.digests]),
        )

    def shard(self, number: int, shards: int) -> Self:
        """Return what one of some shards is known to hold; every vector must be known."""
        if shards == 1:
            return self
        mine = _as_array(_rows_where(shard_of(self.contents, shards) == number))
        columns = (self.ids, self.contents, self.remade, self.digests)
        return type(self)(*(column.take(mine) for column in columns))


@dataclass(frozen=True)
class Difference:
    """What has to be done to a collection that should hold some rows.

    Attributes:
        write: (k,) rows to write whole, as they are new or their vector is another.
        update: (m,) rows of which only the metadata is another: the graph stays as it is.
        delete: ids to delete.
        worn: how many vectors of the graph will be deleted, or replaced in it.
    """

    write: "np.ndarray"
    update: "np.ndarray"
    delete: "pa.Array"
    worn: int

    @classmethod
    def between(cls, known: Known, rows: Rows, *, same_model: bool = True) -> Self:
        """Compare what a collection holds with what it should hold.

        `same_model` says whether its vectors are of the same model; else every vector is another.
        """
        import numpy as np
        import pyarrow.compute as pc

        at = pc.index_in(rows.ids, value_set=known.ids)
        there = _as_numpy(pc.is_valid(at))
        vector = _equal(known.contents.take(at), rows.contents) & _equal(known.remade.take(at), rows.remade)
        vector &= there & same_model
        told = _equal(known.digests.take(at), rows.digests)
        write = np.flatnonzero(~vector)
        gone = pc.invert(pc.is_in(known.ids, value_set=rows.ids))
        delete = known.ids.filter(gone)
        replaced = int((there & ~vector).sum())
        return cls(write, np.flatnonzero(vector & ~told), delete, len(delete) + replaced)

    @classmethod
    def from_nothing(cls, rows: Rows) -> Self:
        """Write all rows and delete none."""
        import numpy as np
        import pyarrow as pa

        none = np.empty(0, np.int64)
        return cls(np.arange(len(rows)), none, pa.array([], pa.string()), 0)

    @property
    def written(self) -> int:
        """How many rows will be written, whole or in part."""
        return len(self.write) + len(self.update)

    @property
    def changes(self) -> int:
        """How many entries Chroma's log gets of it."""
        return self.written + len(self.delete)


def shard_of(contents: "pa.Array", shards: int) -> "np.ndarray":
    """Return the shard of each content hash: (n,) integers from 0 to `shards` - 1."""
    import numpy as np
    import pyarrow as pa

    whole = contents.combine_chunks() if isinstance(contents, pa.ChunkedArray) else contents
    offset = whole.offset * _DIGEST_BYTES
    told = np.frombuffer(whole.buffers()[1] or b"", np.uint8)[offset : offset + len(whole) * _DIGEST_BYTES]
    heads = np.ascontiguousarray(told.reshape(-1, _DIGEST_BYTES)[:, :_HASHED]).view("<u8").reshape(-1)
    return heads % np.uint64(shards)


def digest_rows(table: "pa.Table") -> "pa.Array":
    """Return a digest of each row, (n,) of 16 bytes: equal if all names, values and types are.

    A null and an empty list count as no value at all, so a further column changes only rows that have it.
    """
    import pyarrow as pa

    parts = [pa.array([], pa.binary(_DIGEST_BYTES))]
    for start in range(0, len(table), _DIGESTED):
        texts = _texts(table.slice(start, _DIGESTED)).to_pylist()
        digests = [blake2b(text, digest_size=_DIGEST_BYTES).digest() for text in texts]
        parts.append(pa.array(digests, pa.binary(_DIGEST_BYTES)))
    return pa.concat_arrays(parts)


def _texts(part: "pa.Table") -> "pa.Array":
    """Spell each row as bytes, each name and value with its length before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns, nothing = [], pa.scalar("", pa.large_string())
    for name in sorted(part.column_names):
        column = part[name].combine_chunks()
        kind = str(column.type)
        head = pa.scalar(f"{len(name)}:{name}{kind}=", pa.large_string())
        columns.append(pc.binary_join_element_wise(head, _spelled(column), nothing).fill_null(""))
    if not columns:
        return pa.array([b""] * len(part), pa.large_binary())
    return pc.binary_join_element_wise(*columns, nothing).cast(pa.large_binary())


def _spelled(column: "pa.Array") -> "pa.Array":
    """Spell the values of a column as texts, null where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lengths = pc.list_value_length(column).fill_null(0)
        ends = pc.cumulative_sum(lengths.cast(pa.int64()))
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
        items = _spelled(pc.list_flatten(column)).fill_null("-")
        joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, items), pa.scalar("", items.type))
        return pc.if_else(pc.greater(lengths, 0), joined, pa.scalar(None, pa.large_string()))
    if pa.types.is_floating(column.type):  # to the bit
        column = column.cast(pa.float64()).view(pa.int64())
    text = column.cast(pa.large_string())
    length = pc.binary_length(text).cast(pa.large_string())
    return pc.binary_join_element_wise(length, text, pa.scalar(":", pa.large_string()))


def _equal(left: "pa.Array", right: "pa.Array") -> "np.ndarray":
    """Compare two columns: (n,) bool, false where either is not known."""
    import pyarrow.compute as pc

    return _as_numpy(pc.equal(left, right).fill_null(False))


def _as_numpy(column: "pa.Array") -> "np.ndarray":
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values


def _as_array(rows: "np.ndarray") -> "pa.Array":
    import pyarrow as pa

    return pa.array(rows, pa.int64())


def _rows_where(mask: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.flatnonzero(mask)
