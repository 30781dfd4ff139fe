"""The values that some images have in one column: an Arrow array where they are of one kind, else a list.

A million images then cost some bytes each, not some Python objects. What does not belong here: which images
a source names (`metadata/entries.py`), and a column's type (`types.py`).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from clipper.columns import booleans, integers, numbers, truths
from clipper.metadata.values.types import plain_value, type_name

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    # Arrow: large_string, int64, double (finite), bool, or lists of them that are not empty and have no gap.
    Cells: TypeAlias = "pa.Array | list[Any]"

# Rows of dicts that become columns at a time.
_BLOCK = 1 << 16
# A block with fewer filled cells than this share is read cell by cell.
_DENSE = 0.25
_SCALARS = {"large_string": "str", "int64": "int", "double": "float", "bool": "bool"}


@dataclass(frozen=True)
class Values:
    """The values of one column, without missing ones.

    `at` is (m,) int64, ascending: the places of the images, which differ. `cells` are their values: an Arrow
    array if all are of one kind, else a list of values as `plain_value` returns them.
    """

    at: "np.ndarray"
    cells: "Cells"

    @classmethod
    def of_list(cls, at: "np.ndarray", values: Sequence[Any]) -> Self:
        """Take values as JSON has them, where None and the like are missing; `at` is (n,), of each value.

        Raises:
            RecursionError: a value is nested too deeply.
        """
        import numpy as np
        import pyarrow as pa

        kinds = set(map(type, values)) - {type(None)}
        kind = _arrow_kind(kinds.pop()) if len(kinds) == 1 else None
        if kind is not None:
            try:
                return cls.of_arrow(at, pa.array(values, kind))
            except (UnicodeEncodeError, OverflowError, pa.ArrowException):
                pass  # half of a surrogate pair, or an integer of more than 64 bits
        plain = list(map(plain_value, values))
        names = list(map(type_name, plain))
        there = [place for place, name in enumerate(names) if name is not None]
        kept = [plain[place] for place in there]
        return cls(at[np.array(there, np.int64)], _as_arrow(kept, {names[place] or "" for place in there}))

    @classmethod
    def of_arrow(cls, at: "np.ndarray", column: "pa.Array | pa.ChunkedArray") -> Self:
        """Take a column (n,) of any type of JSON's values, where null, NaN and empty lists are missing."""
        import pyarrow.compute as pc
        from pyarrow import types

        cells = _in_one_piece(column)
        if kind_of(cells) is None:
            return cls.of_list(at, cells.to_pylist())
        is_list = types.is_list(cells.type)
        if is_list:
            items = cells.flatten()
            odd = items.null_count > 0 or (
                types.is_floating(items.type) and not pc.all(pc.is_finite(items)).as_py()
            )
            if odd and len(items):
                return cls.of_list(at, cells.to_pylist())
            there = pc.fill_null(pc.greater(pc.list_value_length(cells), 0), False)
        elif types.is_floating(cells.type):
            there = pc.fill_null(pc.is_finite(cells), False)
        else:
            there = cells.is_valid() if cells.null_count else None
        if there is None or (mask := truths(there)).all():
            return cls(at, cells)
        return cls(at[mask], cells.filter(there))

    @classmethod
    def of_type(cls, at: "np.ndarray", values: list[Any], kind: str) -> Self:
        """Take plain values of one kind, none of which is missing; `at` is (n,)."""
        return cls(at, _as_arrow(values, {kind}))

    def __len__(self) -> int:
        """How many images have a value."""
        return len(self.at)

    @property
    def kind(self) -> str | None:
        """The kind of all values, as `type_name` returns it; None if there may be several kinds."""
        return None if isinstance(self.cells, list) else kind_of(self.cells)

    def to_list(self) -> list[Any]:
        """Return the values as Python has them."""
        return self.cells if isinstance(self.cells, list) else self.cells.to_pylist()

    def first(self, count: int) -> list[Any]:
        """Return the first values as Python has them."""
        some = self.cells[:count]
        return some if isinstance(some, list) else some.to_pylist()

    def spread(self, count: int) -> "np.ndarray":
        """Return the whole numbers of all images, (count,) int64: 0 for one without."""
        import numpy as np

        found = np.zeros(count, np.int64)
        found[self.at] = self.cells if isinstance(self.cells, list) else numbers(self.cells)
        return found

    def where(self, mask: "np.ndarray") -> "Values":
        """Return those of which (m,) bool is true."""
        if mask.all():
            return self
        if isinstance(self.cells, list):
            cells: Cells = [value for value, keep in zip(self.cells, mask.tolist(), strict=True) if keep]
        else:
            cells = self.cells.filter(booleans(mask))
        return Values(self.at[mask], cells)

    def take(self, order: "np.ndarray") -> "Values":
        """Return those at some places (k,), in that order."""
        if isinstance(self.cells, list):
            cells: Cells = [self.cells[place] for place in order.tolist()]
        else:
            cells = self.cells.take(integers(order))
        return Values(self.at[order], cells)

    def moved(self, places: "np.ndarray") -> "Values":
        """Return the same values of other images: those of each place in (n,), which differ."""
        import numpy as np

        at = places[self.at]
        if (at[1:] > at[:-1]).all():
            return Values(at, self.cells)
        return Values(at, self.cells).take(np.argsort(at, kind="stable"))

    def repeated(self, codes: "np.ndarray") -> "Values":
        """Return the values of other places (n,): each has that of the place here that `codes` say."""
        import numpy as np

        where = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
        is_used = self.at < len(where)
        where[self.at[is_used]] = np.flatnonzero(is_used)
        found = where[codes]
        at = np.flatnonzero(found >= 0)
        return Values(at, self.take(found[at]).cells)

    def mapped(self, change: Callable[[Any], Any]) -> "Values":
        """Return what `change` makes of each value."""
        return Values.of_list(self.at, list(map(change, self.to_list())))

    def unequal(self, other: "Values") -> "np.ndarray":
        """Return which values are unequal to those beside them in `other`, (m,) bool, as Python compares."""
        import numpy as np
        import pyarrow.compute as pc

        if self.kind is not None and self.kind == other.kind and not self.kind.startswith("list["):
            return truths(pc.not_equal(self.cells, other.cells))
        pairs = zip(self.to_list(), other.to_list(), strict=True)
        return np.fromiter((ours != theirs for ours, theirs in pairs), bool, len(self))

    def split(self, other: "Values") -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Compare with those of another origin.

        Returns:
            (k,) bool, which of `other` are of images that have no value here; and the places here and in
            `other` of the values that differ though they are of one image, (d,) int64 each.
        """
        import numpy as np

        found = np.searchsorted(self.at, other.at)
        found[found == len(self.at)] = 0
        is_new = self.at[found] != other.at if len(self.at) else np.ones(len(other.at), bool)
        both = np.flatnonzero(~is_new)
        if not len(both):
            return is_new, both, both
        here = found[both]
        unequal = self.take(here).unequal(other.take(both))
        return is_new, here[unequal], both[unequal]

    def with_others(self, other: "Values") -> "Values":
        """Add values of other images."""
        import numpy as np
        import pyarrow as pa

        if not len(other):
            return self
        at = np.concatenate([self.at, other.at])
        if self.kind is not None and self.kind == other.kind:
            joined = Values(at, pa.concat_arrays([self.cells, other.cells]))
        else:
            joined = Values(at, [*self.to_list(), *other.to_list()])
        return joined if (at[1:] > at[:-1]).all() else joined.take(np.argsort(at, kind="stable"))


def kind_of(cells: "pa.Array") -> str | None:
    """Return the kind of an Arrow array's values, as `type_name` does; None if `Values` has no such array."""
    from pyarrow import types

    if types.is_list(cells.type):
        inner = _SCALARS.get(str(cells.type.value_type))
        return f"list[{inner}]" if inner else None
    return _SCALARS.get(str(cells.type))


def in_order(columns: Mapping[str, Values]) -> dict[str, Values]:
    """Return the columns that have values, in the order in which they first have one, image by image."""
    there = [(name, values) for name, values in columns.items() if len(values)]
    return dict(sorted(there, key=lambda column: int(column[1].at[0])))


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Values]:
    """Make columns of a row for each image, of values as JSON has them; a column without values is none.

    Raises:
        RecursionError: a value is nested too deeply.
    """
    import numpy as np

    found: dict[str, list[Values]] = {}
    start, remaining = 0, iter(rows)
    while block := list(islice(remaining, _BLOCK)):
        names = dict.fromkeys(chain.from_iterable(block))
        if sum(map(len, block)) >= _DENSE * len(names) * len(block):
            at = np.arange(start, start + len(block))
            made = {name: Values.of_list(at, [row.get(name) for row in block]) for name in names}
        else:
            made = _of_few_cells(block, start)
        for name, values in _as_in_rows(made, block, start):
            found.setdefault(name, []).append(values)
        start += len(block)
    return in_order({name: _joined(pieces) for name, pieces in found.items()})


def _as_in_rows(
    columns: Mapping[str, Values], rows: Sequence[Mapping[str, Any]], start: int
) -> list[tuple[str, Values]]:
    """Return the columns that have values, in the order in which these rows, from `start` on, have them."""
    there = [(name, values) for name, values in columns.items() if len(values)]
    firsts = {name: int(values.at[0]) - start for name, values in there}
    places = {row: {name: place for place, name in enumerate(rows[row])} for row in {*firsts.values()}}
    return sorted(there, key=lambda column: (firsts[column[0]], places[firsts[column[0]]][column[0]]))


def columns_of_json(blocks: "Iterable[pa.Array | pa.ChunkedArray]") -> dict[str, Values]:
    """Make columns of JSON objects, one for each image, in blocks; equal ones of a block are parsed once."""
    found: dict[str, list[Values]] = {}
    start = 0
    for block in blocks:
        texts = _in_one_piece(block).dictionary_encode()
        codes = numbers(texts.indices)
        for name, values in columns_of(map(json.loads, texts.dictionary.to_pylist())).items():
            piece = values.repeated(codes)
            found.setdefault(name, []).append(Values(piece.at + start, piece.cells))
        start += len(block)
    return in_order({name: _joined(pieces) for name, pieces in found.items()})


def _of_few_cells(rows: Sequence[Mapping[str, Any]], start: int) -> dict[str, Values]:
    import numpy as np

    places: dict[str, list[int]] = {}
    cells: dict[str, list[Any]] = {}
    for place, row in enumerate(rows, start):
        for name, value in row.items():
            places.setdefault(name, []).append(place)
            cells.setdefault(name, []).append(value)
    return {name: Values.of_list(np.array(places[name], np.int64), cells[name]) for name in cells}


def _joined(pieces: Sequence[Values]) -> Values:
    import numpy as np
    import pyarrow as pa

    if len(pieces) == 1:
        return pieces[0]
    at = np.concatenate([piece.at for piece in pieces])
    if pieces[0].kind is not None and len({piece.kind for piece in pieces}) == 1:
        return Values(at, pa.concat_arrays([piece.cells for piece in pieces]))
    return Values(at, [value for piece in pieces for value in piece.to_list()])


def _arrow_kind(kind: type) -> "pa.DataType | None":
    import pyarrow as pa

    kinds = {str: pa.large_string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return kinds.get(kind)


def _as_arrow(values: list[Any], names: set[str]) -> "Cells":
    """Return plain values of these kinds as Arrow's, if they are all of one kind that `Values` has."""
    import pyarrow as pa

    kinds = {"str": pa.large_string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    name = names.pop() if len(names) == 1 else ""
    inner = name.removeprefix("list[").removesuffix("]")
    if inner not in kinds:
        return values
    if inner == name:
        kind: pa.DataType = kinds[name]
    else:
        items = set(map(type, chain.from_iterable(values)))
        if len(items) > 1 or any(type_name(item) is None for item in chain.from_iterable(values)):
            return values
        kind = pa.list_(kinds[inner])
    try:
        return pa.array(values, kind)
    except (OverflowError, pa.ArrowException):  # an integer of more than 64 bits
        return values


def _in_one_piece(column: "pa.Array | pa.ChunkedArray") -> "pa.Array":
    """Return a column as one array, of a type that `Values` has if there is one that holds all values."""
    import pyarrow as pa

    wide = _wide(column.type)
    if wide != column.type:
        with suppress(pa.ArrowInvalid):  # integers beyond 64 bits
            column = column.cast(wide)
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _wide(kind: "pa.DataType") -> "pa.DataType":
    """Return the type of `Values` that holds values of another; texts so, as other offsets end at 2 GiB."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_list(kind):
        return pa.list_(_wide(kind.value_type))
    if types.is_string(kind):
        return pa.large_string()
    if types.is_integer(kind):
        return pa.int64()
    return pa.float64() if types.is_floating(kind) else kind
