"""Filters by what Clipper found: scores, clusters and columns of kept words, which Chroma does not have.

What does not belong here: filters by metadata (`chroma/collection.py`), and how a filter is spelled
(`query_filter.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipper.atlas.published import Published
from clipper.errors import ClipperError
from clipper.metadata.columns import Column
from clipper.query_filter import AnyOf, Condition, InRange, NoneOf, parse_condition

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CLUSTER = "cluster"


def part_filter(atlas: Published, where: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a filter into the conditions on what Clipper found, and those on metadata."""
    own = {name for name in (CLUSTER, *atlas.insight_columns) if name not in atlas.columns}
    mine = {name: written for name, written in where.items() if name in own}
    return mine, {name: written for name, written in where.items() if name not in own}


def passing(atlas: Published, where: Mapping[str, Any]) -> "np.ndarray":
    """Return which images meet conditions on what Clipper found: (n,) bool.

    Raises:
        ClipperError: a condition is not understood, or its column is of another type.
    """
    import numpy as np

    passes = np.ones(len(atlas), bool)
    for name, written in where.items():
        condition = parse_condition(written)
        if condition is None:
            raise ClipperError(
                f"the filter {written!r} on {name!r} is not understood; write a value, or one of $in, $nin, "
                "$gte, $lte"
            )
        passes &= _of_cluster(atlas, condition) if name == CLUSTER else _of_column(atlas, name, condition)
    return passes


def _of_cluster(atlas: Published, condition: Condition) -> "np.ndarray":
    """Return which images are in one of some clusters, of any level; or in none of them."""
    import numpy as np

    if not isinstance(condition, AnyOf | NoneOf):
        raise ClipperError("filter 'cluster' by the numbers of clusters; `atlas.clusters` lists them")
    inside: np.ndarray = np.zeros(len(atlas), bool)
    if atlas.clusters is not None:
        wanted = {str(value) for value in condition.values}
        rows = [row for row, number in enumerate(atlas.clusters.ids.tolist()) if str(number) in wanted]
        inside = np.any(np.isin(atlas.clusters.members, rows), axis=1)
    return inside if isinstance(condition, AnyOf) else ~inside


def _of_column(atlas: Published, name: str, condition: Condition) -> "np.ndarray":
    column, table = atlas.insight_columns[name], atlas.insight_table
    if table is None:
        raise ClipperError(f"this version has no {name!r}; `clipper index` finds it")
    cells = table[name].combine_chunks()
    if isinstance(condition, InRange):
        return _in_range(name, column, cells, condition)
    if isinstance(condition, AnyOf | NoneOf):
        found = _has_value(cells, condition)
        return found if isinstance(condition, AnyOf) else ~found
    raise ClipperError(f"{name!r} is no text; filter it by its values")


def _in_range(name: str, column: Column, cells: "pa.Array", condition: InRange) -> "np.ndarray":
    import numpy as np

    if column.type not in {"int", "float"}:
        raise ClipperError(f"{name!r} is {column.type} and has no range; filter it by its values")
    low, high = (np.nan if end is None else float(end) for end in (condition.low, condition.high))
    values = cells.to_numpy(zero_copy_only=False).astype(np.float64)
    missing = np.isnan(values)
    outside = (values < low) | (values > high)
    found: np.ndarray = ~outside & (condition.missing | ~missing)
    return found


def _has_value(cells: "pa.Array", condition: AnyOf | NoneOf) -> "np.ndarray":
    """Return which cells have one of some values; a list has each of its items."""
    import numpy as np

    wanted = {_spelled(value) for value in condition.values}
    listed = (cell if isinstance(cell, list) else [cell] for cell in cells.to_pylist())
    return np.array([not wanted.isdisjoint(map(_spelled, cell or [None])) for cell in listed], bool)


def _spelled(value: object) -> object:
    """Write a value as links do, where truth is "Yes"."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if value is None else str(value)
