"""Dates as people and programs write them -> ISO 8601 text, by the evidence of a whole column.

`03/04/2024` is a day of March or of April: only other values of the column can tell, and without evidence the
column stays text. pandas and dateutil would guess for each value. A whole column is read at once, by kernels
of Arrow and numpy. What does not belong here: times in ISO 8601 (`times.py`), and the forms of dates
(`date_forms.py`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.columns import numbers, truths
from clipper.metadata.values.column_values import Values
from clipper.metadata.values.date_forms import find_dates, is_no_date, trim_dates
from clipper.metadata.values.date_numbers import Dates, read_numbers
from clipper.metadata.values.number_text import MAX_MISFIT_SHARE, MAX_SPELLINGS
from clipper.metadata.values.shared_columns import free_name
from clipper.metadata.values.types import EXAMPLES, describe_misfits, first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# So many of its first values show whether a column may be one of times.
_LOOKED_AT = 200
# Numbers are times only in columns with such names ...
_NAMED = re.compile(
    r"(^|[^a-z])(timestamps?|time|date|datetime|epoch|at|ts|mtime|ctime|created|modified|updated|taken|"
    r"uploaded|published|captured)([^a-z]?(s|ms|us|ns|sec|utc|original|taken|created|time|timestamp))?$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HAS_DIGIT = re.compile(r"[0-9]")
# Such a number may be a text.
_DIGITS = re.compile(r"-?\d{9,19}", re.ASCII)
_ARROW_DIGITS = r"^-?[0-9]{9,19}$"


def read_times(columns: dict[str, Values]) -> tuple[set[str], list[str]]:
    """Find the columns of times of one source, and write them as ISO 8601 in place.

    Args:
        columns: values as JSON has them. Of a column of times a few values that are no times are removed; if
            they are many, they move to a second column. A column that changes moves to the end.

    Returns:
        the names of these columns, and notes: values that were removed, and what had to be decided.
    """
    import pyarrow.compute as pc

    names: set[str] = set()
    notes: list[str] = []
    for name in _promising(columns):
        dates, odd = read_dates(name, columns[name])
        notes += odd
        if dates is None:
            continue
        names.add(name)
        notes += dates.notes
        values = columns.pop(name)
        is_time = truths(pc.is_valid(dates.text))
        columns[name] = Values.of_arrow(values.at, dates.text)
        if not dates.others:
            continue
        second = free_name(name, {*columns})
        notes.append(
            f"{name!r} is a time, and {len(dates.others)} value(s) are not ({first_few(dates.others)}); "
            f"these are in the column {second!r}"
        )
        rest = values.where(~is_time)
        cells = [None if is_no_date(value) else value for value in rest.to_list()]
        if len(others := Values.of_list(rest.at, cells)):
            columns[second] = others
    return names, notes


def read_dates(name: str, values: Values) -> tuple[Dates | None, list[str]]:
    """Read a column of dates; None, and notes about why, if it is no such column.

    The type of most values holds.
    """
    import pyarrow as pa

    if (numbers := _numbers(values)) is not None:
        return (read_numbers(name, numbers) if _speaks_of_times(name) else None), []
    if values.kind not in (None, "str"):
        return None, []
    cells = values.cells
    if not isinstance(cells, list):
        try:
            return _texts(name, cells.cast(pa.string()), others=[])
        except pa.ArrowInvalid:  # more than 2 GiB are no dates
            return None, []
    texts = [value if isinstance(value, str) else None for value in cells]
    if len(texts) - texts.count(None) <= len(cells) // 2:
        return None, []
    text = pa.array(texts, pa.string())
    return _texts(name, text, others=[value for value in cells if not isinstance(value, str)])


def _promising(columns: Mapping[str, Values]) -> list[str]:
    """Return the columns of which one of the first values is a time, or may be one."""
    import pyarrow as pa

    found = []
    for name, column in columns.items():
        if column.kind == "bool":
            continue
        values = column.first(_LOOKED_AT)
        is_number = any(
            type(value) in (int, float) or (isinstance(value, str) and _DIGITS.fullmatch(value.strip()))
            for value in values
        )
        texts = [value for value in values if isinstance(value, str) and _HAS_DIGIT.search(value)]
        if is_number and _speaks_of_times(name):
            found.append(name)
        elif texts:  # a look at each of thousands of columns takes time
            dates, *said = find_dates(name, trim_dates(pa.array(texts)), digits=_speaks_of_times(name))
            if dates.null_count < len(dates) or any(said):
                found.append(name)
    return found


def _numbers(values: Values) -> "np.ndarray | list[Any] | None":
    """Return a column of numbers, also of digits in text, as in JSON; None for any other column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.kind in ("int", "float"):
        return numbers(values.cells)
    if values.kind == "str":
        text = pc.utf8_trim_whitespace(values.cells)
        if not pc.all(pc.match_substring_regex(text, _ARROW_DIGITS)).as_py():
            return None
        try:
            return numbers(text.cast(pa.int64()))
        except pa.ArrowInvalid:  # beyond 64 bits
            return list(map(int, text.to_pylist()))
    cells = values.cells
    if isinstance(cells, list) and all(type(value) in (int, float) for value in cells):
        return cells
    return None


def _speaks_of_times(name: str) -> bool:
    return _NAMED.search(_CAMEL.sub("_", name).lower()) is not None


# -- texts


def _texts(name: str, text: "pa.Array", *, others: Sequence[Any]) -> tuple[Dates | None, list[str]]:
    import pyarrow.compute as pc

    encoded = text.dictionary_encode()  # each different text is read once
    text, codes = trim_dates(encoded.dictionary), encoded.indices
    different, notes, problem = find_dates(name, text, digits=_speaks_of_times(name))
    found = different.take(codes)
    fitting = len(found) - found.null_count
    is_lost = pc.and_(pc.is_null(different), pc.is_valid(text))
    lost = text.take(codes.filter(pc.fill_null(is_lost.take(codes), False)))
    count = len(lost) + len(others)
    if count >= fitting:
        return None, problem
    if not _are_few(count, fitting, lost, others):
        return Dates(found, notes + problem, [*lost.to_pylist(), *others]), []
    if count:
        examples = [*lost[:EXAMPLES].to_pylist(), *others[:EXAMPLES]]
        notes.append(describe_misfits(name, "a time", count, examples[:EXAMPLES]))
        notes += problem
    return Dates(found, notes), []


def _are_few(count: int, fitting: int, lost: "pa.Array", others: Sequence[Any]) -> bool:
    """Whether values that are no times are so few, or so alike, that the column is one of times still."""
    if count <= MAX_MISFIT_SHARE * (count + fitting):
        return True
    return len(lost.unique()) + len({str(other) for other in others}) <= MAX_SPELLINGS
