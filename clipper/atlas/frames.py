"""An atlas's tables as DataFrames that lose nothing: whole numbers, times and lists stay what they are.

What does not belong here: which columns there are, and what their roles are (`metadata/columns.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.atlas.published import Published
from clipper.insight.classify import Classes
from clipper.insight.coverage import Coverage
from clipper.metadata.columns import Column
from clipper.metadata.values import integers
from clipper.metadata.values.times import instants, wall_clock, wall_seconds
from clipper.projection.axes import Axis, category_axis, number_axis, rank_codes
from clipper.store.parts.clusters import no_clusters

# What is added to the name of a column of times for that of its instants.
IN_UTC = "_utc"
# The columns of findings.
LABEL_ISSUES = ("column", "id", "given", "suggested", "confidence")
DUPLICATES = ("group", "id", "kind", "similarity", "keep", "why")
_NO_COLUMN = Column("", "", "")

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


def points(atlas: Published) -> "pd.DataFrame":
    """Return the map: `path` (str), `x` and `y` (float32), `cluster`, the scores and the words, by id."""
    import pandas as pd

    columns = {
        "path": [atlas.path(row) for row in range(len(atlas))],
        "x": atlas.xy[:, 0],
        "y": atlas.xy[:, 1],
    }
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id")).join(scores(atlas))


def metadata(atlas: Published) -> "pd.DataFrame":
    """Return the metadata columns, by id, and the instants of times.

    A missing value is `pd.NA`, NaN, `NaT` or None, by its type.
    """
    import pandas as pd

    table = atlas.metadata_table
    columns = {name: _values(column, table[name]) for name, column in atlas.columns.items()}
    for name, column in atlas.columns.items():
        if column.role == "time" and name + IN_UTC not in columns:
            known = instants(table[name])
            columns |= {name + IN_UTC: known.array} if known.notna().any() else {}
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id"))


def objects(atlas: Published, row: int | None) -> "pd.DataFrame":
    """Return the objects of an image, or of all: `id`, `category`, `left`, ..., `crowd`, `score`."""
    import numpy as np
    import pandas as pd

    found = atlas.objects(row)
    ids = np.array(atlas.ids, object)[found["image"].to_numpy()]
    frame: pd.DataFrame = found.drop_columns(["image"]).to_pandas()
    frame.insert(0, "id", pd.array(ids, dtype="string"))
    frame["category"] = frame["category"].astype("string")
    return frame


def clusters(atlas: Published) -> "pd.DataFrame":
    """Return the clusters by their lasting number: `level`, `name`, `size`, an image, a place, `parent`."""
    import pandas as pd

    found, names = atlas.clusters or no_clusters(len(atlas)), atlas.cluster_names
    parents = [None if row < 0 else int(found.ids[row]) for row in found.parents.tolist()]
    best = found.representatives[:, 0].tolist()
    columns = {
        "level": found.levels,
        "name": pd.array(names, dtype="string"),
        "size": found.sizes,
        "representative": pd.array([atlas.ids[row] if row >= 0 else None for row in best], dtype="string"),
        "x": found.centers[:, 0],
        "y": found.centers[:, 1],
        "parent": pd.array(parents, dtype="Int64"),
    }
    return pd.DataFrame(columns, index=pd.Index(found.ids, name="cluster"))


def duplicates(atlas: Published) -> "pd.DataFrame":
    """Return the images that are double, by group and with the one to keep first."""
    return _found(atlas.insights.duplicates, DUPLICATES)


def label_issues(atlas: Published, column: str | None) -> "pd.DataFrame":
    """Return the labels that look wrong, of one column or of all, the surest first."""
    issues = _found(atlas.insights.label_issues, LABEL_ISSUES)
    return issues if column is None else issues[issues["column"] == column].reset_index(drop=True)


def outliers(atlas: Published) -> "pd.DataFrame":
    """Return the images that stand apart, the oddest first: their scores, by id."""
    scored = scores(atlas)
    if "stands_apart" not in scored:
        return scored
    apart = scored[scored["stands_apart"].to_numpy(bool)]
    return apart.sort_values("outlier", ascending=False, kind="stable")


def scores(atlas: Published) -> "pd.DataFrame":
    """Return the cluster, the scores and the words of each image, by id; `cluster` is the finest it is in."""
    import numpy as np
    import pandas as pd

    found, table = atlas.clusters, atlas.insight_table
    columns: dict[str, Any] = {}
    if found is not None:
        finest = found.members[:, 0]
        for level in range(1, found.members.shape[1]):
            finest = np.where(found.members[:, level] >= 0, found.members[:, level], finest)
        ids = [int(found.ids[c]) if c >= 0 else None for c in finest.tolist()]
        columns["cluster"] = pd.array(ids, dtype="Int64")
    if table is not None:
        columns |= {name: _values(column, table[name]) for name, column in atlas.insight_columns.items()}
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id"))


def classes(atlas: Published, words: Sequence[str], found: Classes) -> "pd.DataFrame":
    """Return the word of each image, by id."""
    import pandas as pd

    named = pd.array([words[word] if word >= 0 else None for word in found.words.tolist()], dtype="string")
    return pd.DataFrame({"word": named, "margin": found.margins}, index=pd.Index(atlas.ids, name="id"))


def coverage(atlas: Published, concepts: Sequence[str], found: Coverage) -> "pd.DataFrame":
    """Return the number of images of each concept; concepts without an image come first."""
    import pandas as pd

    order = found.order()
    best = found.best[order]
    columns = {
        "concept": pd.array([concepts[row] for row in order.tolist()], dtype="string"),
        "images": found.counts[order],
        "unsure": found.unsure[order],
        "best": pd.array([atlas.ids[row] if row >= 0 else None for row in best.tolist()], dtype="string"),
        "similarity": found.similarities[order],
    }
    places = {axis: atlas.xy[best, at] for at, axis in enumerate("xy")} if len(atlas) else {}
    return pd.DataFrame({**columns, **places})


def column_axis(atlas: Published, column: Column, *, jitter: "np.ndarray") -> Axis:
    """Place each image by a column: numbers and times on a scale, everything else in lanes.

    Of several values of a list an image has the commonest one's lane.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    cells = atlas.points[column.name]
    if column.role == "number" and (whole := integers.split(cells)) is not None:
        offsets, base = integers.as_offsets(*whole)
        return number_axis(column.name, offsets, jitter=jitter, base=base)
    if column.role == "number":
        numbers = pd.to_numeric(cells, errors="coerce").astype("float64").to_numpy()
        return number_axis(column.name, numbers, jitter=jitter)
    if column.role == "time":
        seconds = wall_seconds(pa.array(cells, pa.string(), from_pandas=True))
        return number_axis(column.name, seconds, jitter=jitter, time=True)
    if column.role == "list":
        lists = [list(cell) if cell is not None and not np.isscalar(cell) else [] for cell in cells]
        counts = Counter(str(item) for cell in lists for item in set(cell))
        values = np.array(
            [min(map(str, cell), key=lambda item: (-counts[item], item), default=None) for cell in lists],
            object,
        )
    else:
        values = np.array([None if pd.isna(cell) else cell for cell in cells], object)
    lanes, codes = rank_codes(values)
    return category_axis(column.name, lanes, codes, jitter=jitter, most=len(lanes))


def axes(atlas: Published, named: "Mapping[str, Axis]") -> "pd.DataFrame":
    """Return the values of some axes in their own units, by id: numbers, times, or a category's name.

    Integers of a column are `Int64`.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, axis in named.items():
        if axis.kind == "category":
            lanes = np.array([*axis.lanes, None], object)
            codes = np.where(np.isnan(axis.values), len(axis.lanes), axis.values).astype(np.int64)
            columns[name] = pd.array(lanes[codes], dtype="string")
        elif axis.kind == "time":
            columns[name] = pd.to_datetime(axis.values, unit="s")
        elif axis.kind == "number" and atlas.columns.get(axis.title, _NO_COLUMN).type == "int":
            columns[name] = integers.integer_array(atlas.metadata_table[axis.title])
        else:
            columns[name] = axis.values
    return pd.DataFrame(columns, index=pd.Index(atlas.ids, name="id"))


def _found(table: "pa.Table | None", columns: Sequence[str]) -> "pd.DataFrame":
    """Return a table of findings as a DataFrame; with these columns and no rows if there is none."""
    import pandas as pd

    return pd.DataFrame(columns=list(columns)) if table is None else table.to_pandas()


def _values(column: Column, cells: "pa.ChunkedArray") -> Any:
    """A column's cells in the pandas type that holds them exactly."""
    import pandas as pd

    if column.role == "time":
        return wall_clock(cells).array
    if column.type == "int":
        return integers.integer_array(cells)
    exact = {"bool": "boolean", "str": "string", "float": "float64"}
    if column.type in exact:
        return pd.array(cells.to_pylist(), dtype=exact[column.type])
    return pd.Series(cells.to_pylist(), dtype=object).array
