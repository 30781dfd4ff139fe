"""Which panels are open, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.session.arrangement import (
    CURATE,
    DOCKS,
    EXPLORE,
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
    assert CURATE.grow("below", -1) == CURATE.resize(height=CURATE.height - STEP)
