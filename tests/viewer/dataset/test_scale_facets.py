"""The bins of numbers and times, and what a brush over them lets pass."""

import json

import numpy as np
import pandas as pd
import pytest
from fakes import column_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clipper.projection.axes import number_axis
from clipper.query_filter import InRange
from viewer.components.filter_actions import bar_colours, brush_change
from viewer.components.map.legend import legend_view
from viewer.dataset.axes.ticks import axis_ticks
from viewer.dataset.columns.colouring import colour_kind, number_colouring
from viewer.dataset.columns.facets import (
    ScaleFacet,
    column_facet,
    scale_facet,
)
from viewer.dataset.columns.filters import (
    bins_to_condition,
    condition_to_bins,
    describe_condition,
    match_condition,
    parse_filters,
    validate_filters,
    write_filters,
)

ONE = 20240305123456789


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        ([1, 2, 3, 4, 5], ("1", "2", "3", "4", "5", "6")),
        ([0.0, 0.5, 1.0], None),
        ([7.0], ("7", "8")),
        ([], None),
        ([1e300, -1e300], None),
        ([1.0, 1.0 + 2**-52], None),
        ([2**53, 2**53 + 2], None),
    ],
)
def test_bins_are_few_round_and_hold_every_value(
    numbers: list[float], labels: tuple[str, ...] | None
) -> None:
    found = scale_facet("n", np.array([*numbers, np.nan], float))
    scaled = found.bins
    assert 1 <= len(scaled) <= 41
    assert (np.diff(scaled.edges) > 0).all()
    assert found.count().sum() == len(numbers) + 1
    assert found.count()[-1] == 1
    assert labels in {None, scaled.labels}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e4, 1e4)), min_size=2, max_size=60),
    st.data(),
)
def test_a_brush_lets_pass_what_its_bars_show(numbers: list[float], data: st.DataObject) -> None:
    assume(max(numbers) == min(numbers) or max(numbers) - min(numbers) > 1e-200)
    found = scale_facet("n", np.array(numbers, float))
    first = data.draw(st.integers(0, len(found.bins) - 1))
    last = data.draw(st.integers(first + 1, len(found.bins)))
    condition = bins_to_condition(found, first, last)
    if condition is None:
        assert (first, last) == (0, len(found.bins))
        return
    link = json.dumps(write_filters({"n": condition}))
    condition = validate_filters({"n": found}, parse_filters(json.loads(link)))["n"]
    shown = found.count()[first:last].sum()
    width = found.bins.edges[1] - found.bins.edges[0]
    near = (
        np.abs(np.asarray(numbers)[:, None] - found.bins.edges).min(1) < 2e-6 * width
    )  # may fall to either side
    assert abs(int(match_condition(found, condition).sum()) - int(shown)) <= int(near.sum())
    assert condition_to_bins(found, condition) == (first, last)


int64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(ONE - 60, ONE + 60))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), int64), min_size=2, max_size=60).filter(any), st.data())
def test_of_integers_a_brush_lets_pass_exactly_what_its_bars_show(
    numbers: list[int | None], data: st.DataObject
) -> None:
    cells = pd.Series(numbers, dtype="Int64")
    found = column_facet(column_of("n", cells, "int"), cells)
    if found is None:
        assert len(set(numbers)) == 1
        return
    assert isinstance(found, ScaleFacet)
    assert 1 <= len(found.bins) <= 41
    assert len({*found.bins.labels}) == len(found.bins) + 1
    assert found.bins.integers
    assert found.count().tolist()[-1] == numbers.count(None)
    assert found.missing.tolist() == [number is None for number in numbers]
    first = data.draw(st.integers(0, len(found.bins) - 1))
    last = data.draw(st.integers(first + 1, len(found.bins)))
    condition = bins_to_condition(found, first, last)
    if condition is not None:
        link = json.dumps(write_filters({"n": condition}))
        condition = validate_filters({"n": found}, parse_filters(json.loads(link)))["n"]
        assert int(match_condition(found, condition).sum()) == int(found.count()[first:last].sum())
        assert condition_to_bins(found, condition) == (first, last)
    end = data.draw(st.sampled_from([number for number in numbers if number is not None]))
    for low, high in (
        (end, end),
        (end, None),
        (None, end),
        (end + 1, None),
        (float(end), None),
        (2**70, None),
    ):
        passes = [
            number is not None and (low is None or number >= low) and (high is None or number <= high)
            for number in numbers
        ]
        assert match_condition(found, InRange(low, high)).tolist() == passes
    assert match_condition(found, InRange(end, end, missing=True)).tolist() == [
        number in {end, None} for number in numbers
    ]


def test_integers_that_floats_do_not_tell_apart_have_bars_words_and_colours_of_their_own() -> None:
    cells = pd.Series([ONE, ONE + 1, None, None, None, None], dtype="Int64")
    found = column_facet(column_of("batch", cells, "int"), cells)
    assert isinstance(found, ScaleFacet)
    assert found.count().tolist() == [1, 1, 4]
    assert found.bins.labels == (str(ONE), str(ONE + 1), str(ONE + 2))
    assert found.bins.upper_labels[1:] == (str(ONE), str(ONE + 1))
    assert [found.text_of(row) for row in (0, 1, 2)] == [str(ONE), str(ONE + 1), ""]
    second = bins_to_condition(found, 1, 2)
    assert second == InRange(ONE + 1, None)
    assert describe_condition(found, second) == f"from {ONE + 1}"
    assert describe_condition(found, InRange(ONE, ONE)) == str(ONE)

    colours = number_colouring("batch", found.offsets, base=found.bins.base)
    assert len(set(colours.codes[:3].tolist())) == 3
    legend = legend_view(colours, dark=False)
    assert (legend["low"], legend["high"]) == (str(ONE), str(ONE + 1))
    assert len(set(bar_colours(colours, found, dark=False))) == 2

    axis = number_axis("batch", found.offsets, base=found.bins.base)
    assert [tick.text for tick in axis_ticks(axis, 0.0, 1.0, most=6)] == ["no value", str(ONE), str(ONE + 1)]


def test_numbers_that_differ_little_are_written_with_the_digits_that_differ() -> None:
    days = scale_facet("day", np.arange(20240305.0, 20240312.0))
    assert days.bins.labels[:2] == ("20240305", "20240306")
    assert describe_condition(days, InRange(20240305, 20240306)) == "20240305 – 20240306"  # noqa: RUF001
    seconds = scale_facet("at", 1.7e9 + np.linspace(0, 10, 50))
    assert len({*seconds.bins.labels}) == len(seconds.bins) + 1
    large = scale_facet("n", np.arange(2.0**53 - 12, 2.0**53 - 2))
    assert large.bins.edges.tolist() == [2.0**53 - 12 + at for at in range(11)]


def test_an_outlier_does_not_take_the_room_and_is_still_reached() -> None:
    found = scale_facet("n", np.append(np.linspace(0, 10, 999), 1e9))
    assert found.bins.edges[-1] < 20
    assert found.bins.above
    top = bins_to_condition(found, len(found.bins) - 1, len(found.bins))
    assert top is not None
    assert top.high is None
    assert match_condition(found, top)[-1]


def test_dates_are_a_scale_of_time_and_what_only_starts_like_one_is_not() -> None:
    dates = pd.Series(["2019-02-03T10:00:00", "2020-05-01T00:00:00", None] * 50, dtype="str")
    assert colour_kind(column_of("t", dates, "str")) == "time"
    found = column_facet(column_of("t", dates, "str"), dates)
    assert isinstance(found, ScaleFacet)
    assert found.count()[-1] == 50
    assert found.bins.labels[0].startswith("2019-")
    bar = bins_to_condition(found, 0, 1)
    assert bar is not None
    assert describe_condition(found, bar).startswith("up to 2019-")
    for texts in (["2019", "2020"], ["2019-01-01 or so", "2020-01-01"]):
        column = column_of("t", pd.Series(texts * 50, dtype="str"), "str")
        assert colour_kind(column) == "category"


@pytest.mark.parametrize("days", [0.001, 0.5, 20, 400, 4_000, 90_000])
def test_times_fall_on_full_units_whatever_their_span(days: float) -> None:
    found = scale_facet("t", 1.5e9 + np.linspace(0, days * 86_400, 500).round(), time=True)
    assert 1 <= len(found.bins) <= 41
    assert found.count().sum() == 500
    assert len(set(found.bins.labels)) == len(found.bins.labels)


def test_the_first_and_the_last_year_of_the_calendar_have_a_scale() -> None:
    ends = np.array(["0001-01-01", "9999-12-31"], "datetime64[s]").astype(np.int64).astype(float)
    found = scale_facet("t", ends, time=True)
    assert found.count().sum() == 2
    assert all(label.isdigit() for label in found.bins.labels)
    assert found.bins.labels[0] == "0001"


def test_a_brush_from_a_browser_is_checked() -> None:
    facet = scale_facet("n", np.arange(5.0))
    assert brush_change(facet, {"from": 1, "to": 3})(None) == InRange(1, 2)
    assert brush_change(facet, {"from": 3, "to": 1})(InRange(0, 1, missing=True)) == InRange(
        1, 2, missing=True
    )
    for message in (
        {},
        {"from": None, "to": None},
        {"from": "1", "to": 2},
        {"from": -5, "to": 99},
        {"from": 2, "to": 2},
    ):
        assert brush_change(facet, message)(InRange(1, 2)) is None
