"""Which panels are open, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.session.arrangement import (
    CURATE,
    DOCKS,
    EXPLORE,
    GROUP_SHARES,
    HALF,
    MAX_GROUPS,
    PANELS,
    PRESENT,
    SHARES,
    STEP,
    USUAL,
    Arrangement,
    Group,
    parse_arrangement,
    write_arrangement,
)

MOVES = st.lists(
    st.tuples(
        st.sampled_from(PANELS),
        st.sampled_from(DOCKS),
        st.none() | st.integers(0, MAX_GROUPS - 1),
        st.sampled_from(["move", "close", "show"]),
    ),
    max_size=12,
)


def moved(moves: list[tuple]) -> Arrangement:
    arrangement = EXPLORE
    for panel, dock, at, what in moves:
        arrangement = (
            arrangement.move(panel, dock, at) if what == "move" else getattr(arrangement, what)(panel)
        )
    return arrangement


@given(MOVES)
def test_however_panels_are_moved_each_is_in_one_group_and_groups_have_an_active_panel(moves) -> None:
    arrangement = moved(moves)
    panels = arrangement.open_panels
    assert len(set(panels)) == len(panels)
    assert all(group.active in group.panels for group in arrangement.all_groups)
    assert all(len(arrangement.groups(dock)) <= MAX_GROUPS for dock in DOCKS)
    if moves:
        panel, *_, what = moves[-1]
        assert arrangement.shows(panel) == (what != "close")


@given(MOVES, st.floats(10, 85), st.floats(10, 85))
def test_an_arrangement_that_is_written_down_is_read_again(moves, width: float, height: float) -> None:
    arrangement = moved(moves).resize(width=float(f"{width:.4g}"), height=float(f"{height:.4g}"))
    assert parse_arrangement(write_arrangement(arrangement)) == arrangement


@given(MOVES, st.lists(st.floats(*GROUP_SHARES), min_size=6, max_size=6))
def test_the_shares_of_groups_are_written_down_and_read_again(moves, shares: list[float]) -> None:
    arrangement, given_shares = moved(moves), iter(shares)
    for dock in DOCKS:
        for at in range(len(arrangement.groups(dock))):
            arrangement = arrangement.divide(dock, at, next(given_shares))
    assert parse_arrangement(write_arrangement(arrangement)) == arrangement


def test_an_arrangement_without_shares_of_groups_means_what_it_always_meant() -> None:
    text = "~results/~filter:~table:55:34"
    read = parse_arrangement(text)
    assert read == CURATE.move("selection", "beside", 0).close("selection").close("insights")
    assert [group.share for group in read.all_groups] == [HALF] * 3
    assert write_arrangement(read) == text
    assert write_arrangement(read.divide("beside", 0, 62.5)) == "~results,62.5/~filter:~table:55:34"


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("nan", HALF), ("inf", HALF), ("1e999", HALF), ("", HALF), ("60,", HALF), ("sixty", HALF),
        ("-5", 10.0), ("0", 10.0), ("1000", 90.0), ("20,30,40", 40.0), ("33.333333333", 33.33),
    ],
)  # fmt: skip
def test_a_strange_share_of_a_group_is_left_out_or_limited(written: str, share: float) -> None:
    read = parse_arrangement(f"~results,{written}/~filter:~table:55:34")
    assert read is not None
    assert read.beside == (Group(("results",), "results", share), Group(("filter",), "filter"))


@pytest.mark.parametrize("text", ["60:~filter:27:40", "60/60/60/60:~filter:27:40"])
def test_a_share_without_panels_is_no_group(text: str) -> None:
    assert parse_arrangement(text) == Arrangement((), (Group(("filter",), "filter"),))


def test_a_share_of_endless_text_makes_no_arrangement() -> None:
    assert parse_arrangement(f"~results,{'9' * 100_000}/~filter:~table:55:34") is None


@pytest.mark.parametrize(
    "text",
    ["", "results", "::", "a:b:c:d", "::nan:40", "::1e999:40", "results:filter:27", "<script>:x:27:40:1"],
)
def test_any_other_text_is_no_arrangement(text: str) -> None:
    assert parse_arrangement(text) is None


def test_unknown_and_repeated_panels_are_left_out_and_shares_are_limited() -> None:
    read = parse_arrangement("nothing,results,results/~filter,results:filter,selection:0:1000")
    assert read == Arrangement(
        beside=(Group(("results",), "results"), Group(("filter",), "filter")),
        below=(Group(("selection",), "selection"),),
        width=10.0,
        height=85.0,
    )


def test_a_panel_that_leaves_a_group_leaves_its_neighbor_in_view() -> None:
    arrangement = EXPLORE.show("selection").move("selection", "below")
    assert arrangement.beside == (Group(("results", "filter", "insights"), "filter"),)
    assert arrangement.below == (Group(("selection",), "selection"),)
    assert arrangement.move("selection", "beside", 0).has_places_of(EXPLORE)


def test_a_closed_panel_that_is_shown_joins_the_first_group() -> None:
    arrangement = EXPLORE.close("filter")
    assert not arrangement.is_open("filter")
    assert arrangement.show("filter").beside == (Group(USUAL, "filter"),)
    assert PRESENT.is_map_alone
    assert PRESENT.show("filter").beside == (Group(("filter",), "filter"),)


def test_a_narrow_page_has_one_group_of_all_open_panels() -> None:
    assert CURATE.merged().beside == (Group(PANELS, "results"),)
    assert PRESENT.merged() == PRESENT


def test_a_dock_grows_by_steps_within_limits_and_one_without_panels_keeps_its_share() -> None:
    assert EXPLORE.grow("beside", 1).width == EXPLORE.width + STEP
    assert EXPLORE.grow("beside", -99).width == SHARES[0]
    assert EXPLORE.grow("below", 1) == EXPLORE
    smallest = EXPLORE.grow("beside", -99, least=20.6)
    assert smallest.width == 20.6
    assert EXPLORE.resize(width=12).grow("beside", 1, least=20.6).width == 20.6 + STEP
    assert EXPLORE.grow("beside", 99, most=72).width == 72
    assert EXPLORE.resize(width=80).grow("beside", -1, most=72).width == 72 - STEP
    assert EXPLORE.grow("beside", 1, least=60, most=40).width == 60  # a page without room for both
    assert CURATE.grow("below", -1) == CURATE.resize(height=CURATE.height - STEP)


def test_a_group_grows_by_steps_and_leaves_the_least_to_itself_and_to_all_after_it() -> None:
    def grown(arrangement: Arrangement, steps: int, least: float = 0) -> float:
        return arrangement.grow_group("beside", 0, steps, least=least).beside[0].share

    assert grown(CURATE, 1) == HALF + STEP
    assert (grown(CURATE, -20), grown(CURATE, 20)) == GROUP_SHARES
    assert (grown(CURATE, -20, 30), grown(CURATE, 20, 30)) == (30, 70)
    assert grown(CURATE.divide("beside", 0, 12), 1, 30) == 30 + STEP
    three = CURATE.move("selection", "beside")
    assert (grown(three, -20, 25), grown(three, 20, 25), grown(three, 20, 40)) == (25, 50, 40)


def test_a_group_keeps_its_share_when_panels_come_and_go() -> None:
    wide = CURATE.divide("beside", 0, 70).divide("beside", 1, 30)
    assert [group.share for group in wide.close("insights").beside] == [70, 30]
    assert [group.share for group in wide.move("insights", "beside", 1).beside] == [70, 30]
    assert [group.share for group in wide.move("insights", "beside").beside] == [70, 30, HALF]
    assert [group.share for group in wide.move("filter", "below", 0).show("table").beside] == [70]
    assert CURATE.move("insights", "beside").divide("beside", 1, 30).close("results").close(
        "selection"
    ).beside[0] == Group(("filter",), "filter", 30)
