"""A set of content hashes as two sorted columns of numbers: 16 bytes a hash, where a `set` takes 100.

What does not belong here: what is kept for a content (`store/shards.py`), and files (`entries.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from struct import unpack
from typing import TYPE_CHECKING, Any, Self, overload

from clipper.columns import json_rows, numbers, rows_of
from clipper.hashing import JsonPieces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

KEY_BYTES = 16
# Rows that are turned into Python objects, or into text, at a time.
BLOCK = 1 << 16


class Keys(AbstractSet[bytes], Sequence[bytes]):  # noqa: PLW1641 - as a `set`, it has no hash
    """Distinct content hashes, sorted: a set, and a sequence of bytes for the few rows that are asked for."""

    def __init__(self, pairs: "np.ndarray") -> None:
        """Keep hashes that are distinct and sorted already: (n, 2) uint64, as `pairs_of` makes them."""
        import numpy as np

        self._pairs = pairs
        self._first = np.ascontiguousarray(pairs[:, 0])  # a search in it takes half as long

    @property
    def pairs(self) -> "np.ndarray":
        """The hashes as `pairs_of` makes them, (n, 2) uint64."""
        return self._pairs

    @classmethod
    def of(cls, keys: "Iterable[bytes] | pa.Array | pa.ChunkedArray") -> Self:
        """Make the set of some content hashes, in any order and with repetitions; none may be missing."""
        if isinstance(keys, cls):
            return keys
        return cls(_distinct(pairs_of(keys)))

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self), BLOCK):
            yield from _as_list(self._pairs[start : start + BLOCK])

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, bytes) or len(key) != KEY_BYTES:
            return False
        import numpy as np

        first, second = map(np.uint64, unpack(">QQ", key))
        start, end = self._first.searchsorted(first), self._first.searchsorted(first, side="right")
        return bool((self._pairs[start:end, 1] == second).any())

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return _as_list(self._pairs[at])
        return bytes(self._pairs[at].astype(">u8").tobytes())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AbstractSet | Sequence):
            return NotImplemented
        import numpy as np

        try:
            theirs = Keys.of(other)
        except (TypeError, ValueError):  # of other things than hashes
            return False
        return len(theirs) == len(other) and bool(np.array_equal(self._pairs, theirs._pairs))

    def __arrow_array__(self, type: "pa.DataType | None" = None) -> "pa.Array":  # noqa: A002 - Arrow's protocol
        """Return the hashes as a column: `pyarrow.array` calls this."""
        return column_of(self._pairs)

    def __and__(self, other: AbstractSet[Any]) -> "Keys":
        return Keys(self._pairs[self._are_in(other)])

    def __sub__(self, other: AbstractSet[Any]) -> "Keys":
        return Keys(self._pairs[~self._are_in(other)])

    def __or__(self, other: AbstractSet[Any]) -> "Keys":
        import numpy as np

        return Keys(_distinct(np.concatenate([self._pairs, Keys.of(other)._pairs])))

    def __xor__(self, other: AbstractSet[Any]) -> "Keys":
        theirs = Keys.of(other)
        return (self - theirs) | (theirs - self)

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    def __rsub__(self, other: AbstractSet[Any]) -> "Keys":
        return Keys.of(other) - self

    def __le__(self, other: AbstractSet[Any]) -> bool:
        return bool(self._are_in(other).all())

    def mask(self, keys: "Iterable[bytes] | pa.Array | pa.ChunkedArray") -> "np.ndarray":
        """Return which of some content hashes are in the set: (n,) bool."""
        return self.positions(keys) >= 0

    def positions(self, keys: "Iterable[bytes] | pa.Array | pa.ChunkedArray") -> "np.ndarray":
        """Return where each of some content hashes stands in the set: (n,) int64, -1 for nowhere."""
        return self._find(pairs_of(keys))

    def json(self) -> JsonPieces:
        """Return what JSON is of the list of the hashes in hexadecimal, for a digest."""
        return json_rows(self.__arrow_array__())

    def _are_in(self, other: AbstractSet[Any]) -> "np.ndarray":
        return Keys.of(other).mask(self)

    @cached_property
    def _has_equal_halves(self) -> bool:
        """Whether two hashes have one first half, which chance does not make."""
        return bool((self._first[1:] == self._first[:-1]).any())

    def _find(self, wanted: "np.ndarray") -> "np.ndarray":
        """Return where each of (n, 2) uint64 stands in the set: (n,) int64, -1 for none."""
        import numpy as np

        if not len(self) or not len(wanted):
            return np.full(len(wanted), -1, np.int64)
        if self._has_equal_halves:
            return rows_of(column_of(wanted), column_of(self._pairs))
        order = np.argsort(wanted[:, 0])  # in order they are found several times faster than at random
        at = np.empty(len(wanted), np.int64)
        at[order] = np.searchsorted(self._first, wanted[order, 0])
        at[at == len(self)] = 0
        at[(self._first[at] != wanted[:, 0]) | (self._pairs[at, 1] != wanted[:, 1])] = -1
        return at


def pairs_of(keys: "Iterable[bytes] | pa.Array | pa.ChunkedArray") -> "np.ndarray":
    """Return content hashes as numbers that sort as the bytes do: (n, 2) uint64.

    Raises:
        ValueError: a hash has another length.
    """
    import numpy as np
    import pyarrow as pa

    if isinstance(keys, Keys):
        keys = keys.__arrow_array__()
    if isinstance(keys, pa.ChunkedArray):
        parts = [_raw(chunk) for chunk in keys.chunks]
        raw = np.concatenate(parts) if parts else np.empty((0, 2), ">u8")
    elif isinstance(keys, pa.Array):
        raw = _raw(keys)
    else:
        values = list(keys)
        if any(len(key) != KEY_BYTES for key in values):
            raise ValueError("a content hash has 16 bytes")
        raw = np.frombuffer(b"".join(values), ">u8").reshape(-1, 2)
    return np.ascontiguousarray(raw, np.uint64)


def column_of(pairs: "np.ndarray") -> "pa.FixedSizeBinaryArray":
    """Return the content hashes of (n, 2) uint64 numbers as a column."""
    import pyarrow as pa

    data = pa.py_buffer(pairs.astype(">u8").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(KEY_BYTES), len(pairs), [None, data])


def first_rows(keys: "pa.Array") -> "np.ndarray":
    """Return the row at which each distinct content hash first stands in a column, ascending: (m,) int64."""
    import numpy as np
    import pyarrow.compute as pc

    codes = numbers(pc.dictionary_encode(keys).indices)
    return np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))


def _raw(column: "pa.Array") -> "np.ndarray":
    import numpy as np

    data = column.buffers()[1]
    whole = np.frombuffer(data, ">u8") if data is not None else np.empty(0, ">u8")
    return whole[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)


def _distinct(pairs: "np.ndarray") -> "np.ndarray":
    """Sort and drop repetitions."""
    import numpy as np

    order = np.argsort(pairs[:, 0])
    ordered = pairs[order]
    same = ordered[1:, 0] == ordered[:-1, 0]
    if not same.any():
        return ordered
    ordered = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    kept = np.ones(len(ordered), bool)
    kept[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return ordered[kept]


def _as_list(pairs: "np.ndarray") -> list[bytes]:
    found: list[bytes] = column_of(pairs).to_pylist()
    return found
