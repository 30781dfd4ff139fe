"""A visitor's own words: typed, shown, filtered by, kept; what is wrong is said and loses nothing."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fakes import FakeAtlas, FakeSettings, clustered, shown

from clipper.metadata.columns import WORDS as WORDS_ORIGIN
from clipper.metadata.columns import Column
from clipper.query_filter import AnyOf, NoneOf
from clipper.store import word_columns
from clipper.store.home import Home
from viewer.components.map.legend import ColourKey, LegendToggle
from viewer.components.map.words import column_name, example_words
from viewer.components.page.links import parse_query_string
from viewer.components.page.url import PageUrl
from viewer.components.side.filter_panel import FilterChips, FilterPanel
from viewer.dataset.changes import compare_atlases
from viewer.dataset.columns.colouring import MISSING
from viewer.dataset.columns.word_column import NONE_OF_THESE, TITLE, WORDS
from viewer.dataset.dataset import Dataset
from viewer.dataset.exports import Export, write_export
from viewer.session.search import Searcher
from viewer.session.state import ViewState
from viewer.session.version_change import change_version
from viewer.session.workers.filters import FilterWorker
from viewer.session.workers.words import KEPT_COLUMNS, WordWorker, known_column, make_column

Waiting = list[tuple[Callable[[], Any], Callable[[Future[Any]], None]]]
CAT_DOG = ("cat", "dog")


@pytest.fixture
def worker(state: ViewState) -> WordWorker:
    state.colour = WORDS
    return WordWorker(state)


@pytest.fixture
def legend(state: ViewState, worker: WordWorker) -> ColourKey:
    part = ColourKey()
    part.follow(state, worker)
    return part


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """What is to be done in the background, and what then: nothing is done by itself."""
    put_off: Waiting = []
    monkeypatch.setattr(
        "viewer.session.workers.words.in_background", lambda work, then, **_pool: put_off.append((work, then))
    )
    return put_off


def done(work: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - any, as a pool keeps it
        future.set_exception(error)
    return future


def typed(legend: ColourKey, text: str) -> None:
    legend._handle_msg({"kind": "words", "text": text})


def lines(legend: ColourKey) -> dict[str, int]:
    return {line["label"]: line["count"] for line in legend.entries}


def test_words_colour_the_map_and_the_legend_counts_them_in_the_order_they_were_typed(
    state: ViewState, legend: ColourKey
) -> None:
    group, index = state.dataset.atlas._group, state.dataset.index
    typed(legend, " dog,cat\n, none of these")
    assert state.words == ("dog", "cat")
    none = int((group > 1).sum())
    assert list(lines(legend).items()) == [
        ("dog", int((group == 0).sum())), ("cat", int((group == 1).sum())), (NONE_OF_THESE, none),
    ]  # fmt: skip
    assert (state.colouring.codes[index.rank][group > 1] == MISSING).all()
    assert (state.colouring.codes[index.rank][group == 1] == 1).all()
    assert shown(LegendToggle(), state).label == TITLE
    assert legend.words["text"] == "dog, cat"
    typed(legend, "dog, cat, bird")  # another word changes no colour
    assert state.colouring.assigned_codes() == {"dog": 0, "cat": 1, "bird": 2}


def test_before_the_first_words_the_legend_offers_some_of_the_datasets_own(
    state: ViewState, legend: ColourKey
) -> None:
    assert (legend.kind, legend.entries) == ("none", [])
    assert legend.words["hint"]
    assert shown(LegendToggle(), state).label == TITLE
    assert legend.words["example"] == ", ".join(example_words(state.dataset))
    state.colour = "group"
    assert legend.words == {}
    own = Dataset(clustered())
    own.clusters.names[5:11] = ["Red flags", "clocks", "faces & co", "Clocks", "a very long name", "hands"]
    assert sorted(example_words(own)[:2]) == ["clocks", "hands"]
    assert example_words(own)[2] == "Red flags"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Type at least one word; commas go between several."),
        ("none of these", "Type at least one word; commas go between several."),
        ("cat, Cat", "“Cat” is there twice; each word counts once."),
        (", ".join(map(str, range(21))), "These are 21 words; up to 20 can be told apart at once."),
        ("x" * 70, "“xxxxxxxxxxxxxxxxxxxx…” has 70 letters; up to 60 are a word."),
        ("x, " * 2000, "That is"),
    ],
)
def test_what_cannot_be_classified_is_told_and_what_was_shown_stays(
    state: ViewState, legend: ColourKey, text: str, told: str
) -> None:
    typed(legend, "cat, dog")
    before = legend.entries
    typed(legend, text)
    assert legend.words["problem"].startswith(told)
    assert (state.words, legend.entries) == (CAT_DOG, before)
    assert state.dataset.atlas.classified == [CAT_DOG]
    typed(legend, "cat, dog")
    assert legend.words["problem"] == ""


def test_without_a_model_the_legend_says_so_and_shows_what_it_showed(
    state: ViewState, legend: ColourKey, caplog: pytest.LogCaptureFixture
) -> None:
    typed(legend, "cat, dog")
    state.dataset.atlas.lost_model = "the model is nowhere"
    typed(legend, "bird")
    assert legend.words["problem"] == "The model is nowhere."
    assert (state.words, state.asked_words) == (CAT_DOG, ())
    state.dataset.atlas.classify = lambda _words: 1 / 0
    typed(legend, "bird")
    assert legend.words["problem"] == "The words could not be classified. The server's log says why."
    assert "ZeroDivisionError" in caplog.text


def test_words_that_were_replaced_meanwhile_are_neither_classified_nor_shown(
    state: ViewState, legend: ColourKey, waiting: Waiting
) -> None:
    typed(legend, "cat")
    typed(legend, "dog")
    assert legend.words["busy"].startswith("Looking at 500 images")
    (first, show_first), (second, show_second) = waiting
    show_first(done(first))
    assert (state.words, state.asked_words) == ((), ("dog",))
    show_second(done(second))
    assert (state.words, state.asked_words, legend.words["busy"]) == (("dog",), (), "")
    assert state.dataset.atlas.classified == [("dog",)]
    show_first(done(first))
    assert state.words == ("dog",)


def test_the_classes_of_the_latest_words_are_kept_for_everybody(state: ViewState, worker: WordWorker) -> None:
    worker.ask("cat, dog")
    other = ViewState(dataset=state.dataset, colour=WORDS)
    WordWorker(other).ask('"cat", dog')
    assert other.word_column is state.word_column
    assert len(state.dataset.atlas.classified) == 1
    for number in range(KEPT_COLUMNS):
        make_column(state.dataset, (str(number),))
    assert known_column(state.dataset, CAT_DOG) is None
    assert known_column(state.dataset, ("0",)) is not None


def test_a_word_filters_map_counts_and_chips_as_a_category_does(state: ViewState, legend: ColourKey) -> None:
    FilterWorker(state)
    chips, group = shown(FilterChips(), state), state.dataset.atlas._group
    typed(legend, "cat, dog")
    legend._handle_msg({"kind": "toggle", "label": "cat"})
    assert state.filters == {WORDS: NoneOf(("cat",))}
    assert (state.kept == (group != 0)).all()
    assert [(item["title"], item["words"]) for item in chips.items] == [(TITLE, "not cat")]
    legend._handle_msg({"kind": "only", "label": None})
    assert (state.kept == (group > 1)).all()
    assert chips.items[0]["words"] == "none of these"
    state.panel = "filter"
    panel = shown(FilterPanel(), state)
    facet = next(item for item in json.loads(panel.items) if item["name"] == WORDS)
    assert (facet["title"], facet["missing"]["label"]) == (TITLE, NONE_OF_THESE)
    legend._handle_msg({"kind": "only", "label": "cat"})
    typed(legend, "dog, cat")  # cat is another group now
    assert (state.kept == (group == 1)).all()
    assert next(line["now"] for line in legend.entries if line["label"] == "dog") == (group == 0).sum()
    typed(legend, "bird, fish")
    assert (state.filters, state.kept) == ({}, None)


def test_counts_beside_another_filter_follow_other_words(state: ViewState, legend: ColourKey) -> None:
    FilterWorker(state)
    state.filters = {"group": AnyOf(("group 1",))}
    typed(legend, "cat, dog")
    now = {line["label"]: line["now"] for line in legend.entries}
    assert now == {"cat": 0, "dog": int((state.dataset.atlas._group == 1).sum()), NONE_OF_THESE: 0}


def addressed(dataset: Dataset) -> tuple[ViewState, PageUrl]:
    state, address = ViewState(dataset=dataset, colour=dataset.default_colour), PageUrl()
    FilterWorker(state)
    address.follow(state, Searcher(state), WordWorker(state))
    return state, address


def test_an_address_brings_words_their_filter_and_the_query_back(dataset: Dataset) -> None:
    state, address = addressed(dataset)
    state.colour = WORDS
    pushes = address.pushes
    address._words.ask('dog, "black, white"')
    assert address.pushes == pushes + 1
    Searcher(state).ask("red")
    state.filters = {WORDS: AnyOf(("black, white",))}
    assert "words=dog,%22black,+white%22" in address.search
    other, theirs = addressed(Dataset(FakeAtlas()))
    theirs.open(f"?{address.search}")
    assert theirs.search == address.search
    assert (other.colour, other.words, other.filters) == (WORDS, state.words, state.filters)
    assert (other.kept == state.kept).all()
    theirs.open("?colour=:words")
    assert (other.words, other.word_column, other.filters) == ((), None, {})


def test_an_address_waits_for_the_classes_before_it_filters_by_them(
    dataset: Dataset, waiting: Waiting
) -> None:
    state, address = addressed(dataset)
    link = "q=red&colour=:words&words=cat,dog&filters=%7B%22:words%22:%7B%22values%22:[%22dog%22]%7D%7D"
    address.open(f"?{link}")
    assert (state.asked_words, state.filters, address.search) == (CAT_DOG, {}, "")
    ((work, then),) = waiting
    then(done(work))
    assert state.filters == {WORDS: AnyOf(("dog",))}
    assert address.search == link
    assert address.pushes == 0


@pytest.mark.parametrize("text", ["", "cat,Cat", "x" * 99, ",".join(map(str, range(30))), "none of these"])
def test_words_of_an_address_that_are_not_valid_are_left_out(text: str) -> None:
    assert parse_query_string(f"?words={text}").words == ()


def test_another_version_is_classified_again_and_keeps_the_filter(
    state: ViewState, worker: WordWorker
) -> None:
    FilterWorker(state)
    worker.ask("cat, dog")
    state.filters = {WORDS: AnyOf(("dog",))}
    old = state.dataset.atlas
    new = FakeAtlas(400)
    new.version = "v2"
    dataset = Dataset(new, before=state.dataset)
    changes = compare_atlases(old, new)
    change_version(state, dataset, changes=changes, words=make_column(dataset, CAT_DOG))
    assert state.filters == {WORDS: AnyOf(("dog",))}
    assert state.kept.sum() == (new._group == 1).sum()
    newest = Dataset(FakeAtlas(300), before=dataset)
    change_version(state, newest, changes=changes)  # nobody has prepared the column
    assert (state.words, len(state.word_column.found.words)) == (CAT_DOG, 300)
    assert newest.atlas.classified == [CAT_DOG]


def test_words_are_kept_as_a_column_under_a_name_that_is_free(
    state: ViewState, legend: ColourKey, tmp_path: Path
) -> None:
    state.dataset.atlas.settings = FakeSettings(home=tmp_path)
    legend._handle_msg({"kind": "keep", "name": "nothing yet"})
    assert not word_columns.path_of(Home(tmp_path)).exists()
    typed(legend, "cat, dog")
    assert legend.words["name"] == "cat dog"
    legend._handle_msg({"kind": "keep", "name": "group"})
    assert legend.words["keep_problem"] == "There is a column “group” already; choose another name."
    legend._handle_msg({"kind": "keep", "name": " animal "})
    assert word_columns.read(Home(tmp_path)) == {"animal": ["cat", "dog"]}
    assert legend.words["kept"] == "Kept. “animal” is a column from the next “clipper index” on."
    assert legend.words["keep_problem"] == ""
    typed(legend, "bird")
    assert legend.words["kept"] == ""
    legend._handle_msg({"kind": "keep", "name": "animal"})
    assert "is a column of other words (cat, dog)" in legend.words["keep_problem"]


def test_a_name_for_a_column_holds_as_many_words_as_fit() -> None:
    assert column_name(["cat", "dog"]) == "cat dog"
    assert column_name(["x" * 60, "y"]) == "x" * 40
    assert column_name([f"word{n}" for n in range(20)]).split()[-1] == "word5"


def test_a_kept_column_colours_filters_and_is_exported_as_it_is_named() -> None:
    atlas = FakeAtlas(60)
    cells = np.where(atlas._group == 0, "cat", None)
    atlas.insight_columns = {
        "my_animals": Column("my_animals", "str", WORDS_ORIGIN, filled=12, role="category", distinct=1)
    }
    atlas.insight_table = pa.table({"my_animals": pa.array(cells, pa.string())})
    atlas.points["my_animals"] = cells
    dataset = Dataset(atlas)
    assert dataset.title_of("my_animals") == "my_animals"
    assert dataset.colour_choices["my_animals"] == "my_animals"
    assert dataset.default_colour == "group"
    assert dataset.facets["my_animals"].total_counts.tolist() == [
        (cells == "cat").sum(),
        (cells != "cat").sum(),
    ]
    text = b"".join(write_export(Export(dataset, np.arange(60)), "csv")).decode()
    assert text.splitlines()[0].endswith("my_animals")
    assert text.count(",cat\r\n") == (cells == "cat").sum()
