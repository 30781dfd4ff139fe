"""Filters in one visitor's state: what passes, what is counted, what another version makes of them."""

import json
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
from viewer.dataset.columns.colouring import NO_VALUE_CODE, SIMILARITY
from viewer.dataset.dataset import INDEXED, Dataset
from viewer.dataset.suggestions import sample_images
from viewer.session.search import Searcher
from viewer.session.selection import clear_selection
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
    assert [item["title"] for item in json.loads(panel.items)] == [
        "group", "tags", "size", "File modified", "Indexed", "File",
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
    state.filters = {item["name"]: AnyOf((None,)) for item in json.loads(panel.items)}
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


def lines_of(panel: FilterPanel, column: str) -> dict[str, tuple[int, int]]:
    """The part and the whole of each value of a column in the panel."""
    (item,) = [item for item in json.loads(panel.items) if item["name"] == column]
    return {line["value"]: (line["now"], line["whole"]) for line in item["lines"]}


@pytest.mark.usefixtures("narrower")
def test_a_selection_is_counted_by_every_chart_and_the_legend(state: ViewState) -> None:
    state.panel = "filter"
    panel, legend, chips = shown(FilterPanel(), state), shown(ColourKey(), state), shown(FilterChips(), state)
    whole = {line["label"]: line["count"] for line in legend.entries}
    assert panel.caption == ""
    state.selection = np.arange(100)
    chosen = state.dataset.atlas.points["group"][:100].value_counts().to_dict()
    assert lines_of(panel, "group") == {name: (chosen.get(name, 0), n) for name, n in whole.items()}
    assert {line["label"]: line["now"] for line in legend.entries} == {
        name: chosen.get(name, 0) for name in whole
    }
    (size,) = [item for item in json.loads(panel.items) if item["name"] == "size"]
    assert sum(size["chart"]["now"]) == 100
    assert panel.caption == "100 selected of 500"
    assert state.kept is None  # nothing is filtered: the map keeps all its colours
    state.filters = {"group": AnyOf(("group 1",))}
    assert lines_of(panel, "group") == {name: (chosen.get(name, 0), n) for name, n in whole.items()}
    (size,) = [item for item in json.loads(panel.items) if item["name"] == "size"]
    assert sum(size["chart"]["now"]) == chosen["group 1"] == chips.both
    assert chips.selected == 100
    assert panel.caption == f"{chosen['group 1']} of 100 selected pass the filters"
    state.filters = {}
    clear_selection(state)
    assert (state.part, state.counts, panel.caption) == (None, None, "")
    assert all(now == total for now, total in lines_of(panel, "group").values())


@pytest.mark.usefixtures("narrower")
def test_limits_of_similarity_are_counted_and_leave_their_own_chart_whole(state: ViewState) -> None:
    spread = np.random.default_rng(3).normal(0.2, 0.05, state.dataset.n).astype(np.float32)
    state.dataset.atlas.similarities = lambda _vector: spread
    state.panel = "filter"
    panel, legend = shown(FilterPanel(), state), shown(ColourKey(), state)
    Searcher(state).ask("cat")
    assert state.part is None
    state.min_similarity = 0.25
    state.panel = "filter"
    alike = spread >= np.float32(0.25)
    assert (state.part.rows == alike).all()
    assert panel.caption == f"{alike.sum()} of 500 are similar enough"
    assert sum(now for now, _ in lines_of(panel, "group").values()) == alike.sum()
    state.colour = SIMILARITY
    assert sum(legend.chart["now"]) == state.dataset.n
    state.selection = np.arange(100)
    assert sum(legend.chart["now"]) == 100
    assert panel.caption == f"{alike[:100].sum()} of 100 selected are similar enough"
    Searcher(state).ask("")
    assert panel.caption == "100 selected of 500"


def test_a_selection_draws_nothing_anew_and_what_is_stale_is_never_shown(
    state: ViewState, waiting: Waiting
) -> None:
    worker = FilterWorker(state)
    state.filters = {"group": AnyOf(("group 1",))}
    while waiting:
        answered(waiting)
    kept, seen = state.kept, []
    state.param.watch(lambda event: seen.append(event.new), ["part"])
    state.selection = np.arange(50)
    state.selection = np.arange(70)  # before the counts of the other have come
    while waiting:
        answered(waiting)
    assert [part.selected for part in seen] == [70]
    assert state.kept is kept
    state.selection = np.arange(90)
    state.selection = None
    while waiting:
        answered(waiting)
    assert state.part.selected is None
    state.filters = {}
    assert (state.part, state.counts) == (None, None)
    worker.end()


@pytest.mark.usefixtures("narrower")
def test_over_represented_values_come_first_on_demand(state: ViewState) -> None:
    state.panel = "filter"
    panel = shown(FilterPanel(), state)
    commonest = [*lines_of(panel, "group")]
    rare = commonest[-1]
    state.selection = np.flatnonzero(of_group(state, rare))[:40]
    assert [*lines_of(panel, "group")] == commonest
    panel._handle_msg({"kind": "excess", "on": True})
    assert next(iter(lines_of(panel, "group"))) == rare
    panel._handle_msg({"kind": "excess", "on": False})
    assert [*lines_of(panel, "group")] == commonest


@pytest.mark.usefixtures("narrower")
def test_bars_have_the_colours_of_the_map_where_their_column_colours_it(state: ViewState) -> None:
    state.panel = "filter"
    panel, legend = shown(FilterPanel(), state), shown(ColourKey(), state)
    colours = {line["label"]: line["colour"] for line in legend.entries}
    items = {item["name"]: item for item in json.loads(panel.items)}
    assert {line["value"]: line["colour"] for line in items["group"]["lines"]} == colours
    assert {line["colour"] for line in items["tags"]["lines"]} == {""}
    state.colour = "size"
    items = {item["name"]: item for item in json.loads(panel.items)}
    assert len(items["size"]["chart"]["colours"]) == len(items["size"]["chart"]["whole"])
    assert {line["colour"] for line in items["group"]["lines"]} == {""}


@pytest.mark.usefixtures("narrower")
def test_the_line_and_the_charts_are_two_faces_of_one_filter(state: ViewState) -> None:
    state.panel = "filter"
    panel = shown(FilterPanel(), state)
    assert panel.text == ""
    panel._handle_msg({"kind": "toggle", "column": "group", "value": "group 1"})
    assert panel.text == 'group = "group 1"'
    panel._handle_msg({"kind": "say", "text": 'size > 0 AND group in ("GROUP 1", "group 2")'})
    assert state.filters["group"] == AnyOf(("group 1", "group 2"))
    assert (
        state.kept == (of_group(state, "group 1", "group 2") & (state.dataset.facet("size").values > 0))
    ).all()
    assert panel.text == 'size > 0 AND group in ("GROUP 1", "group 2")'  # as it was typed
    assert panel.problem == {}
    panel._handle_msg({"kind": "say", "text": "size > 0 and grouq = 3"})
    assert panel.problem["message"] == "There is no column “grouq”. Did you mean “group”?"
    assert (panel.problem["start"], panel.problem["end"]) == (13, 18)
    assert state.filters["group"] == AnyOf(("group 1", "group 2"))  # what is wrong changes nothing
    panel._handle_msg({"kind": "toggle", "column": "group", "value": "group 2"})
    assert panel.text == 'size > 0 and group = "group 1"'
    assert panel.problem == {}
    panel._handle_msg({"kind": "say", "text": " "})
    assert (state.filters, panel.text) == ({}, "")


@pytest.mark.usefixtures("narrower")
def test_the_line_is_completed_with_counts(state: ViewState) -> None:
    state.panel = "filter"
    panel = shown(FilterPanel(), state)

    def offered(text: str) -> dict[str, str]:
        panel._handle_msg({"kind": "complete", "text": text, "at": len(text)})
        assert panel.completion["text"] == text
        return {option["text"]: option["note"] for option in panel.completion["options"]}

    assert offered("") == {
        "group": "values", "tags": "list", "size": "number", "File modified": "date in UTC",
        "Indexed": "date in UTC",
        "File": "text",
    }  # fmt: skip
    facet = state.dataset.facet("group")
    assert offered("group = ") == {
        label: str(facet.total_counts[code]) for code, label in enumerate(facet.labels)
    }
    for hostile in (
        {},
        {"text": 3},
        {"text": "a", "at": 9},
        {"text": "a", "at": "x"},
        {"text": "(" * 9_000, "at": 9},
    ):
        panel._handle_msg({"kind": "complete", **hostile})
        panel._handle_msg({"kind": "say", **hostile})
    assert state.filters == {}
