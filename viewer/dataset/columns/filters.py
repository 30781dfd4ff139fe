"""Applies filters to facets: which images pass, and how many of them have each value.

`filters` has one condition a column, in the spelling of links (`clipper/query_filter.py`); an image passes if
it meets all of them. The counts of a column leave out that column's own condition. Pure: facets and plain
data in, masks and counts out. What does not belong here: what a condition means, and who sets it.
"""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipper.query_filter import AnyOf, HasText, InRange, NoneOf, Value, parse_condition, to_link
from viewer.dataset.columns.binning import format_number, format_time, parse_time, to_iso
from viewer.dataset.columns.colouring import NO_VALUE, value_label
from viewer.dataset.columns.facets import Facet, ScaleFacet, TextFacet, ValueFacet

MAX_VALUES = 2_000  # of one condition, as a link carries them
MAX_TEXT_LENGTH = 500  # characters of one value
MAX_NAMED = 2  # values that a chip names; of more, it gives the number

Condition = Mapping[str, Any]
Filters = Mapping[str, Condition]
Masks = MutableMapping[str, tuple[Condition, np.ndarray]]


@dataclass(frozen=True)
class FilterResult:
    """`kept` (n,) bool are the rows that pass, None without filters; `counts` has those of each column."""

    kept: np.ndarray | None
    counts: Mapping[str, np.ndarray]


def apply_filters(facets: Mapping[str, Facet], filters: Filters) -> FilterResult:
    """Apply valid filters."""
    masks: Masks = {}
    return FilterResult(filter_rows(facets, filters, masks=masks), count_values(facets, masks))


def filter_rows(facets: Mapping[str, Facet], filters: Filters, *, masks: Masks) -> np.ndarray | None:
    """Return which rows meet all conditions, (n,) bool; None without conditions.

    Args:
        facets: by column.
        filters: valid filters.
        masks: the rows of earlier conditions, which are updated: only changed conditions are applied.
    """
    for name in [*masks]:
        if name not in filters:
            del masks[name]
    for name, condition in filters.items():
        if name not in masks or masks[name][0] != condition:
            masks[name] = condition, match_condition(facets[name], condition)
    return np.logical_and.reduce([mask for _, mask in masks.values()]) if masks else None


def count_values(facets: Mapping[str, Facet], masks: Masks) -> dict[str, np.ndarray]:
    """Count each column's values among the rows that meet the conditions of all other columns."""
    if not masks:
        return {name: facet.count() for name, facet in facets.items()}
    failed = np.sum([~mask for _, mask in masks.values()], axis=0, dtype=np.uint16)
    kept = failed == 0
    return {
        name: facet.count(failed == ~masks[name][1] if name in masks else kept)
        for name, facet in facets.items()
    }


def select_passing(rows: np.ndarray, kept: np.ndarray | None) -> np.ndarray:
    """Return the kept ones of some rows (k,), in their order."""
    return rows if kept is None else rows[kept[rows]]


def match_condition(facet: Facet, condition: Condition) -> np.ndarray:
    """Return which rows meet one condition, (n,) bool.

    Raises:
        TypeError: a facet of this kind has no such condition.
    """
    asked = parse_condition(condition)
    if isinstance(asked, AnyOf):
        return facet.matching(_labels(asked.values))
    if isinstance(asked, NoneOf):
        return ~facet.matching(_labels(asked.values))
    if isinstance(asked, HasText) and isinstance(facet, TextFacet):
        return facet.containing(asked.text)
    if not isinstance(asked, InRange) or not isinstance(facet, ScaleFacet):
        raise TypeError(f"{facet.name} has no condition like {condition!r}")
    found = facet.in_range(*range_bounds(facet, condition))
    return found | facet.matching([None]) if asked.missing else found


def range_bounds(facet: ScaleFacet, condition: Condition) -> tuple[float | None, float | None]:
    """Return the ends of a range as numbers; None: open."""
    low, high = (_end(facet, end) for end in condition["range"])
    return low, high


def _end(facet: ScaleFacet, end: object) -> float | None:
    if facet.kind == "time" and isinstance(end, str):
        return parse_time(end)
    return float(end) if isinstance(end, int | float) else None


def bins_to_condition(facet: ScaleFacet, first: int, last: int) -> Condition | None:
    """Return the condition for the bins first..last - 1; None if these are all bins."""
    if first <= 0 and last >= len(facet.bins):
        return None
    ends = facet.bins.range_of(first, last)
    written = [to_iso(end) if facet.kind == "time" and end is not None else end for end in ends]
    whole = facet.kind == "number" and facet.bins.integers
    return {"range": [int(end) if whole and isinstance(end, float) else end for end in written]}


def toggle_values(
    condition: Condition | None, values: Sequence[str | None], *, hide: bool
) -> Condition | None:
    """Return a condition after a click on a value, or on a line that stands for several values.

    Args:
        condition: the condition before; None without one.
        values: the clicked values.
        hide: whether the first click hides them, as in a legend, or hides all others, as in a chart.
    """
    if condition and "range" in condition:
        rest = {key: value for key, value in condition.items() if key != "missing"}
        return rest if condition.get("missing") else {**rest, "missing": True}
    if condition is None or "text" in condition:
        return {"except" if hide else "values": [*values]}
    way = "values" if "values" in condition else "except"
    listed = condition[way]
    on = all(value in listed for value in values)
    after = [old for old in listed if old not in values]
    after += [] if on else values
    return {way: after} if after else None


def remove_values(
    filters: Filters, column: str, values: Collection[str], *, whole: bool = False
) -> dict[str, Condition]:
    """Remove values of a column from filters; with `whole`, the column's whole condition."""
    rest = {name: condition for name, condition in filters.items() if name != column}
    condition = filters.get(column)
    if whole or not isinstance(condition, Mapping):
        return rest
    for way in {"values", "except"} & condition.keys():
        condition = {way: [value for value in condition[way] if value not in values]}
        if not condition[way]:
            return rest
    return {name: condition if name == column else asked for name, asked in filters.items()}


def shows_value(condition: Condition | None, value: str | None) -> bool:
    """Return whether a value of the column meets a condition."""
    if condition is None:
        return True
    if "values" in condition:
        return value in condition["values"]
    if "except" in condition:
        return value not in condition["except"]
    return value is not None or bool(condition.get("missing"))


def validate_filters(facets: Mapping[str, Facet], filters: object) -> dict[str, Condition]:
    """Return the valid conditions of a link or of another version, in the spelling of links."""
    if not isinstance(filters, Mapping):
        return {}
    checked = {
        str(name): _validate(facets[name], condition)
        for name, condition in filters.items()
        if isinstance(name, str) and name in facets
    }
    return {name: condition for name, condition in checked.items() if condition}


def _validate(facet: Facet, condition: object) -> Condition | None:
    asked = parse_condition(condition) if isinstance(condition, Mapping) else None
    if isinstance(asked, AnyOf | NoneOf):
        values = _valid_values(facet, asked.values)
        return to_link(type(asked)(tuple(values[:MAX_VALUES]))) if values else None
    if isinstance(asked, HasText) and isinstance(facet, TextFacet) and asked.text.strip():
        return to_link(HasText(asked.text[:MAX_TEXT_LENGTH]))
    if isinstance(asked, InRange) and isinstance(facet, ScaleFacet) and _has_ends(facet, asked):
        return to_link(asked)
    return None


def _valid_values(facet: Facet, values: Sequence[Value | None]) -> list[str | None]:
    named = [] if isinstance(facet, ScaleFacet) else [label for label in _labels(values) if label is not None]
    labels = dict.fromkeys(label for label in named if len(label) <= MAX_TEXT_LENGTH)
    return [*labels, *([None] if None in values else [])]


def _labels(values: Sequence[Value | None]) -> list[str | None]:
    return [value if value is None else value_label(value) for value in values]


def _has_ends(facet: ScaleFacet, asked: InRange) -> bool:
    """Return whether the ends of a range are of the facet's kind; a time's are ISO texts or numbers."""
    texts = [end for end in (asked.low, asked.high) if isinstance(end, str)]
    return facet.kind == "time" and all(parse_time(text) is not None for text in texts) if texts else True


def describe_condition(facet: Facet, condition: Condition) -> str:
    """Describe a condition in a few words, without its column's name: "cat, dog", "not cat", "3 - 12"."""
    if "text" in condition:
        return f"“{condition['text']}”"
    if "range" in condition and isinstance(facet, ScaleFacet):
        words = _said_range(facet, *range_bounds(facet, condition))
        return f"{words} or {NO_VALUE.lower()}" if condition.get("missing") else words
    listed = condition.get("values", condition.get("except", ()))
    names = [NO_VALUE.lower() if value is None else str(value) for value in listed]
    words = ", ".join(names) if len(names) <= MAX_NAMED else f"{len(names)} values"
    return words if "values" in condition else f"not {words}"


def _said_range(facet: ScaleFacet, low: float | None, high: float | None) -> str:
    step = float(facet.bins.edges[1] - facet.bins.edges[0])
    ends = [
        ""
        if end is None
        else format_time(end, step=min(step, 86_400))
        if facet.kind == "time"
        else format_number(end)
        for end in (low, high)
    ]
    return describe_range(*ends)


def describe_range(low: str, high: str) -> str:
    """Describe a range, with "" for an open end."""
    if not low:
        return f"up to {high}"
    if not high:
        return f"from {low}"
    return low if low == high else f"{low} – {high}"  # noqa: RUF001 - a range's dash


def condition_to_bins(facet: ScaleFacet, condition: Condition | None) -> tuple[int, int] | None:
    """Return the bins that a range covers: the first, and the one after the last; None without a range."""
    if not condition or "range" not in condition:
        return None
    return facet.bins.bins_of(*range_bounds(facet, condition))


def find_labels(facet: ValueFacet, *, part: str, most: int) -> list[str]:
    """Return the commonest labels that contain `part`, at most `most`."""
    wanted = part.casefold().strip()
    found = (label for label in facet.labels if wanted in label.casefold())
    return [label for label, _ in zip(found, range(most), strict=False)]


def is_member(rows: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return which of `rows` (k,) are among `members` (m,), which ascend: (k,) bool.

    It searches each row; `numpy.isin` would go through all members even for one row.
    """
    if not len(members):
        return np.zeros(len(rows), bool)
    at = np.minimum(np.searchsorted(members, rows), len(members) - 1)
    return np.asarray(members[at] == rows)
