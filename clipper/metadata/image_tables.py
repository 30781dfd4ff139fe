"""Metadata from the other columns of a table whose rows hold the images themselves.

Each row describes its own image, so no key is looked up. What does not belong here: reading the table
(`images/archives/tables.py`).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from clipper.metadata.join import Source
from clipper.metadata.keys.match import Matches
from clipper.metadata.values.arrow_columns import plain_column
from clipper.metadata.values.types import first_few

if TYPE_CHECKING:
    import pyarrow as pa

_PICK_ROWS = 65_536


def source_of_rows(
    name: str, table: "pa.Table", keys: Sequence[str], *, rows: Sequence[int], images: Sequence[int]
) -> Source:
    """Make a source of metadata from a table of images.

    Args:
        name: of the table, for notes.
        table: the columns that hold no images.
        keys: the ids of the images that it holds, (n,).
        rows: the row of each of them in the table, (n,).
        images: the row of each of them among all images, (n,).
    """
    import numpy as np
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
    kept = pa.table(columns) if columns else None

    def pick(indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        wanted = [rows[index] for index in indices]
        for start in range(0, len(wanted), _PICK_ROWS):
            some = wanted[start : start + _PICK_ROWS]
            yield from kept.take(some).to_pylist() if kept else ({} for _ in some)

    return Source(name, keys, pick, problems, Matches(np.array(images, np.int64)))
