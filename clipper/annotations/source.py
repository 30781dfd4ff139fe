"""The columns that images get from label files, as a source of metadata beside metadata.json and its like.

What does not belong here: where the columns come from (`combine.py`).
"""

from typing import TYPE_CHECKING

from clipper.annotations.combine import IMAGE
from clipper.columns import integers
from clipper.metadata.entries import Source
from clipper.metadata.keys.match import Matches

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def source_of(images: "pa.Table", ids: "pa.LargeStringArray", *, name: str) -> Source:
    """Make a source of metadata.

    Args:
        images: the columns of each image that a label file knows, and its row, as `combine` makes them.
        ids: of all images.
        name: the origin of the columns, in words.
    """
    columns = images.drop_columns([IMAGE])

    def pick(indices: "np.ndarray") -> "pa.Table":
        return columns.take(integers(indices))

    rows = images[IMAGE].to_numpy().astype("int64")
    return Source(name, ids.take(integers(rows)), pick, matches=Matches(rows))
