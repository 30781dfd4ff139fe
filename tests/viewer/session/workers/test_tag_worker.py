"""Tags in the rows of what is shown, at once and for all who look; and the dataset in figures."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from fakes import FakeAtlas

from clipper.store import tags as kept
from clipper.store.home import Home
from clipper.store.snapshots import Run
from viewer.components.side.overview import Overview
from viewer.components.side.selection_panel import PAGE_SIZE, SelectionPanel
from viewer.dataset.columns.tag_column import count_tags, tags_of_rows
from viewer.dataset.dataset import Dataset
from viewer.dataset.summary import category_bars, format_duration, last_runs, size_bars, summarise, time_bars
from viewer.dataset.tag_rows import read_tag_rows
from viewer.session.state import ViewState
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.listing import SelectionOrderWorker
from viewer.session.workers.tags import TagWorker


@pytest.fixture
def home(dataset: Dataset, tmp_path: Path) -> Home:
    dataset.atlas.settings.home = tmp_path
    return Home(tmp_path)


def test_tags_are_given_and_taken_at_once(dataset: Dataset, home: Home) -> None:
    state = ViewState(dataset=dataset)
    tagger = TagWorker(state)
    tagger.add("good,  very  good ,,", np.array([4, 2]))
    assert {tag: rows.tolist() for tag, rows in state.tags.items()} == {"good": [2, 4], "very good": [2, 4]}
    tagger.remove("good", np.array([4]))
    assert tags_of_rows(state.tags, np.array([4, 2, 0])) == [["very good"], ["good", "very good"], []]
    assert count_tags(state.tags, np.array([0, 4])) == {"very good": 1}
    assert kept.read(home)["good"] == {dataset.atlas.hashes[2]}


def test_what_another_writer_tags_is_seen_and_copies_share_it(dataset: Dataset, home: Home) -> None:
    dataset.atlas.hashes[7] = dataset.atlas.hashes[400]
    state = ViewState(dataset=dataset)
    tagger = TagWorker(state)
    assert state.tags == {}
    kept.add(home, "seen", [dataset.atlas.hashes[7], b"x" * 16])
    tagger.check()
    assert state.tags["seen"].tolist() == [7, 400]


def test_why_a_tag_is_refused_or_cannot_be_kept_is_said(dataset: Dataset, home: Home) -> None:
    tagger, said = TagWorker(ViewState(dataset=dataset)), []
    tagger.on_error.append(said.append)
    tagger.add("x" * 100, np.array([1]))
    assert "60 letters" in said[-1]
    kept.path_of(home).write_text("{")
    tagger.add("fine", np.array([1]))
    assert "is damaged" in said[-1]
    assert kept.path_of(home).read_text() == "{"


def test_tags_of_another_version_are_in_its_rows(dataset: Dataset, home: Home) -> None:
    kept.add(home, "keep", [dataset.atlas.hashes[5]])
    assert read_tag_rows(dataset)["keep"].tolist() == [5]
    atlas = FakeAtlas()
    atlas.settings.home = home.folder
    for name in ("ids", "hashes"):
        setattr(atlas, name, getattr(atlas, name)[::-1])
    assert read_tag_rows(Dataset(atlas))["keep"].tolist() == [494]


def test_the_selection_is_sent_page_by_page(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset, selection=np.arange(0, 500, 2), panel="selection")
    SelectionOrderWorker(state)
    chosen = SelectionPanel()
    chosen.follow(state, None, TagWorker(state), ClusterNameWorker(state))  # type: ignore[arg-type]
    assert (chosen.count, len(chosen.items), chosen.start) == (250, PAGE_SIZE, 0)
    chosen._handle_msg({"kind": "more", "start": PAGE_SIZE})
    assert chosen.items[0]["id"] == f"folder/{2 * PAGE_SIZE}.png"
    for start in (-1, 250, "x", None, 1e9):
        chosen._handle_msg({"kind": "more", "start": start})
    assert chosen.start == PAGE_SIZE
    state.selection = None
    assert (chosen.count, chosen.items, chosen.start) == (0, [], 0)


def test_the_dataset_in_figures() -> None:
    column = pd.Series([*(f"2024-01-0{1 + n % 3}T10:00:00" for n in range(30)), None, "never"])
    assert time_bars(column) == [["2024-01-01", 10], ["2024-01-02", 10], ["2024-01-03", 10]]
    assert time_bars(pd.Series([None, "x"], dtype=object)) == []
    years = pd.Series([f"{year}-05-01T00:00:00+02:00" for year in range(1900, 2020)])
    assert 12 <= len(time_bars(years)) <= 48
    assert sum(n for _, n in time_bars(years)) == 120
    assert size_bars(pd.DataFrame({"width": [10, 3000, np.nan], "height": [300, 20, np.nan]})) == [
        ["up to 512 px", 1], ["up to 1,024 px", 0], ["up to 2,048 px", 0], ["up to 4,096 px", 1],
    ]  # fmt: skip
    assert category_bars(pd.Series(list("aabbbcdefghij")))[0] == ["b", 3]
    assert category_bars(pd.Series(list("aabbbcdefghij")))[-1] == ["others", 2]


def test_the_last_runs_are_described_in_words() -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    counts = {
        "images": 1999,
        "added": 1200,
        "removed": 2,
        "changed": 0,
        "moved": 3,
        "failed": 1,
        "unchanged": 7,
    }
    atlas = FakeAtlas()
    atlas.snapshot = SimpleNamespace(runs=(Run(at, "abc", counts, 75.2), Run(at, "old", {})))
    latest, first = last_runs(Dataset(atlas))
    assert latest["changes"] == [
        ["added", "+1,200 new"],
        ["removed", "\N{MINUS SIGN}2 gone"],
        ["moved", "3 moved"],
        ["failed", "1 unreadable"],
    ]
    assert (latest["at"], latest["took"], latest["images"]) == (
        "2026-05-01T00:00:00+00:00",
        "1 min 15 s",
        1999,
    )
    assert (first["changes"], first["took"], first["images"]) == ([], "", None)
    shown = [format_duration(seconds) for seconds in (0.04, 9.94, 12.4, 60, 3600, 7_500, 90_061)]
    assert shown == ["0.0 s", "9.9 s", "12 s", "1 min", "1 h", "2 h 5 min", "25 h 1 min"]


def test_the_maps_quality_is_shown_with_its_meaning(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert summarise(dataset)["layout"] == []
    known = {**dataset.atlas.info(), "quality": {"trustworthiness": 0.97391, "measured_on": 500}}
    monkeypatch.setattr(dataset.atlas, "info", lambda: known)
    ((name, figure, meaning),) = summarise(dataset)["layout"]
    assert (name, figure) == ("Trustworthiness", "0.974")
    assert "side by side" in meaning


def test_times_with_and_without_a_zone_make_one_timeline() -> None:
    mixed = pd.Series(["2020-01-01T00:00Z", "2020-01-02T00:00", "2020-01-03T00:00:00+02:00"])
    assert sum(n for _, n in time_bars(mixed)) == 3


def test_figures_that_cannot_be_made_are_reported_and_tried_again(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, sheet = ViewState(dataset=dataset), Overview()
    sheet.follow(state)
    with monkeypatch.context() as broken:
        broken.setattr("viewer.components.side.overview.cached_summary", lambda _: 1 / 0)
        state.overview = True
    assert (sheet.lost, sheet.about) == (True, {})
    state.overview = False
    state.overview = True
    assert sheet.lost is False
    assert sheet.about["facts"][0] == ["Images", "500"]


def test_a_summary_of_one_image_and_of_odd_columns() -> None:
    atlas = FakeAtlas(n=1)
    atlas.points = atlas.points.assign(
        format=[None], width=["x"], height=[None], taken_at=[3.0], bytes=[None]
    )
    shown = summarise(Dataset(atlas))
    assert shown["facts"][0] == ["Images", "1"]
    assert (shown["formats"], shown["sizes"]) == ([], [])
