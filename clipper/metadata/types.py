"""The type of a metadata column: that of most of its values. The others are left out, with a note.

A type is `str`, `int`, `float`, `bool` or a list of one of them. What does not belong here: text that only
looks like a number (`metadata/cells.py`), and reading files.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 3


def infer_types(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, str]]:
    """Infer each column's type from its values, and convert the values to it.

    Args:
        rows: values as JSON has them; nested values are kept as JSON text.

    Returns:
        each column's type; the rows in those types, without missing values; and a message for each column
        with values that do not fit.
    """
    plain: list[dict[str, Any]] = []
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        plain.append({})
        for key, raw in row.items():
            value = plain_value(raw)
            if (kind := type_name(value)) is not None:
                plain[-1][key] = value
                kinds[key][kind] += 1
    types = {key: _usual(counts) for key, counts in kinds.items()}
    fitted: list[dict[str, Any]] = []
    misfits: dict[str, list[Any]] = {}
    for row in plain:
        fitted.append({})
        for key, value in row.items():
            if (kept := convert(value, types[key])) is None:
                misfits.setdefault(key, []).append(value)
            else:
                fitted[-1][key] = kept
    messages = {
        key: describe_misfits(key, types[key], len(values), values) for key, values in misfits.items()
    }
    return types, fitted, messages


def describe_misfits(name: str, kind: str, count: int, examples: Sequence[Any]) -> str:
    """Describe the values that are not of their column's type; `examples` may be all of them."""
    return f"{name!r} is {kind}, {count} value(s) are not ({first_few(examples, count=count)}); left out"


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
        fitted = [convert(str(item) if mixed else item, inner) for item in items]
        kept = [item for item in fitted if item is not None]
        return kept or None
    if kind == "float" and type(value) in (int, float):
        return float(value) if abs(value) < 2**1023 and math.isfinite(value) else None
    if type(value).__name__ != kind:
        return None
    return None if kind == "int" and not -(2**63) <= value < 2**63 else value


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
