"""The splitters between groups of panels: by pointer, by keys, and out of view."""

from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from fakes import FakeAtlas

from viewer.components.layout.tabs import Tabs
from viewer.components.layout.workspace import Workspace
from viewer.components.page.links import parse_query_string, to_query_string
from viewer.dataset.dataset import Dataset
from viewer.session.arrangement import CURATE, EXPLORE, PANELS, Arrangement
from viewer.session.state import ViewState


@pytest.fixture
def page() -> SimpleNamespace:
    """A page with two groups beside the map, the first one's splitter and tabs."""
    state = ViewState(dataset=Dataset(FakeAtlas(n=50)), colour="group", arrangement=CURATE)
    workspace = Workspace(
        state, pn.Column(), {name: pn.Column() for name in PANELS}, above=[pn.Column()], below=[pn.Column()]
    )
    splitter = workspace.shell.objects[1]
    return SimpleNamespace(state=state, splitter=splitter, tabs=splitter.objects[0].objects[0])


def share(state: ViewState) -> float:
    return state.arrangement.beside[0].share


def tell(tabs: Tabs, **details: Any) -> None:
    tabs._handle_msg({"kind": "grow", **details})


def test_a_drag_is_remembered_and_is_in_the_link(page: SimpleNamespace) -> None:
    page.splitter.sizes = (62.5, 37.5)
    assert (share(page.state), page.tabs.share) == (62.5, 62.5)
    assert parse_query_string(to_query_string(page.state)).layout == page.state.arrangement


def test_a_link_and_an_arrangement_move_the_splitter(page: SimpleNamespace) -> None:
    page.state.arrangement = parse_query_string("layout=~results,70/~filter:~table:55:34").layout
    assert page.splitter.sizes == (70, 30)
    page.state.arrangement = CURATE
    assert page.splitter.sizes == (50, 50)


def test_keys_move_the_splitter_by_steps_that_leave_each_group_its_least(page: SimpleNamespace) -> None:
    assert (page.tabs.following, page.tabs.splitter) == (1, "Results and Filter")
    tell(page.tabs, by=1, least=25)
    assert (share(page.state), page.splitter.sizes) == (55, (55, 45))
    tell(page.tabs, by=-20, least=25)
    assert share(page.state) == 25


@pytest.mark.parametrize(
    "message",
    [
        {}, {"by": 1}, {"by": "1", "least": 25}, {"by": 10**400, "least": 25}, {"by": 0.5, "least": 25},
        {"by": 1, "least": -1}, {"by": 1, "least": float("nan")}, {"by": 1, "least": 10**400},
        {"by": 1, "least": [25]},
    ],
)  # fmt: skip
def test_strange_messages_move_nothing(page: SimpleNamespace, message: dict[str, Any]) -> None:
    tell(page.tabs, **message)
    assert page.state.arrangement == CURATE


@pytest.mark.parametrize("arrangement", [EXPLORE, Arrangement(beside=())])
def test_a_splitter_out_of_view_has_no_say(page: SimpleNamespace, arrangement: Arrangement) -> None:
    page.state.arrangement = arrangement
    page.splitter.sizes = (80, 20)
    tell(page.tabs, by=1, least=25)
    assert page.state.arrangement == arrangement


def test_a_narrow_page_shows_no_splitter_and_keeps_its_place(page: SimpleNamespace) -> None:
    page.state.arrangement = CURATE.divide("beside", 0, 70)
    page.state.narrow = True
    page.splitter.sizes = (50, 50)
    tell(page.tabs, by=1, least=25)
    assert (page.tabs.following, share(page.state)) == (0, 70)
