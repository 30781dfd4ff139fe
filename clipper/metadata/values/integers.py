"""Integers of 64 bits, exact, for pandas and numpy, also of a column in which values are missing.

A float holds integers up to 2^53 only. What does not belong here: reading integers (`cells.py`), and
filters on them (`query_filter.py`).
"""

from typing import TYPE_CHECKING, Any

from clipper.metadata.values.types import MAX_FLOAT_INT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


def integer_array(cells: "pa.ChunkedArray") -> "pd.arrays.IntegerArray":
    """Return a column of integers (n,) as pandas' `Int64`, which has missing values."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.fill_null(cells.cast(pa.int64()), 0).to_numpy()
    return pd.arrays.IntegerArray(np.array(numbers, np.int64), np.array(cells.is_null().to_numpy(), bool))


def to_frame(table: "pa.Table") -> "pd.DataFrame":
    """Return a table as a DataFrame in which integers are exact: a column with gaps is `Int64`."""
    import pyarrow as pa

    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        if pa.types.is_integer(field.type) and table[field.name].null_count:
            frame[field.name] = integer_array(table[field.name])
    return frame


def are_large(numbers: "np.ndarray") -> bool:
    """Whether some of these integers (k,) are so large that a float may be another number."""
    return bool(len(numbers) and (numbers.min() <= -MAX_FLOAT_INT or numbers.max() >= MAX_FLOAT_INT))


def as_offsets(numbers: "np.ndarray", missing: "np.ndarray") -> "tuple[np.ndarray, int]":
    """Return integers as floats that tell neighbours apart, for places and colours.

    Args:
        numbers: (n,) int64.
        missing: (n,) bool, which of them are none.

    Returns:
        (n,) float64, NaN where one is missing; and the integer that was subtracted from each: 0 if they are
        small or so far apart that no float can tell them apart, else the smallest.
    """
    import numpy as np

    known = numbers[~missing]
    least, most = (int(known.min()), int(known.max())) if len(known) else (0, 0)
    base = least if are_large(known) and most - least <= MAX_FLOAT_INT else 0
    return np.where(missing, np.nan, (numbers - base).astype(np.float64)), base


def split(column: Any) -> "tuple[np.ndarray, np.ndarray] | None":
    """Return the numbers (n,) int64, 0 for none, and which are missing, (n,) bool, of a Series of integers.

    None if it is of another type.
    """
    import numpy as np
    import pandas as pd

    if not pd.api.types.is_integer_dtype(column.dtype):
        return None
    missing = np.asarray(column.isna().to_numpy(), bool)
    if isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
        return column.to_numpy(np.int64, na_value=0), missing
    return column.to_numpy(np.int64), missing
