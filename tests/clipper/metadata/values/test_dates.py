"""Dates of a column, in the forms that people and programs write: times, or text where it cannot be known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joined_metadata import rows_of

from clipper.metadata.values.column_values import Values, columns_of
from clipper.metadata.values.date_forms import is_no_date
from clipper.metadata.values.dates import read_dates, read_times
from clipper.metadata.values.types import type_name


def read(values: list[Any], *, name: str = "shot") -> tuple[list[str | None] | None, list[str]]:
    """The times of a column, or None, and what is said about it."""
    dates, problems = read_dates(name, Values.of_list(np.arange(len(values)), values))
    return (None if dates is None else dates.text.to_pylist()), problems + (dates.notes if dates else [])


def times_of(entries: list[dict[str, Any]]) -> tuple[set[str], list[str]]:
    """Read the times of one source's entries in place."""
    columns = columns_of(entries)
    found = read_times(columns)
    entries[:] = rows_of(columns, len(entries))
    return found


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01 08:00", "2024-03-01 08:00"),
        ("2024-03-01T08:00:00.25+09:00", "2024-03-01T08:00:00.25+09:00"),
        ("2024:03:01 08:00:00", "2024-03-01T08:00:00"),
        ("2024:03:01 08:00:00+09:00", "2024-03-01T08:00:00+09:00"),
        ("2024/3/1 8:05", "2024-03-01T08:05:00"),
        ("2024.03.01", "2024-03-01"),
        ("20240301_080000", "2024-03-01T08:00:00"),
        ("20240301T080000Z", "2024-03-01T08:00:00Z"),
        ("13/03/2024", "2024-03-13"),
        ("13.3.2024", "2024-03-13"),
        ("1.3.2024", "2024-03-01"),
        ("13-03-2024 20:05:06", "2024-03-13T20:05:06"),
        ("3/13/2024", "2024-03-13"),
        ("3/13/2024 8:05 PM", "2024-03-13T20:05:00"),
        ("3/13/2024 12:05:06 am", "2024-03-13T00:05:06"),
        ("3/13/24", "2024-03-13"),
        ("13/3/98", "1998-03-13"),
        ("3 Mar 2024", "2024-03-03"),
        ("03-Mar-2024 08:00", "2024-03-03T08:00:00"),
        ("March 3, 2024", "2024-03-03"),
        ("March 3, 2024, 8:05 pm", "2024-03-03T20:05:00"),
        ("3rd of March 2024", "2024-03-03"),
        ("Fri, 01 Mar 2024 08:00:00 +0900", "2024-03-01T08:00:00+09:00"),
        ("Fri, 01 Mar 2024 08:00:00 GMT", "2024-03-01T08:00:00Z"),
        ("Fri Mar  1 08:00:00 2024", "2024-03-01T08:00:00"),
        ("1-Mar-24", "2024-03-01"),
        ("2024-03-01t08:00:00z", "2024-03-01T08:00:00Z"),
        ("Mar 1, 2024, 8:00:00\u202fPM UTC", "2024-03-01T20:00:00Z"),
        ("2024-03-01 08:00:00 CET", "2024-03-01T08:00:00"),
        ("2024-03-31T02:30:00+01:00[Europe/Paris]", "2024-03-31T02:30:00+01:00"),
        ("Fri Mar  1 08:00:00 JST 2024", "2024-03-01T08:00:00"),
        ("Fri Mar 01 2024 08:00:00 GMT-0330 (Newfoundland Standard Time)", "2024-03-01T08:00:00-03:30"),
    ],
)
def test_a_date_is_read_in_the_form_in_which_it_is_written(written: str, iso: str):
    found, _ = read([written])
    assert found == [iso]
    assert datetime.fromisoformat(iso)


@pytest.mark.parametrize(
    "values",
    [
        ["2024-02-30", "2023-02-29"], ["2024-03-01T25:00", "2024-03-01T08:61"], ["31 Feb 2024"],
        ["cat", "dog"], ["13/13/2024"], ["March 2024"], ["Canon 5000"], ["1.2.3.4"], ["v1.2.2024"], ["12:30"],
        ["2024"], ["Mai 3, 2024"], ["2024-03-01T08:00:00+25:00"], ["3/13/2024 13:00 PM"], [True, False],
        [["2024-03-01"]], [20240301, 20240302], ["10.12.24", "10.13.24", "11.2.24"], ["1709280000"],
        ["NA", "n/a"],
    ],
)  # fmt: skip
def test_what_is_no_date_of_the_calendar_stays_what_it_is(values: list[Any]):
    found, problems = read(values)
    assert found is None
    assert problems == []


def test_one_value_above_twelve_shows_whether_days_or_months_are_first():
    assert read(["01/02/2024", "13/02/2024"])[0] == ["2024-02-01", "2024-02-13"]
    found, said = read(["01/02/2024", "02/13/2024"])
    assert found == ["2024-01-02", "2024-02-13"]
    assert said == ["'shot' is read with months first, as in '02/13/2024'"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["01/02/2024", "03/04/2024"], "days or months first"),
        (["13/02/2024", "02/13/2024", "01/02/2024"], "'13/02/2024' and '02/13/2024'"),
        (["13/02/24", "01/02/24"], "years of two digits"),
    ],
)
def test_dates_that_may_be_two_days_stay_text_and_a_note_says_so(values: list[str], why: str):
    found, problems = read(values)
    assert found is None
    assert why in problems[0]
    assert "write dates as" in problems[0]


def test_the_odd_value_among_many_dates_is_left_out_and_named():
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 6) for day in range(1, 29)]
    found, said = read([*days, "spring 1998"])
    assert found == [*days, None]
    assert said == ["'shot' is a time, 1 value(s) are not ('spring 1998'); left out"]


def test_a_camera_without_a_clock_writes_no_date():
    assert read(["0000:00:00 00:00:00", "2024:01:01 08:00:00"]) == ([None, "2024-01-01T08:00:00"], [])


def test_many_values_that_are_no_dates_move_to_a_column_of_their_own():
    entries = [{"shot": f"2024-03-{day:02d}"} for day in range(1, 21)]
    entries += [{"shot": f"roll {i}"} for i in range(5)]
    names, notes = times_of(entries)
    assert names == {"shot"}
    assert entries[0] == {"shot": "2024-03-01"}
    assert entries[-1] == {"metadata_shot": "roll 4"}
    assert "'metadata_shot'" in notes[0]


def test_a_column_of_mostly_words_stays_as_it_is():
    entries = [{"shot": "2024-03-01"}, *({"shot": f"roll {i}"} for i in range(5))]
    before = [dict(entry) for entry in entries]
    assert times_of(entries) == (set(), [])
    assert entries == before


@pytest.mark.parametrize(
    ("name", "value", "iso"),
    [
        ("timestamp", 1709280000, "2024-03-01T08:00:00Z"),
        ("created_at", 1709280000123, "2024-03-01T08:00:00.123Z"),
        ("takenAt", 1709280000123456, "2024-03-01T08:00:00.123456Z"),
        ("upload time", 1709280000.5, "2024-03-01T08:00:00.5Z"),
        ("epoch", 1709280000123456789, "2024-03-01T08:00:00.123456789Z"),
        ("shot_date", 20240301, "2024-03-01"),
        ("taken", 20240301080000, "2024-03-01T08:00:00"),
    ],
)
def test_numbers_are_times_where_the_name_and_all_values_say_so(name: str, value: float, iso: str):
    found, said = read([value], name=name)
    assert found == [iso]
    assert repr(name) in said[0]
    assert read([value, 5], name=name) == (None, [])
    assert read([value], name="id") == (None, [])


def test_words_for_no_value_do_not_count_among_times_and_numbers():
    assert read([*["NA"] * 9, "2024-03-01"]) == ([*[None] * 9, "2024-03-01"], [])
    assert times_of([{"shot": "NULL"}, {"shot": "2024-03-01"}, {"shot": "2024-03-02"}])[0] == {"shot"}


@pytest.mark.parametrize("odd", [0, -1, 5])
def test_a_number_for_no_time_removes_nobodys_time(odd: int):
    found, said = read([1709280000, odd, 1709280001, 1709280002, -86400 * 3650], name="created_at")
    assert found == [
        "2024-03-01T08:00:00Z",
        None,
        "2024-03-01T08:00:01Z",
        "2024-03-01T08:00:02Z",
        "1960-01-04T00:00:00Z",
    ]
    assert said[1] == f"'created_at' is a time, 1 value(s) are not ({odd}); left out"


def test_fourteen_digits_that_are_no_time_stay_what_they_are():
    assert read([20240301080000, 20241301080000], name="taken") == (None, [])
    assert read([20240301080000], name="batch") == (None, [])


def test_digits_in_text_are_times_as_numbers_are():
    assert read(["1709280000", "1709280001"], name="timestamp")[0] == [
        "2024-03-01T08:00:00Z",
        "2024-03-01T08:00:01Z",
    ]
    assert read(["1709280000", "1709280001"], name="code") == (None, [])


@pytest.mark.parametrize("name", ["date", "Date taken", "created"])
def test_a_date_that_a_spreadsheet_wrote_as_a_number_is_that_date(name: str):
    assert read([45352, 45353], name=name)[0] == ["2024-03-01", "2024-03-02"]
    found, said = read([45352.3333333333, 45353], name=name)
    assert found == ["2024-03-01T08:00:00", "2024-03-02T00:00:00"]
    assert "as spreadsheets count" in said[0]
    assert read([45352], name="timestamp") == (None, [])
    assert read([45352, 3], name=name) == (None, [])


@pytest.mark.parametrize(
    "name", ["id", "photo_id", "batch", "format", "exposure_time", "runtime", "update", "lat"]
)
def test_numbers_of_other_columns_are_numbers(name: str):
    values = [0.01, 20.0] if name == "exposure_time" else [1709280000, 1709280001]
    assert read(values, name=name) == (None, [])


FORMS = (
    "%Y-%m-%dT%H:%M:%S", "%Y:%m:%d %H:%M:%S", "%d %b %Y %H:%M:%S", "%B %d, %Y %I:%M:%S %p",
    "%a %b %d %H:%M:%S %Y", "%Y%m%d_%H%M%S", "%d.%m.%Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S",
)  # fmt: skip
EARLIEST = datetime(1000, 1, 1)  # noqa: DTZ001 - a wall clock


@given(st.lists(st.datetimes(EARLIEST), min_size=1), st.sampled_from(FORMS))
def test_every_second_of_the_calendar_is_read_exactly(moments: list[datetime], form: str):
    whole = [moment.replace(microsecond=0) for moment in moments]
    found, _ = read([moment.strftime(form) for moment in whole])
    assert found == [moment.isoformat() for moment in whole]


@given(st.lists(st.integers(315_532_800_000_000_000, 4_102_444_799_999_999_999), min_size=1))
def test_nanoseconds_since_1970_lose_nothing(values: list[int]):
    found, _ = read(values, name="timestamp")
    assert found is not None
    start = datetime(1970, 1, 1, tzinfo=UTC)
    for text, value in zip(found, values, strict=True):
        assert text is not None
        seconds, _, rest = text.removesuffix("Z").partition(".")
        assert datetime.fromisoformat(f"{seconds}+00:00") == start + timedelta(seconds=value // 10**9)
        assert int(rest.ljust(9, "0") or 0) == value % 10**9


@given(st.lists(st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.booleans(), max_size=8))
def test_any_values_are_read_or_left_and_none_is_lost_unsaid(values: list[Any]):
    entries = [{"timestamp": value} for value in values if type_name(value) is not None]
    count = len(entries)
    _, notes = times_of(entries)
    kept = sum(bool(entry) for entry in entries)
    assert (
        kept == count
        or any("left out" in note for note in notes)
        or any(is_no_date(value) for value in values)
    )
