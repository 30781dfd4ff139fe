"""Bins with round edges, and how numbers and moments are written."""

import numpy as np
import pandas as pd
import pytest

from viewer.dataset.columns.binning import (
    MAX_BINS,
    format_number,
    format_time,
    make_bins,
    parse_time,
    robust_range,
    to_iso,
)

MINUTE, HOUR, DAY, YEAR = 60, 3_600, 86_400, 365 * 86_400
NEW_YEAR, MAY = 1_704_067_200, 1_714_521_600  # 2024-01-01 and 2024-05-01, UTC


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [
        (0, 0.99, 0.05), (0, 1.9, 0.05), (0, 3.8, 0.1), (0, 7.7, 0.2), (0, 9.7, 0.25), (0, 19, 0.5),
        (-0.5, 0.5, 0.05), (0, 39.9, 1), (0, 40.9, 2), (3, 1_234_567, 50_000),
    ],
)  # fmt: skip
def test_edges_are_multiples_of_the_smallest_round_step_that_gives_few_enough_bins(
    low: float, high: float, step: float
):
    found = make_bins(np.linspace(low, high, 700) + 1e-9, time=False)
    assert np.diff(found.edges) == pytest.approx(step)
    assert found.edges / step == pytest.approx(np.round(found.edges / step))
    assert found.edges[0] <= low < high <= found.edges[-1]
    assert len(found) <= MAX_BINS
    assert (found.below, found.above) == (False, False)


@pytest.mark.parametrize(
    ("count", "step"), [(2, 1), (5, 1), (40, 1), (41, 2), (98, 5), (196, 5), (197, 10), (1_000, 50)]
)
def test_whole_numbers_have_whole_edges_and_each_bin_says_its_last_number(count: int, step: int):
    found = make_bins(np.arange(float(count)), time=False)
    assert found.integers
    assert (found.below, found.above) == (False, False)
    assert found.edges.tolist() == [*range(0, len(found) * step + 1, step)]
    assert found.labels[1] == str(step)
    assert found.upper_labels[1] == str(step - 1)
    assert found.range_of(0, 1) == (None, step - 1)
    assert found.bin_of_row.tolist() == [at // step for at in range(count)]


def test_a_range_of_fractions_ends_just_below_the_edge():
    found = make_bins(np.linspace(0, 1, 500), time=False)
    low, high = found.range_of(2, 4)
    assert low == pytest.approx(0.1)
    assert 0.2 - 1e-6 < high < 0.2
    assert found.range_of(0, len(found)) == (None, None)
    assert found.range_of(1, len(found)) == (0.05, None)
    assert found.upper_labels == found.labels


def test_a_range_touches_the_bins_that_its_ends_lie_in():
    found = make_bins(np.linspace(0, 1, 500), time=False)
    last = len(found)
    for low, high, touched in [
        (0.1, 0.2 - 1e-6, (2, 4)), (0.1, 0.2, (2, 5)), (0.12, 0.13, (2, 3)), (None, 0.03, (0, 1)),
        (0.99, None, (19, last)),
        (None, None, (0, last)), (-5, 5, (0, last)), (0.3, 0.1, (6, 7)),
    ]:  # fmt: skip
        assert found.bins_of(low, high) == touched, (low, high)


def test_numbers_beyond_the_precision_of_whole_ones_are_binned_as_fractions():
    assert make_bins(np.array([2.0**52, 0.0]), time=False).integers
    assert not make_bins(np.array([2.0**53, 0.0]), time=False).integers


def test_numbers_that_hardly_differ_have_one_bin():
    near = np.nextafter(1e9, np.inf)
    found = make_bins(np.array([1e9, near]) + 0.5, time=False)
    assert len(found) == 1
    assert found.edges[0] <= 1e9 + 0.5 < found.edges[1]
    assert found.bin_of_row.tolist() == [0, 0]


@pytest.mark.parametrize(("outlier", "inner"), [(15.0, True), (17.0, False), (1e9, False)])
def test_a_value_far_beyond_the_others_goes_into_the_last_bin_and_does_not_take_the_room(
    outlier: float, inner: bool
):
    for sign in (1, -1):
        found = make_bins(sign * np.append(np.linspace(0, 10, 1_000), outlier), time=False)
        ends = np.abs(found.edges[[0, -1]])
        assert (ends.max() >= outlier) is np.bool_(inner)
        assert (found.above if sign > 0 else found.below) is not inner
        assert found.bin_of_row[-1] == (len(found) - 1 if sign > 0 else 0)


def test_values_that_are_not_known_are_in_no_bin():
    found = make_bins(np.array([1.0, np.nan, 2.0]), time=False)
    assert found.bin_of_row.tolist() == [0, len(found), 1]


def test_the_robust_range_leaves_out_a_hundredth_at_each_end():
    assert robust_range(np.arange(101.0)) == (1.0, 99.0)
    assert robust_range(np.array([])) == (0.0, 1.0)
    assert robust_range(np.full(9, 4.0)) == (4.0, 5.0)
    assert robust_range(np.append(np.full(999, 4.0), 7.0)) == (4.0, 7.0)  # else there is no range


@pytest.mark.parametrize(
    ("seconds", "step"),
    [
        (39, 1), (40, 5), (150, 5), (550, 15), (1_100, 30), (2_200, MINUTE), (11_000, 5 * MINUTE),
        (9 * HOUR, 15 * MINUTE),
        (19 * HOUR, 30 * MINUTE), (37 * HOUR, HOUR), (3 * DAY, 2 * HOUR), (4.5 * DAY, 3 * HOUR),
        (9 * DAY, 6 * HOUR),
        (19 * DAY, 12 * HOUR),
        (38 * DAY, DAY), (70 * DAY, 2 * DAY), (250 * DAY, 7 * DAY), (500 * DAY, 14 * DAY),
    ],
)  # fmt: skip
def test_bins_of_a_short_time_are_full_seconds_minutes_hours_and_days(seconds: float, step: int):
    found = make_bins(1.5e9 + np.linspace(0, seconds, 500).round(), time=True)
    assert set(np.diff(found.edges)) == {step}
    assert (found.edges % step == 0).all()
    assert {found.bin_of_row[0], found.bin_of_row[-1]} == {0, len(found) - 1}


@pytest.mark.parametrize(
    ("years", "months"),
    [
        (2.5, 1), (5, 2), (9, 3), (18, 6), (37, 12), (70, 24), (150, 60), (300, 120), (700, 240),
        (1_800, 600),
        (3_700, 1_200), (7_500, 2_400),
    ],
)  # fmt: skip
def test_bins_of_a_long_time_begin_with_a_month_or_a_year(years: float, months: int):
    found = make_bins(NEW_YEAR + np.linspace(0, years * YEAR, 500).round(), time=True)
    begins = pd.to_datetime(found.edges, unit="s")
    assert set(begins.day) == {1}
    assert set(begins.hour) == {0}
    assert set(np.diff(12 * begins.year + begins.month)) == {months}
    assert found.labels[0] == ("2024" if months >= 12 else "2024-01") or months > 24
    assert {found.bin_of_row[0], found.bin_of_row[-1]} == {0, len(found) - 1}


@pytest.mark.parametrize(("last", "months"), [("2027-03-01", 1), ("2027-04-01", 2)])
def test_up_to_thirty_eight_months_have_a_bin_each(last: str, months: int):
    found = make_bins(np.array([NEW_YEAR, pd.Timestamp(last).timestamp()]), time=True)
    begins = pd.to_datetime(found.edges, unit="s")
    assert set(np.diff(12 * begins.year + begins.month)) == {months}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-7, "-7"), (2024.0, "2024"), (9_999, "9999"), (10_000, "10,000"), (50_000, "50,000"),
        (-123_456.7, "-123,457"), (999_499, "999,499"), (1e6, "1e+06"), (1_234_567, "1.23e+06"),
        (0.123456, "0.1235"), (-3.14159, "-3.142"), (1234.56, "1,235"), (1e-9, "1e-09"),
    ],
)  # fmt: skip
def test_numbers_are_as_short_as_they_can_be_read(value: float, text: str):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "step", "text"),
    [
        (MAY + 53_445, 1, "2024-05-01 14:50:45"), (MAY + 53_445, 30, "2024-05-01 14:50:45"),
        (MAY + 53_445, MINUTE, "2024-05-01 14:50"), (MAY, 12 * HOUR, "2024-05-01 00:00"),
        (MAY, DAY, "2024-05-01"), (MAY, 14 * DAY, "2024-05-01"), (MAY, 30 * DAY, "2024-05"),
        (MAY + DAY, 30 * DAY, "2024-05-02"), (MAY, YEAR, "2024-05"), (NEW_YEAR, 300 * DAY, "2024-01"),
        (NEW_YEAR, YEAR, "2024"), (NEW_YEAR, 12 * 28 * DAY, "2024"),
        (MAY, 28 * DAY, "2024-05"), (-62_135_596_800, YEAR, "0001"), (1e18, DAY, "1e+18"),
        (300_000_000_000, YEAR, "11476"),
    ],
)  # fmt: skip
def test_moments_are_as_exact_as_the_steps_between_them(seconds: float, step: float, text: str):
    assert format_time(seconds, step=step) == text


def test_a_filters_moment_is_whole_seconds_in_iso_8601():
    assert to_iso(MAY + 53_445.9) == "2024-05-01T14:50:45"
    assert to_iso(-0.5) == "1969-12-31T23:59:59"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-01", MAY), ("2024-05-01T14:50:45", MAY + 53_445), ("2024-05-01 14:50", MAY + 53_400),
        ("2024-05-01T16:50:45+02:00", MAY + 60_645), ("2024-05-01T14:50:45Z", MAY + 53_445),
        ("2024-13-01", None), ("1 May 2024", None), ("2024", None), ("2024-05-01 or so", None), ("", None),
    ],
)  # fmt: skip
def test_iso_dates_are_what_the_wall_clock_shows_and_other_texts_are_none(text: str, seconds: int | None):
    assert parse_time(text) == seconds
