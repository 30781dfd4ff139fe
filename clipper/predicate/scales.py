"""Numbers and times as a person writes them, and the values just above and just below.

A time may be `2019`, `2019-05`, `2019-05-01` or `2019-05-01T12:30`: each is a period on the wall clock, exact
to a second, as the columns are. An offset has no effect: eight in the morning is eight in any zone. What does
not belong here: which times a column has (`viewer/dataset/columns/binning.py`).
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from clipper.query_filter import InRange, has_valid_ends

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_SECOND = timedelta(seconds=1)
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC)
_FORMS = ("", "-%m", "-%m-%d", "-%m-%dT%H:%M", "-%m-%dT%H:%M:%S")  # after the year
_FLOATS_HOLD, _LARGEST_READ = 2.0**53, 2.0**70  # all integers; integers that a column may have
_MOST_DIGITS = 300  # that Python reads, and more than any column has
_MANY_DIGITS = 15  # more are the mark of a number just beside another one

End = int | float | str


def interval(text: str, *, time: bool) -> tuple[End, End] | None:
    """Return the first and the last value that a text stands for; None if it is no number, or no time."""
    if time:
        period = _period(text)
        return (_iso(period[0]), _iso(period[1])) if period else None
    digits = text.lstrip("+-")
    try:
        number = int(text) if _is_whole(digits) else _float_or_int(text)
    except ValueError:
        return None
    return (number, number) if has_valid_ends(number, None) and math.isfinite(number) else None


def _is_whole(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal() and len(digits) < _MOST_DIGITS


def _float_or_int(text: str) -> float:
    """Read a number with a point or an exponent; as an integer if no float is it: 20240305123456789.0."""
    number = float(text)
    if abs(number) < _FLOATS_HOLD or not math.isfinite(number):
        return number
    written = Decimal(text)
    same = Decimal(repr(number)) == written or written != written.to_integral_value()
    return number if same or abs(number) > _LARGEST_READ else int(written)


def above(end: End, *, whole: bool) -> End:
    """Return the least value above an end: a second later, the next whole number, or the next float."""
    if isinstance(end, str):
        return _moved(end, _SECOND)
    return math.floor(end) + 1 if whole else math.nextafter(end, math.inf)


def below(end: End, *, whole: bool) -> End:
    """Return the largest value below an end."""
    if isinstance(end, str):
        return _moved(end, -_SECOND)
    return math.ceil(end) - 1 if whole else math.nextafter(end, -math.inf)


def write_range(found: InRange, *, time: bool) -> list[str]:
    """Write a range as comparisons without the column's name: `["> 5", "<= 9"]`, `["between 5 and 9"]`."""
    ends = (found.low, found.high)
    low, high = _write_times(*ends) if time else (_low(ends[0]), _high(ends[1]))
    if low and low == high and low[0] != ">":
        return [f"= {low}"]
    if low and high and low[0] != ">" and high[0] != "<":
        return [f"between {low} and {high}"]
    signed = (
        low if low[:1] == ">" else low and f">= {low}",
        high if high[:1] == "<" else high and f"<= {high}",
    )
    return [text for text in signed if text]


def _low(end: float | str | None) -> str:
    """Write a low end; as `> 5`, if it is the number just above 5."""
    if end is None or isinstance(end, str):
        return end or ""
    beside = math.nextafter(end, -math.inf)
    return f"> {_short(beside)}" if _is_just_beside(end, beside) else repr(end)


def _high(end: float | str | None) -> str:
    if end is None or isinstance(end, str):
        return end or ""
    beside = math.nextafter(end, math.inf)
    return f"< {_short(beside)}" if _is_just_beside(end, beside) else repr(end)


def _is_just_beside(end: float, beside: float) -> bool:
    many = not beside or len(repr(end)) > _MANY_DIGITS > len(repr(beside))
    return isinstance(end, float) and many


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")


def _write_times(low: float | str | None, high: float | str | None) -> tuple[str, str]:
    """Write the ends of a range of times as periods, the longest that begin and end there."""
    first, last = _second(low), _second(high)
    for form in _FORMS:
        texts = [_written(end, form) for end in (first, last)]
        periods = [_period(text) for text in texts]
        begins = first is None or (periods[0] is not None and periods[0][0] == first)
        if begins and (last is None or (periods[1] is not None and periods[1][1] == last)):
            return texts[0], texts[1]
    return _written(first, _FORMS[-1]), _written(last, _FORMS[-1])


def _second(end: float | str | None) -> datetime | None:
    """Return the second of an end; None if it is open, or no time."""
    if isinstance(end, str):
        period = _period(end)
        return period[0] if period else None
    try:
        return None if end is None else datetime.fromtimestamp(end, UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None


def _period(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last second of the period that a text names; None if it is no time."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    given = [int(part) for part in found.groups() if part is not None]
    try:
        year, month, day, hour, minute, second = [*given, *(1, 1, 1, 0, 0, 0)[len(given) :]]
        first = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    try:
        return first, _next(first, len(given)) - _SECOND
    except (ValueError, OverflowError):  # the last period of the calendar
        return first, _LAST


def _next(first: datetime, given: int) -> datetime:
    """Return where the next period begins; `given` is how many numbers the text has, from the year on."""
    if given == 1:
        return datetime(first.year + 1, 1, 1, tzinfo=UTC)
    if given == 2:  # noqa: PLR2004 - a year and a month
        return (first + timedelta(days=31)).replace(day=1)
    return first + {3: timedelta(days=1), 5: timedelta(minutes=1)}.get(given, _SECOND)


def _moved(end: str, by: timedelta) -> str:
    second = _second(end)
    try:
        return end if second is None else _iso(second + by)
    except OverflowError:  # the first or the last second of the calendar
        return end


def _iso(moment: datetime) -> str:
    """Write a time as filters do, `YYYY-MM-DDTHH:MM:SS`."""
    return _written(moment, _FORMS[-1])


def _written(moment: datetime | None, form: str) -> str:
    return "" if moment is None else f"{moment.year:04d}{moment.strftime(form)}"
