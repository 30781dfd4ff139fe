"""The type of a metadata column: that of most of its values. The others are left out, with a note.

No whole number is rounded: where neither `int` (64 bits) nor `float` holds all numbers of a column, they are
kept as text. What does not belong here: what a type is (`values/types.py`), and which values a column has
(`join.py`).
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clipper.columns import numbers
from clipper.metadata.values.column_values import Values
from clipper.metadata.values.number_text import is_code, is_missing, read_number
from clipper.metadata.values.types import (
    EXAMPLES,
    MAX_FLOAT_INT,
    MAX_NUMBER,
    convert,
    describe_misfits,
    describe_text_numbers,
    first_few,
    type_name,
)
from clipper.query_filter import INT_MAX, INT_MIN


@dataclass(frozen=True)
class Fitted:
    """A column's type, its values in that type, and what a person should know of them.

    `about` says why numbers are kept as text, or that large ones may be rounded. `misfits` are values of
    another type, which are left out, and `first_misfit` is the place of the first one.
    """

    type: str
    values: Values
    about: str = ""
    misfits: Sequence[Any] = ()
    first_misfit: int = -1

    @property
    def order(self) -> tuple[int, int]:
        """Where its message stands among those of other columns."""
        if self.about:
            return (0 if self.type.endswith(("str", "str]")) else 1), 0
        return 2, self.first_misfit

    def message(self, name: str) -> str:
        """Describe what is odd in this column, of that name; "" if there is nothing to say."""
        odd = self.misfits
        return "; ".join(
            filter(None, [self.about, describe_misfits(name, self.type, len(odd), odd) if odd else ""])
        )


def infer_type(name: str, values: Values) -> Fitted:
    """Infer a column's type from its values, and convert the values to it.

    Args:
        name: of the column, for messages.
        values: as JSON has them; nested values are JSON text.
    """
    if values.kind is not None and not _has_too_large_items(values):
        return _of_one_kind(name, values.kind, values)
    cells, found = values.to_list(), _Found()
    for value in cells:
        found.add(value, type_name(value) or "")
    if found.is_mixed:
        cells = _make_alike(cells, found)
    kind, about = _usual(found.kinds), ""
    if found.has_large_ints:
        cells, kind, about = _hold_large_ints(name, cells, kind)
    if kind == "float" and found.rounded and not found.has_fractions:
        about = _describe_rounded(name, found.rounded)
    fitted = [convert(value, kind) for value in cells]
    there = [place for place, value in enumerate(fitted) if value is not None]
    lost = [place for place, value in enumerate(fitted) if value is None]
    kept = Values.of_type(values.at[there], [fitted[place] for place in there], kind)
    first = int(values.at[lost[0]]) if lost else -1
    return Fitted(kind, kept, about, [cells[place] for place in lost], first)


def _of_one_kind(name: str, kind: str, values: Values) -> Fitted:
    """Infer the type of a column whose values are of one kind: it is that kind."""
    import numpy as np

    if kind != "float":
        return Fitted(kind, values)
    floats = numbers(values.cells)
    sizes, about = np.abs(floats), ""
    large = sizes >= MAX_FLOAT_INT
    if large.any() and all(map(_is_int64, floats[large].tolist())) and not (floats % 1).any():
        about = _describe_rounded(name, floats[large].tolist())
    too_large = sizes >= MAX_NUMBER
    if not too_large.any():
        return Fitted(kind, values, about)
    lost = np.flatnonzero(too_large)
    return Fitted(kind, values.where(~too_large), about, floats[lost].tolist(), int(values.at[lost[0]]))


def _has_too_large_items(values: Values) -> bool:
    """Whether these are lists of floats, of which one item or more is left out for its size."""
    import numpy as np

    if values.kind != "list[float]" or isinstance(values.cells, list):
        return False
    return bool((np.abs(numbers(values.cells.flatten())) >= MAX_NUMBER).any())


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


def _make_alike(cells: list[Any], found: _Found) -> list[Any]:
    """Change the texts and numbers of one column to one type, where nothing is lost; count them again.

    What programs write for no value counts for no type.
    """
    if change := _change_of_mixed(cells):
        found.kinds.clear()
        found.rounded.clear()
        cells = list(map(change, cells))
        for value in cells:
            found.add(value, type_name(value) or "")
    if found.is_mixed:
        found.kinds["str"] -= sum(map(_is_missing, cells))
    return cells


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


def _describe_rounded(name: str, floats: Sequence[float]) -> str:
    """Describe large whole numbers that were saved as floats, as pandas does where others are missing."""
    examples = first_few([int(number) for number in floats[:EXAMPLES]], count=len(floats))
    return (
        f"{name!r} has whole numbers that are saved as floats ({examples}), so their last digits may be "
        "rounded; save them as integers (in pandas as Int64)"
    )


def _has_large_int(value: Any) -> bool:
    """Whether a value is, or has as an item, an integer that a float may not hold."""
    if type(value) is int:
        return not -MAX_FLOAT_INT <= value <= MAX_FLOAT_INT
    return type(value) is list and any(map(_has_large_int, value))


def _hold_large_ints(name: str, cells: list[Any], type_: str) -> tuple[list[Any], str, str]:
    """Change the type of a column of numbers that would round or lose integers, and the numbers with it.

    Returns:
        the values, the type, and why the numbers became text, "" if they did not.
    """
    inner = type_.removeprefix("list[").removesuffix("]")
    if inner not in {"int", "float"}:
        return cells, type_, ""
    kind, unheld = _type_of_numbers([number for value in cells for number in _numbers(value)])
    cells = [_as_kind(value, kind) for value in cells]
    about = describe_text_numbers(name, unheld) if kind == "str" else ""
    return cells, type_.replace(inner, kind), about


def _numbers(value: Any) -> Iterator[int | float]:
    for item in value if isinstance(value, list) else (value,):
        if type(item) in (int, float) and abs(item) < MAX_NUMBER:
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
    if kind == "str" and type(value) in (int, float) and abs(value) < MAX_NUMBER:
        return repr(value)
    return value


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
