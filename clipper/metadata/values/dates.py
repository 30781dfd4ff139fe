"""Dates as people and programs write them -> ISO 8601 text, by the evidence of a whole column.

`03/04/2024` is a day of March or of April: only other values of the column can tell, and without evidence the
column stays text. pandas and dateutil would guess for each value. A whole column is read at once, by kernels
of Arrow and numpy. What does not belong here: times in ISO 8601 (`times.py`), and the forms of dates
(`date_forms.py`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.date_forms import find_dates, is_no_date, trim_dates
from clipper.metadata.values.date_numbers import Dates, read_numbers
from clipper.metadata.values.number_text import MAX_MISFIT_SHARE, MAX_SPELLINGS
from clipper.metadata.values.shared_columns import free_name
from clipper.metadata.values.types import EXAMPLES, describe_misfits, first_few

if TYPE_CHECKING:
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


def read_times(entries: "Sequence[dict[str, Any]]") -> tuple[set[str], list[str]]:
    """Find the columns of times in one source's entries, and write them as ISO 8601 in place.

    Args:
        entries: values by column, as JSON has them. Of a column of times a few values that are no times are
            removed; if they are many, they move to a second column.

    Returns:
        the names of these columns, and notes: values that were removed, and what had to be decided.
    """
    names: set[str] = set()
    notes: list[str] = []
    for name in _promising(entries):
        having = [entry for entry in entries if name in entry]
        dates, odd = read_dates(name, [entry[name] for entry in having])
        notes += odd
        if dates is None:
            continue
        names.add(name)
        notes += dates.notes
        second = ""
        if dates.others:
            second = free_name(name, {key for entry in entries for key in entry})
            notes.append(
                f"{name!r} is a time, and {len(dates.others)} value(s) are not ({first_few(dates.others)}); "
                f"these are in the column {second!r}"
            )
        for entry, text in zip(having, dates.text.to_pylist(), strict=True):
            value = entry.pop(name)
            if text is not None:
                entry[name] = text
            elif second and not is_no_date(value):
                entry[second] = value
    return names, notes


def read_dates(name: str, values: Sequence[Any]) -> tuple[Dates | None, list[str]]:
    """Read a column of dates; None, and notes about why, if it is no such column.

    The type of most values holds.
    """
    import pyarrow as pa

    if (numbers := _numbers(values)) is not None:
        return (read_numbers(name, numbers) if _speaks_of_times(name) else None), []
    texts = [value if isinstance(value, str) else None for value in values]
    if len(texts) - texts.count(None) <= len(values) // 2:
        return None, []
    text = pa.array(texts, pa.string())
    return _texts(name, text, others=[value for value in values if not isinstance(value, str)])


def _promising(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return the columns of which one of the first values is a time, or may be one."""
    import pyarrow as pa

    first: defaultdict[str, list[Any]] = defaultdict(list)
    for entry in entries:
        for name, value in entry.items():
            if len(some := first[name]) < _LOOKED_AT:
                some.append(value)
    found = []
    for name, values in first.items():
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


def _numbers(values: Sequence[Any]) -> list[float] | None:
    """Return a column of numbers, also of digits in text, as in JSON; None for any other column."""
    if all(type(value) in (int, float) for value in values):
        return list(values)
    if all(isinstance(value, str) and _DIGITS.fullmatch(value.strip()) for value in values):
        return [int(value) for value in values]
    return None


def _speaks_of_times(name: str) -> bool:
    return _NAMED.search(_CAMEL.sub("_", name).lower()) is not None


# -- texts


def _texts(name: str, text: "pa.Array", *, others: Sequence[Any]) -> tuple[Dates | None, list[str]]:
    import pyarrow.compute as pc

    text = trim_dates(text)
    found, notes, problem = find_dates(name, text, digits=_speaks_of_times(name))
    fitting = len(found) - found.null_count
    lost = text.filter(pc.and_(pc.is_null(found), pc.is_valid(text)))
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
