"""The columns that images get from label files, as a source of metadata beside metadata.json and its like.

What does not belong here: where the columns come from (`combine.py`).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from clipper.annotations.combine import IMAGE
from clipper.metadata.join import Source
from clipper.metadata.keys.match import Matches

if TYPE_CHECKING:
    import pyarrow as pa

_PICK_ROWS = 65_536  # rows converted to Python values at a time


def source_of(images: "pa.Table", ids: Sequence[str], *, name: str) -> Source:
    """Make a source of metadata.

    Args:
        images: the columns of each image that a label file knows, and its row, as `combine` makes them.
        ids: of all images.
        name: the origin of the columns, in words.
    """
    columns = images.drop_columns([IMAGE])

    def pick(indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(indices), _PICK_ROWS):
            for row in columns.take(list(indices[start : start + _PICK_ROWS])).to_pylist():
                yield {key: value for key, value in row.items() if value is not None}

    rows = images[IMAGE].to_numpy().astype("int64")
    return Source(name, [ids[row] for row in rows.tolist()], pick, matches=Matches(rows))
