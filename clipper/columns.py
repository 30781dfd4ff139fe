"""Columns of Arrow from numpy arrays and texts, and back, and their JSON, without importing pandas.

`pyarrow.array`, `pyarrow.scalar` and `to_numpy` import pandas, which takes a run that changes nothing longer
than all that it does. What does not belong here: what a column means.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clipper.hashing import JsonPieces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Rows that are turned into text at a time.
_BLOCK = 1 << 16


def integers(values: "np.ndarray | Sequence[int]") -> "pa.Int64Array":
    """Make a column of (n,) integers."""
    import numpy as np
    import pyarrow as pa

    data = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(data), [None, pa.py_buffer(data)])


def booleans(values: "np.ndarray") -> "pa.BooleanArray":
    """Make a column of (n,) bool."""
    import numpy as np
    import pyarrow as pa

    data = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, data])


def binaries(values: Sequence[bytes]) -> "pa.LargeBinaryArray":
    """Make a column large_binary of some bytes."""
    import numpy as np
    import pyarrow as pa

    ends = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.large_binary(), len(values), buffers)


def integers_or_null(values: "Sequence[int | None]") -> "pa.Int64Array":
    """Make a column of integers, of which some are missing."""
    import pyarrow as pa

    data = integers([value or 0 for value in values]).buffers()[1]
    return pa.Array.from_buffers(pa.int64(), len(values), [_present(values), data])


def fixed_binaries(values: "Sequence[bytes | None]", width: int) -> "pa.FixedSizeBinaryArray":
    """Make a column of bytes that are all of one width, of which some are missing."""
    import pyarrow as pa

    data = pa.py_buffer(b"".join(bytes(width) if value is None else value for value in values))
    return pa.Array.from_buffers(pa.binary(width), len(values), [_present(values), data])


def _present(values: Sequence[object]) -> "pa.Buffer":
    """Return the bits that say which values are not missing."""
    import numpy as np

    return booleans(np.array([value is not None for value in values], bool)).buffers()[1]


def strings(values: Sequence[str]) -> "pa.LargeStringArray":
    """Make a column large_string of some texts."""
    import pyarrow as pa

    return binaries([value.encode() for value in values]).cast(pa.large_string())


def take_or_null(column: "pa.Array | pa.ChunkedArray", rows: "np.ndarray") -> "pa.Array":
    """Return the values of some rows, (n,) int64; null for a row below 0."""
    import numpy as np
    import pyarrow as pa

    pieces = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values = pa.concat_arrays([*pieces, pa.nulls(1, column.type)])
    return values.take(integers(np.where(rows < 0, len(values) - 1, rows)))


def constant(text: str, count: int) -> "pa.LargeStringArray":
    """Make a column in which each of `count` rows holds the same ASCII text."""
    import numpy as np
    import pyarrow as pa

    ends = np.arange(count + 1, dtype=np.int64) * len(text)
    return pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(text.encode() * count))


def empty(fields: "Sequence[tuple[str, pa.DataType]]") -> "pa.Table":
    """Make a table without rows."""
    import pyarrow as pa

    return pa.table([pa.nulls(0, kind) for _, kind in fields], schema=pa.schema(fields))


def numbers(column: "pa.Array") -> "np.ndarray":
    """Return the numbers of a column that has no gap: (n,) of the same type."""
    import numpy as np

    kind = np.dtype(column.type.to_pandas_dtype())
    data = column.buffers()[1]
    if data is None:
        return np.empty(0, kind)
    return np.frombuffer(data, kind)[column.offset : column.offset + len(column)]


def truths(column: "pa.Array | pa.ChunkedArray") -> "np.ndarray":
    """Return the values of a column of booleans that has no gap: (n,) bool."""
    import numpy as np
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([np.empty(0, bool), *map(truths, column.chunks)])
    data = column.buffers()[1]
    if data is None:
        return np.empty(0, bool)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    return bits[column.offset : column.offset + len(column)].astype(bool)


def rows_of(values: "pa.Array", known: "pa.Array") -> "np.ndarray":
    """Return the first row in `known` of each of `values`, (n,) int64; -1 for one that is not there."""
    import numpy as np
    import pyarrow.compute as pc

    if values.equals(known):  # the usual case of ids, which are distinct
        return np.arange(len(values))
    found = pc.index_in(values, value_set=known)
    return np.where(truths(found.is_valid()), numbers(found), -1).astype(np.int64)


def json_rows(*columns: "pa.Array | None") -> JsonPieces:
    """Return the JSON of a list with an entry for each row, for `hashing.digest`: it never holds all of it.

    Args:
        columns: texts (large_string, or large_binary as `encode_name` makes it), content hashes, which are
            written in hexadecimal, or integers, without a gap; None writes `null`. With one column the
            entries are its values, with several they are lists.
    """
    first = next(column for column in columns if column is not None)
    begin, end = ("", "") if len(columns) == 1 else ("[", "]")

    def pieces() -> Iterator[bytes]:
        import pyarrow.compute as pc

        yield b"["
        for start in range(0, len(first), _BLOCK):
            count = min(_BLOCK, len(first) - start)
            cells: list[pa.Array] = [constant(begin, count)]
            for column in columns:
                cells += _cells(None if column is None else column.slice(start, _BLOCK), count)
                cells.append(constant(",", count))
            cells[-1] = constant(f"{end},", count)
            rows = pc.binary_join_element_wise(*cells, constant("", count))
            data = bytes(memoryview(rows.buffers()[2]))
            yield data[:-1] if start + count == len(first) else data
        yield b"]"

    return JsonPieces(pieces)


def json_values(column: "pa.Array") -> JsonPieces:
    """Return the JSON of the list of a column's values, of any kind: a block of them at a time is objects."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(column), _BLOCK):
            values = column.slice(start, _BLOCK).to_pylist()
            yield b"," if start else b"["
            yield json.dumps(values, sort_keys=True, separators=(",", ":"))[1:-1].encode()
        yield b"]" if len(column) else b"[]"

    return JsonPieces(pieces)


def encode_name(name: str) -> bytes:
    """Return a file's name as bytes that sort as the name does; `decode_name` reads them.

    What is no text in a name (a lone surrogate in Python) becomes bytes that are no UTF-8.
    """
    return name.encode("utf-8", "surrogatepass")


def decode_name(name: bytes) -> str:
    """Return the name of which `encode_name` made these bytes."""
    return name.decode("utf-8", "surrogatepass")


def _cells(column: "pa.Array | None", count: int) -> "list[pa.Array]":
    """Return what JSON writes for the values of a column: columns of texts, to be joined."""
    import pyarrow as pa

    if column is None:
        return [constant("null", count)]
    if pa.types.is_integer(column.type):
        return [column.cast(pa.large_string())]
    text = _hexadecimal(column) if pa.types.is_fixed_size_binary(column.type) else _escaped(column)
    return [constant('"', count), text, constant('"', count)]


def _hexadecimal(column: "pa.Array") -> "pa.Array":
    """Return bytes as hexadecimal digits in lower case."""
    import numpy as np
    import pyarrow as pa

    width = column.type.byte_width
    data = np.frombuffer(column.buffers()[1] or b"", np.uint8)
    data = data[width * column.offset : width * (column.offset + len(column))]
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.stack([digits[data >> 4], digits[data & 15]], axis=1)
    ends = np.arange(len(column) + 1, dtype=np.int64) * 2 * width
    return pa.LargeStringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(text.tobytes()))


def _escaped(column: "pa.Array") -> "pa.Array":
    """Return texts as JSON writes them between quotes."""
    import numpy as np
    import pyarrow as pa

    ends = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(column.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    odd = (text < ord(" ")) | (text > ord("~")) | (text == ord('"')) | (text == ord("\\"))
    if not odd.any():
        return column.cast(pa.large_string())
    names = column.cast(pa.large_binary()).to_pylist()
    return binaries([json.dumps(decode_name(name))[1:-1].encode() for name in names]).cast(pa.large_string())
