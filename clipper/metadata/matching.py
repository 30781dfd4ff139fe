"""Which cells of a column meet a condition.

For columns that Chroma does not have, the scores and people's own words, and for filters that a person types.
What does not belong here: the conditions (`query_filter.py`), and those of the viewer, which counts too
(`viewer/dataset/columns`).
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from clipper.errors import ClipperError
from clipper.metadata.columns import Column
from clipper.metadata.values.times import wall_seconds
from clipper.query_filter import (
    AnyOf,
    Condition,
    HasText,
    InRange,
    NoneOf,
    float_ends,
    is_int64,
    value_reader,
    whole_ends,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def match_cells(column: Column, cells: "pa.ChunkedArray", condition: Condition) -> "np.ndarray":
    """Return which of the cells (n,) meet a condition, (n,) bool.

    Raises:
        ClipperError: a column of this type has no such condition.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = np.asarray(cells.is_null().to_numpy(), bool)
    try:
        if isinstance(condition, AnyOf | NoneOf):
            found = _has_any(column, cells.combine_chunks(), condition)
            found |= missing if None in condition.values else False
            return found if isinstance(condition, AnyOf) else ~found
        if isinstance(condition, HasText):
            return _bools(pc.match_substring(cells, condition.text, ignore_case=True))
        if column.role == "time":
            seconds = pa.chunked_array([pa.array(wall_seconds(cells), from_pandas=True)])
            return _in_range(seconds, _timed(condition)) | (missing if condition.missing else False)
        if not pa.types.is_boolean(cells.type):  # which Arrow would take for 0 and 1
            return _in_range(cells, condition) | (missing if condition.missing else False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ClipperError(
            f"the column {column.name!r} of type {column.type} has no condition like {condition!r}"
        ) from error
    raise ClipperError(f"the column {column.name!r} of type {column.type} has no range; filter it by values")


def _has_any(column: Column, cells: "pa.Array", condition: AnyOf | NoneOf) -> "np.ndarray":
    """Return which cells have any of the condition's values; a list has those of its items."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    listed = pa.types.is_list(cells.type)
    read = value_reader(column.type.removeprefix("list[").removesuffix("]"))
    values = [read(value) for value in condition.values if value is not None]
    if pa.types.is_integer(cells.type.value_type if listed else cells.type):
        values = [value for value in values if not isinstance(value, int) or is_int64(value)]
    wanted = pa.array(values, cells.type.value_type if listed else cells.type)
    if not listed:
        return _bools(pc.is_in(cells, value_set=wanted))
    found = np.zeros(len(cells), bool)
    owners = pc.list_parent_indices(cells).to_numpy()
    found[owners[_bools(pc.is_in(pc.list_flatten(cells), value_set=wanted))]] = True
    return found


def _in_range(cells: "pa.ChunkedArray", condition: InRange) -> "np.ndarray":
    """Return which cells are numbers from one end to the other, ends included. Integers are not rounded."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.types.is_integer(cells.type)
    numbers = pc.cast(cells, pa.int64() if whole else pa.float64())
    found = np.asarray(numbers.is_valid().to_numpy(), bool)
    low, high = whole_ends(condition) if whole else float_ends(condition)
    if low is not None and high is not None and low > high:
        return np.zeros(len(cells), bool)
    for end, compare in ((low, pc.greater_equal), (high, pc.less_equal)):
        if end is not None:
            found &= _bools(compare(numbers, pa.scalar(end, numbers.type)))
    return found


def _timed(condition: InRange) -> InRange:
    """Return a range of times in seconds since 1970 on the wall clock."""
    return replace(condition, low=_seconds_of(condition.low), high=_seconds_of(condition.high))


def _seconds_of(end: float | str | None) -> float | None:
    import pyarrow as pa

    if not isinstance(end, str):
        return end
    seconds = float(wall_seconds(pa.array([end]))[0])
    if math.isnan(seconds):
        raise ClipperError(f"{end!r} is no time; write one like 2019-05-01")
    return seconds


def _bools(found: "pa.ChunkedArray | pa.Array") -> "np.ndarray":
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), bool)
