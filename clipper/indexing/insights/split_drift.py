"""The parts of a split compared, such as train and val: a part of the step `drift`.

What does not belong here: comparing two sets of images (`insight/drift.py`), and copies that lie in two parts
(`insight/doubles/leaks.py`).
"""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

from clipper.columns import integers, numbers, rows_of
from clipper.indexing.staging.workspace import Workspace
from clipper.insight.doubles.leaks import find_splits
from clipper.insight.drift import LEVEL, measure_drift
from clipper.metadata.columns import columns_of
from clipper.projection.neighbors import Vectors
from clipper.projection.search.blocks import Selection
from clipper.store.tables import read_made_of, read_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MOST_PARTS = 6  # the largest parts of a split are compared: 15 pairs, a second or two each

# The part of each image in each split, large_string.
Splits: TypeAlias = "Mapping[str, pa.Array]"


def read_splits(work: Workspace) -> Splits:
    """Return the part of each usable image in each split of the dataset, "" for none; rows as `members`."""
    import pyarrow as pa

    path = work.home.part("metadata", work.require("metadata"))
    table = read_parquet(path)
    columns = columns_of(read_made_of(path)["columns"], lambda: table)
    values = {column.name: table[column.name] for column in columns if column.role == "category"}
    ids = table["id"].cast(pa.large_string()).combine_chunks()
    if not (found := find_splits(values, ids)):
        return {}
    rows = integers(rows_of(work.members().ids, ids))
    return {name: parts.take(rows) for name, parts in found.items()}


def compare_parts(
    splits: Splits,
    vectors: Vectors,
    positions: "np.ndarray",
    clusters: "np.ndarray | None",
    names: Mapping[int, str],
) -> "tuple[list[dict[str, Any]], list[np.ndarray]]":
    """Compare each two parts of each split.

    Args:
        splits: the part of each of m images in each split.
        vectors: (n, d) float32, rows L2-normalised, of contents.
        positions: (m,) int64, the row of each image's content.
        clusters: (n,) int64, the cluster id of each content; None without clusters.
        names: of clusters, by id.

    Returns:
        for each pair: the column, `one` and the larger `other`, and how one differs from the other, as
        `Drift.to_json` has it; and the contents (k,) int64 of one that are far from any of the other.
    """
    import numpy as np

    told, far = [], []
    for column, parts in splits.items():
        encoded = parts.dictionary_encode()
        known, codes = encoded.dictionary.to_pylist(), numbers(encoded.indices)
        sizes = dict(zip(known, np.bincount(codes, minlength=len(known)).tolist(), strict=True))
        sizes.pop("", None)
        largest = sorted(sizes, key=lambda part: (-sizes[part], part))[:MOST_PARTS]
        pairs = list(combinations(largest, 2))
        contents = {part: positions[codes == known.index(part)] for part in largest}
        for other, one in pairs:
            rows = contents[other], contents[one]
            drift = measure_drift(
                Selection(vectors, rows[0]),
                Selection(vectors, rows[1]),
                clusters=None if clusters is None else (clusters[rows[0]], clusters[rows[1]]),
                level=LEVEL / len(pairs),
            )
            said = {"summary": drift.summary(names)}
            told.append({"column": column, "one": one, "other": other, **drift.to_json(), **said})
            far.append(np.unique(rows[1][drift.sparse]))
    return told, far
