"""The type of a metadata column: that of most of its values. The others are left out, with a note.

A type is `str`, `int`, `float`, `bool` or a list of one of them. No whole number is rounded: where neither
`int` (64 bits) nor `float` holds all numbers of a column, they are kept as text. What does not belong here:
text that only looks like a number (`cells.py`), and reading files.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.number_text import is_code, is_missing, read_number
from clipper.query_filter import INT_MAX, INT_MIN
from clipper.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 3
# What people read for a type.
_WORDS = {"str": "text", "int": "integer", "float": "number", "bool": "yes or no"}
_PLURALS = {"text": "texts", "integer": "integers", "number": "numbers"}
# A float holds all integers up to this one.
MAX_FLOAT_INT = 2**53
_NUMBERS = frozenset({"int", "float", "list[int]", "list[float]"})
# No float is as large as these.
_MAX_NUMBER = 2**1023


def infer_types(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, str]]:
    """Infer each column's type from its values, and convert the values to it.

    Args:
        rows: values as JSON has them; nested values are kept as JSON text.

    Returns:
        each column's type; the rows in those types, without missing values; and a message for each column
        with values that do not fit, or whose numbers are kept as text.
    """
    plain: list[dict[str, Any]] = []
    found: defaultdict[str, _Found] = defaultdict(_Found)
    for row in rows:
        plain.append({})
        for key, raw in row.items():
            value = plain_value(raw)
            if (kind := type_name(value)) is not None:
                plain[-1][key] = value
                found[key].add(value, kind)
    for key, values in found.items():
        if values.is_mixed:
            _make_alike(key, plain, values)
    types = {key: _usual(values.kinds) for key, values in found.items()}
    large = [key for key, values in found.items() if values.has_large_ints]
    messages = _hold_large_ints(plain, types, large)
    for key, values in found.items():
        if types[key] == "float" and values.rounded and not values.has_fractions:
            messages[key] = _describe_rounded(key, values.rounded)
    fitted, misfits = _fit(plain, types)
    for key, odd in misfits.items():
        words = describe_misfits(key, types[key], len(odd), odd)
        messages[key] = f"{messages[key]}; {words}" if key in messages else words
    return types, fitted, messages


@dataclass
class _Found:
    """What kinds of values a column has. `rounded` are whole floats so large that digits may be lost."""

    kinds: Counter[str] = field(default_factory=Counter)
    has_large_ints: bool = False
    has_fractions: bool = False
    rounded: list[float] = field(default_factory=list)

    @property
    def is_mixed(self) -> bool:
        """Whether there are texts and numbers, and no lists."""
        return "str" in self.kinds and bool(self.kinds.keys() & {"int", "float"}) and len(self.kinds) <= 3  # noqa: PLR2004 - str, int, float

    def add(self, value: Any, kind: str) -> None:
        """Count one value, of the kind that `type_name` returns."""
        self.kinds[kind] += 1
        if _has_large_int(value):
            self.has_large_ints = True
        elif kind == "float" and not self.has_fractions:
            self.has_fractions = not _is_int64(value)
            if not self.has_fractions and abs(value) >= MAX_FLOAT_INT:
                self.rounded.append(value)


def _make_alike(key: str, plain: Sequence[dict[str, Any]], found: _Found) -> None:
    """Change the texts and numbers of one column to one type, where nothing is lost; count them again.

    What programs write for no value counts for no type.
    """
    having = [row for row in plain if key in row]
    if change := _change_of_mixed([row[key] for row in having]):
        found.kinds.clear()
        found.rounded.clear()
        for row in having:
            row[key] = change(row[key])
            found.add(row[key], type_name(row[key]) or "")
    if found.is_mixed:
        found.kinds["str"] -= sum(_is_missing(row[key]) for row in having)


def _change_of_mixed(values: Sequence[Any]) -> Callable[[Any], Any] | None:
    """Return what makes texts and numbers of one column alike; None if the values stay as they are.

    Programs write `"5"` beside 6, and `"A1"` beside 17: the first are all numbers, the second all texts.
    """
    texts = [value for value in values if isinstance(value, str) and not is_missing(value)]
    codes = [text for text in texts if read_number(text) is None]
    if any(map(is_code, texts)) or 2 * len(codes) >= len(values) - sum(map(_is_missing, values)):
        return lambda value: value if isinstance(value, str) else json.dumps(value)
    if len(codes) < len(texts):
        return _as_number
    return None


def _is_missing(value: Any) -> bool:
    return isinstance(value, str) and is_missing(value)


def _as_number(value: Any) -> Any:
    number = read_number(value) if isinstance(value, str) else None
    return value if number is None else number


def _fit(
    plain: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    """Convert rows to the columns' types; return the values that do not fit, by column, beside them."""
    fitted: list[dict[str, Any]] = []
    misfits: dict[str, list[Any]] = {}
    for row in plain:
        fitted.append({})
        for key, value in row.items():
            if (kept := convert(value, types[key])) is None:
                misfits.setdefault(key, []).append(value)
            else:
                fitted[-1][key] = kept
    return fitted, misfits


def _describe_rounded(name: str, floats: Sequence[float]) -> str:
    """Describe large whole numbers that were saved as floats, as pandas does where others are missing."""
    examples = first_few([int(number) for number in floats])
    return (
        f"{name!r} has whole numbers that are saved as floats ({examples}), so their last digits may be "
        "rounded; save them as integers (in pandas as Int64)"
    )


def _has_large_int(value: Any) -> bool:
    """Whether a value is, or has as an item, an integer that a float may not hold."""
    if type(value) is int:
        return not -MAX_FLOAT_INT <= value <= MAX_FLOAT_INT
    return type(value) is list and any(map(_has_large_int, value))


def _hold_large_ints(
    plain: Sequence[dict[str, Any]], types: dict[str, str], large: Sequence[str]
) -> dict[str, str]:
    """Change the type of columns of numbers that would round or lose integers, and the numbers with it.

    Args:
        plain: the rows, which change.
        types: of the columns, which change.
        large: the columns with integers that a float may not hold.

    Returns:
        a message for each column whose numbers became text.
    """
    messages: dict[str, str] = {}
    for key in large:
        inner = types[key].removeprefix("list[").removesuffix("]")
        if inner not in {"int", "float"}:
            continue
        numbers = [number for row in plain if key in row for number in _numbers(row[key])]
        kind, unheld = _type_of_numbers(numbers)
        for row in plain:
            if key in row:
                row[key] = _as_kind(row[key], kind)
        types[key] = types[key].replace(inner, kind)
        if kind == "str":
            messages[key] = describe_text_numbers(key, unheld)
    return messages


def describe_text_numbers(name: str, examples: Sequence[Any]) -> str:
    """Describe why a column of numbers is text: no type of numbers holds these integers beside the rest."""
    return (
        f"{name!r} is kept as text: no type of numbers holds {first_few(examples)} exactly beside the other "
        "values (whole numbers have 64 bits, those beside fractions 53)"
    )


def _numbers(value: Any) -> Iterator[int | float]:
    for item in value if isinstance(value, list) else (value,):
        if type(item) in (int, float) and abs(item) < _MAX_NUMBER:
            yield item


def _type_of_numbers(numbers: Sequence[int | float]) -> tuple[str, list[int]]:
    """Return `int` or `float` if it holds all of some numbers, else `str` and the integers that it is for."""
    integers = [number for number in numbers if type(number) is int]
    floats = [number for number in numbers if type(number) is float]
    beyond = [number for number in integers if not INT_MIN <= number <= INT_MAX]
    if not beyond and all(map(_is_int64, floats)):
        return "int", []
    unheld = [number for number in integers if not _is_held_by_float(number)] if floats else beyond
    return ("str", unheld) if unheld else ("float", [])


def _is_int64(number: float) -> bool:
    """Whether a float is whole, and what it is written as has 64 bits."""
    if not number.is_integer() or abs(number) > INT_MAX:
        return False
    return abs(number) < MAX_FLOAT_INT or INT_MIN <= int(Decimal(repr(number))) <= INT_MAX


def _is_held_by_float(number: int) -> bool:
    """Whether a float is this integer; beyond 64 bits, whether one is written so, as JavaScript writes."""
    nearest = float(number)
    return int(nearest) == number or (
        not INT_MIN <= number <= INT_MAX and int(Decimal(repr(nearest))) == number
    )


def _as_kind(value: Any, kind: str) -> Any:
    """Write the numbers of a value as another type does; a float as the digits that it is written with."""
    if isinstance(value, list):
        return [_as_kind(item, kind) for item in value]
    if type(value) is float and kind == "int":
        return int(Decimal(repr(value))) if math.isfinite(value) else None
    if kind == "str" and type(value) in (int, float) and abs(value) < _MAX_NUMBER:
        return repr(value)
    return value


def in_words(kind: str) -> str:
    """Return a type as people read it: "text", "integer", "list of texts"; any other word as it is."""
    item = kind.removeprefix("list[").removesuffix("]")
    word = _WORDS.get(item, item)
    return f"list of {_PLURALS.get(word, word)}" if kind.startswith("list[") else word


def describe_misfits(name: str, kind: str, count: int, examples: Sequence[Any]) -> str:
    """Describe the values that are not of their column's type; `examples` may be all of them."""
    shown = first_few(examples, count=count)
    return f"{name!r} is {in_words(kind)}, {count} value(s) are not ({shown}); left out"


def first_few(values: Sequence[Any], *, count: int | None = None) -> str:
    """Write the first three of `values`, and how many more of `count` there are."""
    shown = ", ".join(repr(value)[:60] for value in values[:EXAMPLES])
    more = (len(values) if count is None else count) - min(len(values), EXAMPLES)
    return f"{shown} and {more} more" if more > 0 else shown


def plain_value(value: Any) -> Any:
    """Return scalars and lists of scalars as they are, nested values as JSON text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        if any(isinstance(item, list | dict) for item in value):
            return clean(json.dumps(value, ensure_ascii=False))
        return [plain_value(item) for item in value if item is not None]
    if isinstance(value, dict):
        return clean(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return value


def type_name(value: Any) -> str | None:
    """Return the name of a value's type; None for a missing value, an infinite number or an empty list."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, list):
        kinds = {kind for item in value if (kind := type_name(item))}
        if not kinds:
            return None
        if kinds == {"int", "float"}:
            return "list[float]"
        return f"list[{kinds.pop()}]" if len(kinds) == 1 else "list[mixed]"
    return type(value).__name__


def convert(value: Any, kind: str) -> Any:
    """Convert `value` to a column's type; return None if it does not fit."""
    if kind.startswith("list["):
        inner = kind[5:-1]
        items = value if isinstance(value, list) else [value]
        mixed = isinstance(value, list) and type_name(value) == "list[mixed]"
        as_text = mixed or (inner == "str" and type_name(value) in _NUMBERS)
        fitted = [convert(str(item) if as_text else item, inner) for item in items]
        kept = [item for item in fitted if item is not None]
        return kept or None
    if kind == "float" and type(value) in (int, float):
        return float(value) if abs(value) < _MAX_NUMBER and math.isfinite(value) else None
    if type(value).__name__ != kind:
        return None
    return None if kind == "int" and not INT_MIN <= value <= INT_MAX else value


def arrow_type(kind: str) -> "pa.DataType":
    """Return the Arrow type of a column."""
    import pyarrow as pa

    if kind.startswith("list["):
        return pa.list_(arrow_type(kind[5:-1]))
    return {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]


def _usual(counts: Counter[str]) -> str:
    """Return the type of a column with these types of values: the most frequent one.

    Integers beside floats count as floats, and single values beside lists as lists.
    """
    inners = {kind: kind.removeprefix("list[").removesuffix("]") for kind in counts}
    listed = any(kind.startswith("list[") for kind in counts)
    widened = {"mixed": "str"} | ({"int": "float"} if "float" in inners.values() else {})
    merged: Counter[str] = Counter()
    for kind, count in counts.items():
        inner = widened.get(inners[kind], inners[kind])
        merged[f"list[{inner}]" if listed else inner] += count
    return max(sorted(merged, reverse=True), key=lambda kind: merged[kind])
