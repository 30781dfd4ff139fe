"""Convert columns of CSV cells, which are text, to the types of metadata.

A whole column is converted at once, by Arrow's kernels. What does not belong here: reading tables
(`metadata/tables.py`), and Arrow's own types (`arrow_columns.py`).
"""

from typing import TYPE_CHECKING, Any

from clipper.metadata.values.cell_lists import read_lists
from clipper.metadata.values.number_text import (
    CODE,
    FLOAT,
    INT,
    MAX_MISFIT_SHARE,
    MAX_SPELLINGS,
    MISSING,
    WHOLE,
)
from clipper.metadata.values.types import (
    EXAMPLES,
    describe_misfits,
    describe_text_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa


# A whole number, also as tables with fractions write it: 20240305123456789.0.
_INTEGRAL = rf"^{WHOLE}(\.0+)?$"
_ZERO_FRACTION = r"\.0+$"
# Digits of which a float may hold fewer.
_LARGE = r"^-?[0-9]{16,}"
_BOOL = r"^(?i:true|false)$"
# Numbers with a decimal comma, and perhaps with dots or blanks between thousands ...
_GAP = r"[. '\x{a0}\x{202f}]"
_COMMA = rf"^-?((0|[1-9][0-9]*)|[1-9][0-9]{{0,2}}({_GAP}[0-9]{{3}})+),[0-9]+$"
# ... and whole numbers beside them.
_GAPPED = rf"^-?[1-9][0-9]{{0,2}}({_GAP}[0-9]{{3}})+$"
# Numbers with commas between thousands; those that are nothing else; and those that may have decimals.
_GROUPED = r"^-?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?$"
_ONLY_GROUPED = r"^-?[1-9][0-9]{0,2}(,[0-9]{3}){2,}|,[0-9]{3}\.[0-9]+$"
_EITHER = r"^-?[1-9][0-9]{0,2},[0-9]{3}$"
# A text that is written as a formula, so that a spreadsheet keeps its zeros.
_FORMULA = r'^="([^"]*)"$'
# A quote that keeps a spreadsheet from reading a cell as a formula, as in Clipper's own exports.
_ESCAPED = r"(?s)^'([=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}][^']*)$"


def infer_cell_type(
    name: str, cells: "pa.ChunkedArray", *, decimal_commas: bool = False, keep_all: bool = False
) -> "tuple[pa.ChunkedArray, str | None]":
    """Give a column of CSV cells the type that most of them have.

    Args:
        name: of the column, for the message.
        cells: strings; surrounding blanks are ignored, and an empty cell is missing.
        decimal_commas: whether numbers may have decimal commas.
        keep_all: whether the column is text if some of its values are of no other type.

    Returns:
        an int64, double, bool or string column, or one of lists; and a message about the cells that are not
        of its type, which are null in it, about numbers that are kept as text, and about decimal commas; None
        if there is nothing to say.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(cells), _FORMULA, r"\1")
    text = pc.if_else(pc.equal(text, ""), None, text)
    if lists := read_lists(text):
        return lists, None
    written, said = _without_commas(name, text, are_decimal=decimal_commas)
    kind, fits = _usual(written)
    if kind is not None and keep_all and not _all_fit(written, fits):
        kind = None
    if kind is None:
        return pc.replace_substring_regex(text, _ESCAPED, r"\1"), None if written is not text else said
    kept = pc.if_else(fits, written, None)
    if kind == "float":
        kept, unheld = _with_large_ints(kept)
        if unheld:
            return text, describe_text_numbers(name, unheld)
        kind = "int" if pa.types.is_integer(kept.type) else kind
    lost = text.filter(pc.invert(fits))
    message = describe_misfits(name, kind, len(lost), lost[:EXAMPLES].to_pylist()) if len(lost) else None
    message = "; ".join(filter(None, (said, message))) or None
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

    ints, floats, bools = matching(INT), matching(FLOAT), matching(_BOOL)
    numbers = pc.or_(ints, floats)
    kind, fits = ("int" if not number_of(floats) else "float"), numbers
    if number_of(bools) > number_of(numbers):
        kind, fits = "bool", bools
    missing = matching(MISSING)
    filled = len(text) - text.null_count - number_of(missing)
    others = filled - number_of(fits)
    codes = pc.and_(matching(CODE), pc.invert(ints))
    if others >= number_of(fits) or (kind != "bool" and number_of(codes)):
        return None, None
    if (
        others > MAX_MISFIT_SHARE * filled
        and _spellings(text.filter(pc.invert(pc.or_(fits, missing)))) > MAX_SPELLINGS
    ):
        return None, None
    return kind, fits


def _all_fit(text: "pa.ChunkedArray", fits: Any) -> bool:
    import pyarrow.compute as pc

    return pc.all(pc.or_(fits, pc.match_substring_regex(text, MISSING))).as_py() is not False


def _spellings(text: "pa.ChunkedArray") -> int:
    return len(text.unique())


def _without_commas(
    name: str, text: "pa.ChunkedArray", *, are_decimal: bool
) -> "tuple[pa.ChunkedArray, str | None]":
    """Write numbers with commas as others are; say so, or that it is not known what the commas mean.

    `are_decimal` is whether commas may stand before decimals, too, and not only between thousands.

    Returns:
        the texts, the same object where there are no such numbers, and what is said.
    """
    import pyarrow.compute as pc

    with_comma = text.filter(pc.match_substring_regex(text, r"^-?[0-9][0-9.,' \x{a0}\x{202f}]*,[0-9.,]+$"))
    if not len(with_comma):
        return text, None
    example = with_comma[0].as_py()

    def all_match(pattern: str) -> bool:
        return bool(pc.all(pc.match_substring_regex(with_comma, pattern)).as_py())

    if all_match(_EITHER):
        return text, f"{name!r} may have commas for decimals or for thousands ({example!r}); it stays text"
    if all_match(_GROUPED) and pc.any(pc.match_substring_regex(with_comma, _ONLY_GROUPED)).as_py():
        grouped = pc.match_substring_regex(text, _GROUPED)
        plain = pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
        return plain, f"{name!r} is read with commas between thousands, as in {example!r}"
    gapped = pc.match_substring_regex(text, _GAPPED)
    with_points = pc.and_(pc.match_substring_regex(text, r"^-?[0-9]*\.[0-9]+$"), pc.invert(gapped))
    if not are_decimal or not all_match(_COMMA) or pc.any(with_points).as_py():
        return text, None
    plain = pc.replace_substring(pc.replace_substring_regex(text, _GAP, ""), ",", ".")
    decimal = pc.or_(pc.match_substring_regex(text, _COMMA), gapped)
    return pc.if_else(decimal, plain, text), f"{name!r} is read with decimal commas, as in {example!r}"


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
