"""Convert columns of Arrow's types to those of metadata. A whole column is converted at once.

What does not belong here: cells of CSV, which are text (`cells.py`), and reading tables
(`metadata/tables.py`).
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.types import MAX_FLOAT_INT
from clipper.query_filter import INT_MAX, INT_MIN

if TYPE_CHECKING:
    import pyarrow as pa


def plain_column(column: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Convert a column of any Arrow type to text, numbers, booleans or lists of them; None if impossible.

    Dates and times become ISO 8601 text, structs and deeper nesting JSON text. Decimals become floats, those
    without fractions integers. Numbers that neither holds without rounding a whole number become text.
    """
    import pyarrow as pa

    try:
        return _plain(column)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # a value that no Python type can hold
        return None


def is_text_of_numbers(plain: "pa.DataType", kind: "pa.DataType") -> bool:
    """Whether a column is text now, or lists of it, and was numbers, or lists of them."""
    from pyarrow import types

    if types.is_list(plain) and types.is_nested(kind) and kind.num_fields == 1:
        return is_text_of_numbers(plain.value_type, kind.field(0).type)
    if types.is_dictionary(kind):
        return is_text_of_numbers(plain, kind.value_type)
    return bool(types.is_string(plain) and (types.is_integer(kind) or types.is_decimal(kind)))


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return _plain(column)
    if types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    kept = types.is_boolean(kind)
    if types.is_integer(kind):
        column, kept = _int64_or_text(column), True
    elif types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind):
        column, kept = _iso(column), True
    elif types.is_decimal(kind):
        column, kept = _plain_decimals(column), True
    elif types.is_floating(kind):
        column, kept = column.cast(pa.float64()), True
    elif _is_text(kind) or types.is_null(kind):
        column, kept = column.cast(pa.string()), True
    elif types.is_nested(kind) and not _holds_binary(kind):
        column, kept = _plain_nested(column), True
    return column if kept else None


def _int64_or_text(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Convert integers, or decimals without fractions, to int64; to text if one is beyond 64 bits."""
    import pyarrow as pa

    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        if pa.types.is_decimal(column.type):  # of which a negative scale would be written as 1E+2
            column = column.cast(pa.decimal256(76, 0))
        return column.cast(pa.string())


def _plain_decimals(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Convert decimals to floats, those without fractions to integers; if that rounds large ones, to text.

    Some databases give every number a scale, so a column of long ids may be of type `decimal(38, 10)`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type.scale <= 0:
        return _int64_or_text(column)
    floats = column.cast(pa.float64())
    large = pc.greater_equal(pc.abs(floats), float(MAX_FLOAT_INT))
    written = column.filter(large).cast(pa.decimal256(76, column.type.scale))
    if pc.all(pc.equal(floats.filter(large).cast(written.type, safe=False), written)).as_py() is not False:
        return floats
    try:
        return _int64_or_text(column.cast(pa.decimal256(76, 0)))
    except pa.ArrowInvalid:  # it has fractions
        return column.cast(pa.string())


def _is_text(kind: "pa.DataType") -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _iso(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Write dates and times as ISO 8601 text, without fractions of a second that are zero."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        text = column.cast(pa.string())
    except pa.ArrowInvalid:  # a time zone that this machine does not know
        text = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(pa.string())
    text = pc.if_else(pc.starts_with(text, "<"), None, text)  # how Arrow writes a year beyond the calendar
    text = pc.replace_substring(text, " ", "T")
    text = pc.replace_substring_regex(text, r"\.0+(Z|[+-][0-9]{4})?$", r"\1")
    return pc.replace_substring_regex(text, r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2")


def _plain_nested(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    lists = "list" in str(kind).partition("<")[0]  # of any of Arrow's six kinds
    values = column.to_pylist()
    if lists and not types.is_nested(kind.value_type):
        plain = [row and [_plain_scalar(value) for value in row] for row in values]
        if types.is_integer(kind.value_type) or types.is_decimal(kind.value_type):
            numbers = [value for row in values for value in row or () if value is not None]
            write = _exact_writer(numbers)
            plain = [row and [None if value is None else write(value) for value in row] for row in values]
        return pa.chunked_array([pa.array(plain)])
    text = [None if row is None else _json(row) for row in values]
    return pa.chunked_array([pa.array(text, pa.string())])


def _exact_writer(numbers: Sequence[int | Decimal]) -> Callable[[Any], int | float | str]:
    """Return what makes each of some numbers an `int` of 64 bits, a `float` or, to keep digits, a text."""
    whole = all(number == int(number) for number in numbers)
    large = any(not -MAX_FLOAT_INT <= number <= MAX_FLOAT_INT for number in numbers)
    if whole and all(INT_MIN <= number <= INT_MAX for number in numbers):
        fractions = any(isinstance(number, Decimal) and _has_fraction(number) for number in numbers)
        return float if fractions and not large else int
    return str if large else float


def _has_fraction(number: Decimal) -> bool:
    """Whether a number is written with digits after the point, which may be zeros."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent < 0


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _exact_writer([value])(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json(value: Any) -> str:
    def known(other: Any) -> Any:
        plain = _plain_scalar(other)
        return str(other) if plain is other else plain

    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=known)


def _holds_binary(kind: "pa.DataType") -> bool:
    """Whether a type holds bytes, which are no metadata: some datasets have an image within a struct."""
    from pyarrow import types

    if types.is_nested(kind):
        return any(_holds_binary(kind.field(i).type) for i in range(kind.num_fields))
    return "binary" in str(kind)
