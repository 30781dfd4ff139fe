"""The forms in which people and programs write dates -> ISO 8601 text, for a whole column at once.

What does not belong here: which columns hold times (`dates.py`), and ISO 8601 itself
(`times.py`).
"""

import re
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.number_text import MISSING
from clipper.metadata.values.times import ISO_TIME

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The names of zones, such as CST, mean several offsets: the wall clock counts without one.
_ZONE_NAME = r"(?:\([A-Za-z ]+\)|\[[\w/+-]+\]|[A-Z]{3,5})"
_ZONE = rf"(?P<zone>[Zz]|(?:UTC|GMT)?[+-]\d{{2}}(?::?\d{{2}})?|UTC|GMT)?(?:\s*{_ZONE_NAME})?"
_CLOCK = (
    r"(?:(?:\s*[Tt,_]\s*|\s+)(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
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
    # 3 Mar 2024, Excel's 1-Mar-24, 3rd of March 2024, and RFC 2822's Fri, 01 Mar 2024 08:00:00 +0900.
    (
        rf"^{_WEEKDAY}?(?P<day>\d{{1,2}})(?:st|[nr]d|th|\.)?(?:\s+of)?[\s-]*(?P<name>[A-Za-z]{{3,9}})\.?,?[\s-]*"
        rf"(?P<year>\d{{4}}|\d{{2}}){_CLOCK}"
    ),
    # March 3, 2024, and JavaScript's Fri Mar 01 2024 08:00:00 GMT+0900.
    rf"^{_WEEKDAY}?(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}})(?:st|[nr]d|th)?,?\s+(?P<year>\d{{4}}){_CLOCK}",
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
# Blanks that break no line, as browsers write them before "PM".
_BLANKS = r"[\x{a0}\x{2007}\x{2009}\x{202f}\x{3000}]"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_CENTURY = 69  # POSIX: years of two digits are those of 1969 to 2068


def trim_dates(text: "pa.Array") -> "pa.Array":
    """Return texts without blanks around them; null where they say that there is no date."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, _BLANKS, " "))
    return pc.if_else(pc.match_substring_regex(trimmed, f"{_NO_DATE}|{MISSING}"), None, trimmed)


def find_dates(name: str, text: "pa.Array", *, digits: bool) -> "tuple[pa.Array, list[str], list[str]]":
    """Find the dates of a column.

    Args:
        name: of the column, for notes.
        text: (n,) texts, as `trim_dates` returns them.
        digits: whether eight digits are a date.

    Returns:
        ISO 8601 texts, null where there is no date; notes about what was decided, and about what could not
        be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.nulls(len(text), pa.string())
    said: list[str] = []
    for form in (*_FORMS, *([_DIGITS] if digits else [])):
        parts = pc.extract_regex(text, form)
        found = pc.coalesce(found, written := _written(parts))
        short = text.filter(pc.and_(_is_short(parts), pc.is_valid(written)))
        if len(short):
            said.append(f"{name!r} has years of two digits, from 1969 to 2068, as in {short[0].as_py()!r}")
    found = pc.if_else(pc.match_substring_regex(text, f"^{ISO_TIME}$"), _if(found, text), found)
    numbers, notes, problem = _numbers(name, text)
    return pc.coalesce(found, numbers), [*said, *notes], problem


def is_no_date(value: Any) -> bool:
    """Whether a value is what cameras and programs write for no date."""
    return isinstance(value, str) and re.match(f"{_NO_DATE}|{MISSING}", value.strip()) is not None


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
    short = np.asarray(_is_short(parts))
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
    if months_first and (short & dotted & there).any():  # as in 10.13.24, which is a version of a program
        return nothing, [], []
    day, month = (other, first) if months_first else (first, other)
    iso = _iso(parts, _years(parts), month, day)
    told = f"{name!r} is read with {'months' if months_first else 'days'} first, as in {example}"
    told += ", and with years from 1969 to 2068" if short.any() else ""
    return iso, [told], []


def _is_short(parts: "pa.StructArray") -> "pa.Array":
    """Return which years have two digits."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.equal(pc.utf8_length(parts.field("year")), 2), False)


def _years(parts: "pa.StructArray") -> "np.ndarray":
    """Return the years, (n,) int64; those of two digits are of 1969 to 2068."""
    import numpy as np

    years = _integers(parts, "year")
    return np.where(np.asarray(_is_short(parts)), years + np.where(years >= _CENTURY, 1900, 2000), years)


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
    return _iso(parts, _years(parts), month, _integers(parts, "day"))


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


def read_digits(text: "pa.Array") -> "pa.Array":
    """Read dates of eight digits, such as 20240301, as ISO 8601; null for any other text."""
    import pyarrow.compute as pc

    return _written(pc.extract_regex(text, _DIGITS))
