"""Facets, conditions and counts: pure data, against plain Python."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from viewer.components.filter_actions import drawn
from viewer.components.side.filter_panel import described
from viewer.dataset.columns.colouring import kind_of
from viewer.dataset.columns.facets import Facet, Scale, Text, Values, facet_of, lists, scale, text, values
from viewer.dataset.columns.filters import (
    NO_VALUE,
    bounded,
    count,
    keep,
    passing,
    ranged,
    said,
    shows,
    sound,
    toggled,
)

GROUPS = ["cat", "dog", None, "cat", "owl", "cat", None, "dog"]
TAGS = [["a", "b"], [], None, ["b", "b"], ["c"], ["a"], ["a", "c"], ["b"]]
YEARS = [2001.0, 2003.0, np.nan, 2001.0, 2010.0, 2007.0, 2003.0, np.inf]
TIMES = ["2020-01-05T10:00:00", None, "2020-03-01T00:00:00", "2021-07-09T12:30:00"] * 2
NAMES = [f"A Cat {i}" if i % 2 else f"dog {i}" for i in range(7)] + [None]


def columns() -> dict[str, Facet]:
    names = pd.Series(NAMES, dtype="str")
    found = {
        "group": values("group", pd.Series(GROUPS, dtype="str")),
        "tags": lists("tags", pd.Series(TAGS)),
        "year": scale("year", np.array(YEARS)),
        "taken_at": facet_of("taken_at", pd.Series(TIMES, dtype="str"), declared="str", kind="time"),
        "name": text("name", names),
    }
    assert all(found.values())
    return found


def kept(condition: dict[str, Any], column: str) -> list[int]:
    facets = columns()
    assert sound(facets, {column: condition}) == {column: condition}
    return np.flatnonzero(passing(facets[column], condition)).tolist()


@pytest.mark.parametrize(
    ("column", "condition", "rows"),
    [
        ("group", {"values": ["cat", "owl"]}, [0, 3, 4, 5]),
        ("group", {"values": [None]}, [2, 6]),
        ("group", {"except": ["cat", None]}, [1, 4, 7]),
        ("group", {"values": ["no such"]}, []),
        ("tags", {"values": ["a", "c"]}, [0, 4, 5, 6]),
        ("tags", {"values": [None]}, [1, 2]),
        ("tags", {"except": ["b"]}, [1, 2, 4, 5, 6]),
        ("year", {"range": [2001, 2003]}, [0, 1, 3, 6]),
        ("year", {"range": [2004, None]}, [4, 5]),
        ("year", {"range": [None, 2002], "missing": True}, [0, 2, 3, 7]),
        ("year", {"except": [None]}, [0, 1, 3, 4, 5, 6]),
        ("taken_at", {"range": ["2020-01-06", "2020-12-31T23:59:59"]}, [2, 6]),
        ("taken_at", {"range": ["2020-03-01T00:00:00", None]}, [2, 3, 6, 7]),
        ("name", {"text": "CAT"}, [1, 3, 5]),
        ("name", {"text": ".*"}, []),
        ("name", {"values": ["dog 2", None]}, [2, 7]),
    ],
)
def test_which_images_a_condition_lets_pass(column: str, condition: dict[str, Any], rows: list[int]) -> None:
    assert kept(condition, column) == rows


def test_values_are_ranked_and_each_image_counts_once_for_each_of_its_items() -> None:
    tags = lists("tags", pd.Series(TAGS))
    assert list(tags.labels) == ["a", "b", "c"]
    assert tags.count().tolist() == [3, 3, 2, 2]
    assert tags.count(np.arange(8) < 4).tolist() == [1, 2, 0, 2]
    group = values("group", pd.Series(GROUPS, dtype="str"))
    assert list(group.labels) == ["cat", "dog", "owl"]
    assert group.count().tolist() == [3, 2, 1, 2]


asked = st.fixed_dictionaries(
    {},
    optional={
        "group": st.sets(st.sampled_from([None, "cat", "dog", "owl"]), min_size=1).map(
            lambda v: {"values": [*v]}
        ),
        "tags": st.sets(st.sampled_from([None, "a", "b", "c"]), min_size=1).map(lambda v: {"except": [*v]}),
        "year": st.tuples(st.integers(2000, 2011), st.booleans()).map(
            lambda r: {"range": [r[0], None], **({"missing": True} if r[1] else {})}
        ),
        "name": st.sampled_from(["cat", "DOG", "3"]).map(lambda part: {"text": part}),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(asked, min_size=1, max_size=4))
def test_counts_leave_out_only_the_columns_own_condition(history: list[dict[str, Any]]) -> None:
    """Whatever was asked before: what is remembered of it changes nothing."""
    facets, masks = columns(), {}
    for filters in history:
        kept_now, counts = keep(facets, sound(facets, filters), masks=masks), count(facets, masks)
        for name, facet in facets.items():
            others = [passing(facets[c], condition) for c, condition in filters.items() if c != name]
            among = np.logical_and.reduce([np.ones(8, bool), *others])
            assert counts[name].tolist() == facet.count(among).tolist()
            if isinstance(facet, Values):
                plain = [int((among & facet.having([label])).sum()) for label in [*facet.labels, None]]
                assert counts[name].tolist() == plain
        every = np.logical_and.reduce(
            [passing(facets[c], condition) for c, condition in filters.items()] or [True]
        )
        assert (kept_now is None) == (not filters)
        if kept_now is not None:
            assert kept_now.tolist() == every.tolist()


HOSTILE = [
    None, 3, [], "x", {"nope": {"values": ["a"]}}, {"group": None}, {"group": {"values": "cat"}},
    {"group": {"values": []}},
    {"group": {"values": [{}, 3, ["x"], "y" * 900]}}, {"group": {"range": [1, 2]}},
    {"group": {"text": "cat"}},
    {"year": {"range": [1]}}, {"year": {"range": ["a", 2]}}, {"year": {"range": [float("nan"), 1]}},
    {"year": {"range": [None, None]}}, {"year": {"range": [10**400, 1]}}, {"year": {"range": [True, 1]}},
    {"year": {"values": ["2001"]}}, {"taken_at": {"range": ["2020-99-99", None]}},
    {"taken_at": {"range": ["<script>", None]}},
    {"name": {"text": "  "}}, {"name": {"text": 3}}, {3: {"values": ["a"]}},
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_what_makes_no_sense_is_left_out(value: object) -> None:
    assert sound(columns(), value) == {}


def test_what_is_sound_can_be_carried_by_a_link() -> None:
    facets = columns()
    filters = {
        "group": {"values": ["cat", None]},
        "year": {"range": [2001, None], "missing": True},
        "taken_at": {"range": ["2020-01-01T00:00:00", None]},
        "name": {"text": "cat", "junk": 1},
    }
    good = sound(facets, filters)
    assert good == {**filters, "name": {"text": "cat"}}
    assert sound(facets, json.loads(json.dumps(good))) == good


def test_a_press_in_a_chart_shows_nothing_else_and_one_in_the_legend_hides() -> None:
    only = toggled(None, ["cat"], hide=False)
    assert only == {"values": ["cat"]}
    assert toggled(only, ["dog"], hide=False) == {"values": ["cat", "dog"]}
    assert toggled(only, ["cat"], hide=False) is None
    hidden = toggled(None, ["cat"], hide=True)
    assert hidden == {"except": ["cat"]}
    assert (shows(hidden, "cat"), shows(hidden, None)) == (False, True)
    assert toggled(hidden, ["cat"], hide=True) is None
    assert toggled(only, ["dog"], hide=True) == {"values": ["cat", "dog"]}
    rest = toggled(None, ["owl", "dog"], hide=True)
    assert toggled(rest, ["owl", "dog"], hide=True) is None
    some = {"range": [1, 2]}
    assert toggled(some, [None], hide=False) == {**some, "missing": True}
    assert toggled({**some, "missing": True}, [None], hide=False) == some


# -- scales: bins, brushes


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
    found = scale("n", np.array([*numbers, np.nan], float))
    scaled = found.scaled
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
    found = scale("n", np.array(numbers, float))
    first = data.draw(st.integers(0, len(found.scaled) - 1))
    last = data.draw(st.integers(first + 1, len(found.scaled)))
    condition = ranged(found, first, last)
    if condition is None:
        assert (first, last) == (0, len(found.scaled))
        return
    condition = sound({"n": found}, json.loads(json.dumps({"n": condition})))["n"]
    shown = found.count()[first:last].sum()
    width = found.scaled.edges[1] - found.scaled.edges[0]
    near = (
        np.abs(np.asarray(numbers)[:, None] - found.scaled.edges).min(1) < 2e-6 * width
    )  # may fall to either side
    assert abs(int(passing(found, condition).sum()) - int(shown)) <= int(near.sum())
    assert bounded(found, condition) == (first, last)


def test_an_outlier_does_not_take_the_room_and_is_still_reached() -> None:
    found = scale("n", np.append(np.linspace(0, 10, 999), 1e9))
    assert found.scaled.edges[-1] < 20
    assert found.scaled.above
    top = ranged(found, len(found.scaled) - 1, len(found.scaled))
    assert top is not None
    assert top["range"][1] is None
    assert passing(found, top)[-1]


def test_dates_are_a_scale_of_time_and_what_only_starts_like_one_is_not() -> None:
    dates = pd.Series(["2019-02-03T10:00:00", "2020-05-01T00:00:00", None] * 50, dtype="str")
    assert kind_of(dates, "str") == "time"
    found = facet_of("t", dates, declared="str", kind="time")
    assert isinstance(found, Scale)
    assert found.count()[-1] == 50
    assert found.scaled.labels[0].startswith("2019-")
    bar = ranged(found, 0, 1)
    assert bar is not None
    assert said(found, bar).startswith("up to 2019-")
    assert kind_of(pd.Series(["2019", "2020"] * 50, dtype="str"), "str") == "category"
    assert kind_of(pd.Series(["2019-01-01 or so", "2020-01-01"] * 50, dtype="str"), "str") == "category"


@pytest.mark.parametrize("days", [0.001, 0.5, 20, 400, 4_000, 90_000])
def test_times_fall_on_full_units_whatever_their_span(days: float) -> None:
    found = scale("t", 1.5e9 + np.linspace(0, days * 86_400, 500).round(), time=True)
    assert 1 <= len(found.scaled) <= 41
    assert found.count().sum() == 500
    assert len(set(found.scaled.labels)) == len(found.scaled.labels)


# -- which columns, and how they are shown


def test_what_tells_no_image_from_another_is_no_filter() -> None:
    same, none = pd.Series(["a"] * 9, dtype="str"), pd.Series([None] * 9, dtype="str")
    assert facet_of("c", same, declared="str", kind=None) is None
    assert facet_of("c", none, declared="str", kind=None) is None
    assert facet_of("c", pd.Series([], dtype="str"), declared="str", kind=None) is None
    assert isinstance(facet_of("c", pd.Series(["a", None]), declared="str", kind=None), Values)
    assert isinstance(facet_of("c", pd.Series(["a", "b"]), declared="str", kind=None), Text)
    assert isinstance(facet_of("c", pd.Series([3.0, np.nan]), declared="float", kind=None), Scale)


def test_the_panel_shows_the_commonest_values_and_those_that_are_asked_for() -> None:
    many = pd.Series([f"v{i}" for i in range(40) for _ in range(50 - i)] + [None], dtype="str")
    facet = values("v", many)
    shown = described(facet, {"values": ["v39"]}, None)
    assert [line["value"] for line in shown["lines"]] == [*(f"v{i}" for i in range(20)), "v39"]
    assert [line["on"] for line in shown["lines"]] == [False] * 20 + [True]
    assert (shown["total"], shown["missing"]["whole"]) == (40, 1)
    found = described(facet, None, None, part=" V3")
    assert [line["value"] for line in found["lines"]] == ["v3", *(f"v{i}" for i in range(30, 40))]


def test_a_brush_from_a_browser_is_checked() -> None:
    facet = scale("n", np.arange(5.0))
    assert drawn(facet, {"from": 1, "to": 3})(None) == {"range": [1, 2]}
    assert drawn(facet, {"from": 3, "to": 1})({"range": [0, 1], "missing": True}) == {
        "range": [1, 2],
        "missing": True,
    }
    for message in (
        {},
        {"from": None, "to": None},
        {"from": "1", "to": 2},
        {"from": -5, "to": 99},
        {"from": 2, "to": 2},
    ):
        assert drawn(facet, message)({"range": [1, 2]}) is None


def test_conditions_are_said_in_a_few_words() -> None:
    facets = columns()
    assert said(facets["group"], {"values": ["cat", None]}) == f"cat, {NO_VALUE.lower()}"
    assert said(facets["group"], {"except": ["cat"]}) == "not cat"
    assert said(facets["tags"], {"values": ["a", "b", "c"]}) == "3 values"
    assert said(facets["year"], {"range": [2001, 2003]}) == "2001 – 2003"  # noqa: RUF001
    assert said(facets["year"], {"range": [2001, None], "missing": True}) == "from 2001 or no value"
    assert said(facets["name"], {"text": "x"}) == "“x”"
