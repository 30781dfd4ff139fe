"""The tags people give as a column that filters and colours at once, whatever the index knows of them."""

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import FakeAtlas, FakeColumn
from hypothesis import given
from hypothesis import strategies as st
from test_filter_worker import Waiting, of_group, shown
from test_filter_worker import waiting as waiting  # noqa: PLC0414 - a fixture

from clipper.query_filter import AnyOf, NoneOf
from clipper.store import tags as kept
from clipper.store.home import Home
from viewer.components.map.controls import colour_select
from viewer.components.map.legend import ColourKey
from viewer.components.page.url import PageUrl
from viewer.components.side.filter_panel import FilterChips, FilterPanel
from viewer.dataset.changes import compare_atlases
from viewer.dataset.columns.colouring import MAX_CATEGORIES, MISSING, OTHER
from viewer.dataset.columns.facets import list_facet, tag_facet
from viewer.dataset.dataset import Dataset
from viewer.dataset.image_words import card, detail
from viewer.dataset.tag_rows import read_tag_rows
from viewer.session.search import Searcher
from viewer.session.state import ViewState
from viewer.session.version_change import change_version
from viewer.session.workers.filters import FilterWorker
from viewer.session.workers.tags import TagWorker

# The column of that name is the metadata's in the fake atlas.
COLUMN = "clipper_tags"


@pytest.fixture
def home(dataset: Dataset, tmp_path: Path) -> Home:
    dataset.atlas.settings.home = tmp_path
    return Home(tmp_path)


@pytest.fixture
def state(dataset: Dataset, home: Home) -> ViewState:
    assert home
    state = ViewState(dataset=dataset, colour="group")
    FilterWorker(state)
    return state


def block(panel: FilterPanel) -> dict[str, Any] | None:
    return next((item for item in json.loads(panel.items) if item["name"] == COLUMN), None)


def lines(panel: FilterPanel) -> dict[str, tuple[int, int]]:
    return {line["value"]: (line["now"], line["whole"]) for line in block(panel)["lines"]}


@given(st.lists(st.sets(st.sampled_from("abcde"), max_size=4), min_size=1, max_size=30))
def test_tags_filter_and_count_as_a_column_of_lists_does(given_to: list[set[str]]) -> None:
    rows = {
        tag: np.array([row for row, tags in enumerate(given_to) if tag in tags], np.int64)
        for tag in sorted(set().union(*given_to))
    }
    facet = tag_facet("t", rows, n=len(given_to))
    listed = list_facet("t", pd.Series([sorted(tags) for tags in given_to]))
    assert list(facet.labels) == list(listed.labels)
    among = np.arange(len(given_to)) % 3 > 0
    for subset in (None, among):
        assert facet.count(subset).tolist() == listed.count(subset).tolist()
    for asked in (["a"], [None], ["b", "d"], ["e", None], []):
        assert facet.matching(asked).tolist() == listed.matching(asked).tolist()


def test_a_tag_filters_and_is_counted_as_soon_as_it_is_given(state: ViewState) -> None:
    tagger = TagWorker(state)
    state.panel = "filter"
    panel, chips = shown(FilterPanel(), state), shown(FilterChips(), state)
    assert block(panel) is None
    tagger.add("good, fine", np.arange(10))
    tagger.add("good", np.arange(100, 120))
    assert lines(panel) == {"good": (30, 30), "fine": (10, 10)}
    state.filters = {"group": AnyOf(("group 1",))}
    among = of_group(state, "group 1")
    tagger.add("late", np.arange(50))
    assert lines(panel)["late"] == (among[:50].sum(), 50)
    assert block(panel)["missing"]["now"] == among.sum() - among[:50].sum() - among[100:120].sum()
    panel._handle_msg({"kind": "toggle", "column": COLUMN, "value": "late"})
    assert (state.kept == (among & (np.arange(500) < 50))).all()
    assert ("Clipper tags", "late") in [(item["title"], item["words"]) for item in chips.items]
    tagger.remove("late", np.arange(25))  # while it is filtered by
    assert (state.kept == (among & (np.arange(500) >= 25) & (np.arange(500) < 50))).all()
    assert lines(panel)["late"] == (among[25:50].sum(), 25)


def test_the_last_image_without_its_tag_takes_the_filter_and_its_chip_away(state: ViewState) -> None:
    tagger, chips = TagWorker(state), shown(FilterChips(), state)
    tagger.add("todo, other", np.arange(5))
    state.filters = {COLUMN: AnyOf(("todo", "other")), "group": AnyOf(("group 1",))}
    tagger.remove("todo", np.arange(5))
    assert state.filters[COLUMN] == AnyOf(("other",))
    state.filters = {COLUMN: NoneOf(("other",))}
    assert state.passing_count == 495
    tagger.add("more", np.arange(2))
    tagger.remove("other", np.arange(5))
    assert (state.filters, state.kept, chips.items) == ({}, None, [])
    state.filters = {COLUMN: AnyOf((None,))}
    assert state.passing_count == 498
    tagger.remove("more", np.arange(2))  # no tag at all is left
    assert (state.filters, state.kept, chips.items) == ({}, None, [])


def test_colours_follow_tags_and_each_tag_keeps_its_own(state: ViewState) -> None:
    tagger, legend, select = TagWorker(state), shown(ColourKey(), state), colour_select(state)
    assert COLUMN not in select.values
    tagger.add("many", np.arange(40))
    tagger.add("few", np.arange(35, 42))
    assert select.groups["Your tags and words"]["Clipper tags"] == COLUMN
    state.colour = COLUMN
    before = {line["label"]: line["colour"] for line in legend.entries}
    assert [(line["label"], line["count"]) for line in legend.entries] == [
        ("many", 40), ("few", 7), ("No value", 458),
    ]  # fmt: skip
    codes = state.colouring.codes[state.dataset.index.rank]
    assert len(set(codes[35:42].tolist())) == 1  # the rarer tag is seen wherever it is
    assert set(codes[42:].tolist()) == {MISSING}
    tagger.add("most", np.arange(100, 400))
    after = {line["label"]: line["colour"] for line in legend.entries}
    assert next(iter(after)) == "most"
    assert {name: after[name] for name in before} == before
    legend._handle_msg({"kind": "toggle", "label": "most"})
    assert state.passing_count == 200
    for tag in ("many", "few", "most"):
        tagger.remove(tag, np.arange(500))
    assert (state.colour, state.filters) == ("group", {})
    assert COLUMN not in select.values


def test_beyond_twenty_tags_the_rest_are_others(state: ViewState) -> None:
    tagger = TagWorker(state)
    for number in range(MAX_CATEGORIES + 2):
        kept.add(
            Home(state.dataset.atlas.settings.home), f"t{number:02}", state.dataset.atlas.hashes[number:30]
        )
    tagger.check()
    state.colour = COLUMN
    codes = state.colouring.codes[state.dataset.index.rank]
    assert state.colouring.entries[MAX_CATEGORIES].label == "2 others"
    assert OTHER not in codes[:30]  # each of those has a tag with a colour too
    assert codes[30] == MISSING


def test_nothing_of_other_columns_is_made_again(state: ViewState) -> None:
    tagger = TagWorker(state)
    facets, colours = dict(state.dataset.facets), state.colouring
    tagger.add("good", np.arange(9))
    state.filters = {"group": AnyOf(("group 1",))}
    counted = dict(state.counts)
    tagger.remove("good", np.arange(3))
    assert state.colouring is colours
    assert all(state.facets[name] is facet for name, facet in facets.items())
    assert all(state.counts[name] is counted[name] for name in facets)


def test_what_was_counted_for_other_tags_is_dropped(state: ViewState, waiting: Waiting) -> None:
    tagger, panel = TagWorker(state), shown(FilterPanel(), state)
    state.panel = "filter"
    state.filters = {"group": AnyOf(("group 1",))}
    for tag in ("a", "b", "c", ""):  # more values while they are being counted
        while waiting:
            work, then = waiting.pop(0)
            done: Future[Any] = Future()
            done.set_result(work())
            tagger.add(tag, np.arange(20))
            then(done)
            if tag:
                break
    assert {*lines(panel)} == {*state.tags}
    assert len(state.counts[COLUMN]) == len(state.tags) + 1


def test_what_the_index_knew_of_tags_gives_way_to_what_they_are(home: Home) -> None:
    atlas = FakeAtlas()
    atlas.settings.home = home.folder
    atlas.columns["tags"] = FakeColumn("tags", "list[str]", origin="tags")
    kept.add(home, "now", atlas.hashes[3:5])
    state = ViewState(dataset=Dataset(atlas), panel="filter")
    TagWorker(state)
    panel = shown(FilterPanel(), state)
    facets = {item["name"]: item for item in json.loads(panel.items)}
    assert [line["value"] for line in facets["tags"]["lines"]] == ["now"]  # not a and b, of the index
    assert facets["tags"]["title"] == "Tags"
    named = card(state.dataset, 3, colour="tags", tags=state.tags_of(3))["values"]
    assert named[0] == ["Tags", "now"]
    assert "a, b" not in str(card(state.dataset, 0))
    assert all(name != "tags" for name, _ in detail(state.dataset, 0)["values"])
    kept.remove(home, "now")
    TagWorker(state)
    assert "tags" not in {item["name"] for item in json.loads(panel.items)}


def test_another_version_takes_tags_filters_and_colours_over(state: ViewState, home: Home) -> None:
    tagger = TagWorker(state)
    tagger.add("keep, drop", np.arange(20))
    state.colour = COLUMN
    state.filters = {COLUMN: AnyOf(("keep",))}
    code = state.colouring.assigned_codes()["keep"]
    later = FakeAtlas(300, seed=4)
    later.settings.home = home.folder
    later.columns["tags"] = FakeColumn("tags", "list[str]", origin="tags")  # another name than before
    dataset = Dataset(later, before=state.dataset)
    later.hashes[5:20] = later.hashes[105:120]  # of those that have the tags, five are left
    tags = read_tag_rows(dataset)
    change_version(state, dataset, changes=compare_atlases(state.dataset.atlas, later), tags=tags)
    assert state.tags is tags
    assert state.filters == {"tags": AnyOf(("keep",))}
    assert state.kept.sum() == 5
    assert state.colour == "tags"
    assert state.colouring.assigned_codes()["keep"] == code
    change_version(state, Dataset(FakeAtlas(50)), changes=compare_atlases(later, FakeAtlas(50)))
    assert (state.filters, state.kept, state.colour) == ({}, None, "group")


def test_a_link_to_a_tag_opens_what_has_it(dataset: Dataset, home: Home) -> None:
    kept.add(home, "good", dataset.atlas.hashes[:6])
    state = ViewState(dataset=dataset, colour="group")
    FilterWorker(state)
    TagWorker(state)  # before the page asks for its address
    address = PageUrl()
    address.follow(state, Searcher(state))
    address.open(f'?colour={COLUMN}&filters={{"{COLUMN}":{{"values":["good"]}}}}')
    assert (state.passing_count, state.colour) == (6, COLUMN)
    assert COLUMN in address.search
