"""A filter on metadata: one condition a column, in two spellings, a link's and Chroma's.

| in a link                     | in Chroma's `where`             | an image passes with                |
|-------------------------------|---------------------------------|-------------------------------------|
| `{"values": ["cat", null]}`   | `"cat"`, `$eq, $in, $contains`  | any of these values; null: no value |
| `{"except": ["cat"]}`         | `$ne`, `$nin`, `$not_contains`  | none of these values                |
| `{"range": [1, null]}`        | `$gte`, `$lte`                  | a value from 1 on, ends included    |
| `{"text": "face"}`            |                                 | a text with this in it, in any case |

A list has a value if one of its items is that value. `"missing": true` beside a range also passes images
without a value. What does not belong here: applying conditions to columns
(`metadata/matching.py`, `viewer/dataset/columns/filters.py`), and Chroma (`chroma/collection.py`).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clipper.errors import ClipperError

Value = str | bool | int | float
_MAX_NUMBER = 1e300  # of a range's ends
INT_MIN, INT_MAX = -(2**63), 2**63 - 1  # of a column of integers
# An end that a script writes as a text, as its numbers have 53 bits. No time is written so.
_DIGITS = re.compile(r"-?[0-9]{16,19}", re.ASCII)
_BOOLEANS = {"Yes": True, "No": False}  # as the viewer's links write them


@dataclass(frozen=True)
class AnyOf:
    """Any of these values; None stands for no value."""

    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class NoneOf:
    """None of these values; None stands for no value."""

    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class InRange:
    """A number or an ISO time from `low` to `high`, ends included; None: open at that end."""

    low: float | str | None
    high: float | str | None
    missing: bool = False


@dataclass(frozen=True)
class HasText:
    """A text that contains this one, in upper or lower case."""

    text: str


Condition = AnyOf | NoneOf | InRange | HasText


def parse_condition(written: object) -> Condition | None:
    """Read the condition of one column in either spelling; None if it is neither."""
    written = _without_numpy(written)
    if not isinstance(written, Mapping):
        return AnyOf((written,)) if isinstance(written, Value) else None
    if any(str(key).startswith("$") for key in written):
        return _parse_operator(written)
    for key, kind in (("values", AnyOf), ("except", NoneOf)):
        listed = written.get(key)
        if isinstance(listed, list | tuple):
            return kind(tuple(value for value in listed if value is None or isinstance(value, str)))
    if isinstance(written.get("text"), str):
        return HasText(written["text"])
    return _parse_range(written.get("range"), missing=written.get("missing") is True)


def to_link(condition: Condition) -> dict[str, Any]:
    """Write a condition as the viewer's links do."""
    if isinstance(condition, AnyOf):
        return {"values": [*condition.values]}
    if isinstance(condition, NoneOf):
        return {"except": [*condition.values]}
    if isinstance(condition, HasText):
        return {"text": condition.text}
    missing = {"missing": True} if condition.missing else {}
    return {"range": [condition.low, condition.high], **missing}


def has_valid_ends(low: object, high: object) -> bool:
    """Return whether a range can end there: one end is known, and each known one is a number or a text."""
    known = [end for end in (low, high) if end is not None]
    return bool(known) and all(isinstance(end, str) or _is_number(end) for end in known)


def whole_ends(condition: InRange) -> tuple[int | None, int | None]:
    """Return the first and the last integer of 64 bits in a range of numbers; None: open at that end.

    The first is larger than the last if there is none.
    """
    low, high = (None if end is None or isinstance(end, str) else end for end in _ends(condition))
    first = None if low is None else math.ceil(low)
    last = None if high is None else math.floor(high)
    if (first is not None and first > INT_MAX) or (last is not None and last < INT_MIN):
        return INT_MAX, INT_MIN
    return first and max(first, INT_MIN), last and min(last, INT_MAX)


def float_ends(condition: InRange) -> tuple[float | None, float | None]:
    """Return the first and the last float in a range of numbers; None: open at that end."""
    low, high = (None if end is None or isinstance(end, str) else end for end in _ends(condition))
    first = None if low is None else float(low)
    last = None if high is None else float(high)
    if first is not None and low is not None and first < low:  # an integer between two floats
        first = math.nextafter(first, math.inf)
    if last is not None and high is not None and last > high:
        last = math.nextafter(last, -math.inf)
    return first, last


def _ends(condition: InRange) -> tuple[float | str | None, float | str | None]:
    return condition.low, condition.high


def is_int64(value: object) -> bool:
    """Whether a value is an integer of 64 bits."""
    return isinstance(value, int) and INT_MIN <= value <= INT_MAX


def to_where(filters: Mapping[str, Condition], types: Mapping[str, str]) -> dict[str, Any]:
    """Write conditions as Chroma's `where`.

    Args:
        filters: a condition for each column.
        types: each column's type, such as `str` or `list[str]`.

    Raises:
        ClipperError: Chroma has no such condition, or there is no such column.
    """
    parts = []
    for name, condition in filters.items():
        if name not in types:
            raise ClipperError(f"there is no column {name!r}; `clipper info` lists the columns")
        parts += _operators(name, condition, types[name])
    return parts[0] if len(parts) == 1 else {"$and": parts}


def as_where(written: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Return a filter in Chroma's spelling; one in a link's spelling is translated.

    Raises:
        ClipperError: see `to_where`; or it mixes both spellings.
    """
    written = {name: _without_numpy(condition) for name, condition in written.items()}
    spelled = [_is_link(condition) for condition in written.values()]
    if not any(spelled):
        return dict(written)
    conditions = {name: parse_condition(condition) for name, condition in written.items()}
    known = {name: condition for name, condition in conditions.items() if condition is not None}
    if not all(spelled) or len(known) < len(written):
        raise ClipperError(
            f"the filter {dict(written)!r} is not understood; write it as a link or as Chroma does"
        )
    return to_where(known, types)


def flatten(written: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the conditions that an image must all meet, by column; those of an `$or` stay together."""
    parts = []
    for name, condition in written.items():
        if name == "$and" and isinstance(condition, list | tuple):
            parts += [part for each in condition if isinstance(each, Mapping) for part in flatten(each)]
        else:
            parts.append((name, condition))
    return parts


def named_columns(written: object) -> set[str]:
    """Return the columns that a filter is about, also within `$and` and `$or`."""
    if isinstance(written, list | tuple):
        return {name for each in written for name in named_columns(each)}
    if not isinstance(written, Mapping):
        return set()
    nested = {name for key in ("$and", "$or") for name in named_columns(written.get(key))}
    return nested | {str(key) for key in written if not str(key).startswith("$")}


def _without_numpy(written: object) -> Any:
    """Return a filter with Python's numbers instead of numpy's, which cells of a DataFrame are."""
    if isinstance(written, Mapping):
        return {key: _without_numpy(each) for key, each in written.items()}
    if isinstance(written, list | tuple):
        return [_without_numpy(each) for each in written]
    return written.tolist() if hasattr(written, "tolist") else written


def _is_link(condition: object) -> bool:
    return isinstance(condition, Mapping) and bool({"values", "except", "range", "text"} & condition.keys())


def _parse_operator(written: Mapping[Any, Any]) -> Condition | None:
    """Read one of Chroma's operators on a column; None for one that no link has."""
    if len(written) != 1:
        return None
    ((operator, operand),) = written.items()
    values = tuple(operand) if isinstance(operand, list | tuple) else (operand,)
    if not values or not all(isinstance(value, Value) for value in values):
        return None
    if operator in {"$eq", "$in", "$contains"}:
        return AnyOf(values)
    if operator in {"$ne", "$nin", "$not_contains"}:
        return NoneOf(values)
    if operator not in {"$gte", "$lte"}:
        return None
    return _parse_range([operand, None] if operator == "$gte" else [None, operand], missing=False)


def _parse_range(ends: object, *, missing: bool) -> InRange | None:
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not has_valid_ends(*ends):  # noqa: PLR2004 - low and high
        return None
    low, high = (int(end) if isinstance(end, str) and _DIGITS.fullmatch(end) else end for end in ends)
    return InRange(low, high, missing)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def _operators(name: str, condition: Condition, kind: str) -> list[dict[str, Any]]:
    """Write one condition as operators of Chroma that an image must all meet."""
    if isinstance(condition, HasText):
        raise ClipperError(f"Chroma cannot look for a part of a text; filter {name!r} by whole values")
    if isinstance(condition, InRange):
        ends = _ends(condition)
        if condition.missing:
            raise _no_missing(name)
        if kind not in {"int", "float"} or any(isinstance(end, str) for end in ends):
            raise ClipperError(
                f"Chroma has ranges of numbers only, and {name!r} is {kind}; filter it by values"
            )
        low, high = whole_ends(condition) if kind == "int" else ends
        return [{name: {op: end}} for op, end in (("$gte", low), ("$lte", high)) if end is not None]
    if None in condition.values:
        raise _no_missing(name)
    if not condition.values:
        raise ClipperError(f"the filter on {name!r} names no value; name at least one")
    read = value_reader(kind.removeprefix("list[").removesuffix("]"))
    values = [read(value) for value in condition.values if value is not None]
    if not kind.startswith("list["):
        return [{name: {"$in" if isinstance(condition, AnyOf) else "$nin": values}}]
    if isinstance(condition, NoneOf):
        return [{name: {"$not_contains": value}} for value in values]
    either = [{name: {"$contains": value}} for value in values]
    return either if len(either) == 1 else [{"$or": either}]


def _no_missing(name: str) -> ClipperError:
    return ClipperError(f"Chroma cannot look for a missing value; filter {name!r} without it")


def value_reader(kind: str) -> Callable[[Value], Value]:
    """Return what turns a link's text into a value of a type.

    It raises a ClipperError for a text that is no such value.
    """

    def read(value: Value) -> Value:
        if not isinstance(value, str) or kind == "str":
            return value
        try:
            number = _BOOLEANS[value] if kind == "bool" else int(value) if kind == "int" else float(value)
        except (KeyError, ValueError) as error:
            raise ClipperError(f"{value!r} is no value of a column of type {kind}") from error
        if not math.isfinite(number):
            raise ClipperError(f"{value!r} is no value of a column of type {kind}")
        return number

    return read
