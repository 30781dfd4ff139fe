"""Dates as people and programs write them -> ISO 8601 text, by the evidence of a whole column.

`03/04/2024` is a day of March or of April: only other values of the column can tell, and without evidence the
column stays text. pandas and dateutil would guess for each value. A whole column is read at once, by kernels
of Arrow and numpy. What does not belong here: times in ISO 8601 (`metadata/times.py`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipper.metadata.cells import MAX_MISFIT_SHARE, MAX_SPELLINGS
from clipper.metadata.shared_columns import free_name
from clipper.metadata.times import ISO_TIME
from clipper.metadata.types import EXAMPLES, describe_misfits, first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ZONE = r"(?P<zone>[Zz]|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?|UTC|GMT)?(?:\s*\([A-Za-z ]+\))?"
_CLOCK = (
    r"(?:(?:\s*[T,_]\s*|\s+)(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    rf"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*{_ZONE})?$"
)
_WEEKDAY = r"(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)"
_FORMS = (
    # EXIF's own form 2024:03:01 08:00:00, ISO 8601 and its neighbours 2024/3/1 and 2024.03.01.
    rf"^(?P<year>\d{{4}})[-/.:](?P<month>\d{{1,2}})[-/.:](?P<day>\d{{1,2}}){_CLOCK}",
    # 20240301_080000, as cameras name files, and ISO's basic form 20240301T080000Z.
    (
        r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[T_ -]"
        rf"(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}}){_ZONE}$"
    ),
    # 3 Mar 2024, 01-Mar-2024, 3rd of March 2024, and RFC 2822's Fri, 01 Mar 2024 08:00:00 +0900.
    (
        rf"^{_WEEKDAY}?(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?(?:\s+of)?[\s-]*(?P<name>[A-Za-z]{{3,9}})\.?,?[\s-]*"
        rf"(?P<year>\d{{4}}){_CLOCK}"
    ),
    # March 3, 2024, and JavaScript's Fri Mar 01 2024 08:00:00 GMT+0900.
    rf"^{_WEEKDAY}?(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_CLOCK}",
    # Fri Mar  1 08:00:00 2024, as C's ctime and `date` write it.
    (
        rf"^{_WEEKDAY}(?P<name>[A-Za-z]{{3}})\s+(?P<day>\d{{1,2}})\s+(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}}):"
        rf"(?P<second>\d{{2}})\s+{_ZONE}\s*(?P<year>\d{{4}})$"
    ),
)
# 01/03/2024, 1.3.2024, 01-03-24: the day or the month is first.
_NUMBERS = r"^(?P<first>\d{1,2})(?P<mark>[-/.])\s?(?P<other>\d{1,2})[-/.]\s?(?P<year>\d{4}|\d{2})" + _CLOCK
# Eight digits are a date only in a column whose name speaks of one.
_DIGITS = r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})$"
_MONTH, _DAY = 12, 31  # the largest numbers of a month and of a day
# What cameras and databases write for no date.
_NO_DATE = r"^0000[-/.:]00[-/.:]00([T ]00:00:00)?$"
# What every form has: a column without it in any of its first values is not looked at further.
_HINT = re.compile(
    r"\d[-/.:]\s?\d{1,2}[-/.:]\s?\d|\d{8}|[A-Za-z]{3,9}\.?,?[\s-]*\d{1,4}|\d[\s-]*[A-Za-z]{3,9}"
)
_LOOKED_AT = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
# Numbers are times only in columns with such names ...
_NAMED = re.compile(
    r"(^|[^a-z])(timestamps?|time|date|datetime|epoch|at|ts|mtime|ctime|created|modified|updated|taken|"
    r"uploaded|published|captured)([^a-z]?(s|ms|us|ns|sec|utc|original|taken|created|time|timestamp))?$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# ... whose values all lie between 1980 and 2100 in one of these units: seconds since 1970, and parts of them.
_EPOCH = (315_532_800, 4_102_444_800)
_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
_CENTURY = 69  # POSIX: years of two digits are those of 1969 to 2068
_DATES_OF_DIGITS = (18_000_101, 21_001_231)


@dataclass(frozen=True)
class Dates:
    """A column of times: `text` (n,) is ISO 8601, null where a value is no time.

    `others` are the values that are no times, if these are more than a few. `notes` say what was decided.
    """

    text: "pa.Array"
    notes: list[str] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)


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
            elif second and not _is_no_date(value):
                entry[second] = value
    return names, notes


def read_dates(name: str, values: Sequence[Any]) -> tuple[Dates | None, list[str]]:
    """Read a column of dates; None, and notes about why, if it is no such column.

    The type of most values holds.
    """
    import pyarrow as pa

    if all(type(value) in (int, float) for value in values):
        return (_epochs(name, values) if _speaks_of_times(name) else None), []
    texts = [value if isinstance(value, str) else None for value in values]
    if len(texts) - texts.count(None) <= len(values) // 2:
        return None, []
    text = pa.array(texts, pa.string())
    return _texts(name, text, others=[value for value in values if not isinstance(value, str)])


def _promising(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return the columns of which one of the first values may be a time."""
    seen: dict[str, int] = {}
    found: dict[str, None] = {}
    for entry in entries:
        for name, value in entry.items():
            if name in found or (count := seen.get(name, 0)) >= _LOOKED_AT:
                continue
            seen[name] = count + 1
            is_number = type(value) in (int, float) and _speaks_of_times(name)
            if is_number or (isinstance(value, str) and _HINT.search(value)):
                found[name] = None
    return list(found)


def _speaks_of_times(name: str) -> bool:
    return _NAMED.search(_CAMEL.sub("_", name).lower()) is not None


# -- texts


def _texts(name: str, text: "pa.Array", *, others: Sequence[Any]) -> tuple[Dates | None, list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(text)
    trimmed = text = pc.if_else(pc.match_substring_regex(trimmed, _NO_DATE), None, trimmed)
    found = pa.nulls(len(text), pa.string())
    for form in (*_FORMS, *([_DIGITS] if _speaks_of_times(name) else [])):
        found = pc.coalesce(found, _written(pc.extract_regex(trimmed, form)))
    found = pc.if_else(pc.match_substring_regex(trimmed, f"^{ISO_TIME}$"), _if(found, trimmed), found)
    numbers, notes, problem = _numbers(name, trimmed)
    found = pc.coalesce(found, numbers)
    fitting = len(found) - found.null_count
    lost = text.filter(pc.and_(pc.is_null(found), pc.is_valid(text)))
    count = len(lost) + len(others)
    if count >= fitting:
        return None, problem
    if not _are_few(count, fitting, lost, others):
        return Dates(found, notes + problem, [*lost.to_pylist(), *others]), []
    if count:
        examples = [*lost[:EXAMPLES].to_pylist(), *others[:EXAMPLES]]
        notes.append(describe_misfits(name, "time", count, examples[:EXAMPLES]))
        notes += problem
    return Dates(found, notes), []


def _are_few(count: int, fitting: int, lost: "pa.Array", others: Sequence[Any]) -> bool:
    """Whether values that are no times are so few, or so alike, that the column is one of times still."""
    if count <= MAX_MISFIT_SHARE * (count + fitting):
        return True
    return len(lost.unique()) + len({str(other) for other in others}) <= MAX_SPELLINGS


def _is_no_date(value: Any) -> bool:
    return isinstance(value, str) and re.match(_NO_DATE, value.strip()) is not None


def _if(found: "pa.Array", text: "pa.Array") -> "pa.Array":
    """Return the texts, null where nothing was found in them."""
    import pyarrow.compute as pc

    return pc.if_else(pc.is_valid(found), text, None)


def _numbers(name: str, text: "pa.Array") -> "tuple[pa.Array, list[str], list[str]]":
    """Read dates of three numbers, if the column shows whether the day or the month is first.

    Returns:
        ISO texts, a note about what was decided, and a problem if it could not be.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pa.nulls(len(text), pa.string())
    parts = pc.extract_regex(text, _NUMBERS)
    there = np.asarray(parts.is_valid())
    first, other, year = (_integers(parts, key) for key in ("first", "other", "year"))
    short = np.asarray(pc.fill_null(pc.equal(pc.utf8_length(parts.field("year")), 2), False))
    dotted = np.asarray(pc.fill_null(pc.equal(parts.field("mark"), "."), False))
    there &= (first <= _MONTH) | (other <= _MONTH)
    if not there.any():
        return nothing, [], []
    by_day, by_month = there & (first > _MONTH), there & (other > _MONTH)
    examples = [repr(text.filter(pa.array(rows))[0].as_py()) for rows in (by_day, by_month) if rows.any()]
    example = examples[0] if examples else repr(text.filter(pa.array(there))[0].as_py())
    fix = "these stay text; write dates as 2024-12-31"
    if len(examples) > 1:
        told = f"in some dates of {name!r} the day is first, in some the month ({' and '.join(examples)})"
        return nothing, [], [f"{told}; {fix}"]
    # 1.3.2024 is written only where the day is first.
    if not examples and not (dotted | (first == other))[there].all():
        return nothing, [], [f"{name!r} may have days or months first ({example}); {fix}"]
    months_first = bool(by_month.any())
    if short.any() and not months_first and not (year > _DAY)[there & short].any():
        return nothing, [], [f"{name!r} has years of two digits, which may be days ({example}); {fix}"]
    century = np.where(year >= _CENTURY, 1900, 2000)
    day, month = (other, first) if months_first else (first, other)
    iso = _iso(parts, np.where(short, year + century, year), month, day)
    told = f"{name!r} is read with {'months' if months_first else 'days'} first, as in {example}"
    told += ", and with years from 1969 to 2068" if short.any() else ""
    return iso, [told], []


def _written(parts: "pa.StructArray") -> "pa.Array":
    """Write dates as ISO 8601: null where there is none, or none of the calendar."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if parts.null_count == len(parts):
        return pa.nulls(len(parts), pa.string())
    names = {part.name for part in parts.type}
    if "name" in names:
        lower = pc.utf8_lower(parts.field("name"))
        short, long = (pc.index_in(lower, value_set=pa.array(all_)) for all_ in (_MONTHS, _LONG_MONTHS))
        sept = pc.if_else(pc.equal(lower, "sept"), 8, None)
        month = np.asarray(pc.fill_null(pc.coalesce(short, long, sept), -1)).astype(np.int64) + 1
    else:
        month = _integers(parts, "month")
    return _iso(parts, _integers(parts, "year"), month, _integers(parts, "day"))


def _iso(parts: "pa.StructArray", year: "np.ndarray", month: "np.ndarray", day: "np.ndarray") -> "pa.Array":
    """Join a date (n,) int64 and the clock in `parts` to ISO text; null where one of them is impossible."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_there = np.asarray(parts.is_valid())
    good = is_there & (year >= 1) & (month >= 1) & (month <= 12)  # noqa: PLR2004 - months
    first = ((np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1).astype("datetime64[M]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    good &= (day >= 1) & (day <= length)
    date = first.astype("datetime64[D]") + np.where(good, day, 1) - 1
    names = {part.name for part in parts.type}
    if "hour" not in names:
        return pa.array(np.datetime_as_string(date), pa.string(), mask=~good)
    has_clock = np.asarray(pc.fill_null(pc.not_equal(parts.field("hour"), ""), False))
    hour, minute, second = (_integers(parts, key) for key in ("hour", "minute", "second"))
    if "half" in names:
        half = pc.utf8_lower(pc.utf8_slice_codeunits(parts.field("half"), 0, 1))
        afternoon, morning = (np.asarray(pc.fill_null(pc.equal(half, mark), False)) for mark in "pa")
        good &= ~(afternoon | morning) | ((hour >= 1) & (hour <= 12))  # noqa: PLR2004 - hours of a half day
        hour = np.where(afternoon | morning, hour % 12, hour) + 12 * afternoon
    good &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004 - a day, an hour, a minute
    seconds = np.where(good, hour * 3600 + minute * 60 + second, 0)
    moments = pa.array(np.datetime_as_string(date.astype("datetime64[s]") + seconds), pa.string(), mask=~good)
    zone, zone_fits = _zones(parts.field("zone"))
    whole = pc.binary_join_element_wise(moments, _fraction(parts, names), zone, "")
    days = pc.utf8_slice_codeunits(moments, 0, 10)
    return pc.if_else(zone_fits, pc.if_else(pa.array(has_clock), whole, days), None)


def _zones(text: "pa.Array") -> "tuple[pa.Array, pa.Array]":
    """Write offsets as `Z` or `+09:00`, and say which are possible; no offset is ""."""
    import pyarrow.compute as pc

    bare = pc.utf8_upper(pc.fill_null(text, ""))
    bare = pc.replace_substring_regex(bare, r"^(UTC|GMT)?([+-])(\d{2}):?(\d{2})?$", r"\2\3:\4")
    bare = pc.replace_substring_regex(bare, r":$", ":00")
    bare = pc.replace_substring_regex(bare, r"^(UTC|GMT)$", "Z")
    return bare, pc.match_substring_regex(bare, r"^([+-](0\d|1[0-4]):[0-5]\d|Z)?$")


def _fraction(parts: "pa.StructArray", names: set[str]) -> Any:
    """Write the fractions of a second that are not zero: ".25", or ""."""
    import pyarrow.compute as pc

    if "fraction" not in names:
        return ""
    text = pc.replace_substring(pc.fill_null(parts.field("fraction"), ""), ",", ".")
    return pc.replace_substring_regex(text, r"^\.0+$", "")


def _integers(parts: "pa.StructArray", key: str) -> "np.ndarray":
    """Return a part as numbers (n,) int64, 0 where it is missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = parts.field(key)
    text = pc.if_else(pc.fill_null(pc.not_equal(text, ""), False), text, "0")
    return np.asarray(text.cast(pa.int64()))


# -- numbers


def _epochs(name: str, values: Sequence[float]) -> Dates | None:
    """Read seconds since 1970, or parts of them, and dates of eight digits, such as 20240301."""
    import numpy as np
    import pyarrow as pa

    numbers = np.array(values, np.float64)
    if not len(numbers) or not np.isfinite(numbers).all():
        return None
    low, high = min(values), max(values)
    if low >= _DATES_OF_DIGITS[0] and high <= _DATES_OF_DIGITS[1]:
        return _of_digits(name, numbers)
    fitting = [unit for unit, part in _UNITS.items() if _EPOCH[0] * part <= low and high < _EPOCH[1] * part]
    if not fitting:
        return None
    unit = fitting[0]
    part = _UNITS[unit]
    whole = np.array([int(value // part) for value in values], np.int64)
    nanoseconds = [round((value % part) * (1_000_000_000 // part)) for value in values]
    text = np.datetime_as_string(whole.astype("datetime64[s]"))
    parts = ["" if not rest else f".{min(rest, 999_999_999):09d}".rstrip("0") for rest in nanoseconds]
    iso = [f"{moment}{rest}Z" for moment, rest in zip(text.tolist(), parts, strict=True)]
    return Dates(pa.array(iso, pa.string()), [f"{name!r} is read as {unit} since 1970, in UTC"])


def _of_digits(name: str, numbers: "np.ndarray") -> Dates | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if (numbers % 1).any():
        return None
    iso = _written(pc.extract_regex(pa.array(numbers.astype(np.int64)).cast(pa.string()), _DIGITS))
    if iso.null_count:
        return None
    return Dates(iso, [f"{name!r} is read as dates of eight digits, such as {int(numbers[0])}"])
