"""One visitor's state, searches and messages, with a fake atlas and no browser."""

import weakref
from concurrent.futures import Future

import numpy as np
import pytest
from fakes import FakeAtlas, clustered, collect

from clipper.errors import ModelError, StoreError
from clipper.query import ScoreScale
from clipper.query_filter import AnyOf
from clipper.query_syntax import parse
from viewer.app import Viewer
from viewer.components.map.map import MapView
from viewer.components.page.no_atlas import NoAtlas
from viewer.components.side.detail import Detail
from viewer.components.side.gallery import Gallery
from viewer.components.side.result_cards import result_cards
from viewer.dataset.changes import DatasetChanges, compare_atlases
from viewer.dataset.clusters import CLUSTER
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.dataset.suggestions import sample_images
from viewer.render.jpeg import encode_frame
from viewer.render.painter import RenderRequest, paint
from viewer.session import background
from viewer.session.answers import MAX_QUERY_LENGTH, Answer, normalize_spaces
from viewer.session.search import Searcher, run_query
from viewer.session.selection import apply_step
from viewer.session.state import MAX_HISTORY, ViewState
from viewer.session.steps import AllImages, OneImage, SelectionStep
from viewer.session.version_change import change_version


def adopt(state: ViewState, atlas: FakeAtlas) -> None:
    """Change to the next version."""
    atlas.version = f"{state.dataset.version}, and the next"
    change_version(state, Dataset(atlas), changes=compare_atlases(state.dataset.atlas, atlas))


def named(text: str) -> Answer:
    return Answer(parse(text), np.arange(3), np.array([0.3, 0.2, 0.1]), 0.0, 0.0, 0.01)


def test_a_step_about_a_renamed_image_has_its_new_name(state: ViewState) -> None:
    apply_step(state, SelectionStep("replace", OneImage("folder/3.png")), np.array([3]))
    later = FakeAtlas()
    later.ids[3] = "renamed.png"
    adopt(state, later)
    assert state.steps == [SelectionStep("replace", OneImage("renamed.png"))]
    assert [later.ids[row] for row in state.selection] == ["renamed.png"]


def test_history_is_newest_first_without_repeats_and_limited(state: ViewState) -> None:
    for i in range(MAX_HISTORY + 3):
        state.show_answer(named(f"query {i}"))
    state.show_answer(named("query 5"))
    texts = [old.text for old in state.history]
    assert texts[0] == "query 5" == state.answer.text
    assert len(texts) == MAX_HISTORY == len(set(texts))
    state.clear_queries()
    assert state.answer is None
    assert not state.history


def test_a_search_ranks_and_is_remembered(state: ViewState) -> None:
    Searcher(state).ask("  red \n heart ")
    assert state.answer.text == "red heart"
    assert (np.diff(state.answer.similarity) <= 0).all()
    assert not state.searching


def test_an_empty_query_leaves_the_results(state: ViewState) -> None:
    searcher = Searcher(state)
    searcher.ask("cat")
    searcher.ask("   ")
    assert state.answer is None
    assert state.message == ""
    assert [old.text for old in state.history] == ["cat"]


def test_an_over_long_query_says_so(state: ViewState) -> None:
    Searcher(state).ask("x" * (MAX_QUERY_LENGTH + 1))
    assert state.answer is None
    assert str(MAX_QUERY_LENGTH) in state.message


def test_a_missing_model_says_so_in_its_own_words(state: ViewState, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_more: object) -> None:
        raise ModelError("no model in models/clip; run `clipper index`")

    monkeypatch.setattr(state.dataset.atlas, "rank", missing)
    Searcher(state).ask("cat")
    assert state.message == "no model in models/clip; run `clipper index`"
    assert not state.searching


def test_an_unforeseen_failure_shows_no_internals(state: ViewState, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise ZeroDivisionError("secret/path")

    monkeypatch.setattr(state.dataset.atlas, "rank", broken)
    Searcher(state).ask("cat")
    assert "secret" not in state.message
    assert "failed" in state.message


def test_an_overtaken_answer_is_dropped(state: ViewState, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = []
    monkeypatch.setattr(
        "viewer.session.search.in_background", lambda work, then, pool: waiting.append((work, then, pool))
    )
    searcher = Searcher(state)
    searcher.ask("first")
    searcher.ask("second")
    monkeypatch.setattr("viewer.session.search.in_background", background.in_background)
    for work, then, pool in reversed(waiting):
        then(pool.submit(work))
    assert state.answer.text == "second"


def test_a_search_that_is_called_off_neither_hangs_nor_answers(
    state: ViewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    monkeypatch.setattr(
        "viewer.session.search.in_background", lambda work, then, **_pool: waiting.append((work, then))
    )
    Searcher(state).ask("cat")
    assert state.searching
    state.clear_queries()
    assert not state.searching
    for work, then in waiting:
        done = Future()
        done.set_result(work())
        then(done)
    assert state.answer is None
    assert not state.history


def test_the_map_forgets_the_picture_of_the_version_before(state: ViewState) -> None:
    view = MapView(state, on_image=lambda _row: None)
    viewport = Viewport.fitted(state.dataset.view, width=500, height=400)
    old = encode_frame(
        paint(RenderRequest(state.dataset, viewport, "group", dark=True, hits=np.array([400]))), fine=True
    )
    view._show(old)
    assert view.picture is old.picture
    adopt(state, FakeAtlas(50))
    assert view.picture is None
    view._show(old)
    assert view.picture is None


def test_what_is_chosen_stays_chosen_in_another_version_under_its_new_name(state: ViewState) -> None:
    n = state.dataset.n
    state.selection = np.array([1, 2, n - 1])
    state.steps = [SelectionStep("replace", AllImages("all"))]
    new = FakeAtlas(n)
    new.ids[2] = "renamed.png"
    for name in ("ids", "hashes"):
        setattr(new, name, getattr(new, name)[2:])  # the first two images are gone
    new.xy, new.points = new.xy[2:], new.points.iloc[2:].assign(id=new.ids)
    adopt(state, new)
    assert [new.ids[row] for row in state.selection] == ["renamed.png", f"folder/{n - 1}.png"]
    state.selection = np.array([0])
    last = FakeAtlas(3, seed=5)
    last.ids = ["x", "y", "z"]
    last.hashes = [b"1" * 16, b"2" * 16, b"3" * 16]
    adopt(state, last)
    assert state.selection is None
    state.end()
    assert (state.selection, state.tags) == (None, {})


def test_the_page_gets_the_boxes_of_the_first_views_points(state: ViewState) -> None:
    view = MapView(state, on_image=lambda _row: None)
    home = view._home.data
    assert tuple(home[name][0] for name in ("x0", "x1", "y0", "y1")) == state.dataset.view
    assert len(home["x0"]) == 1 + len(state.dataset.places.bands())
    assert min(home["x0"][1:]) == state.dataset.atlas.xy[:, 0].min()
    assert set(home["closest"]) == {state.dataset.places.cache["closest unit"]}
    adopt(state, FakeAtlas(50, seed=1))
    assert len(view._home.data["x0"]) == 1 + len(state.dataset.places.bands())


def test_flying_to_results_shows_the_query_however_far_it_is(state: ViewState) -> None:
    view = MapView(state, on_image=lambda _row: None)
    state.show_answer(Answer(parse("cat"), np.arange(40), np.linspace(1, 0, 40), 40.0, -40.0, 0.01))
    view.camera.show_results()
    target = view.camera.target.data
    assert target["aim"] == ["part", "part"]
    assert target["x1"][0] > 40
    assert target["y0"][0] < -40
    assert target["reach_x"][0] > 0


def test_a_session_that_is_over_pins_nothing_large() -> None:
    dataset = Dataset(FakeAtlas(50))
    pinned = weakref.ref(dataset)
    viewer = Viewer(ViewState(dataset=dataset))
    viewport = Viewport.fitted(dataset.view, width=500, height=400)
    viewer.map._show(encode_frame(paint(RenderRequest(dataset, viewport, "group", dark=True)), fine=True))
    viewer._ended(None)
    assert viewer.map.picture is not None
    viewer._ended(object())
    del dataset
    collect(pinned)
    assert pinned() is None
    assert not viewer.map._frame.data


def test_a_card_has_the_score_of_the_models_own_scale(state: ViewState) -> None:
    Searcher(state).ask("cat")
    best = result_cards(state, state.answer)[0]
    assert (best["scale"], best["score"]) == ("CLIPScore", round(100 * min(2.5 * best["similarity"], 1.0)))
    state.dataset.atlas.score_scale = ScoreScale("sigmoid", scale=10.0, bias=-12.0)
    best = result_cards(state, state.answer)[0]
    probability = 100 / (1 + np.exp(12.0 - 10.0 * best["similarity"]))
    assert (best["scale"], best["score"]) == (
        "match probability",
        pytest.approx(probability, rel=0.05, abs=0.5),
    )
    state.dataset.atlas.score_scale = ScoreScale("cosine")  # which the card shows anyway
    assert "score" not in result_cards(state, state.answer)[0]


def test_gallery_shows_a_sample_then_results(state: ViewState) -> None:
    gallery = Gallery()
    gallery.follow(state)
    assert gallery.items == sample_images(state.dataset)
    assert len({item["id"] for item in gallery.items}) == len(gallery.items)
    Searcher(state).ask("cat")
    assert gallery.items == result_cards(state, state.answer)
    assert gallery.query == "cat"
    assert all(
        set(item) == {"id", "stamp", "label", "similarity", "score", "scale"} for item in gallery.items
    )


def test_detail_has_all_metadata_and_neighbours(state: ViewState) -> None:
    detail = Detail()
    detail.follow(state)
    assert not detail.visible
    state.selected = 3
    assert dict(detail.item["values"])["tags"] == ["a", "b"]
    assert len(detail.similar) == 12
    assert detail.item["id"] not in [other["id"] for other in detail.similar]
    state.selected = None
    assert detail.item == {}


def test_messages_of_unknown_kind_or_form_are_ignored() -> None:
    seen = []
    gallery = Gallery(actions={"open": seen.append})
    for message in ({"kind": "drop"}, "text", None, 3, {"kind": ["open"]}, {}):
        gallery._handle_msg(message)
    assert not seen
    gallery._handle_msg({"kind": "open", "row": 1})
    assert seen == [{"kind": "open", "row": 1}]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_datasets_work(n: int) -> None:
    dataset = Dataset(FakeAtlas(n))
    assert len(sample_images(dataset)) == n
    assert dataset.colouring(dataset.default_colour).codes.shape == (n,)
    if n:
        assert len(run_query(dataset, parse("cat")).rows) == n
        assert len(dataset.similar(0, k=12)) == n - 1


def test_the_page_without_an_atlas_reloads_only_for_one_that_opens(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Dataset | StoreError] = [StoreError("it is damaged; run `clipper index`"), dataset]

    def load(_home: object) -> Dataset:
        if isinstance(found[0], StoreError):
            raise found[0]
        return found[0]

    monkeypatch.setattr("viewer.components.page.no_atlas.load", load)
    page, shown = NoAtlas(), NoAtlas(failed=dataset.version)
    page._check({})
    assert not page.ready
    assert page.reason == "it is damaged; run clipper index"
    del found[0]
    page._check({})
    shown._check({})
    assert page.ready
    assert not shown.ready


def test_a_query_becomes_one_line() -> None:
    assert normalize_spaces("  a\n\tred   heart ") == "a red heart"


@pytest.mark.parametrize(
    ("models", "shown", "stays"),
    [
        (["first", "other"], "other", False),
        (["other", "first"], "other", False),
        (["other", "first"], "first", True),
    ],
)
def test_a_filter_by_cluster_goes_with_its_model_whatever_their_order_and_the_others_stay(
    models: list[str], shown: str, stays: bool
) -> None:
    first, next_one = (clustered(500, groups=5, parts=3) for _ in range(2))
    first.models, next_one.models = ["first", "other"], models
    first.model = first.fingerprint = "first"
    next_one.model = next_one.fingerprint = shown
    state = ViewState(dataset=Dataset(first))
    label = state.dataset.clusters.label_of(int(state.dataset.clusters.table.ids[0]))
    by_group = {"group": AnyOf((first.points["group"][0],))}
    by_cluster = {CLUSTER: AnyOf((label,))}
    state.filters = by_cluster | by_group
    change_version(state, Dataset(next_one), changes=DatasetChanges(unchanged=500))
    assert state.filters == (by_cluster | by_group if stays else by_group)
