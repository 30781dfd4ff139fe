"""Convert columns of tables to the types of metadata: from the text of CSV cells, and from Arrow's types.

A whole column is converted at once, by Arrow's kernels. What does not belong here: reading tables
(`metadata/tables.py`).
"""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clipper.metadata.types import EXAMPLES, describe_misfits

if TYPE_CHECKING:
    import pyarrow as pa

# A number is text that is the same after it is read and written again. Longer digits are codes.
_INT = r"^-?(0|[1-9][0-9]{0,17})$"
_FLOAT = r"^-?((0|[1-9][0-9]{0,17})?\.[0-9]+|(0|[1-9][0-9]{0,17})(\.[0-9]+)?[eE][+-]?[0-9]{1,2})$"
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
        are null in it; None if there are none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(cells)
    text = pc.if_else(pc.equal(text, ""), None, text)
    kind, fits = _usual(text)
    if kind is None:
        return text, None
    kept = pc.if_else(fits, text, None)
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
    if others >= number_of(fits) or (kind != "bool" and number_of(matching(_CODE))):
        return None, None
    if others > MAX_MISFIT_SHARE * filled and len(text.filter(pc.invert(fits)).unique()) > MAX_SPELLINGS:
        return None, None
    return kind, fits


def plain_column(column: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Convert a column of any Arrow type to text, numbers, booleans or lists of them; None if impossible.

    Dates and times become ISO 8601 text, decimals floats; structs and deeper nesting JSON text.
    """
    import pyarrow as pa

    try:
        return _plain(column)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # a value that no Python type can hold
        return None


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return _plain(column)
    if types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    kept = types.is_boolean(kind) or types.is_integer(kind)
    if types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind):
        column, kept = _iso(column), True
    elif types.is_floating(kind) or types.is_decimal(kind):
        column, kept = column.cast(pa.float64()), True
    elif _is_text(kind) or types.is_null(kind):
        column, kept = column.cast(pa.string()), True
    elif types.is_nested(kind) and not _holds_binary(kind):
        column, kept = _plain_nested(column), True
    return column if kept else None


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
        return pa.chunked_array([pa.array(plain)])
    text = [None if row is None else _json(row) for row in values]
    return pa.chunked_array([pa.array(text, pa.string())])


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
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
