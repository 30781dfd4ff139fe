"""Conditions let images pass, counts leave a column's own out, and links spell both."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import column_of
from hypothesis import given, settings
from hypothesis import strategies as st

from clipper.query_filter import AnyOf, Condition, HasText, InRange, NoneOf
from viewer.components.side.filter_panel import facet_view
from viewer.dataset.columns.facets import (
    Facet,
    ScaleFacet,
    TextFacet,
    ValueFacet,
    column_facet,
    list_facet,
    scale_facet,
    text_facet,
    value_facet,
)
from viewer.dataset.columns.filters import (
    NO_VALUE,
    count_values,
    describe_condition,
    filter_rows,
    listed_values,
    match_condition,
    parse_filters,
    remove_values,
    shows_value,
    toggle_values,
    validate_filters,
    write_filters,
)

GROUPS = ["cat", "dog", None, "cat", "owl", "cat", None, "dog"]
TAGS = [["a", "b"], [], None, ["b", "b"], ["c"], ["a"], ["a", "c"], ["b"]]
YEARS = [2001.0, 2003.0, np.nan, 2001.0, 2010.0, 2007.0, 2003.0, np.inf]
TIMES = ["2020-01-05T10:00:00", None, "2020-03-01T00:00:00", "2021-07-09T12:30:00"] * 2
NAMES = [f"A Cat {i}" if i % 2 else f"dog {i}" for i in range(7)] + [None]


def columns() -> dict[str, Facet]:
    names, times = pd.Series(NAMES, dtype="str"), pd.Series(TIMES, dtype="str")
    found = {
        "group": value_facet("group", pd.Series(GROUPS, dtype="str")),
        "tags": list_facet("tags", pd.Series(TAGS)),
        "year": scale_facet("year", np.array(YEARS)),
        "taken_at": column_facet(column_of("taken_at", times, "str"), times),
        "name": text_facet("name", names),
    }
    assert all(found.values())
    return found


def kept(condition: Condition, column: str) -> list[int]:
    facets = columns()
    assert validate_filters(facets, {column: condition}) == {column: condition}
    assert parse_filters(write_filters({column: condition})) == {column: condition}
    return np.flatnonzero(match_condition(facets[column], condition)).tolist()


@pytest.mark.parametrize(
    ("column", "condition", "rows"),
    [
        ("group", AnyOf(("cat", "owl")), [0, 3, 4, 5]),
        ("group", AnyOf((None,)), [2, 6]),
        ("group", NoneOf(("cat", None)), [1, 4, 7]),
        ("group", AnyOf(("no such",)), []),
        ("tags", AnyOf(("a", "c")), [0, 4, 5, 6]),
        ("tags", AnyOf((None,)), [1, 2]),
        ("tags", NoneOf(("b",)), [1, 2, 4, 5, 6]),
        ("year", InRange(2001, 2003), [0, 1, 3, 6]),
        ("year", InRange(2004, None), [4, 5]),
        ("year", InRange(None, 2002, missing=True), [0, 2, 3, 7]),
        ("year", NoneOf((None,)), [0, 1, 3, 4, 5, 6]),
        ("taken_at", InRange("2020-01-06", "2020-12-31T23:59:59"), [2, 6]),
        ("taken_at", InRange("2020-03-01T00:00:00", None), [2, 3, 6, 7]),
        ("name", HasText("CAT"), [1, 3, 5]),
        ("name", HasText(".*"), []),
        ("name", AnyOf(("dog 2", None)), [2, 7]),
    ],
)
def test_which_images_a_condition_lets_pass(column: str, condition: Condition, rows: list[int]) -> None:
    assert kept(condition, column) == rows


def test_values_are_ranked_and_each_image_counts_once_for_each_of_its_items() -> None:
    tags = list_facet("tags", pd.Series(TAGS))
    assert list(tags.labels) == ["a", "b", "c"]
    assert tags.count().tolist() == [3, 3, 2, 2]
    assert tags.count(np.arange(8) < 4).tolist() == [1, 2, 0, 2]
    group = value_facet("group", pd.Series(GROUPS, dtype="str"))
    assert list(group.labels) == ["cat", "dog", "owl"]
    assert group.count().tolist() == [3, 2, 1, 2]


asked = st.fixed_dictionaries(
    {},
    optional={
        "group": st.sets(st.sampled_from([None, "cat", "dog", "owl"]), min_size=1).map(
            lambda v: AnyOf(tuple(v))
        ),
        "tags": st.sets(st.sampled_from([None, "a", "b", "c"]), min_size=1).map(lambda v: NoneOf(tuple(v))),
        "year": st.tuples(st.integers(2000, 2011), st.booleans()).map(
            lambda r: InRange(r[0], None, missing=r[1])
        ),
        "name": st.sampled_from(["cat", "DOG", "3"]).map(HasText),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(asked, min_size=1, max_size=4))
def test_counts_leave_out_only_the_columns_own_condition(history: list[dict[str, Condition]]) -> None:
    """Whatever was asked before: what is remembered of it changes nothing."""
    facets, masks = columns(), {}
    for filters in history:
        kept_now, counts = (
            filter_rows(facets, validate_filters(facets, filters), masks=masks),
            count_values(facets, masks),
        )
        for name, facet in facets.items():
            others = [match_condition(facets[c], condition) for c, condition in filters.items() if c != name]
            among = np.logical_and.reduce([np.ones(8, bool), *others])
            assert counts[name].tolist() == facet.count(among).tolist()
            if isinstance(facet, ValueFacet):
                plain = [int((among & facet.matching([label])).sum()) for label in [*facet.labels, None]]
                assert counts[name].tolist() == plain
        every = np.logical_and.reduce(
            [match_condition(facets[c], condition) for c, condition in filters.items()] or [True]
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
    assert validate_filters(columns(), parse_filters(value)) == {}


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        ("nope", AnyOf(("a",))), ("group", AnyOf(())), ("group", NoneOf(())), ("group", InRange(1, 2)),
        ("group", HasText("cat")), ("year", AnyOf(("2001",))), ("year", InRange(None, None, missing=True)),
        ("year", InRange("2020-01-01", None)), ("year", InRange(float("nan"), 1)),
        ("year", InRange(1e301, None)), ("taken_at", InRange("late", None)), ("name", HasText(" ")),
        ("name", InRange(1, 2)), ("name", HasText("\ud83d")), ("group", AnyOf(("\ud800",))),
    ],
)  # fmt: skip
def test_a_condition_that_no_link_to_this_column_can_hold_is_left_out(
    column: str, condition: Condition
) -> None:
    assert validate_filters(columns(), {column: condition}) == {}


def test_what_is_sound_can_be_carried_by_a_link() -> None:
    facets = columns()
    filters = {
        "group": AnyOf(("cat", None)),
        "year": InRange(2001, None, missing=True),
        "taken_at": InRange("2020-01-01T00:00:00", None),
        "name": HasText("cat"),
    }
    link = (
        '{"group": {"values": ["cat", null]}, "year": {"range": [2001, null], "missing": true}, '
        '"taken_at": {"range": ["2020-01-01T00:00:00", null]}, "name": {"text": "cat"}}'
    )
    assert json.dumps(write_filters(filters)) == link
    assert validate_filters(facets, parse_filters(json.loads(link))) == filters
    assert parse_filters({"name": {"text": "cat", "junk": 1}}) == {"name": HasText("cat")}


def test_a_filter_as_chroma_spells_it_means_the_same_in_a_link() -> None:
    facets = columns()
    filters = {"group": {"$in": ["cat"]}, "tags": {"$not_contains": "b"}, "year": {"$gte": 2003}}
    assert validate_filters(facets, parse_filters(filters)) == {
        "group": AnyOf(("cat",)),
        "tags": NoneOf(("b",)),
        "year": InRange(2003, None),
    }
    truth = {"sold": value_facet("sold", pd.Series([True, False, True]))}
    assert validate_filters(truth, parse_filters({"sold": {"$eq": True}})) == {"sold": AnyOf(("Yes",))}


def test_a_press_in_a_chart_shows_nothing_else_and_one_in_the_legend_hides() -> None:
    only = toggle_values(None, ["cat"], hide=False)
    assert only == AnyOf(("cat",))
    assert toggle_values(only, ["dog"], hide=False) == AnyOf(("cat", "dog"))
    assert toggle_values(only, ["cat"], hide=False) is None
    hidden = toggle_values(None, ["cat"], hide=True)
    assert hidden == NoneOf(("cat",))
    assert (shows_value(hidden, "cat"), shows_value(hidden, None)) == (False, True)
    assert toggle_values(hidden, ["cat"], hide=True) is None
    assert toggle_values(only, ["dog"], hide=True) == AnyOf(("cat", "dog"))
    rest = toggle_values(None, ["owl", "dog"], hide=True)
    assert toggle_values(rest, ["owl", "dog"], hide=True) is None
    some = InRange(1, 2)
    assert toggle_values(some, [None], hide=False) == InRange(1, 2, missing=True)
    assert toggle_values(InRange(1, 2, missing=True), [None], hide=False) == some
    assert toggle_values(HasText("x"), [None], hide=False) == AnyOf((None,))
    assert toggle_values(AnyOf((None, "cat")), [None], hide=False) == AnyOf(("cat",))


@pytest.mark.parametrize(
    ("condition", "named", "missing"),
    [
        (None, True, True),
        (AnyOf(("cat",)), True, False),
        (AnyOf((None,)), False, True),
        (AnyOf(()), False, False),
        (NoneOf(("cat", None)), False, False),
        (NoneOf(()), True, True),
        (InRange(1, None), True, False),
        (InRange(1, None, missing=True), True, True),
        (HasText("c"), True, False),
    ],
)
def test_a_line_of_a_chart_is_on_if_its_value_can_pass(
    condition: Condition | None, named: bool, missing: bool
) -> None:
    assert (shows_value(condition, "cat"), shows_value(condition, None)) == (named, missing)


def test_values_that_are_gone_leave_a_filter_and_the_last_one_takes_it_along() -> None:
    filters = {"group": AnyOf(("cat", None)), "tags": NoneOf(("a",)), "year": InRange(1, 2)}
    after = remove_values(filters, "group", {"cat"})
    assert [*after.items()] == [*{**filters, "group": AnyOf((None,))}.items()]  # in the same order
    assert remove_values(filters, "tags", {"a", "b"}) == {"group": filters["group"], "year": InRange(1, 2)}
    assert remove_values(filters, "year", {"1"}) == remove_values(filters, "nope", {"1"}) == filters
    assert [*remove_values(filters, "year", (), whole=True)] == ["group", "tags"]
    assert listed_values(after["group"]) == (None,)
    assert listed_values(InRange(1, 2)) == listed_values(None) == ()


def test_what_tells_no_image_from_another_is_no_filter() -> None:
    def facet(cells: list[Any], declared: str = "str") -> Facet | None:
        series = pd.Series(cells, dtype=declared)
        return column_facet(column_of("c", series, declared), series)

    assert facet(["a"] * 9) is None
    assert facet([None] * 9) is None
    assert facet([]) is None
    assert isinstance(facet(["a", None]), ValueFacet)
    assert isinstance(facet([f"name {i}" for i in range(41)]), TextFacet)
    assert isinstance(facet([3.0, np.nan], "float"), ScaleFacet)


def test_the_panel_shows_the_commonest_values_and_those_that_are_asked_for() -> None:
    many = pd.Series([f"v{i}" for i in range(40) for _ in range(50 - i)] + [None], dtype="str")
    facet = value_facet("v", many)
    shown = facet_view(facet, AnyOf(("v39",)), None)
    assert [line["value"] for line in shown["lines"]] == [*(f"v{i}" for i in range(20)), "v39"]
    assert [line["on"] for line in shown["lines"]] == [False] * 20 + [True]
    assert (shown["total"], shown["missing"]["whole"]) == (40, 1)
    found = facet_view(facet, None, None, part=" V3")
    assert [line["value"] for line in found["lines"]] == ["v3", *(f"v{i}" for i in range(30, 40))]


def test_conditions_are_said_in_a_few_words() -> None:
    facets = columns()
    assert describe_condition(facets["group"], AnyOf(("cat", None))) == f"cat, {NO_VALUE.lower()}"
    assert describe_condition(facets["group"], NoneOf(("cat",))) == "not cat"
    assert describe_condition(facets["tags"], AnyOf(("a", "b", "c"))) == "3 values"
    assert describe_condition(facets["year"], InRange(2001, 2003)) == "2001 – 2003"  # noqa: RUF001
    assert describe_condition(facets["year"], InRange(2001, None, missing=True)) == "from 2001 or no value"
    assert describe_condition(facets["name"], HasText("x")) == "“x”"
