"""Metadata from the other columns of a table whose rows hold the images themselves.

Each row describes its own image, so no key is looked up. What does not belong here: reading the table
(`images/archives/tables.py`).
"""

from typing import TYPE_CHECKING

from clipper.columns import integers
from clipper.metadata.entries import Source
from clipper.metadata.keys.match import Matches
from clipper.metadata.values.arrow_columns import plain_column
from clipper.metadata.values.types import first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def source_of_rows(
    name: str, table: "pa.Table", keys: "pa.LargeStringArray", *, rows: "np.ndarray", images: "np.ndarray"
) -> Source:
    """Make a source of metadata from a table of images.

    Args:
        name: of the table, for notes.
        table: the columns that hold no images.
        keys: the ids of the images that it holds, (n,).
        rows: the row of each of them in the table, (n,) int64.
        images: the row of each of them among all images, (n,) int64.
    """
    import pyarrow as pa

    columns: dict[str, pa.ChunkedArray] = {}
    problems = []
    for column in dict.fromkeys(table.column_names):
        cells = table.column(table.column_names.index(column))
        plain = plain_column(cells)
        if plain is None:
            problems.append(
                f"{name}: {column!r} is {first_few([str(cells.type)])}, which cannot be kept; left out"
            )
        else:
            columns[column] = plain
    kept = pa.table(columns)

    def pick(indices: "np.ndarray") -> pa.Table:
        return kept.take(integers(rows[indices])) if columns else kept

    return Source(name, keys, pick, problems, Matches(images))
