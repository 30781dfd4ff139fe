"""An atlas's tables as DataFrames that lose nothing: whole numbers, times and lists stay what they are.

What does not belong here: which columns there are, and what their roles are (`metadata/columns.py`).
"""

from typing import TYPE_CHECKING, Any

from clipper.atlas.published import Published
from clipper.metadata.columns import Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def points(atlas: Published) -> "pd.DataFrame":
    """Return the map: `path` (str), `x` and `y` (float32), by id."""
    import pandas as pd

    columns = {
        "path": [atlas.path(row) for row in range(len(atlas))],
        "x": atlas.xy[:, 0],
        "y": atlas.xy[:, 1],
    }
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id"))


def metadata(atlas: Published) -> "pd.DataFrame":
    """Return the metadata columns, by id. A missing value is `pd.NA`, NaN, `NaT` or None, by its type."""
    import pandas as pd

    table = atlas.metadata_table
    columns = {name: _values(column, table[name]) for name, column in atlas.columns.items()}
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id"))


def _values(column: Column, cells: "pa.ChunkedArray") -> Any:
    """A column's cells in the pandas type that holds them exactly."""
    import pandas as pd

    if column.role == "time":
        return pd.to_datetime(cells.to_pandas(), format="ISO8601", utc=True, errors="coerce").array
    exact = {"int": "Int64", "bool": "boolean", "str": "string", "float": "float64"}
    if column.type in exact:
        return pd.array(cells.to_pylist(), dtype=exact[column.type])
    return pd.Series(cells.to_pylist(), dtype=object).array
