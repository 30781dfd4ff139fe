"""Filters by what Clipper found: scores, kept words and clusters, which Chroma does not have.

What does not belong here: which cells meet a condition (`metadata/matching.py`), and filters by metadata
(`chroma/collection.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.atlas.published import Published
from clipper.errors import ClipperError
from clipper.metadata.matching import match_cells
from clipper.query_filter import AnyOf, Condition, NoneOf, flatten, named_columns, parse_condition

if TYPE_CHECKING:
    import numpy as np

CLUSTER = "cluster"


def part_filter(
    atlas: Published, where: Mapping[str, Any]
) -> tuple[list[tuple[str, Any]], list[dict[str, Any]]]:
    """Part a filter into the conditions on what Clipper found, by column, and filters on metadata.

    Raises:
        ClipperError: an operator such as `$or` is about both, or about more than one condition of the first.
    """
    found = {*atlas.insight_columns, *({CLUSTER} - atlas.columns.keys())}
    own, others = [], []
    for name, written in flatten(where):
        mine = found & named_columns({name: written})
        if mine and name not in mine:
            raise ClipperError(f"{name} cannot be about {', '.join(sorted(mine))}; search once for each")
        if mine:
            own.append((name, written))
        else:
            others.append({name: written})
    return own, others


def passing(atlas: Published, conditions: Sequence[tuple[str, Any]]) -> "np.ndarray":
    """Return which images meet all of some conditions on what Clipper found: (n,) bool.

    Raises:
        ClipperError: a condition is not understood, or its column is of another type.
    """
    import numpy as np

    passes = np.ones(len(atlas), bool)
    for name, written in conditions:
        condition = parse_condition(written)
        if condition is None:
            raise ClipperError(
                f"the filter {written!r} on {name!r} is not understood; write a value, or one of $in, $nin, "
                "$gte, $lte"
            )
        if name == CLUSTER:
            passes &= _of_cluster(atlas, condition)
        elif atlas.insight_table is not None:
            passes &= match_cells(atlas.insight_columns[name], atlas.insight_table[name], condition)
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
