"""Filters in one visitor's state: what passes, what is counted, what another version makes of them."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from fakes import FakeAtlas, shown

from clipper.query_filter import AnyOf, HasText, InRange, NoneOf
from viewer.components.layout.tabs import Tabs
from viewer.components.map.legend import ColourKey
from viewer.components.side.filter_panel import FilterChips, FilterPanel
from viewer.components.side.gallery import Gallery
from viewer.dataset.changes import compare_atlases
from viewer.dataset.columns.colouring import NO_VALUE_CODE
from viewer.dataset.dataset import INDEXED, Dataset
from viewer.dataset.suggestions import sample_images
from viewer.session.search import Searcher
from viewer.session.state import ViewState
from viewer.session.version_change import change_version
from viewer.session.workers.filters import FilterWorker

Waiting = list[tuple[Callable[[], Any], Callable[[Future[Any]], None]]]


@pytest.fixture
def narrower(state: ViewState) -> FilterWorker:
    return FilterWorker(state)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """What is to be done in the background, and what then: nothing is done by itself."""
    put_off: Waiting = []
    monkeypatch.setattr(
        "viewer.session.workers.filters.in_background",
        lambda work, then, **_pool: put_off.append((work, then)),
    )
    return put_off


def of_group(state: ViewState, *names: str) -> np.ndarray:
    return state.dataset.atlas.points["group"].isin(names).to_numpy()


@pytest.mark.usefixtures("narrower")
def test_map_results_sample_and_legend_follow(state: ViewState) -> None:
    gallery, legend = shown(Gallery(), state), shown(ColourKey(), state)
    Searcher(state).ask("cat")
    state.filters = {"group": AnyOf(("group 1",)), "size": InRange(0, None)}
    expected = of_group(state, "group 1") & (state.dataset.atlas.points["size"] >= 0).to_numpy()
    assert (state.kept == expected).all()
    rows, scores = state.answer.rows, state.answer.similarity
    assert expected[rows].all()
    assert len(rows) == min(60, expected.sum())  # not only what was among the best before
    assert (np.diff(scores) <= 0).all()
    assert [item["id"] for item in gallery.items] == [state.dataset.atlas.ids[row] for row in rows]
    assert gallery.total == expected.sum()
    assert all(
        expected[state.dataset.row_of(item["id"])] for item in sample_images(state.dataset, state.kept)
    )
    lines = {line["label"]: line for line in legend.entries}
    assert lines["group 1"]["now"] == expected.sum()
    assert (
        lines["group 2"]["now"]
        == (of_group(state, "group 2") & (state.dataset.facet("size").values >= 0)).sum()
    )
    assert [label for label, line in lines.items() if line["on"]] == ["group 1"]
    state.filters = {}
    assert state.kept is None
    assert all(line["now"] == line["count"] for line in legend.entries)


@pytest.mark.usefixtures("narrower")
def test_the_legend_hides_shows_and_isolates(state: ViewState) -> None:
    legend = shown(ColourKey(), state)
    legend._handle_msg({"kind": "toggle", "label": "group 1"})
    legend._handle_msg({"kind": "toggle", "label": "group 3"})
    assert state.filters == {"group": NoneOf(("group 1", "group 3"))}
    legend._handle_msg({"kind": "toggle", "label": "group 1"})
    assert (state.kept == ~of_group(state, "group 3")).all()
    legend._handle_msg({"kind": "only", "label": "group 2"})
    assert (state.kept == of_group(state, "group 2")).all()
    legend._handle_msg({"kind": "only", "label": "group 2"})
    assert state.filters == {}


@pytest.mark.usefixtures("narrower")
def test_the_legend_of_a_number_is_a_histogram_that_filters(state: ViewState) -> None:
    legend = shown(ColourKey(), state)
    state.colour = "size"
    assert sum(legend.chart["whole"]) == state.dataset.n
    assert len(legend.chart["colours"]) == len(legend.chart["whole"])
    legend._handle_msg({"kind": "range", "from": 3, "to": 9})
    assert state.kept.sum() == sum(legend.chart["whole"][3:9])
    assert legend.chart["span"] == [3, 9]


def test_beyond_twenty_values_the_rest_is_one_line_and_can_be_searched(state: ViewState) -> None:
    atlas = FakeAtlas(600)
    atlas.points["group"] = [f"group {i % 30}" for i in range(600)]
    state = ViewState(dataset=Dataset(atlas), colour="group")
    FilterWorker(state)
    legend = shown(ColourKey(), state)
    assert legend.entries[-1]["label"] == "10 others"
    legend._handle_msg({"kind": "find", "part": "GROUP 29"})
    assert [line["label"] for line in legend.found] == ["group 29"]
    state.colour = ""
    state.colour = "group"
    assert not legend.found
    legend._handle_msg({"kind": "toggle", "others": True})
    assert state.kept.sum() == 400
    assert legend.entries[-1]["on"] is False
    legend._handle_msg({"kind": "toggle", "label": "group 29"})  # a rare one, beside the named
    assert state.kept.sum() == 420
    legend._handle_msg({"kind": "toggle", "others": True})
    assert state.kept.sum() == 400
    legend._handle_msg({"kind": "toggle", "others": True})
    assert state.filters == {}
    legend._handle_msg({"kind": "only", "others": True})
    assert state.kept.sum() == 200
    assert [line["label"] for line in legend.entries if line["on"]] == ["10 others"]
    assert legend.entries[-1]["now"] == 200


@pytest.mark.usefixtures("narrower")
def test_a_click_in_the_panel_filters_and_a_chip_takes_it_away(state: ViewState) -> None:
    panel, chips, tabs = shown(FilterPanel(), state), shown(FilterChips(), state), shown(Tabs(), state)
    assert not panel.visible
    tabs._handle_msg({"kind": "choose", "tab": "filter"})
    assert panel.visible
    assert [item["title"] for item in panel.items] == [
        "group", "size", "tags", "File", "File modified", "Indexed",
    ]  # fmt: skip
    panel._handle_msg({"kind": "toggle", "column": "group", "value": "group 1"})
    panel._handle_msg({"kind": "text", "column": ":file", "text": "folder/1"})
    assert [(item["title"], item["words"]) for item in chips.items] == [
        ("group", "group 1"),
        ("File", "“folder/1”"),
    ]
    assert chips.passing == state.kept.sum() == state.passing_count
    assert [tab["count"] for tab in tabs.tabs] == [0, 2, 0, 0]
    chips._handle_msg({"kind": "drop", "column": "group"})
    assert [*state.filters] == [":file"]
    chips._handle_msg({"kind": "clear"})
    assert state.kept is None


@pytest.mark.usefixtures("narrower")
def test_messages_that_no_page_sends_change_nothing(state: ViewState) -> None:
    panel, legend, tabs = shown(FilterPanel(), state), shown(ColourKey(), state), shown(Tabs(), state)
    for part in (panel, legend, tabs):
        for kind in ("toggle", "only", "range", "text", "find", "choose"):
            for more in (
                {},
                {"column": ["x"]},
                {"column": "nope", "value": "x"},
                {"column": "group", "value": {}},
            ):
                part._handle_msg({"kind": kind, **more, "label": {}, "part": {}, "tab": 3})
    assert state.panel == "results"
    assert state.filters == {}
    assert state.kept is None


@pytest.mark.usefixtures("narrower")
def test_a_condition_that_makes_no_sense_is_taken_away(state: ViewState) -> None:
    state.filters = {"nope": AnyOf(("x",)), "group": AnyOf(("group 1",)), "size": InRange("x", None)}
    assert state.filters == {"group": AnyOf(("group 1",))}
    assert (state.kept == of_group(state, "group 1")).all()
    shown(ColourKey(), state)
    shown(FilterChips(), state)
    state.panel = "filter"
    shown(FilterPanel(), state)
    state.filters = {"nope": AnyOf(("x",)), "group": HasText("group"), "size": InRange(None, None)}
    assert state.filters == {}
    assert state.kept is None


def test_another_version_keeps_the_filters_that_it_has_columns_for(
    state: ViewState, narrower: FilterWorker
) -> None:
    state.filters = {"group": AnyOf(("group 1",)), "size": InRange(0, None)}
    later = FakeAtlas(300, seed=4)
    del later.columns["size"]
    change_version(state, Dataset(later), changes=compare_atlases(state.dataset.atlas, later))
    assert state.filters == {"group": AnyOf(("group 1",))}
    assert (state.kept == of_group(state, "group 1")).all()
    assert state.counts["group"].sum() == 300
    state.filters = {"group": AnyOf(("group 2",))}
    assert len(state.kept) == 300
    state.end()
    narrower.end()
    assert (state.kept, state.counts, state.filters) == (None, None, {})


def test_of_many_brush_steps_only_the_latest_is_worked_out(state: ViewState, waiting: Waiting) -> None:
    FilterWorker(state)
    for low in (-1, -0.5, 0, 0.5):
        state.filters = {"size": InRange(low, None)}
    worked = 0
    while waiting:
        work, then = waiting.pop(0)
        done: Future[Any] = Future()
        done.set_result(work())
        then(done)
        worked += 1
    assert worked == 4  # what passes, and the counts, of the first and of the last
    assert (state.kept == (state.dataset.facet("size").values >= 0.5)).all()


def test_filters_that_are_set_again_as_they_are_are_not_applied_again(
    state: ViewState, waiting: Waiting
) -> None:
    FilterWorker(state)
    state.filters = {"group": AnyOf(("group 1",)), "size": InRange(0, None)}
    while waiting:
        answered(waiting)
    state.filters = {"group": AnyOf(("group 1",)), "size": InRange(0, None)}
    assert not waiting
    state.filters = {"group": NoneOf(("group 1",)), "size": InRange(0, None)}
    assert waiting


def answered(waiting: Waiting) -> None:
    """Do what waits first, and what then."""
    work, then = waiting.pop(0)
    done: Future[Any] = Future()
    done.set_result(work())
    then(done)


def test_a_filter_taken_away_and_pressed_again_while_it_is_counted_is_in_force(
    state: ViewState, waiting: Waiting
) -> None:
    FilterWorker(state)
    state.filters = {"group": AnyOf(("group 1",))}
    answered(waiting)  # what passes; the counts wait
    state.filters = {}
    state.filters = {"group": AnyOf(("group 1",))}
    while waiting:
        answered(waiting)
    assert (state.kept == of_group(state, "group 1")).all()


def test_what_was_counted_for_another_version_is_dropped(state: ViewState, waiting: Waiting) -> None:
    FilterWorker(state)
    state.filters = {"group": AnyOf(("group 1",))}
    work, then = waiting.pop()
    done: Future[Any] = Future()
    done.set_result(work())
    later = FakeAtlas(300, seed=4)
    change_version(state, Dataset(later), changes=compare_atlases(state.dataset.atlas, later))
    then(done)
    assert len(state.kept) == 300


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_images_break_nothing(n: int) -> None:
    state = ViewState(dataset=Dataset(FakeAtlas(n)), panel="filter")
    FilterWorker(state)
    panel, legend = shown(FilterPanel(), state), shown(ColourKey(), state)
    for colour in state.dataset.colour_choices:
        state.colour = colour
    state.filters = {item["name"]: AnyOf((None,)) for item in panel.items}
    assert state.passing_count <= n
    assert legend.kind in {"none", "category", "number", "time"}


@pytest.mark.usefixtures("narrower")
def test_how_recently_images_were_indexed_colours_and_filters(state: ViewState) -> None:
    legend = shown(ColourKey(), state)
    state.colour = INDEXED
    assert (legend.low, legend.kind) == ("2023-11-14", "time")
    codes = state.colouring.codes[state.dataset.index.rank]
    assert ({*codes[:250]}, {*codes[250:-1]}, codes[-1]) == ({0}, {NO_VALUE_CODE - 1}, NO_VALUE_CODE)
    last = len(legend.chart["whole"])
    legend._handle_msg({"kind": "range", "from": last // 2, "to": last})
    assert np.flatnonzero(state.kept).tolist() == [*range(250, 499)]
