"""Convert columns of tables to the types of metadata: from the text of CSV cells, and from Arrow's types.

A whole column is converted at once, by Arrow's kernels. What does not belong here: reading tables
(`metadata/tables.py`).
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.types import (
    EXAMPLES,
    MAX_FLOAT_INT,
    describe_misfits,
    describe_text_numbers,
)
from clipper.query_filter import INT_MAX, INT_MIN

if TYPE_CHECKING:
    import pyarrow as pa


def _up_to(largest: int) -> str:
    """Return the pattern of the numbers from 0 to one of 19 digits, without zeros in front."""
    digits = str(largest)
    fewer = "|".join(
        rf"{digits[:at]}[{1 if at == 0 else 0}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit > "0"
    )
    return rf"(0|[1-9][0-9]{{0,{len(digits) - 2}}}|{fewer}|{digits})"


# A number is text that is the same after it is read and written again. Longer digits are codes.
_WHOLE = rf"(-{_up_to(-INT_MIN)}|{_up_to(INT_MAX)})"
_INT = rf"^{_WHOLE}$"
_FLOAT = r"^-?((0|[1-9][0-9]{0,18})?\.[0-9]+|(0|[1-9][0-9]{0,18})(\.[0-9]+)?[eE][+-]?[0-9]{1,2})$"
# A whole number, also as tables with fractions write it: 20240305123456789.0.
_INTEGRAL = rf"^{_WHOLE}(\.0+)?$"
_ZERO_FRACTION = r"\.0+$"
# Digits of which a float may hold fewer.
_LARGE = r"^-?[0-9]{16,}"
_BOOL = r"^(?i:true|false)$"
# Digits that would change if read as a number: 007, a code of twenty digits, a decimal comma. One such cell
# makes its column text.
_CODE = r"^[+-]?(0[0-9].*|[0-9]{19,}|[0-9]+,[0-9]+)$"
# In a column of numbers, the cells that are no numbers are at most this share of it ...
MAX_MISFIT_SHARE = 0.05
# ... or have at most so many spellings, such as "n/a" and "?". Otherwise the column is text: no cell is lost.
MAX_SPELLINGS = 3


def infer_cell_type(name: str, cells: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, str | None]":
    """Give a column of CSV cells the type that most of them have.

    Args:
        name: of the column, for the message.
        cells: strings; surrounding blanks are ignored, and an empty cell is missing.

    Returns:
        an int64, double, bool or string column, and a message about the cells that are not of its type, which
        are null in it, or about numbers that are kept as text; None if there are none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(cells)
    text = pc.if_else(pc.equal(text, ""), None, text)
    kind, fits = _usual(text)
    if kind is None:
        return text, None
    kept = pc.if_else(fits, text, None)
    if kind == "float":
        kept, unheld = _with_large_ints(kept)
        if unheld:
            return text, describe_text_numbers(name, unheld)
        kind = "int" if pa.types.is_integer(kept.type) else kind
    lost = text.filter(pc.invert(fits))
    message = describe_misfits(name, kind, len(lost), lost[:EXAMPLES].to_pylist()) if len(lost) else None
    if kind == "bool":
        return pc.equal(pc.utf8_lower(kept), "true"), message
    return kept.cast(pa.int64() if kind == "int" else pa.float64()), message


def _usual(text: "pa.ChunkedArray") -> tuple[str | None, Any]:
    """Return the type of most cells and a mask of the cells that have it; None and None for text."""
    import pyarrow.compute as pc

    def matching(pattern: str) -> Any:
        return pc.match_substring_regex(text, pattern)

    def number_of(mask: Any) -> int:
        return pc.sum(mask).as_py() or 0

    ints, floats, bools = matching(_INT), matching(_FLOAT), matching(_BOOL)
    numbers = pc.or_(ints, floats)
    kind, fits = ("int" if not number_of(floats) else "float"), numbers
    if number_of(bools) > number_of(numbers):
        kind, fits = "bool", bools
    filled = len(text) - text.null_count
    others = filled - number_of(fits)
    codes = pc.and_(matching(_CODE), pc.invert(ints))
    if others >= number_of(fits) or (kind != "bool" and number_of(codes)):
        return None, None
    if others > MAX_MISFIT_SHARE * filled and len(text.filter(pc.invert(fits)).unique()) > MAX_SPELLINGS:
        return None, None
    return kind, fits


def _with_large_ints(numbers: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, list[str]]":
    """Keep the digits of large whole numbers that stand beside floats.

    Args:
        numbers: strings, each a number or null.

    Returns:
        the strings, or int64 if floats do not hold them and all are whole; and examples of those that no type
        holds beside the others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    written = numbers.filter(pc.match_substring_regex(numbers, _LARGE))
    written = written.filter(pc.match_substring_regex(written, _INTEGRAL))
    whole = pc.replace_substring_regex(written, _ZERO_FRACTION, "").cast(pa.int64())
    # Beyond 64 bits the cast back wraps, and is unequal.
    back = whole.cast(pa.float64(), safe=False).cast(pa.int64(), safe=False)
    unheld = written.filter(pc.not_equal(back, whole))
    if not len(unheld):
        return numbers, []
    if pc.all(pc.match_substring_regex(numbers, _INTEGRAL)).as_py():
        return pc.replace_substring_regex(numbers, _ZERO_FRACTION, "").cast(pa.int64()), []
    return numbers, unheld[:EXAMPLES].to_pylist()


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
