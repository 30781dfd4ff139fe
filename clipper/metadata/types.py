"""The type of a metadata column: what is usual in it. What does not fit is named and left out.

A type is `str`, `int`, `float`, `bool` or a list of one of them. What does not belong here: text that only
looks like a number (`metadata/cells.py`), and where values come from.
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
    """Column types by what is usual in them.

    Args:
        rows: values as JSON has them; of what is nested, the JSON text is kept.

    Returns:
        each column's type; the rows in those types, without what is missing; and of each column that had
        values which do not fit, what a person should know of them.
    """
    plain: list[dict[str, Any]] = []
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        plain.append({})
        for key, told in row.items():
            value = plain_value(told)
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
    words = {key: describe_misfits(key, types[key], len(values), values) for key, values in misfits.items()}
    return types, fitted, words


def describe_misfits(name: str, kind: str, count: int, examples: Sequence[Any]) -> str:
    """What is told about values that are not of their column's type; `examples` may be all of them."""
    return f"{name!r} is {kind}, {count} value(s) are not ({first_few(examples, count=count)}); left out"


def first_few(values: Sequence[Any], *, count: int | None = None) -> str:
    """Three of `values`, and how many more of `count` there are."""
    shown = ", ".join(repr(value)[:60] for value in values[:EXAMPLES])
    more = (len(values) if count is None else count) - min(len(values), EXAMPLES)
    return f"{shown} and {more} more" if more > 0 else shown


def plain_value(value: Any) -> Any:
    """Scalars as they are, lists of scalars as lists, everything nested as JSON text."""
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
    """The name of a value's type; None where there is nothing to keep."""
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
    """`value` in a column's type, or None."""
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
    """The Arrow type that holds a column of a type."""
    import pyarrow as pa

    if kind.startswith("list["):
        return pa.list_(arrow_type(kind[5:-1]))
    return {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]


def _usual(counts: Counter[str]) -> str:
    """The type of a column that holds these: numbers widen, single values join lists, else the most."""
    inners = {kind: kind.removeprefix("list[").removesuffix("]") for kind in counts}
    listed = any(kind.startswith("list[") for kind in counts)
    widened = {"mixed": "str"} | ({"int": "float"} if "float" in inners.values() else {})
    merged: Counter[str] = Counter()
    for kind, count in counts.items():
        inner = widened.get(inners[kind], inners[kind])
        merged[f"list[{inner}]" if listed else inner] += count
    return max(sorted(merged, reverse=True), key=lambda kind: merged[kind])
