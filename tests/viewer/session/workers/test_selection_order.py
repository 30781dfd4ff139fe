"""A large selection is sorted in a thread: the panel shows the earlier images until the order is known."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import FakeAtlas

from viewer.components.side.selection_panel import SelectionPanel
from viewer.dataset.dataset import Dataset
from viewer.pools import RANK_POOL
from viewer.session.state import ViewState
from viewer.session.workers import listing
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.listing import SelectionOrderWorker
from viewer.session.workers.tags import TagWorker

N = 40

Finish = Callable[[int], None]


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Every selection of more than three is a large one; a call ends the sorting of one of them."""
    begun: list[tuple[Any, Any]] = []

    def begin(work: Any, then: Any, **_pool: Any) -> None:
        begun.append((work, then))

    monkeypatch.setattr(listing, "AT_ONCE", 3)
    monkeypatch.setattr(listing, "in_background", begin)

    def end(number: int) -> None:
        work, then = begun[number]
        then(RANK_POOL.submit(work))

    return end


@pytest.fixture
def state() -> ViewState:
    atlas = FakeAtlas(N)
    atlas.points["size"] = np.arange(N, dtype=float)
    return ViewState(dataset=Dataset(atlas), panel="selection", sort="size", ascending=False)


def test_the_earlier_images_stay_until_a_large_selection_is_sorted(state: ViewState, finish: Finish) -> None:
    SelectionOrderWorker(state)
    panel = SelectionPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), ClusterNameWorker(state))
    state.selection = np.array([1, 2])
    assert [item["value"] for item in panel.items] == ["2", "1"]
    state.selection = np.arange(10)
    assert panel.count == 10
    assert [item["value"] for item in panel.items] == ["2", "1"]
    finish(0)
    assert [item["value"] for item in panel.items] == [str(9 - n) for n in range(10)]


def test_only_the_latest_selection_is_listed_in_whatever_order_sorts_end(
    state: ViewState, finish: Finish
) -> None:
    SelectionOrderWorker(state)
    state.selection = np.arange(20)
    state.selection = np.arange(10)
    finish(1)
    finish(0)
    assert state.listed_selection.tolist() == list(range(9, -1, -1))
    state.selection = None
    assert state.listed_selection.tolist() == []


def test_a_selection_out_of_view_is_not_sorted(state: ViewState, finish: Finish) -> None:
    SelectionOrderWorker(state)
    state.panel = "filter"
    state.selection = np.arange(10)
    assert state.listed_selection is None
    state.panel = "selection"
    finish(0)
    assert state.listed_selection.tolist() == list(range(9, -1, -1))


def test_another_order_shows_the_earlier_one_until_it_is_known(state: ViewState, finish: Finish) -> None:
    SelectionOrderWorker(state)
    panel = SelectionPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), ClusterNameWorker(state))
    state.selection = np.arange(10)
    finish(0)
    turn = panel.turn
    state.ascending = True
    assert state.listed_selection is None
    assert panel.turn == turn
    finish(1)
    assert [item["value"] for item in panel.items] == [str(n) for n in range(10)]


def test_what_an_earlier_version_had_is_not_sent_once_more(state: ViewState, finish: Finish) -> None:
    SelectionOrderWorker(state)
    panel = SelectionPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), ClusterNameWorker(state))
    state.selection = np.arange(N)
    finish(0)
    atlas = FakeAtlas(N // 2)
    atlas.version = "v2"
    atlas.points["size"] = np.arange(N // 2, dtype=float)
    state.param.update(dataset=Dataset(atlas), selection=np.arange(N // 2))
    turn = panel.turn
    panel._handle_msg({"kind": "more", "start": N - 1})
    assert panel.turn == turn
    finish(1)
    assert panel.items[0]["value"] == str(N // 2 - 1)
