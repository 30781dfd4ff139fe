"""An atlas of several models in the viewer: one map or two, and one state for both."""

import gc
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clipper.errors import ClipperError, NoTextError
from clipper.query import Query
from clipper.query_syntax import parse
from viewer.app import Viewer
from viewer.components.map.controls import model_selects
from viewer.components.map.names import ClusterNames
from viewer.components.map.query_marks import QueryMarks
from viewer.components.page import follower as following
from viewer.components.page.follower import Follower
from viewer.components.page.links import parse_query_string, to_query_string
from viewer.components.page.url import PageUrl
from viewer.dataset import versions
from viewer.dataset.columns.colouring import SIMILARITY
from viewer.dataset.dataset import Dataset
from viewer.session import search
from viewer.session.answers import Answer, SimilarityColours, Terms
from viewer.session.search import Searcher
from viewer.session.selection import SelectionSource, record_step, rows_of_target
from viewer.session.state import ViewState
from viewer.session.steps import Outline, SelectionStep, read_step, write_step
from viewer.session.workers.beside import BesideWorker


@pytest.fixture
def viewer(two_models: Path, monkeypatch: pytest.MonkeyPatch) -> Viewer:
    monkeypatch.setenv("CLIPPER_HOME", str(two_models))
    return Viewer(ViewState(dataset=versions.load(two_models)))


@pytest.fixture
def choose(viewer: Viewer) -> Callable[[str], None]:
    """Choose a model as the menu does, and wait for its map."""
    follower = Follower(state=viewer.state)

    def chosen(model: str) -> None:
        viewer.state.model = model
        follower.check()

    return chosen


@pytest.fixture
def images_only(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the model "other" embed images only; its name."""
    atlas = versions.load(viewer.state.dataset.atlas.settings.home, model="other").atlas
    rank = atlas.rank

    def rank_images(query: Query, **options: object) -> object:
        if any(term.text for term in query.terms):
            raise NoTextError("other")
        return rank(query, **options)

    monkeypatch.setattr(atlas, "rank", rank_images)
    return "other"


def everywhere() -> Outline:
    return Outline(((-1e3, -1e3), (1e3, -1e3), (1e3, 0.0), (-1e3, 0.0)))


def test_another_model_keeps_all_else_on_the_page(viewer: Viewer, choose: Callable[[str], None]):
    state = viewer.state
    viewer.searcher.ask("cat")
    before, similar = state.dataset, np.array(state.answer.similarities)
    state.param.update(selected=3, filters={}, colour="agreement")
    record_step(state, SelectionStep("replace", everywhere()), np.arange(5))
    choose("other")
    assert state.dataset.atlas.model == "other"
    assert state.dataset.version == before.version
    assert (state.selected, state.colour, state.selection.tolist()) == (3, "agreement", [0, 1, 2, 3, 4])
    assert state.answer.text == "cat"
    assert np.abs(np.array(state.answer.similarities) - similar).max() > 0.001
    assert state.news is None  # nothing has changed in the dataset
    choose("")
    assert state.dataset is before


def test_a_dataset_is_opened_once_for_each_model(two_models: Path):
    first, other = versions.load(two_models), versions.load(two_models, model="other")
    assert first.version == other.version
    assert versions.load(two_models, model="other") is other
    assert versions.load(two_models, model="nobody's") is first
    assert versions.of_model(first, "other") is other
    assert versions.of_model(other, "") is first


def test_a_link_names_the_models_of_both_maps(viewer: Viewer, choose: Callable[[str], None]):
    state = viewer.state
    assert "model" not in to_query_string(state)
    state.beside = "other"
    assert parse_query_string(to_query_string(state)).beside == "other"
    choose("other")
    link = parse_query_string(to_query_string(state))
    assert (link.model, link.beside) == ("other", state.dataset.atlas.models[0])


def test_the_map_beside_shows_and_changes_the_state_of_the_page(viewer: Viewer):
    state = viewer.state
    state.beside = "other"
    beside = viewer.beside_worker.beside
    assert beside is not None
    assert beside.dataset.atlas.model == "other"
    viewer.searcher.search(parse("cat"))
    assert beside.answer is state.answer
    assert beside.placed(state.answer).x != state.answer.x
    state.param.update(selected=2, dark=not state.dark)
    assert (beside.selected, beside.dark) == (2, state.dark)
    beside.hovered = 7
    assert state.hovered == 7
    record_step(beside, SelectionStep("replace", everywhere()), np.array([1, 4]))
    assert state.selection.tolist() == [1, 4]
    assert state.panel == "selection"
    state.beside = ""
    assert viewer.beside_worker.beside is None


def test_a_map_that_is_opened_beside_shows_the_query_and_the_selection_that_are_there(viewer: Viewer):
    state, area = viewer.state, viewer.map_beside._area
    viewer.searcher.search(parse("cat"))
    for query in (["cat"], []):
        state.beside = "other"
        assert viewer.map_beside._map.queries.source.data["label"] == query
        (names,) = (part for part in area if isinstance(part, ClusterNames))
        assert names.quiet == bool(query)
        state.beside = ""
        state.clear_queries()


def test_a_query_that_is_removed_on_the_map_beside_is_gone_from_both(viewer: Viewer):
    state = viewer.state
    viewer.searcher.search(parse("dog"))
    viewer.searcher.search(parse("cat"))
    state.beside = "other"
    (marks,) = (part for part in viewer.map_beside._area if isinstance(part, QueryMarks))
    for text, left in (("dog", ["cat"]), ("cat", [])):
        marks._handle_msg({"kind": "forget", "text": text})
        for each in (state, viewer.beside_worker.beside):
            assert [answer.text for answer in each.history] == left
    assert state.answer is None
    assert state.terms == ()


def test_an_outline_on_the_map_of_another_model_selects_the_same_images_from_a_link(viewer: Viewer):
    state = viewer.state
    other = versions.of_model(state.dataset, "other")
    outline = Outline(everywhere().corners, model="other")
    step = read_step(write_step(SelectionStep("replace", outline)))
    assert step is not None
    assert step.target == outline
    rows = rows_of_target(step.target, SelectionSource.of(state), {}, kept=None)
    assert rows.tolist() == np.flatnonzero(np.asarray(other.atlas.xy)[:, 1] < 0).tolist()
    gone = Outline(everywhere().corners, model="a model of another day")
    assert not len(rows_of_target(gone, SelectionSource.of(state), {}, kept=None))


def test_both_maps_change_to_a_new_version(
    two_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_index: Callable[[Path], dict]
):
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    monkeypatch.setenv("CLIPPER_HOME", str(home))
    viewer = Viewer(ViewState(dataset=versions.load(home)))
    viewer.state.beside = "other"
    next((home / "images").iterdir()).unlink()
    run_index(home)
    follower = Follower(state=viewer.state)
    follower.check()
    follower._handle_msg({"kind": "take"})
    beside = viewer.beside_worker.beside
    assert beside is not None
    assert beside.dataset.version == viewer.state.dataset.version
    assert beside.dataset.n == viewer.state.dataset.n == 23


def test_two_maps_change_places_while_the_chosen_one_is_still_opened(two_models: Path):
    state = ViewState(dataset=versions.load(two_models))
    worker, selects = BesideWorker(state), model_selects(state)
    state.beside = "other"
    selects[0].value = "other"  # as a visitor does; its map comes later
    assert (state.model, state.beside) == ("other", "other")
    state.dataset = versions.load(two_models, model="other")
    first = state.dataset.atlas.models[0]
    assert state.beside == selects[1].value == worker.beside.dataset.atlas.model == first


def test_a_model_that_the_atlas_lacks_is_not_shown_beside(viewer: Viewer):
    viewer.state.beside = "a model of another day"
    assert viewer.state.beside == ""
    assert viewer.beside_worker.beside is None


def test_the_last_of_two_choices_is_shown(viewer: Viewer, monkeypatch: pytest.MonkeyPatch):
    state, asked = viewer.state, []
    follower = Follower(state=state)
    monkeypatch.setattr(following, "in_background", lambda work, then, pool: asked.append((work, then, pool)))
    state.model = "other"
    state.model = ""  # before the map of the other has come
    monkeypatch.undo()
    for work, then, pool in asked:
        then(pool.submit(work))
    assert state.dataset.atlas.model == state.dataset.atlas.models[0]
    follower.check()
    assert (state.model, state.dataset.further_model) == ("", "")


def test_a_map_that_cannot_be_opened_says_why_until_something_else_is_said(
    viewer: Viewer, choose: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*args: object, model: str, **others: object) -> object:
        if model:
            raise ClipperError("its map is damaged")
        return load(*args, model=model, **others)

    load = following.load
    monkeypatch.setattr(following, "load", refuse)
    choose("other")  # and checks again, as the page does each second
    assert (viewer.state.model, viewer.state.message) == ("", "its map is damaged")
    assert viewer.state.dataset.further_model == ""


def test_a_query_that_one_model_cannot_answer_is_asked_again_of_the_next(
    viewer: Viewer, choose: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_args: object, **_others: object) -> object:
        raise ClipperError("this model embeds images only")

    state = viewer.state
    monkeypatch.setattr(versions.load(state.dataset.atlas.settings.home, model="other").atlas, "rank", refuse)
    viewer.searcher.ask("cat")
    choose("other")
    assert state.answer is None
    assert state.message == "this model embeds images only"
    choose("")
    assert state.answer.text == "cat"
    assert state.message == ""


def test_a_link_to_another_model_is_followed_during_a_search(
    two_models: Path, monkeypatch: pytest.MonkeyPatch
):
    state, page, asked = ViewState(dataset=versions.load(two_models)), PageUrl(), []
    searcher = Searcher(state)
    page.follow(state, searcher)
    monkeypatch.setattr(search, "in_background", lambda work, then, pool: asked.append((work, then, pool)))
    searcher.ask("cat")
    page.open("?model=other&faces=0")
    assert page.is_arriving
    state.dataset = versions.load(two_models, model="other")
    monkeypatch.undo()
    for work, then, pool in asked:
        then(pool.submit(work))
    assert not state.faces


def test_a_version_that_no_page_shows_is_forgotten_whichever_model_it_is_seen_by(
    two_models: Path, tmp_path: Path, run_index: Callable[[Path], dict]
):
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    shown = ViewState(dataset=versions.load(home))
    seen = weakref.ref(versions.load(home, model="other"))
    next((home / "images").iterdir()).unlink()
    run_index(home)
    assert versions.load(home).version != shown.dataset.version
    gc.collect()
    assert seen() is None


def limit_to_five(state: ViewState) -> float:
    """List five results of the query in view, as a visitor does with the limit of similarity."""
    state.min_similarity = float(np.sort(np.array(state.answer.similarities))[-5])
    return state.min_similarity


def test_limits_of_similarity_go_with_their_model(viewer: Viewer, choose: Callable[[str], None]):
    state = viewer.state
    viewer.searcher.ask("cat")
    limit_to_five(state)
    state.max_similarity = 0.9
    assert state.answer.total == 5
    choose("other")
    assert (state.min_similarity, state.max_similarity) == (None, None)
    assert state.answer.total == state.dataset.n
    assert state.answer.in_range is None


def test_a_new_version_of_the_same_model_keeps_the_limits_of_similarity(
    two_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_index: Callable[[Path], dict]
):
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    monkeypatch.setenv("CLIPPER_HOME", str(home))
    viewer = Viewer(ViewState(dataset=versions.load(home)))
    viewer.searcher.ask("cat")
    limit = limit_to_five(viewer.state)
    worst = viewer.state.dataset.atlas.ids[int(np.argmin(np.array(viewer.state.answer.similarities)))]
    (home / "images" / worst).unlink()
    run_index(home)
    follower = Follower(state=viewer.state)
    follower.check()
    follower._handle_msg({"kind": "take"})
    assert viewer.state.dataset.n == 23
    assert (viewer.state.min_similarity, viewer.state.answer.total) == (limit, 5)


def test_two_maps_share_the_limits_until_they_change_places(viewer: Viewer, choose: Callable[[str], None]):
    state = viewer.state
    viewer.searcher.ask("cat")
    limit = limit_to_five(state)
    state.beside = "other"
    beside = viewer.beside_worker.beside
    assert (state.min_similarity, state.answer.total) == (limit, 5)
    assert beside.answer is state.answer
    choose("other")
    beside = viewer.beside_worker.beside
    assert (state.min_similarity, state.answer.total) == (None, state.dataset.n)
    assert beside.dataset.further_model == ""
    assert beside.min_similarity is None
    assert beside.answer is state.answer


def test_undo_brings_back_no_limit_of_another_model(viewer: Viewer, choose: Callable[[str], None]):
    state, undo = viewer.state, viewer.undo_worker
    undo._restoring = False
    viewer.searcher.ask("cat")
    undo.record()
    limit_to_five(state)
    state.fold = True
    undo.record()
    choose("other")
    undo.undo()
    assert (state.min_similarity, state.fold) == (None, False)
    undo.redo()
    assert (state.min_similarity, state.fold) == (None, True)


def test_a_limit_alone_is_no_step_of_undo_on_another_model(viewer: Viewer, choose: Callable[[str], None]):
    state, undo = viewer.state, viewer.undo_worker
    undo._restoring = False
    viewer.searcher.ask("cat")
    limit_to_five(state)
    choose("other")
    assert undo.titles == ("search “cat”", "")


@pytest.fixture
def page(two_models: Path) -> SimpleNamespace:
    """A page that follows links, with its searches and the models that it changes to."""
    state, url = ViewState(dataset=versions.load(two_models)), PageUrl()
    follower = Follower(state=state)
    url.follow(state, Searcher(state))
    return SimpleNamespace(state=state, url=url, follower=follower)


def test_a_link_gives_the_limits_of_the_model_that_it_names(page: SimpleNamespace):
    state = page.state
    page.url.open("?q=cat&cut=0.01,0.9&model=other")
    assert state.dataset.further_model == "other"
    assert (state.min_similarity, state.max_similarity) == (0.01, 0.9)
    page.url.open("?q=cat&cut=0.02")  # as Back does
    assert state.dataset.further_model == ""
    assert (state.min_similarity, state.max_similarity) == (0.02, None)
    page.url.open(f"?q=cat&cut=0.03&model={state.dataset.atlas.model}")
    assert (state.dataset.further_model, state.min_similarity) == ("", 0.03)


def test_a_link_to_a_model_that_the_atlas_lacks_gives_no_limits(page: SimpleNamespace):
    page.url.open("?q=cat&cut=0.01&model=gone")
    assert (page.state.answer.text, page.state.min_similarity) == ("cat", None)
    page.url.open("?model=other")
    page.url.open("?q=cat&cut=0.01&model=gone")
    assert (page.state.dataset.further_model, page.state.min_similarity) == ("", None)


def test_a_model_chosen_while_a_link_is_followed_gets_none_of_its_limits(
    page: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    state, asked = page.state, []
    monkeypatch.setattr(search, "in_background", lambda work, then, pool: asked.append((work, then, pool)))
    page.url.open("?q=cat&cut=0.01")
    state.model = "other"
    assert (state.dataset.further_model, page.url.is_arriving) == ("other", True)
    monkeypatch.undo()
    for work, then, pool in asked:
        then(pool.submit(work))
    assert (state.answer.text, state.min_similarity) == ("cat", None)


def test_a_link_whose_model_cannot_be_opened_gives_no_limits(
    page: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*args: object, model: str, **others: object) -> object:
        if model:
            raise ClipperError("its map is damaged")
        return load(*args, model=model, **others)

    load = following.load
    monkeypatch.setattr(following, "load", refuse)
    page.url.open("?q=cat&cut=0.01&model=other")
    assert (page.state.dataset.further_model, page.state.answer.text) == ("", "cat")
    assert page.state.min_similarity is None


def test_a_look_at_a_model_without_words_loses_no_query(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state, stars = viewer.state, viewer.map.queries.source
    for query in ("cat", "dog", "flag"):
        viewer.searcher.ask(query)
    state.selected = 3
    choose(images_only)
    assert (state.answer, state.history, list(stars.data["label"])) == (None, [], [])
    assert "images only" in state.message
    choose("")
    assert [answer.text for answer in state.history] == ["flag", "dog", "cat"]
    assert sorted(stars.data["label"]) == ["cat", "dog", "flag"]
    assert (state.answer.text, state.selected, state.message) == ("flag", 3, "")
    assert state.answer.similarities is not None
    assert state.baseline is not None


def test_queries_that_come_back_stand_below_those_that_were_asked_later(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state = viewer.state
    first, second = (f"like:{state.dataset.atlas.ids[row]}" for row in (3, 4))
    for query in ("cat", first, "dog"):
        viewer.searcher.ask(query)
    choose(images_only)
    assert [answer.text for answer in state.history] == [first]
    viewer.searcher.ask(second)
    choose("")
    assert [answer.text for answer in state.history] == [second, "dog", first, "cat"]
    assert state.answer.text == second


def test_the_last_query_that_a_model_without_words_was_asked_is_asked_again_of_the_next(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state = viewer.state
    viewer.searcher.ask("cat")
    choose(images_only)
    viewer.searcher.ask("dog")
    assert state.answer is None
    choose("")
    assert [answer.text for answer in state.history] == ["dog", "cat"]
    assert state.answer.text == "dog"


def test_queries_that_are_removed_do_not_come_back(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state = viewer.state
    for query in ("cat", "dog"):
        viewer.searcher.ask(query)
    choose(images_only)
    state.remove_query("cat")
    choose("")
    assert [answer.text for answer in state.history] == ["dog"]
    choose(images_only)
    state.clear_queries()
    choose("")
    assert (state.history, state.answer, state.message) == ([], None, "")


def test_a_query_ended_on_a_model_without_words_stays_on_the_map_of_the_next(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state = viewer.state
    viewer.searcher.ask("cat")
    choose(images_only)
    viewer.searcher.ask("")
    choose("")
    assert [answer.text for answer in state.history] == ["cat"]
    assert state.answer is None


def test_undo_does_not_see_a_look_at_a_model_without_words(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    undo = viewer.undo_worker
    undo._restoring = False
    viewer.searcher.ask("cat")
    choose(images_only)
    choose("")
    assert undo.titles == ("search “cat”", "")


def test_undo_of_a_change_on_a_model_without_words_keeps_the_query(
    viewer: Viewer, choose: Callable[[str], None], images_only: str
):
    state, undo = viewer.state, viewer.undo_worker
    undo._restoring = False
    viewer.searcher.ask("cat")
    choose(images_only)
    record_step(state, SelectionStep("replace", everywhere()), np.arange(5))
    assert undo.titles[0] == "selection of 5 images"
    undo.undo()
    assert (state.selection, state.terms) == (None, parse("cat"))
    undo.redo()
    choose("")
    assert (state.answer.text, len(state.selection)) == ("cat", 5)
    undo.undo()
    assert (state.answer.text, state.selection) == ("cat", None)
    undo.undo()
    assert state.answer is None


def test_queries_follow_their_images_to_a_new_version_that_cannot_answer_them(
    two_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_index: Callable[[Path], dict]
):
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    monkeypatch.setenv("CLIPPER_HOME", str(home))
    viewer = Viewer(ViewState(dataset=versions.load(home)))
    state, follower = viewer.state, Follower(state=viewer.state)
    answer = following.run_query

    def answer_images(dataset: Dataset, terms: Terms, **options: object) -> Answer:
        if dataset.further_model and any(term.text for term in terms):
            raise NoTextError("other")
        return answer(dataset, terms, **options)

    for module in (following, search):
        monkeypatch.setattr(module, "run_query", answer_images)
    name = state.dataset.atlas.ids[3]
    viewer.searcher.ask(f"cat like:{name}")
    state.model = "other"
    (home / "images" / name).rename(home / "images" / "renamed.jpg")
    run_index(home)
    state.message = ""
    follower.check()
    follower._handle_msg({"kind": "take"})
    assert (state.dataset.row_of("renamed.jpg") is not None, state.message) == (True, "")
    state.model = ""
    assert [each.terms for each in state.history] == [parse("cat like:renamed.jpg")]


@pytest.fixture
def reorder(
    two_models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_index: Callable[[Path], dict],
    name_models: Callable[..., None],
) -> SimpleNamespace:
    """A page, and what names the models of its home in another order and shows the new version."""
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    monkeypatch.setenv("CLIPPER_HOME", str(home))
    state = Viewer(ViewState(dataset=versions.load(home))).state
    follower, first = Follower(state=state), state.dataset.atlas.settings.models[0].model

    def name(*models: object) -> None:
        name_models(home, *models)
        run_index(home)
        follower.check()
        follower._handle_msg({"kind": "take"})

    return SimpleNamespace(state=state, name=name, first=first)


@pytest.mark.parametrize("shown", ["other", ""])
def test_models_in_another_order_leave_the_menu_on_the_model_in_view(reorder: SimpleNamespace, shown: str):
    state = reorder.state
    (first, _), before = model_selects(state), state.dataset.atlas.models[0]
    state.model = shown
    reorder.name("other", reorder.first)
    assert state.dataset.atlas.models == ["other", before]
    assert (state.dataset.atlas.model, state.model, first.value) == ("other", "", "")
    assert list(first.options.values()) == ["", before]
    first.value = before
    assert (state.dataset.atlas.model, state.model, first.value) == (before, before, before)


@pytest.fixture
def coloured_by(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The model and the thread of all colours by similarity that are made."""
    made, of = [], SimilarityColours.of

    def recorded(answer: Answer, dataset: Dataset) -> SimilarityColours:
        made.append((dataset.further_model, threading.current_thread().name))
        return of(answer, dataset)

    monkeypatch.setattr(SimilarityColours, "of", recorded)
    return made


def test_colours_by_similarity_of_both_maps_are_made_beside_the_event_loop(
    viewer: Viewer, coloured_by: list[tuple[str, str]]
):
    state, main = viewer.state, threading.current_thread().name
    state.param.update(beside="other", colour=SIMILARITY)
    viewer.searcher.ask("cat")
    beside = viewer.beside_worker.beside
    shown = [each.colouring for each in (state, beside)]
    assert sorted(model for model, _ in coloured_by) == ["", "other"]
    assert main not in {thread for _, thread in coloured_by}
    for each, colouring in zip((state, beside), shown, strict=True):
        expected = SimilarityColours.of(state.answer, each.dataset).colouring
        assert np.array_equal(colouring.values, expected.values)


def test_a_map_that_is_opened_beside_has_its_colours_by_similarity_from_the_worker(
    viewer: Viewer, coloured_by: list[tuple[str, str]]
):
    state, main = viewer.state, threading.current_thread().name
    state.colour = SIMILARITY
    viewer.searcher.ask("cat")
    state.beside = "other"
    assert viewer.beside_worker.beside.colouring is not None
    assert [model for model, _ in coloured_by] == ["", "other"]
    assert main not in {thread for _, thread in coloured_by}


def test_a_search_makes_no_colours_for_a_map_beside_of_an_earlier_version(
    viewer: Viewer, coloured_by: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
):
    state = viewer.state
    state.param.update(beside="other", colour=SIMILARITY)
    monkeypatch.setattr(viewer.beside_worker.beside.dataset.atlas, "version", "an earlier one")
    viewer.searcher.ask("cat")
    assert [model for model, _ in coloured_by] == [""]
