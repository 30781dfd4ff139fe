"""A state as an address and back; whatever an address says that cannot be is left out."""

import json
import re
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

import numpy as np
import pytest
from fakes import FakeAtlas

from clipper.query_filter import AnyOf, HasText, InRange
from clipper.query_syntax import parse
from viewer.components.page.links import MAX_LENGTH, parse_query_string, query_string_of
from viewer.components.page.url import PageUrl
from viewer.dataset.changes import compare_atlases
from viewer.dataset.dataset import Dataset
from viewer.session.answers import Answer
from viewer.session.search import Searcher
from viewer.session.selection import apply_step
from viewer.session.state import ViewState
from viewer.session.steps import AllImages, OneImage, Outline, Results, SelectionStep
from viewer.session.version_change import change_version

ROOT = Path(__file__).resolve().parents[3]

SQUARE = Outline(((-50, -50), (50, -50), (50, 50), (-50, 50)))
ALL = SelectionStep("replace", AllImages("all"))


def until(condition: object) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to be")


def viewer(dataset: Dataset) -> tuple[ViewState, PageUrl]:
    state = ViewState(dataset=dataset, colour=dataset.default_colour)
    address = PageUrl()
    address.follow(state, Searcher(state))
    return state, address


def answer(text: str) -> Answer:
    return Answer(parse(text), np.array([3, 4]), np.ones(2), 0.0, 0.0, 0.1)


def test_an_address_brings_back_query_colour_choice_and_open_image(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    assert address.search == ""
    state.show_answer(answer("red heart"))
    apply_step(state, SelectionStep("replace", SQUARE), np.arange(500))
    apply_step(state, SelectionStep("subtract", Results()), state.answer.rows)
    state.param.update(colour="size", selected=7, panel="selection")
    link = address.search
    other, theirs = viewer(dataset)
    theirs.open(f"?{link}")
    until(lambda: theirs.search == link)
    assert other.answer.text == "red heart"
    assert other.colour == "size"
    assert other.selected == 7
    assert other.panel == "selection"
    assert len(other.selection) == len(state.selection) == 498


def test_a_link_sorts_as_its_sender_did(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    state.param.update(sort="size", ascending=True)
    other, theirs = viewer(dataset)
    theirs.open(f"?{address.search}")
    until(lambda: theirs.search == address.search)
    assert (other.sort, other.ascending) == ("size", True)
    theirs.open("?sort=a+column+of+nobody")
    assert other.sort_key is None


def searched(dataset: Dataset) -> tuple[ViewState, PageUrl]:
    """A viewer that has really searched, so that there are results to be narrowed."""
    state, address = viewer(dataset)
    address.open("?q=cat")
    return state, address


def test_a_link_lists_the_same_results(dataset: Dataset) -> None:
    state, address = searched(dataset)
    apply_step(state, ALL, np.arange(500))
    apply_step(state, SelectionStep("subtract", OneImage("folder/3.png")), np.array([3]))
    state.param.update(
        min_similarity=0.5, max_similarity=1.25, fold=True, only_selection=True, panel="filter", excess=True
    )
    link = address.search
    assert {"cut=0.5,1.25", "fold=1", "within=1", "panel=filter", "excess=1"} <= {*link.split("&")}
    other, theirs = viewer(dataset)
    theirs.open(f"?{link}")
    until(lambda: theirs.search == link)
    assert (other.min_similarity, other.max_similarity, other.fold, other.only_selection, other.panel) == (
        0.5,
        1.25,
        True,
        True,
        "filter",
    )
    assert other.answer.rows.tolist() == state.answer.rows.tolist()
    assert other.answer.total == state.answer.total < 500


@pytest.mark.parametrize(("text", "ends"), [
    ("0.2", (0.2, None)), ("0.2,0.3", (0.2, 0.3)), (",0.3", (None, 0.3)), ("0.3,0.2", (None, None)),
    ("0.1,0.2,0.3", (None, None)), ("nan,0.3", (None, None)), ("x", (None, None)), (",", (None, None)),
])  # fmt: skip
def test_a_range_of_similarities_has_one_end_or_two(
    dataset: Dataset, text: str, ends: tuple[float | None, float | None]
) -> None:
    state, address = viewer(dataset)
    address.open(f"?q=cat&cut={text}")
    assert (state.min_similarity, state.max_similarity) == ends
    address.open("?q=cat")
    assert (state.min_similarity, state.max_similarity) == (None, None)


def test_results_that_were_chosen_are_chosen_again_whatever_is_listed_now(dataset: Dataset) -> None:
    state, address = searched(dataset)
    state.min_similarity = 0.5
    apply_step(state, SelectionStep("replace", Results()), state.answer.rows[:7])
    step = state.steps[0]
    listed = Results(replace(step.target.listing, count=7))  # as if no more had been loaded by then
    state.steps = [replace(step, target=listed)]
    state.min_similarity = None
    other, theirs = viewer(dataset)
    theirs.open(address.search)
    assert other.selection.tolist() == state.selection.tolist()
    state.param.update(only_selection=True, fold=True)
    apply_step(state, SelectionStep("add", Results()), np.arange(40))
    assert "chosen=" not in address.search  # those results were themselves among what was chosen by then
    assert "within=" not in address.search


def test_results_that_were_chosen_without_a_query_are_in_no_link_with_one(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    address.open('chosen=[{"how":"only","image":"folder/3.png"},{"how":"add","of":"results"}]')
    assert state.selection.tolist() == [3]
    selection, steps = state.selection, state.steps
    Searcher(state).ask("cat")
    assert (state.selection is selection, state.steps) == (True, steps)
    assert "q=cat" in address.search
    assert "chosen=" not in address.search


def test_an_address_spells_steps_as_those_before_it_did_and_leaves_out_their_context(
    dataset: Dataset,
) -> None:
    state, address = searched(dataset)
    state.param.update(min_similarity=-0.5, fold=True, filters={"group": AnyOf(("group 1",))})
    apply_step(state, SelectionStep("replace", SQUARE), np.arange(500))
    apply_step(state, SelectionStep("subtract", Results()), state.answer.rows)
    apply_step(state, SelectionStep("add", OneImage("folder/3.png")), np.array([3]))
    outline = '{"how":"only","shape":[[-50,-50],[50,-50],[50,50],[-50,50]]}'
    results = f'{{"how":"less","of":"results","n":{len(state.answer.rows)},"cut":-0.5,"fold":true}}'
    image = '{"how":"add","image":"folder/3.png"}'
    assert f"chosen=[{outline},{results},{image}]" in unquote(address.search)
    assert [step.query for step in state.steps] == [None, "cat", None]
    assert all(step.filters == state.filters for step in state.steps)


def test_a_link_with_filters_chooses_what_passes_them(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    address.open('?filters={"group":{"values":["group 1"]}}&chosen=[{"how":"only","of":"all"}]')
    assert (dataset.atlas.points["group"][state.selection] == "group 1").all()
    assert 0 < len(state.selection) < 500


def test_a_link_taken_while_another_version_comes_chooses_its_images_there(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    monkeypatch.setattr(
        "viewer.components.page.url.in_background", lambda work, then, **_pool: waiting.append((work, then))
    )
    state, address = viewer(dataset)
    address.open('chosen=[{"how":"only","image":"folder/3.png"}]')
    later = Dataset(FakeAtlas(300, seed=4))
    while waiting:
        work, then = waiting.pop()
        done: Future[object] = Future()
        done.set_result(work())
        if state.dataset is dataset:
            change_version(state, later, changes=compare_atlases(dataset.atlas, later.atlas))
        then(done)
    assert state.selection.tolist() == [later.row_of("folder/3.png")]


def test_a_link_that_cannot_be_followed_leaves_an_address_that_can(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("viewer.components.page.url.read_tag_rows", lambda _dataset: 1 // 0)
    state, address = viewer(dataset)
    address.open('chosen=[{"how":"only","tag":"a"}]&open=folder/3.png')
    assert "selection of a link failed" in caplog.text
    assert (state.selection, state.selected) == (None, dataset.row_of("folder/3.png"))
    state.selected = None
    assert "open=" not in address.search


def test_back_takes_the_switches_back_one_by_one(dataset: Dataset) -> None:
    state, address = searched(dataset)
    apply_step(state, ALL, np.arange(500))
    entries, pushes = [address.search], address.pushes
    for name in ("fold", "only_selection"):
        setattr(state, name, True)
        entries.append(address.search)
    assert address.pushes == pushes + 2
    state.min_similarity = 0.5  # a slider that is dragged leaves one entry, not hundreds
    assert address.pushes == pushes + 2
    for entry, after in ((entries[1], (True, False)), (entries[0], (False, False))):
        address.open(entry)
        assert (state.fold, state.only_selection, state.min_similarity) == (*after, None)
        assert address.search == entry


def test_the_panel_of_a_link_is_what_it_chose_unless_it_says_another(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    for search, panel in (
        ('chosen=[{"how":"only","of":"all"}]', "selection"),
        ("", "results"),
        ("panel=filter", "filter"),
        ("panel=<script>", "results"),
    ):
        address.open(search)
        assert state.panel == panel


def test_no_colour_and_an_unknown_column_are_distinguished(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    state.colour = ""
    assert address.search == "colour=none"
    address.open("?colour=nothing-of-that-name")
    assert state.colour == dataset.default_colour
    address.open("?colour=none")
    assert state.colour == ""


def test_back_to_an_empty_address_is_back_to_the_beginning(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    state.show_answer(answer("cat"))
    apply_step(state, ALL, np.arange(500))
    state.selected = 3
    address.open("")
    assert (state.answer, state.selection, state.selected) == (None, None, None)
    assert address.search == ""


def test_a_new_entry_of_the_history_for_a_query_a_choice_and_an_open_image_only(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    pushes = []
    for change in (
        lambda: setattr(state, "colour", "size"),
        lambda: state.show_answer(answer("cat")),
        lambda: setattr(state, "selected", 3),
        lambda: setattr(state, "selected", 4),  # on to the next one
        lambda: apply_step(state, ALL, np.arange(500)),
        lambda: setattr(state, "hovered", 3),
    ):
        before = address.pushes
        change()
        pushes.append(address.pushes - before)
    assert pushes == [0, 1, 1, 0, 1, 0]


def test_a_choice_that_a_link_could_not_repeat_is_not_in_it(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    state.show_answer(answer("cat"))
    apply_step(state, SelectionStep("replace", Results()), state.answer.rows)
    assert "chosen=" in address.search
    state.show_answer(answer("dog"))  # the results of another query are chosen now
    assert "chosen=" not in address.search
    for row in range(90):
        apply_step(state, SelectionStep("add", OneImage(f"folder/{row}.png")), np.array([row]))
    assert len(address.search) < MAX_LENGTH


@pytest.mark.parametrize("search", [
    "", "?", "q=", "q=" + "x" * 5000, "open=../../etc/passwd", "open=%00%ff", "chosen=", "chosen={",
    "chosen=[[[[", "chosen=5", "chosen=" + "[" * 4000, 'chosen=[{"of":"nothing"},7,null]',
    'chosen=[{"how":"only","shape":[[0,0],[1e999,0],[0,1]]}]', 'filters={"a":5}', "filters=[1]",
    'filters={"group":{"script":1}}', "&".join(f"a{i}=1" for i in range(100)), "colour[]=1",
    "colour=<script>alert(1)</script>", "at=NaN,1,2", "%", "&&&===", "cut=0.3",
    "cut=nan", "cut=-inf", "cut=<b>", "fold=true", "fold=1;drop", "excess=2", "within=1", "within=%00",
    "panel=../results", "panel[]=filter",
    'filters={"group":{"values":["\\ud800"]}}', 'chosen=[{"how":"only","tag":"\\ud800"}]',
    'chosen=[{"of":"results","n":-4}]', 'chosen=[{"of":"results","n":1e9,"cut":1e999}]',
])  # fmt: skip
def test_a_hostile_address_changes_nothing(dataset: Dataset, search: str) -> None:
    asked = parse_query_string(search)
    assert asked.terms == ()
    state, address = viewer(dataset)
    address.open(search)
    assert (state.filters, state.steps) == ({}, [])
    assert (state.min_similarity, state.fold, state.only_selection, state.panel) == (
        None,
        False,
        False,
        "results",
    )
    assert (state.selection, state.selected, state.colour) == (None, None, dataset.default_colour)


def test_half_a_surrogate_pair_from_a_browser_costs_no_address(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    state.filters = {"group": AnyOf(("\ud800",))}
    state.selected = 3
    assert address.search.endswith("open=folder/3.png")


def test_a_query_that_is_too_long_does_not_keep_the_rest_of_a_link_waiting(dataset: Dataset) -> None:
    state, address = viewer(dataset)
    address.open(f"q=like:{'a' * 2100}&open=folder/5.png&panel=filter")
    assert (state.answer, state.selected, state.panel) == (None, 5, "filter")
    state.param.update(selected=9, panel="results")
    assert (state.selected, state.panel) == (9, "results")


def test_filters_of_the_known_forms_are_kept() -> None:
    filters = {"group": {"values": ["a"]}, "size": {"range": [0, 1]}, "name": {"text": "x"}}
    assert parse_query_string(urlencode({"filters": json.dumps(filters)})).filters == {
        "group": AnyOf(("a",)),
        "size": InRange(0, 1),
        "name": HasText("x"),
    }


@pytest.mark.parametrize("filters", [
    '{"group":{"values":["group 1",null]},"size":{"range":[-0.5,null],"missing":true}}',
    '{"size":{"range":[0,2]},"group":{"except":["group 3"]}}',
    '{":file":{"text":"folder/1"},":modified":{"range":["2023-11-14T00:00:00",null]}}',
])  # fmt: skip
def test_a_link_with_filters_is_written_again_as_it_was(dataset: Dataset, filters: str) -> None:
    _, address = viewer(dataset)
    address.open(urlencode({"filters": filters}))
    assert dict(parse_qsl(address.search)) == {"filters": filters}


def test_arguments_as_the_server_tells_them() -> None:
    assert query_string_of({"q": [b"cat", b"a dog"], "open": [b"\xff"]}) == "q=a+dog&open=%EF%BF%BD"


def test_the_browser_knows_every_field_that_a_link_may_have() -> None:
    """It replaces the fields that it knows, and keeps all others: an unknown one would be there twice."""
    script = (ROOT / "viewer/components/page/url.js").read_text()
    known = re.findall(r'^  "(\w+)",$', script, re.MULTILINE)
    written = re.findall(r'fields\.get\("(\w+)"', (ROOT / "viewer/components/page/links.py").read_text())
    assert {*written} | {"at", "view"} == {*known}
