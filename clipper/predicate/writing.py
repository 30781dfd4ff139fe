"""Writes conditions as a predicate that `reading.py` reads as the same conditions.

What does not belong here: conditions as a link or Chroma has them (`query_filter.py`).
"""

from collections.abc import Mapping

from clipper.predicate.fields import Field, Fields
from clipper.predicate.scales import write_range
from clipper.predicate.tokens import quoted
from clipper.query_filter import AnyOf, Condition, HasText, InRange, NoneOf, Value

MISSING = "missing"


def write_predicate(conditions: Mapping[str, Condition], fields: Fields) -> str:
    """Write conditions as a predicate; none as an empty text.

    Args:
        conditions: one a column.
        fields: the columns, by name; another column is written by its name.
    """
    return " and ".join(_write(fields.get(name), name, each) for name, each in conditions.items())


def _write(field: Field | None, name: str, condition: Condition) -> str:
    column = quoted(field.spelled if field else name)
    if isinstance(condition, HasText):
        return f"{column} contains {quoted(condition.text)}"
    if isinstance(condition, InRange):
        tests = write_range(condition, time=field is not None and field.kind == "time")
        ranged = " and ".join(f"{column} {test}" for test in tests)
        return f"({ranged} or {column} is {MISSING})" if condition.missing else ranged
    return f"{column} {_write_values(condition)}"


def _write_values(condition: AnyOf | NoneOf) -> str:
    picks, values = isinstance(condition, AnyOf), condition.values
    if values == (None,):
        return f"is {MISSING}" if picks else f"is not {MISSING}"
    if len(values) == 1:
        return f"{'=' if picks else '!='} {_value(values[0])}"
    return f"{'in' if picks else 'not in'} ({', '.join(map(_value, values))})"


def _value(value: Value | None) -> str:
    if value is None:
        return MISSING
    return quoted(("Yes" if value else "No") if isinstance(value, bool) else str(value))
