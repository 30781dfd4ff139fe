"""Which images a visitor's conditions let pass, and how many of them have each value.

`filters` is what a link can carry: for each column one condition,

    {"values": ["cat", null]}     any of these values; null: no value. A list passes with any of its items
    {"except": ["cat"]}           none of them
    {"range": [1, null]}          numbers, ends included, null: open; of times ISO texts. With "missing": true
                                  also what has no value
    {"text": "face"}              text that has this in it, be it large or small

An image passes when it meets them all. What is counted for a column leaves that column's own condition out.
Pure: facets and plain data in, masks and counts out.
"""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from viewer.dataset.columns.binning import format_number, format_time, parse_time, to_iso
from viewer.dataset.columns.facets import Facet, ScaleFacet, TextFacet, ValueFacet

MAX_VALUES = 2_000  # in one condition: a link carries them
MAX_TEXT_LENGTH = 500  # characters of one value
MAX_NAMED = 2  # values that a chip names; of more it tells the number
NO_VALUE = "No value"

Condition = Mapping[str, Any]
Filters = Mapping[str, Condition]
Masks = MutableMapping[str, tuple[Condition, np.ndarray]]


@dataclass(frozen=True)
class FilterResult:
    """`kept` (n,) bool, None where nothing is asked; of each column its counts where the others pass."""

    kept: np.ndarray | None
    counts: Mapping[str, np.ndarray]


def apply_filters(facets: Mapping[str, Facet], filters: Filters) -> FilterResult:
    """Apply conditions that are `validate_filters`, one for each column that has one."""
    masks: Masks = {}
    return FilterResult(filter_rows(facets, filters, masks=masks), count_values(facets, masks))


def filter_rows(facets: Mapping[str, Facet], filters: Filters, *, masks: Masks) -> np.ndarray | None:
    """Which rows meet all conditions, (n,) bool; None where there are none.

    Args:
        facets: by column.
        filters: conditions that are `validate_filters`.
        masks: what conditions have given so far; brought up to date, and only what changed is worked out.
    """
    for name in [*masks]:
        if name not in filters:
            del masks[name]
    for name, condition in filters.items():
        if name not in masks or masks[name][0] != condition:
            masks[name] = condition, match_condition(facets[name], condition)
    return np.logical_and.reduce([mask for _, mask in masks.values()]) if masks else None


def count_values(facets: Mapping[str, Facet], masks: Masks) -> dict[str, np.ndarray]:
    """Of each column the counts of its values among the rows that meet all conditions but its own."""
    if not masks:
        return {name: facet.count() for name, facet in facets.items()}
    failed = np.sum([~mask for _, mask in masks.values()], axis=0, dtype=np.uint16)
    kept = failed == 0
    return {
        name: facet.count(failed == ~masks[name][1] if name in masks else kept)
        for name, facet in facets.items()
    }


def select_passing(rows: np.ndarray, kept: np.ndarray | None) -> np.ndarray:
    """Of some rows (k,) those that are kept, in their order."""
    return rows if kept is None else rows[kept[rows]]


def match_condition(facet: Facet, condition: Condition) -> np.ndarray:
    """Which rows meet one condition, (n,) bool."""
    if "values" in condition:
        return facet.matching(condition["values"])
    if "except" in condition:
        return ~facet.matching(condition["except"])
    if isinstance(facet, TextFacet):
        return facet.containing(condition["text"])
    if not isinstance(facet, ScaleFacet):
        raise TypeError(f"{facet.name} has no range")
    found = facet.in_range(*range_bounds(facet, condition))
    return found | facet.matching([None]) if condition.get("missing") else found


def range_bounds(facet: ScaleFacet, condition: Condition) -> tuple[float | None, float | None]:
    """The ends of a range as numbers; None: open."""
    low, high = (_end(facet, end) for end in condition["range"])
    return low, high


def _end(facet: ScaleFacet, end: object) -> float | None:
    if facet.kind == "time" and isinstance(end, str):
        return parse_time(end)
    return float(end) if isinstance(end, int | float) else None


def bins_to_condition(facet: ScaleFacet, first: int, last: int) -> Condition | None:
    """The condition that the bins first..last (not included) stand for; None: that is all of them."""
    if first <= 0 and last >= len(facet.bins):
        return None
    ends = facet.bins.range_of(first, last)
    told = [to_iso(end) if facet.kind == "time" and end is not None else end for end in ends]
    whole = facet.kind == "number" and facet.bins.integers
    return {"range": [int(end) if whole and isinstance(end, float) else end for end in told]}


def toggle_values(
    condition: Condition | None, values: Sequence[str | None], *, hide: bool
) -> Condition | None:
    """A condition after somebody pressed a value, or several that are one line.

    Args:
        condition: before; None where there was none.
        values: pressed.
        hide: whether the first press hides them, as in a legend, or shows nothing else, as in a chart.
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
    """Filters that name none of these values of a column; with `whole` not the column either."""
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
    """Whether a condition lets a value of its column pass."""
    if condition is None:
        return True
    if "values" in condition:
        return value in condition["values"]
    if "except" in condition:
        return value not in condition["except"]
    return value is not None or bool(condition.get("missing"))


def validate_filters(facets: Mapping[str, Facet], told: object) -> dict[str, Condition]:
    """Of what a link or another version says, what makes sense here."""
    if not isinstance(told, Mapping):
        return {}
    checked = {
        str(name): _sound(facets[name], condition)
        for name, condition in told.items()
        if isinstance(name, str) and name in facets
    }
    return {name: condition for name, condition in checked.items() if condition}


def _sound(facet: Facet, condition: object) -> Condition | None:
    if not isinstance(condition, Mapping):
        return None
    for way in ("values", "except"):
        listed = condition.get(way)
        if isinstance(listed, list | tuple):
            good = _sound_values(facet, listed)
            return {way: good[:MAX_VALUES]} if good else None
    text = condition.get("text")
    if isinstance(facet, TextFacet) and isinstance(text, str) and text.strip():
        return {"text": text[:MAX_TEXT_LENGTH]}
    return _sound_range(facet, condition) if isinstance(facet, ScaleFacet) else None


def _sound_values(facet: Facet, listed: Sequence[object]) -> list[str | None]:
    texts = (
        []
        if isinstance(facet, ScaleFacet)
        else [v for v in listed if isinstance(v, str) and len(v) <= MAX_TEXT_LENGTH]
    )
    return [*dict.fromkeys(texts), *([None] if None in listed else [])]


def _sound_range(facet: ScaleFacet, condition: Mapping[Any, Any]) -> Condition | None:
    ends = condition.get("range")
    if not isinstance(ends, list | tuple) or len(ends) != 2:  # noqa: PLR2004 - low and high
        return None
    for end in ends:
        number_like = isinstance(end, int | float) and not isinstance(end, bool) and abs(end) < 1e300  # noqa: PLR2004 - NaN and infinity are not
        moment_like = facet.kind == "time" and isinstance(end, str) and parse_time(end) is not None
        if end is not None and not number_like and not moment_like:
            return None
    if all(end is None for end in ends):
        return None
    return {"range": [*ends], **({"missing": True} if condition.get("missing") is True else {})}


def describe_condition(facet: Facet, condition: Condition) -> str:
    """A condition in a few words, without its column's name: "cat, dog", "not cat", "3 - 12"."""
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
    """A range in words, "" for an end that is open."""
    if not low:
        return f"up to {high}"
    if not high:
        return f"from {low}"
    return low if low == high else f"{low} – {high}"  # noqa: RUF001 - a range's dash


def condition_to_bins(facet: ScaleFacet, condition: Condition | None) -> tuple[int, int] | None:
    """The bins that a range covers: the first, and the one after the last; None without a range."""
    if not condition or "range" not in condition:
        return None
    return facet.bins.bins_of(*range_bounds(facet, condition))


def find_labels(facet: ValueFacet, *, part: str, most: int) -> list[str]:
    """The commonest values that have `part` in them, at most `most`."""
    wanted = part.casefold().strip()
    found = (label for label in facet.labels if wanted in label.casefold())
    return [label for label, _ in zip(found, range(most), strict=False)]


def is_member(rows: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Which of `rows` (k,) are among `members` (m,), ascending: (k,) bool.

    A search for each: `numpy.isin` would look through all the members, for one row under the pointer too.
    """
    if not len(members):
        return np.zeros(len(rows), bool)
    at = np.minimum(np.searchsorted(members, rows), len(members) - 1)
    return np.asarray(members[at] == rows)
