"""Applies filters to facets: which images pass, and how many of them have each value.

`filters` has one condition a column (`clipper/query_filter.py`); an image passes if it meets all of them. The
counts of a column leave out that column's own condition. `parse_filters` reads a link's spelling and
`write_filters` writes it; everything else works on conditions, and changes no state. What does not belong
here: the types of conditions (`clipper/query_filter.py`), and the visitor's filters
(`session/workers/filters.py`).
"""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clipper.query_filter import (
    AnyOf,
    Condition,
    HasText,
    InRange,
    NoneOf,
    Value,
    has_valid_ends,
    parse_condition,
    to_link,
)
from clipper.text import clean
from viewer.dataset.columns.binning import format_integer, format_number, format_time, parse_time, to_iso
from viewer.dataset.columns.colouring import NO_VALUE, value_label
from viewer.dataset.columns.facets import Facet, ScaleFacet, TextFacet, ValueFacet

MAX_VALUES = 2_000  # of one condition, as a link carries them
MAX_TEXT_LENGTH = 500  # characters of one value
MAX_NAMED = 2  # values that a chip names; of more, it gives the number

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


def count_values(
    facets: Mapping[str, Facet], masks: Masks, within: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Count each column's values among the rows that meet the conditions of all other columns.

    Args:
        facets: by column.
        masks: the rows that meet each condition, by column.
        within: the only rows that are counted, (n,) bool; None: all.
    """
    if not masks:
        return {name: facet.count(within) for name, facet in facets.items()}
    failed = np.asarray(np.sum([~mask for _, mask in masks.values()], axis=0, dtype=np.uint16))
    if within is not None:
        failed[~within] = np.iinfo(np.uint16).max
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
    if isinstance(condition, AnyOf):
        return facet.matching(_labels(condition.values))
    if isinstance(condition, NoneOf):
        return ~facet.matching(_labels(condition.values))
    if isinstance(condition, HasText) and isinstance(facet, TextFacet):
        return facet.containing(condition.text)
    if not isinstance(condition, InRange) or not isinstance(facet, ScaleFacet):
        raise _mismatch(facet, condition)
    found = facet.in_range(*range_bounds(facet, condition))
    return found | facet.matching([None]) if condition.missing else found


def _mismatch(facet: Facet, condition: Condition) -> TypeError:
    return TypeError(f"{facet.name} has no condition like {condition!r}")


def range_bounds(facet: ScaleFacet, condition: InRange) -> tuple[float | None, float | None]:
    """Return the ends of a range as numbers; None: open."""
    return _bound(facet, condition.low), _bound(facet, condition.high)


def _bound(facet: ScaleFacet, end: float | str | None) -> float | None:
    if isinstance(end, str):
        return parse_time(end) if facet.kind == "time" else None
    return end


def bins_to_condition(facet: ScaleFacet, first: int, last: int) -> InRange | None:
    """Return the condition for the bins first..last - 1; None if these are all bins."""
    if first <= 0 and last >= len(facet.bins):
        return None
    low, high = facet.bins.range_of(first, last)
    return InRange(_end(facet, low), _end(facet, high))


def _end(facet: ScaleFacet, bound: float | None) -> float | str | None:
    """Return an end of a range as a condition has it: a time is ISO, a whole number is an `int`."""
    if bound is None:
        return None
    if facet.kind == "time":
        return to_iso(bound)
    return int(bound) if facet.bins.integers else bound


def toggle_values(
    condition: Condition | None, values: Sequence[str | None], *, hide: bool
) -> Condition | None:
    """Return a condition after a click on a value, or on a line that stands for several values.

    Args:
        condition: the condition before; None without one.
        values: the clicked values.
        hide: whether the first click hides them, as in a legend, or hides all others, as in a chart.
    """
    if isinstance(condition, InRange):
        return replace(condition, missing=not condition.missing)
    if condition is None or isinstance(condition, HasText):
        return NoneOf(tuple(values)) if hide else AnyOf(tuple(values))
    on = all(value in condition.values for value in values)
    others = [old for old in condition.values if old not in values]
    return _with_values(condition, others if on else [*others, *values])


def remove_values(
    filters: Filters, column: str, values: Collection[str], *, whole: bool = False
) -> dict[str, Condition]:
    """Remove values of a column from filters; with `whole`, the column's whole condition."""
    left = None if whole else filters.get(column)
    if isinstance(left, AnyOf | NoneOf):
        left = _with_values(left, [value for value in left.values if value not in values])
    after = {**filters, column: left}
    return {name: condition for name, condition in after.items() if condition is not None}


def rename_values(filters: Filters, column: str, names: Mapping[str, str]) -> dict[str, Condition]:
    """Rename values of a column in filters: `names` is old to new."""
    condition = filters.get(column)
    if not isinstance(condition, AnyOf | NoneOf):
        return dict(filters)
    values = [names.get(value, value) if isinstance(value, str) else value for value in condition.values]
    return {**filters, column: type(condition)(tuple(values))}


def _with_values(condition: AnyOf | NoneOf, values: Sequence[Value | None]) -> AnyOf | NoneOf | None:
    """Return the condition with other values; None if there are none."""
    return type(condition)(tuple(values)) if values else None


def listed_values(condition: Condition | None) -> tuple[Value | None, ...]:
    """Return the values that a condition names, to pass or to fail; none for a range or a text."""
    return condition.values if isinstance(condition, AnyOf | NoneOf) else ()


def shows_value(condition: Condition | None, value: str | None) -> bool:
    """Return whether a value of the column meets a condition."""
    if isinstance(condition, AnyOf):
        return value in condition.values
    if isinstance(condition, NoneOf):
        return value not in condition.values
    if isinstance(condition, InRange):
        return value is not None or condition.missing
    if isinstance(condition, HasText):
        return value is not None
    return True


def parse_filters(written: object) -> dict[str, Condition]:
    """Read the filters of a link; leave out what is no condition."""
    if not isinstance(written, Mapping):
        return {}
    parsed = {
        name: parse_condition(condition)
        for name, condition in written.items()
        if isinstance(name, str) and isinstance(condition, Mapping)
    }
    return {name: condition for name, condition in parsed.items() if condition is not None}


def write_filters(filters: Filters) -> dict[str, dict[str, Any]]:
    """Write filters as links do."""
    return {name: to_link(condition) for name, condition in filters.items()}


def validate_filters(facets: Mapping[str, Facet], filters: Filters) -> dict[str, Condition]:
    """Return the conditions that their columns can have; leave out the others, and values that do not fit."""
    checked = {
        name: _validate(facets[name], condition) for name, condition in filters.items() if name in facets
    }
    return {name: condition for name, condition in checked.items() if condition is not None}


def _validate(facet: Facet, condition: Condition) -> Condition | None:
    if isinstance(condition, AnyOf | NoneOf):
        return _with_values(condition, _valid_values(facet, condition.values)[:MAX_VALUES])
    if isinstance(condition, HasText):
        text = condition.text
        valid = isinstance(facet, TextFacet) and bool(text.strip()) and clean(text) == text
        return HasText(text[:MAX_TEXT_LENGTH]) if valid else None
    return condition if isinstance(facet, ScaleFacet) and _suits(facet, condition) else None


def _valid_values(facet: Facet, values: Sequence[Value | None]) -> list[str | None]:
    named = [] if isinstance(facet, ScaleFacet) else [label for label in _labels(values) if label is not None]
    fitting = [label for label in named if len(label) <= MAX_TEXT_LENGTH and clean(label) == label]
    labels = dict.fromkeys(fitting)
    return [*labels, *([None] if None in values else [])]


def _labels(values: Sequence[Value | None]) -> list[str | None]:
    return [value if value is None else value_label(value) for value in values]


def _suits(facet: ScaleFacet, condition: InRange) -> bool:
    """Return whether the ends of a range are of the facet's kind; a time's are ISO texts or numbers."""
    texts = [end for end in (condition.low, condition.high) if isinstance(end, str)]
    readable = not texts or (facet.kind == "time" and all(parse_time(text) is not None for text in texts))
    return readable and has_valid_ends(condition.low, condition.high)


def describe_condition(facet: Facet, condition: Condition) -> str:
    """Describe a condition in a few words, without its column's name: "cat, dog", "not cat", "3 - 12"."""
    if isinstance(condition, HasText):
        return f"“{condition.text}”"
    if isinstance(condition, InRange):
        if not isinstance(facet, ScaleFacet):
            raise _mismatch(facet, condition)
        words = _said_range(facet, *range_bounds(facet, condition))
        return f"{words} or {NO_VALUE.lower()}" if condition.missing else words
    absent = facet.absent if isinstance(facet, ValueFacet) else NO_VALUE
    names = [absent.lower() if value is None else str(value) for value in condition.values]
    words = ", ".join(names) if len(names) <= MAX_NAMED else f"{len(names)} values"
    return words if isinstance(condition, AnyOf) else f"not {words}"


def _said_range(facet: ScaleFacet, low: float | None, high: float | None) -> str:
    step = float(facet.bins.edges[1] - facet.bins.edges[0])

    def write(end: float | None) -> str:
        if end is None:
            return ""
        if facet.kind == "time":
            return format_time(end, step=min(step, 86_400))
        return format_integer(end) if isinstance(end, int) else format_number(end)

    return describe_range(write(low), write(high))


def describe_range(low: str, high: str) -> str:
    """Describe a range, with "" for an open end."""
    if not low:
        return f"up to {high}"
    if not high:
        return f"from {low}"
    return low if low == high else f"{low} – {high}"  # noqa: RUF001 - a range's dash


def condition_to_bins(facet: ScaleFacet, condition: Condition | None) -> tuple[int, int] | None:
    """Return the bins that a range covers: the first, and the one after the last; None without a range."""
    if not isinstance(condition, InRange):
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
