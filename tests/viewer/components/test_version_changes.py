"""What a new version changes for a visitor, and what the server keeps of the old one."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import collect
from new_versions import drop, files, look

from clipper.indexing import run
from clipper.store.home import Home
from viewer.app import Viewer
from viewer.components.page import follower as follow
from viewer.components.page.follower import Follower
from viewer.components.side.detail import Detail
from viewer.dataset import versions
from viewer.dataset.changes import DatasetChanges
from viewer.dataset.dataset import Dataset
from viewer.dataset.suggestions import sample_images
from viewer.session.migration import MAX_MARKED, new_rows
from viewer.session.state import ViewState

Index = Callable[[Path], dict[str, run.Step]]


def test_one_load_serves_all_who_notice_at_once(
    home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [ViewState(dataset=versions.load()) for _ in range(20)]
    drop(home)
    run_index(home)
    opened = []
    engine = versions.SearchEngine

    class Counted(engine):
        def __init__(self, *args: object, **named: object) -> None:
            opened.append(args)
            super().__init__(*args, **named)

    monkeypatch.setattr(versions, "SearchEngine", Counted)
    start = threading.Barrier(20)

    def take(state: ViewState) -> follow.VersionUpdate:
        start.wait()
        return follow.prepare_update(state.dataset, colour="", queries=[])

    with ThreadPoolExecutor(20) as pool:
        steps = list(pool.map(take, states))
    assert len(opened) == 1
    assert len({id(found.dataset) for found in steps}) == 1
    assert len({id(found.changes) for found in steps}) == 1


def test_versions_one_after_another_are_let_go_and_the_model_is_loaded_once(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    viewer.searcher.ask("cat")
    encoder = viewer.state.dataset.atlas.encoders.text
    seen = [weakref.ref(viewer.state.dataset)]
    holds = [weakref.ref(viewer.state.dataset.atlas._lease)]
    for number in range(6):
        drop(home, f"n{number}.jpg")
        run_index(home)
        look(follower)
        seen.append(weakref.ref(viewer.state.dataset))
        holds.append(weakref.ref(viewer.state.dataset.atlas._lease))
    collect(*seen[:-1], *holds[:-1])
    assert [ref() is not None for ref in seen] == [False] * 6 + [True]
    assert [ref() is not None for ref in holds] == [False] * 6 + [True]
    assert viewer.state.dataset.atlas.encoders.text is encoder
    assert viewer.state.dataset.n == 30
    run_index(home)
    assert len(list((home / "store" / "snapshots").glob("*.json"))) == 1


def test_a_state_that_returns_is_not_loaded_again_while_it_is_shown(
    viewer: Viewer, home: Path, run_index: Index
) -> None:
    first, published = viewer.state.dataset, Home(home).current
    before = published.read_bytes()
    drop(home)
    run_index(home)
    assert versions.load() is not first
    published.write_bytes(before)
    assert versions.load() is first


def test_old_points_colours_and_priorities_stay(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    old = viewer.state.dataset
    drop(home, "a-first.jpg")
    run_index(home)
    look(follower)
    new = viewer.state.dataset
    for row, image_id in enumerate(old.atlas.ids):
        there = new.row_of(image_id)
        assert (old.atlas.xy[row] == new.atlas.xy[there]).all()
        assert old.priority[old.index.rank[row]] == new.priority[new.index.rank[there]]
    stay = [item for item in sample_images(new) if item["id"] in old.atlas.ids]
    assert [item for item in sample_images(old) if item in stay] == stay
    assert not viewer.state.news.changes.map_relaid


def test_metadata_edited_under_an_open_detail_is_shown_there(
    viewer: Viewer, follower: Follower, home: Path, run_index: Index
) -> None:
    detail = Detail()
    detail.follow(viewer.state)
    viewer.state.selected = 5
    name = files(home)[5].stem
    (home / "images" / "metadata.json").write_text(f'{{"{name}": {{"mood": "sunny"}}}}')
    run_index(home)
    look(follower)
    assert dict(detail.item["values"])["mood"] == "sunny"
    assert viewer.state.news.changes.edited == {files(home)[5].name}


def test_too_many_new_images_are_not_marked(dataset: Dataset) -> None:
    many = DatasetChanges({f"{i}": (None, b"%d" % i) for i in range(MAX_MARKED + 1)})
    assert new_rows(dataset, many) == []
    few = DatasetChanges({"folder/3.png": (None, b"3")})
    assert new_rows(dataset, few) == [3]


def test_an_ended_session_is_not_looked_for(viewer: Viewer, follower: Follower, home: Path) -> None:
    viewer._ended(object())
    follower.check()
    assert follower.ready == ""
    assert versions.shown_datasets(home) == []
    assert np.isfinite(versions.load().priority).all()
