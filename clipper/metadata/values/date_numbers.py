"""Times that are numbers: since 1970, as programs count them, since 1900, as spreadsheets do, and 20240301.

What does not belong here: which columns are times (`dates.py`), and dates in words (`date_forms.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.date_forms import find_dates, read_digits
from clipper.metadata.values.number_text import MAX_MISFIT_SHARE, MAX_SPELLINGS
from clipper.metadata.values.types import describe_misfits

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Most numbers of such a column lie between 1980 and 2100 in one of these units: seconds since 1970, or parts
# of them ...
_EPOCH = (315_532_800, 4_102_444_800)
_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
# ... and the others after 1902; but not within so many seconds of 1970: 0 and -1 stand for no time.
_EARLIEST, _NEAR_ZERO = -2_145_916_800, 10_000_000
_DATES_OF_DIGITS = (18_000_101, 21_001_231)
_CLOCK_DIGITS = 1_000_000  # six more digits are hours, minutes and seconds
# Days since 1899-12-30, which spreadsheets write where a cell is no date any more; in columns of such names.
_SERIALS, _FIRST_SERIAL = (29_221, 73_050), "1899-12-30"
_DATED = re.compile(r"date|taken|created|modified|updated|uploaded|published|captured", re.IGNORECASE)


@dataclass(frozen=True)
class Dates:
    """A column of times: `text` (n,) is ISO 8601, null where a value is no time.

    `others` are the values that are no times, if these are more than a few. `notes` say what was decided.
    """

    text: "pa.Array"
    notes: list[str] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)


def read_numbers(name: str, values: "np.ndarray | list[Any]") -> Dates | None:
    """Read a column of numbers, int64 or float64 or several types, whose name speaks of times.

    None if they are no times.
    """
    import numpy as np

    numbers = _array(values) if isinstance(values, list) else values
    if not len(numbers) or not np.isfinite(numbers).all():
        return None
    low, high = (min(values), max(values)) if isinstance(values, list) else (values.min(), values.max())
    if low >= _DATES_OF_DIGITS[0] and high <= _DATES_OF_DIGITS[1]:
        return _of_digits(name, numbers, count="eight")
    if low >= _DATES_OF_DIGITS[0] * _CLOCK_DIGITS and high < (_DATES_OF_DIGITS[1] + 1) * _CLOCK_DIGITS:
        return _of_digits(name, numbers, count="fourteen")
    if low >= _SERIALS[0] and high <= _SERIALS[1] and _DATED.search(name):
        return _of_serials(name, numbers)
    return _epochs(name, values, numbers)


def _array(values: Sequence[float]) -> "np.ndarray":
    """Return numbers as int64 if they all are, else as float64, which tells no nanoseconds apart."""
    import numpy as np

    try:
        return np.array(values, np.int64 if all(type(value) is int for value in values) else np.float64)
    except OverflowError:
        return np.array(values, np.float64)


def _epochs(name: str, values: "np.ndarray | list[Any]", numbers: "np.ndarray") -> Dates | None:
    """Read seconds since 1970, or parts of them, if most of the numbers are that."""
    import numpy as np
    import pyarrow as pa

    counts = {
        unit: int(((numbers >= _EPOCH[0] * part) & (numbers < _EPOCH[1] * part)).sum())
        for unit, part in _UNITS.items()
    }
    unit = max(counts, key=lambda one: counts[one])
    part = _UNITS[unit]
    fits = (
        (numbers >= _EARLIEST * part) & (numbers < _EPOCH[1] * part) & (np.abs(numbers) >= _NEAR_ZERO * part)
    )
    odd = _where(values, ~fits)
    if 2 * counts[unit] <= len(numbers):
        return None
    if len(odd) > MAX_MISFIT_SHARE * len(numbers) and len(set(odd)) > MAX_SPELLINGS:
        return None
    text = _of_nanoseconds(numbers[fits] if _are_whole(numbers) else _where(values, fits), part)
    places = np.where(fits, np.cumsum(fits) - 1, 0)
    notes = [f"{name!r} is read as {unit} since 1970, in UTC"]
    notes += [describe_misfits(name, "a time", len(odd), odd)] if odd else []
    return Dates(text.take(pa.array(places, pa.int64(), mask=~fits)), notes)


def _where(values: "np.ndarray | list[Any]", mask: "np.ndarray") -> list[Any]:
    if isinstance(values, list):
        return [value for value, is_kept in zip(values, mask.tolist(), strict=True) if is_kept]
    kept: list[Any] = values[mask].tolist()
    return kept


def _are_whole(values: "np.ndarray | list[Any]") -> bool:
    """Whether numbers are of a type of whole numbers, of which a time in nanoseconds loses no digit."""
    if isinstance(values, list):
        return all(type(value) is int for value in values)
    return bool(values.dtype.kind == "i")


def _of_serials(name: str, numbers: "np.ndarray") -> Dates:
    """Read days since the end of 1899, with the time of day as their fraction, to the second."""
    import numpy as np
    import pyarrow as pa

    first = np.datetime64(_FIRST_SERIAL, "s")
    moments = first + np.round(numbers * 86_400).astype(np.int64).astype("timedelta64[s]")
    whole = not (numbers % 1).any()
    text = np.datetime_as_string(moments.astype("datetime64[D]") if whole else moments)
    said = (
        f"{name!r} is read as days since {_FIRST_SERIAL}, as spreadsheets count them, such as {numbers[0]:g}"
    )
    return Dates(pa.array(text, pa.string()), [said])


def _of_nanoseconds(values: "np.ndarray | list[Any]", part: int) -> "pa.Array":
    """Write numbers, `part` of them a second, as ISO 8601 in UTC."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if _are_whole(values):
        nanoseconds = np.array(values, np.int64) * (1_000_000_000 // part)
    else:  # a float tells a microsecond at best
        microseconds = np.round(np.array(values, np.float64) * (1_000_000 / part))
        nanoseconds = microseconds.astype(np.int64) * 1_000
    text = pa.array(np.datetime_as_string(nanoseconds.astype("datetime64[ns]")), pa.string())
    bare = pc.replace_substring_regex(text, r"\.0+$", "")
    bare = pc.replace_substring_regex(bare, r"(\.[0-9]*[1-9])0+$", r"\1")
    return pc.binary_join_element_wise(bare, "Z", "")


def _of_digits(name: str, numbers: "np.ndarray", *, count: str) -> Dates | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if (numbers % 1).any():
        return None
    text = pa.array(numbers.astype(np.int64)).cast(pa.string())
    if count == "eight":
        iso = read_digits(text)
    else:
        text = pc.replace_substring_regex(text, r"^([0-9]{8})([0-9]{6})$", r"\1T\2")
        iso = find_dates(name, text, digits=False)[0]
    if iso.null_count:
        return None
    return Dates(iso, [f"{name!r} is read as dates of {count} digits, such as {int(numbers[0])}"])
