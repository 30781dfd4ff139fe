"""A session comes from version to version by itself: real homes, real indexing, no browser."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from homes import engine_of
from new_versions import drop, files, look

import clipper
from clipper.errors import ModelError
from clipper.indexing import run
from clipper.query import Query
from clipper.store.home import Home
from viewer.app import Viewer, page
from viewer.components.page import follower as follow
from viewer.components.page.follower import Follower
from viewer.components.page.query_bar import QueryBar
from viewer.dataset.suggestions import sample_images
from viewer.session.search import Searcher

Index = Callable[[Path], dict[str, run.Step]]


def test_nothing_happens_while_nothing_is_published(viewer: Viewer, follower: Follower) -> None:
    before = viewer.state.dataset
    look(follower)
    assert viewer.state.dataset is before
    assert (follower.ready, viewer.state.news) == ("", None)


def test_a_new_version_waits_for_a_quiet_moment(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    before = viewer.state.dataset
    drop(home)
    run_index(home)
    follower.check()
    assert follower.ready == clipper.published_version(home)
    assert viewer.state.dataset is before
    waiting = follower._waiting
    follower.check()
    assert follower._waiting is waiting  # made ready once, however long it waits
    follower._update({})
    assert viewer.state.dataset.version == clipper.published_version(home)
    assert follower.ready == ""
    assert viewer.state.news.changes.added == ["dropped.jpg"]
    marked = viewer.state.dataset.row_of("dropped.jpg")
    assert viewer.state.marked == [marked]


def test_everything_a_visitor_has_set_stays(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    state = viewer.state
    for text in ("dog", "cat"):
        Searcher(state).ask(text)
    opened = state.dataset.atlas.ids[20]
    state.param.update(colour="", dark=False, selected=20)
    drop(home, "a-first.jpg")  # every row after it moves by one
    files(home)[3].unlink()
    run_index(home)
    look(follower)
    atlas = state.dataset.atlas
    assert atlas.ids[state.selected] == opened
    assert (state.colour, state.dark) == ("", False)
    assert [old.text for old in state.history] == ["cat", "dog"]
    assert state.answer is state.history[0]
    hits = atlas.rank(Query(text="cat"), k=60)
    assert state.answer.rows.tolist() == hits.rows.tolist()
    assert (state.answer.x, state.answer.y) == (hits.x, hits.y)


def test_an_open_image_that_is_deleted_closes_and_is_named(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    state = viewer.state
    state.param.update(selected=5, hovered=5, pointed=5)
    label = state.dataset.label(5)
    files(home)[5].unlink()
    run_index(home)
    look(follower)
    assert (state.selected, state.hovered, state.pointed) == (None, None, None)
    assert state.news.lost == label
    assert label not in [item["label"] for item in sample_images(state.dataset)]


def test_an_open_image_that_is_renamed_stays_open(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    viewer.state.selected = 5
    files(home)[5].rename(home / "images" / "zz.jpg")
    run_index(home)
    look(follower)
    assert viewer.state.dataset.atlas.ids[viewer.state.selected] == "zz.jpg"
    assert viewer.state.news.lost == ""


def test_news_add_up_until_they_are_dismissed(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    state = viewer.state
    for name in ("n1.jpg", "n2.jpg"):
        drop(home, name)
        run_index(home)
        look(follower)
    assert state.news.changes.added == ["n1.jpg", "n2.jpg"]
    assert len(state.marked) == 2
    Searcher(state).ask("cat")
    assert not state.marked
    state.mark_news()
    assert len(state.marked) == 2
    state.dismiss_news()
    assert (state.news, state.marked) == (None, [])
    assert state.latest_changes.added == ["n1.jpg", "n2.jpg"]
    (home / "images" / "n1.jpg").unlink()
    run_index(home)
    look(follower)
    assert state.news.changes.removed == ["n1.jpg"]
    assert not state.news.changes.added


def test_a_search_under_way_is_one_of_the_new_version(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    monkeypatch.setattr(
        "viewer.session.search.in_background", lambda work, then, **_: waiting.append((work, then))
    )
    viewer.searcher.ask("cat")
    drop(home)
    run_index(home)
    look(follower)
    assert viewer.state.searching
    monkeypatch.undo()
    pool = ThreadPoolExecutor(1)
    for work, then in waiting:
        future = pool.submit(work)
        future.exception()
        then(future)
    assert not viewer.state.searching
    assert len(viewer.state.answer.rows) == viewer.state.dataset.n == 25


def test_a_query_asked_meanwhile_is_answered_before_the_version_is_taken(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    drop(home)
    run_index(home)
    follower.check()
    viewer.searcher.ask("cat")
    follower._update({})
    assert viewer.state.dataset.n == 24
    look(follower)
    assert viewer.state.dataset.n == len(viewer.state.answer.rows) == 25


def test_what_is_being_typed_is_left_alone(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    bar = QueryBar()
    bar.follow(viewer.state)
    viewer.searcher.ask("cat")
    assert bar.words == "cat"
    before = bar.asked  # the page replaces what is typed when this counts on
    drop(home)
    run_index(home)
    look(follower)
    assert viewer.state.dataset.n == 25
    assert bar.asked == before
    viewer.searcher.ask("cat")
    assert bar.asked == before + 1


@pytest.mark.parametrize("part", ["projection", "metadata", "current"])
def test_a_damaged_version_is_reported_and_left_alone_until_it_is_mended(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index, part: str
) -> None:
    state, store = viewer.state, Home(home)
    before = state.dataset
    drop(home)
    run_index(home)
    snapshot = engine_of(home).snapshot
    path = store.current if part == "current" else store.part(part, snapshot.parts[part])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        look(follower)
        assert state.dataset is before
        assert str(path) in state.load_error
    assert page().title == before.title  # a new visitor sees the version before, too
    path.write_bytes(whole)
    look(follower)
    assert (state.load_error, state.dataset.n) == ("", 25)


def test_a_sidecar_nobody_foresaw_is_a_damaged_store(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    drop(home)
    run_index(home)
    path = Home(home).part("metadata", engine_of(home).snapshot.parts["metadata"], ".json")
    path.write_text('{"columns": [{"nonsense": 1}]}')
    look(follower)
    assert viewer.state.dataset.n == 24
    assert "run `clipper index`" in viewer.state.load_error


def test_a_home_or_folder_that_is_gone_leaves_what_is_shown(
    viewer: Viewer, follower: Follower, home: Path
) -> None:
    state = viewer.state
    before = state.dataset
    viewer.searcher.ask("cat")
    before.prepare(colour="")  # as the server does when it starts
    away = home.rename(home.with_name("away"))
    look(follower)
    assert state.dataset is before
    assert state.load_error
    assert before.atlas.thumbnail(3)
    assert before.metadata(3)
    assert before.found(3)
    viewer.searcher.ask("dog")
    assert (state.answer.text, state.message) == ("dog", "")
    away.rename(home)
    look(follower)
    assert state.load_error == ""
    (home / "images").rename(home / "unmounted")
    look(follower)
    assert state.load_error == ""
    assert state.dataset is before


def test_a_query_that_cannot_be_asked_again_does_not_keep_a_version_away(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.searcher.ask("cat")
    drop(home)
    run_index(home)

    def broken(*_args: object, **_more: object) -> None:
        raise ModelError("no model; run `clipper index`")

    monkeypatch.setattr(follow, "run_query", broken)
    look(follower)
    assert viewer.state.dataset.n == 25
    assert (viewer.state.answer, viewer.state.history) == (None, [])
    assert viewer.state.message == "no model; run `clipper index`"
