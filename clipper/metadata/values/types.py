"""The types of metadata: what a single value is, how it is converted to a type, and what people read for it.

A type is `str`, `int`, `float`, `bool` or a list of one of them. What does not belong here: which type a
whole column has (`metadata/infer.py`), text that only looks like a number (`cells.py`), and reading files.
"""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
MAX_NUMBER = 2**1023


def describe_text_numbers(name: str, examples: Sequence[Any]) -> str:
    """Describe why a column of numbers is text: no type of numbers holds these integers beside the rest."""
    return (
        f"{name!r} is kept as text: no type of numbers holds {first_few(examples)} exactly beside the other "
        "values (whole numbers have 64 bits, those beside fractions 53)"
    )


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
        return float(value) if abs(value) < MAX_NUMBER and math.isfinite(value) else None
    if type(value).__name__ != kind:
        return None
    return None if kind == "int" and not INT_MIN <= value <= INT_MAX else value


def arrow_type(kind: str) -> "pa.DataType":
    """Return the Arrow type of a column."""
    import pyarrow as pa

    if kind.startswith("list["):
        return pa.list_(arrow_type(kind[5:-1]))
    return {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]
