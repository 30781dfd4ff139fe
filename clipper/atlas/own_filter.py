"""Filters that Chroma does not have: by scores, kept words and clusters, and those written as a text.

What does not belong here: the grammar of texts (`predicate/`), which cells meet a condition
(`metadata/matching.py`), and filters by metadata (`chroma/collection.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.atlas.published import Published
from clipper.errors import ClipperError
from clipper.metadata.matching import match_cells
from clipper.predicate.fields import Field, fields_of
from clipper.predicate.reading import read_predicate
from clipper.query_filter import AnyOf, Condition, NoneOf, flatten, named_columns, parse_condition

if TYPE_CHECKING:
    import numpy as np

CLUSTER = "cluster"
POSITION = frozenset({"x", "y"})  # on the map, which Chroma's rows have beside the columns
_LABELS = {"bool": ("Yes", "No"), "list[bool]": ("Yes", "No")}  # of types that have few


def part_filter(
    atlas: Published, where: Mapping[str, Any] | str
) -> tuple[list[tuple[str, Any]], list[dict[str, Any]]]:
    """Part a filter into conditions on columns, which `passing` applies, and filters for Chroma.

    The conditions are those on what Clipper found; of a text all of them, as Chroma has no ranges of times
    and no parts of texts.

    Raises:
        PredicateError: a text is not understood.
        ClipperError: there is no such column; or an operator such as `$or` is about both, or about more than
            one condition of the first.
    """
    if isinstance(where, str):
        return [*read_predicate(where, fields(atlas)).items()], []
    found = {*atlas.insight_columns, *({CLUSTER} - atlas.columns.keys())}
    # Chroma takes a column that is not there for one without values, and finds no image without a word.
    if unknown := named_columns(where) - atlas.columns.keys() - found - POSITION:
        raise ClipperError(f"there is no column {min(unknown)!r}; `clipper info` lists the columns")
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


def fields(atlas: Published) -> dict[str, Field]:
    """Return the columns that a filter written as a text can be about."""
    columns = {**atlas.columns, **atlas.insight_columns}
    found = [
        Field(name, column.role or "category", whole=column.type == "int", labels=_LABELS.get(column.type))
        for name, column in columns.items()
    ]
    return fields_of([*found, *([] if CLUSTER in columns else [Field(CLUSTER, "category")])])


def passing(atlas: Published, conditions: Sequence[tuple[str, Any]]) -> "np.ndarray":
    """Return which images meet all of some conditions on columns: (n,) bool.

    Raises:
        ClipperError: a condition is not understood, or its column is of another type.
    """
    import numpy as np

    passes = np.ones(len(atlas), bool)
    for name, written in conditions:
        condition = written if isinstance(written, Condition) else parse_condition(written)
        if condition is None:
            raise ClipperError(
                f"the filter {written!r} on {name!r} is not understood; write a value, or one of $in, $nin, "
                "$gte, $lte"
            )
        if name == CLUSTER and name not in atlas.columns:
            passes &= _of_cluster(atlas, condition)
        elif name in atlas.columns:
            passes &= match_cells(atlas.columns[name], atlas.metadata_table[name], condition)
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
        inside |= np.all(atlas.clusters.members < 0, axis=1) if None in condition.values else False
    return inside if isinstance(condition, AnyOf) else ~inside
