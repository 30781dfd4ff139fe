"""Which points an outline holds, and how steps add up to a selection."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import FakeAtlas

from clipper.query_syntax import parse
from viewer.components.map.lasso import Lasso, parse_outline, toggle_image
from viewer.components.side.selection_panel import SelectionPanel, count_members
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry import lasso
from viewer.dataset.geometry.lasso import points_inside, rows_inside, simplify_outline
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Viewport
from viewer.session.answers import Answer
from viewer.session.selection import SelectionSource, apply_step, clear_selection, rows_of_target
from viewer.session.state import ViewState
from viewer.session.steps import AllImages, OneImage, Results, SelectionStep, Tagged, read_outline
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.listing import SelectionOrderWorker
from viewer.session.workers.tags import TagWorker

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def star(corners: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    return np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.3, 4, corners)[:, None]


@pytest.mark.parametrize("corners", [3, 4, 17, 120])
@pytest.mark.parametrize("n", [1, 30, 20_000])
def test_the_grid_finds_what_looking_at_every_point_finds(n: int, corners: int) -> None:
    xy = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32) * 2
    index, outline = PointIndex.build(xy), star(corners, seed=corners)
    assert np.array_equal(
        rows_inside(index, outline), np.flatnonzero(points_inside(xy[:, 0], xy[:, 1], outline))
    )


def test_points_on_the_borders_of_cells_are_found() -> None:
    xy = (
        np.stack(np.meshgrid(np.arange(0, 8, 0.25), np.arange(0, 8, 0.25)), -1)
        .reshape(-1, 2)
        .astype(np.float32)
    )
    index = PointIndex.build(xy)
    for outline in (SQUARE * 4 + 1.1, SQUARE * 40 - 3, np.array([[-1, 3.1], [9, 3.1], [9, 3.4], [-1, 3.4]])):
        assert np.array_equal(
            rows_inside(index, outline), np.flatnonzero(points_inside(xy[:, 0], xy[:, 1], outline))
        )


def test_where_an_outline_crosses_itself_it_is_even_odd_and_nothing_is_outside() -> None:
    bow = np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    index = PointIndex.build(np.array([[0.2, 1], [1.8, 1], [1, 0.2], [1, 1.8]], np.float32))
    assert rows_inside(index, bow).tolist() == [0, 1]
    assert rows_inside(index, SQUARE + 50).tolist() == []
    assert rows_inside(PointIndex.build(np.empty((0, 2), np.float32)), SQUARE).tolist() == []


def test_of_a_million_points_only_those_near_the_outline_are_looked_at_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []

    def counted(x: np.ndarray, y: np.ndarray, outline: np.ndarray) -> np.ndarray:
        looked_at.append(len(x))
        return points_inside(x, y, outline)

    monkeypatch.setattr(lasso, "points_inside", counted)
    xy = np.random.default_rng(1).normal(size=(1_000_000, 2)).astype(np.float32)
    rows = rows_inside(PointIndex.build(xy), star(60, seed=3))
    assert len(rows) > 700_000
    assert sum(looked_at) < 250_000


def test_a_drawn_line_keeps_the_corners_that_count() -> None:
    line = np.stack([np.linspace(0, 10, 200), np.sin(np.linspace(0, 10, 200)) * 0.001], 1)
    closed = np.vstack([line, [[10, 5], [0, 5]]])
    kept = simplify_outline(closed, tolerance=0.01)
    assert 4 <= len(kept) <= 6
    outline = parse_outline(closed.tolist(), unit=0.01)
    assert outline is not None
    assert len(outline.corners) <= 6


@pytest.mark.parametrize("value", [
    None, "x", [], [[0, 0]], [[0, 0], [1, 1]], [[0, "a"], [1, 1], [2, 2]],
    [[0, 0], [1, float("nan")], [2, 2]], [[[0]]], {"a": 1}, [[0, 0]] * 30_000,
])  # fmt: skip
def test_what_is_no_outline_is_none(value: object) -> None:
    assert parse_outline(value, unit=0.01) is None


def test_steps_add_and_take_away_and_a_step_that_chooses_anew_forgets_them(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    none: dict[str, np.ndarray] = {}
    for step in (
        SelectionStep("replace", AllImages("all")),
        SelectionStep("subtract", OneImage("folder/3.png")),
    ):
        apply_step(state, step, rows_of_target(step.target, SelectionSource.of(state), none, kept=None))
    assert state.selection.tolist() == [row for row in range(500) if row != 3]
    assert [step.mode for step in state.steps] == ["replace", "subtract"]
    tagged = {"keep": np.array([5, 9])}
    step = SelectionStep("replace", Tagged("keep"))
    apply_step(state, step, rows_of_target(step.target, SelectionSource.of(state), tagged, kept=None))
    toggle_image(state, 7)
    toggle_image(state, 9)
    assert state.selection.tolist() == [5, 7]
    assert len(state.steps) == 3
    for row in (5, 7):
        toggle_image(state, row)
    assert (state.selection, state.steps) == (None, [])


def test_a_drawing_that_takes_away_takes_only_what_is_chosen(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    seen = Viewport.fitted(dataset.view, width=400, height=300)
    outline = Lasso()
    outline.follow(state, SimpleNamespace(viewport=seen, row_at=lambda x, _y: int(x)))
    whole = (SQUARE * 1000 - 500).tolist()
    outline._handle_msg({"kind": "drawn", "mode": "add", "shape": whole})
    assert len(state.selection) == 500
    for _ in range(2):
        outline._handle_msg({"kind": "tap", "mode": "subtract", "x": 3, "y": 0})
        assert len(state.selection) == 499
    outline._handle_msg({"kind": "drawn", "mode": "subtract", "shape": whole})
    assert state.selection is None
    outline._handle_msg({"kind": "tap", "mode": "subtract", "x": 3, "y": 0})
    assert state.selection is None


def test_the_panel_replaces_the_selection_adds_to_it_and_subtracts_from_it(dataset: Dataset) -> None:
    answer = Answer(parse("x"), np.array([9, 2, 5]), np.ones(3), 0.0, 0.0, 0.1)
    state, panel = ViewState(dataset=dataset, answer=answer), SelectionPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), ClusterNameWorker(state))
    state.tags = {"keep": np.array([7])}
    for message, selected in (
        ({"kind": "tagged", "tag": "keep"}, [7]),
        ({"kind": "whole", "of": "results", "mode": "add"}, [2, 5, 7, 9]),
        ({"kind": "whole", "of": "results", "mode": "less"}, [2, 5, 7, 9]),
        ({"kind": "whole", "of": "nothing"}, [2, 5, 7, 9]),
        ({"kind": "whole", "of": "results", "mode": "subtract"}, [7]),
        ({"kind": "whole", "of": "results"}, [2, 5, 9]),
    ):
        panel._handle_msg(message)
        assert state.selection.tolist() == selected


def test_chosen_images_are_sorted_by_a_column_and_those_without_a_value_come_last() -> None:
    atlas = FakeAtlas(6)
    atlas.points["size"] = [3.0, np.nan, 1.0, 3.0, 2.0, 0.5]
    state, panel = ViewState(dataset=Dataset(atlas), panel="selection"), SelectionPanel()
    SelectionOrderWorker(state)
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), ClusterNameWorker(state))
    apply_step(state, SelectionStep("replace", AllImages("all")), np.array([0, 1, 2, 3, 4]))
    assert [kind for name, _, kind in panel.sortable if name == "size"] == ["number"]
    assert [kind for name, _, kind in panel.sortable if name == "group"] == ["values"]
    panel._handle_msg({"kind": "sort", "column": "size", "ascending": False})
    assert state.listed_selection.tolist() == [0, 3, 4, 2, 1]
    assert [item["value"] for item in panel.items] == ["3", "3", "2", "1", ""]
    panel._handle_msg({"kind": "sort", "column": "size", "ascending": True})
    assert state.listed_selection.tolist() == [2, 4, 0, 3, 1]
    panel._handle_msg({"kind": "sort", "column": "a column of nobody", "ascending": True})
    assert state.sort == "size"
    panel._handle_msg({"kind": "sort", "column": "", "ascending": False})
    assert state.listed_selection.tolist() == [0, 1, 2, 3, 4]
    assert "value" not in panel.items[0]


def test_a_step_that_adds_or_takes_away_nothing_leaves_no_trace(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    one, nothing = SelectionStep("replace", OneImage("folder/3.png")), np.empty(0, np.int64)
    apply_step(state, one, np.array([3]))
    apply_step(state, SelectionStep("add", Results()), nothing)
    apply_step(state, SelectionStep("subtract", Tagged("none has it")), nothing)
    apply_step(state, SelectionStep("add", OneImage("folder/3.png")), np.array([3]))
    apply_step(state, SelectionStep("subtract", OneImage("folder/7.png")), np.array([7]))
    assert [step.target for step in state.steps] == [one.target]
    assert state.selection.tolist() == [3]
    apply_step(state, SelectionStep("replace", Results()), nothing)
    assert state.steps == []
    assert state.selection is None


def test_of_the_results_it_is_known_how_many_are_chosen() -> None:
    rows = np.array([9, 2, 5])
    for chosen, count in (([], 0), ([5], 1), ([0, 2, 5, 9], 3), ([10, 11], 0), ([0, 1], 0)):
        assert count_members(rows, np.array(chosen, np.int64)) == count


def test_what_filters_hide_is_not_chosen(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset, kept=np.arange(500) % 2 == 0)
    everything, hidden = read_outline((SQUARE * 1000 - 500).tolist()), OneImage("folder/3.png")
    source = SelectionSource.of(state)
    assert rows_of_target(everything, source, {}, kept=state.kept).tolist() == list(range(0, 500, 2))
    assert rows_of_target(hidden, source, {}, kept=state.kept).tolist() == []


def test_those_chosen_are_stepped_through_nearest_to_the_query_first(dataset: Dataset) -> None:
    similarities = np.linspace(0, 1, 500).astype(np.float32)
    answer = Answer(parse("x"), np.array([499, 498]), np.ones(2), 0.0, 0.0, 0.1, similarities)
    state = ViewState(dataset=dataset, answer=answer, selection=np.array([1, 2, 3]))
    SelectionOrderWorker(state)
    assert state.sequence().tolist() == [499, 498]
    state.panel = "selection"
    assert state.sequence().tolist() == [3, 2, 1]
    state.answer = None
    assert state.sequence().tolist() == [1, 2, 3]
    state.answer = answer
    clear_selection(state)
    assert state.sequence().tolist() == [499, 498]
