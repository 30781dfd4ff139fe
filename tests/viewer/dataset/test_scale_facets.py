"""The bins of numbers and times, and what a brush over them lets pass."""

import json

import numpy as np
import pandas as pd
import pytest
from fakes import column_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clipper.query_filter import InRange
from viewer.components.filter_actions import brush_change
from viewer.dataset.columns.colouring import colour_kind
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
