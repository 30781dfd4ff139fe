"""Undo in a session: what counts as one change, and what no person did is no change."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from clipper.query_filter import AnyOf
from clipper.query_syntax import Term
from clipper.store import tags as kept
from clipper.store.home import Home
from viewer.components.page.url import PageUrl
from viewer.dataset.dataset import Dataset
from viewer.session import search
from viewer.session.history import Scene
from viewer.session.search import Searcher, run_query
from viewer.session.state import ViewState
from viewer.session.steps import AllImages, SelectionStep
from viewer.session.workers.tags import TagWorker
from viewer.session.workers.undo import UndoWorker

ALL = SelectionStep("replace", AllImages("all"))


@pytest.fixture
def home(dataset: Dataset, tmp_path: Path) -> Home:
    dataset.atlas.settings.home = tmp_path
    return Home(tmp_path)


@pytest.fixture
def worker(dataset: Dataset, home: Home) -> UndoWorker:
    """The history of a session whose page shows each scene at once, but for searches."""
    assert home
    state = ViewState(dataset=dataset, colour=dataset.default_colour)
    made: list[UndoWorker] = []

    def show(scene: Scene) -> None:
        state.param.update(
            filters=scene.filters, selection=scene.selection, steps=list(scene.steps), **scene.rest
        )
        made[0].arrived()

    made.append(UndoWorker(state, TagWorker(state), show=show, shows=lambda: False))
    made[0].arrived()
    return made[0]


def test_a_selection_and_a_filter_are_undone_and_made_again(worker: UndoWorker) -> None:
    state, said = worker._state, []
    worker.on_change.append(said.append)
    state.param.update(selection=np.arange(3), steps=[ALL])
    state.filters = {"group": AnyOf(("a",))}
    worker.undo()
    assert state.filters == {}
    assert len(state.selection) == 3
    worker.undo()
    assert state.selection is None
    worker.undo()
    assert said[-3:] == ["Undone: filter on group", "Undone: selection of 3 images", "Nothing to undo"]
    worker.redo()
    assert len(state.selection) == 3
    assert state.steps == [ALL]
    assert worker.titles == ("selection of 3 images", "filter on group")


def test_two_searches_in_quick_succession_are_two_changes(worker: UndoWorker, dataset: Dataset) -> None:
    state = worker._state
    with set_curdoc(Document()):  # where changes are recorded after a moment of calm
        for words in ("a cat", "a dog"):
            terms = (Term(text=words),)
            state.param.update(searching=True, terms=terms)
            state.show_answer(run_query(dataset, terms))
    worker.record()
    assert [change.title for change in worker.history._changes] == ["search “a cat”", "search “a dog”"]


def test_what_a_link_shows_is_one_change_though_its_search_begins_later(dataset: Dataset) -> None:
    state, arriving = ViewState(dataset=dataset, colour=dataset.default_colour), [True]
    worker = UndoWorker(state, TagWorker(state), show=lambda _: None, shows=lambda: arriving[0])
    worker.arrived()
    state.filters = {"group": AnyOf(("a",))}
    terms = (Term(text="a cat"),)
    state.param.update(searching=True, terms=terms)
    assert len(worker.history) == 0
    state.show_answer(run_query(dataset, terms))
    arriving.clear()
    arriving.append(False)
    worker.arrived()
    assert [change.title for change in worker.history._changes] == ["search “a cat”"]


@pytest.fixture
def searches(dataset: Dataset, home: Home, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session in a page with an address, whose searches have an answer when `answer` is called."""
    assert home
    state, address = ViewState(dataset=dataset, colour=dataset.default_colour), PageUrl()
    searcher = Searcher(state)
    waiting: list[Any] = []
    monkeypatch.setattr(
        search, "in_background", lambda work, then, pool: waiting.append(partial(then, pool.submit(work)))
    )
    address.follow(state, searcher)
    worker = UndoWorker(state, TagWorker(state), show=address.restore, shows=lambda: address.is_arriving)
    address.param.watch(worker.arrived, "arrivals")
    worker.arrived()

    def answer() -> None:
        while waiting:
            waiting.pop(0)()

    return SimpleNamespace(state=state, address=address, worker=worker, ask=searcher.ask, answer=answer)


@pytest.mark.parametrize("way", ["search", "Back, Forward or link"])
def test_undo_gives_up_a_search_on_its_way_and_shows_what_was_before_it(
    searches: SimpleNamespace, way: str
) -> None:
    said: list[str] = []
    searches.worker.on_change.append(said.append)
    for words in ("a cat", "a dog"):
        searches.ask(words)
        searches.answer()
    if way == "search":
        searches.ask("a cat")
    else:
        searches.address.open("q=a+cat")
    assert searches.state.searching
    searches.worker.undo()
    assert said[-1] == f"Undone: {way}"
    assert not searches.state.searching
    searches.answer()
    assert searches.state.answer.text == "a dog"
    assert [term.text for term in searches.state.terms] == ["a dog"]
    assert searches.address.search == "q=a+dog"
    searches.worker.undo()
    searches.answer()
    assert searches.state.answer.text == "a cat"
    searches.worker.undo()
    assert searches.state.answer is None


def test_weights_tried_out_in_quick_succession_are_one_change(worker: UndoWorker, dataset: Dataset) -> None:
    state = worker._state
    with set_curdoc(Document()):
        for weight in (1.0, 1.5, 2.0):
            terms = (Term(text="a cat", weight=weight),)
            state.param.update(searching=True, terms=terms)
            state.show_answer(run_query(dataset, terms))
    worker.record()
    assert [change.title for change in worker.history._changes] == ['search “"a cat"^2”']


def test_what_others_do_to_tags_is_no_change_of_this_session(worker: UndoWorker) -> None:
    worker._state.set_tags({"mine": np.arange(4)})
    worker._state.set_tags({})
    assert worker.titles == ("", "")


def test_a_bulk_tag_is_undone_for_those_that_got_it_whatever_others_did_since(
    worker: UndoWorker, home: Home, dataset: Dataset
) -> None:
    hashes = dataset.atlas.hashes
    kept.add(home, "seen", [hashes[0]])
    worker._tags.add("seen", np.arange(5))
    assert worker.titles[0] == "tag “seen” on 4 images"
    kept.add(home, "seen", [hashes[9]])
    worker._tags.apply(worker.history.undo().undone())
    assert kept.read(home)["seen"] == {hashes[0], hashes[9]}


def test_the_end_releases_the_selections(worker: UndoWorker) -> None:
    worker._state.param.update(selection=np.arange(3), steps=[ALL])
    assert worker.history.selections()
    worker.end()
    assert not worker.history.selections()
