"""The parts of a split compared, such as train and val: a part of the step `drift`.

What does not belong here: comparing two sets of images (`insight/drift.py`), and copies that lie in two parts
(`insight/doubles/leaks.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from clipper.indexing.staging.workspace import Workspace
from clipper.insight.chance import Vectors
from clipper.insight.doubles.leaks import find_splits, part_name
from clipper.insight.drift import LEVEL, measure_drift
from clipper.metadata.columns import columns_of
from clipper.store.tables import read_made_of, read_parquet

if TYPE_CHECKING:
    import numpy as np

MOST_PARTS = 6  # the largest parts of a split are compared: 15 pairs, a second or two each

Splits = Mapping[str, Sequence[str]]


def read_splits(work: Workspace) -> Splits:
    """Return the part of each usable image in each split of the dataset, "" for none; rows as `members`."""
    path = work.home.part("metadata", work.require("metadata"))
    table = read_parquet(path)
    columns = columns_of(read_made_of(path)["columns"], lambda: table)
    values = {column.name: table[column.name].to_pylist() for column in columns if column.role == "category"}
    ids = table["id"].to_pylist()
    row = {image_id: at for at, image_id in enumerate(ids)}
    rows = [row[entry.id] for entry in work.members()]
    found = find_splits(values, ids)
    return {name: [part_name(parts[at]) for at in rows] for name, parts in found.items()}


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
        sizes = Counter(part for part in parts if part)
        largest = sorted(sizes, key=lambda part: (-sizes[part], part))[:MOST_PARTS]
        pairs = list(combinations(largest, 2))
        named = np.array(parts, object)
        contents = {part: positions[named == part] for part in largest}
        for other, one in pairs:
            rows = contents[other], contents[one]
            drift = measure_drift(
                vectors[rows[0]],
                vectors[rows[1]],
                clusters=None if clusters is None else (clusters[rows[0]], clusters[rows[1]]),
                level=LEVEL / len(pairs),
            )
            said = {"summary": drift.summary(names)}
            told.append({"column": column, "one": one, "other": other, **drift.to_json(), **said})
            far.append(np.unique(rows[1][drift.sparse]))
    return told, far
