"""Images of a list are selected: the first ones, or from one to another, as the list is sorted."""

import numpy as np
import pytest
from fakes import FakeAtlas

from viewer.components.lists.picking import MAX_SINGLE, Picker
from viewer.dataset.dataset import Dataset
from viewer.session.search import Searcher
from viewer.session.state import ViewState
from viewer.session.steps import Listed, OneImage, read_step, write_step
from viewer.session.workers.listing import ListWorker, sort_by


@pytest.fixture
def state() -> ViewState:
    state = ViewState(dataset=Dataset(FakeAtlas(500)))
    ListWorker(state).begin()
    return state


@pytest.fixture
def picker(state: ViewState) -> Picker:
    picker = Picker()
    picker.follow(state)
    return picker


def pick(picker: Picker, kind: str, **message: object) -> None:
    picker.actions[kind](message)


def test_the_first_images_of_a_sorted_list_are_those_with_the_largest_values(
    state: ViewState, picker: Picker
) -> None:
    sort_by(state, "size", ascending=False)
    pick(picker, "select", what="first", count=100)
    assert state.selection.tolist() == sorted(state.images.rows[:100].tolist())
    assert [step.target for step in state.steps] == [Listed(0, 100, "size")]
    assert read_step(write_step(state.steps[0])) == state.steps[0].without_context()


def test_the_first_results_are_the_most_similar_also_beyond_those_that_are_loaded(
    state: ViewState, picker: Picker
) -> None:
    Searcher(state).ask("cat")
    pick(picker, "select", what="first", count=100)
    best = np.argsort(-np.array(state.answer.similarities), kind="stable")[:100]
    assert state.selection.tolist() == sorted(best.tolist())


@pytest.mark.parametrize("count", [0, -1, 10**6, "9", None, True, 2.0])
def test_a_number_of_images_that_makes_no_sense_selects_nothing(
    state: ViewState, picker: Picker, count: object
) -> None:
    pick(picker, "select", what="first", count=count)
    assert state.selection is None


def test_a_long_range_is_one_step_and_a_short_one_a_step_for_each_image(
    state: ViewState, picker: Picker
) -> None:
    sort_by(state, "size", ascending=True)
    rows, ids = state.images.rows, state.dataset.atlas.ids
    pick(picker, "pick_range", start=ids[rows[300]], id=ids[rows[7]])
    assert [step.target for step in state.steps] == [Listed(7, 301, "size", ascending=True)]
    assert state.selection.tolist() == sorted(rows[7:301].tolist())
    state.param.update(selection=None, steps=[])
    pick(picker, "pick_range", start=ids[rows[0]], id=ids[rows[MAX_SINGLE - 1]])
    assert [step.target for step in state.steps] == [OneImage(ids[row]) for row in rows[:MAX_SINGLE]]
    state.group = "group"  # positions are others now
    pick(picker, "pick_range", start=ids[state.images.rows[0]], id=ids[state.images.rows[99]])
    assert not any(isinstance(step.target, Listed) for step in state.steps)


def test_a_list_that_a_selection_does_not_change_is_not_made_again(state: ViewState) -> None:
    sort_by(state, "size", ascending=True)
    listed = state.images
    state.selection = np.arange(9)
    assert state.images is listed
    state.only_selection = True
    assert sorted(state.images.rows.tolist()) == list(range(9))
    state.param.update(only_selection=False, ascending=False)
    assert state.images.rows.tolist() != listed.rows.tolist()
    assert len(state.images.rows) == 500
