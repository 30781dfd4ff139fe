"""What is missing: concepts are looked for in the background, and listed in parts and page by page."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import FakeAtlas

from viewer.components.page.links import parse_query_string, to_query_string
from viewer.components.page.url import PageUrl
from viewer.components.side import coverage
from viewer.components.side.coverage import PAGE_SIZE, CoveragePanel
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings import concepts
from viewer.dataset.findings.concepts import VOCABULARY, clean_concepts, find_concepts
from viewer.session.search import Searcher
from viewer.session.state import ViewState


@pytest.fixture
def state(dataset: Dataset) -> ViewState:
    return ViewState(dataset=dataset, panel="insights")


@pytest.fixture
def moves() -> list[list[int]]:
    """The rows that the map has glided to."""
    return []


@pytest.fixture
def panel(state: ViewState, moves: list[list[int]]) -> CoveragePanel:
    made = CoveragePanel()
    made.follow(state, SimpleNamespace(camera=SimpleNamespace(show_images=moves.append)))
    return made


def tell(panel: CoveragePanel, kind: str, **details: object) -> None:
    panel._handle_msg({"kind": kind, **details})


def listed(panel: CoveragePanel) -> list[tuple[str, int]]:
    return [(item["name"], item["count"]) for item in panel.items]


def test_concepts_are_counted_and_those_that_are_missing_are_listed_first(
    state: ViewState, panel: CoveragePanel
) -> None:
    assert (panel.asked, panel.vocabulary, panel.counts) == (False, 3, {})
    tell(panel, "ask", text=" cat\nzebra,  Cat, yak ")
    assert state.concepts == "cat, zebra, yak"
    assert panel.counts == {"missing": 1, "unsure": 1, "there": 1, "all": 3}
    assert listed(panel) == [("zebra", 0)]
    for part, names in (("there", ["cat"]), ("unsure", ["yak"]), ("all", ["zebra", "yak", "cat"])):
        tell(panel, "part", part=part)
        assert sorted(item["name"] for item in panel.items) == sorted(names)
    tell(panel, "part", part="no such part")
    assert panel.part == "all"
    tell(panel, "clear")
    assert (state.concepts, panel.asked, panel.counts, panel.items) == ("", False, {}, [])


def test_the_shipped_vocabulary_is_one_click_and_a_list_of_all_there_is_needs_no_parts(
    state: ViewState, panel: CoveragePanel
) -> None:
    tell(panel, "vocabulary")
    assert (state.concepts, panel.text, panel.counts["all"]) == (VOCABULARY, "", 3)
    tell(panel, "ask", text="cat")
    assert (panel.part, listed(panel)) == ("all", [("cat", 3)])


def test_a_press_on_a_concept_shows_its_nearest_image_on_the_map(
    state: ViewState, panel: CoveragePanel, moves: list[list[int]]
) -> None:
    tell(panel, "ask", text="cat, zebra")
    tell(panel, "show", at=0)
    assert (state.selected, moves) == (1, [[1]])
    for at in (-1, 2, "0", None, True):
        state.selected = None
        tell(panel, "show", at=at)
        assert state.selected is None


def test_a_long_answer_comes_page_by_page(panel: CoveragePanel) -> None:
    tell(panel, "ask", text="\n".join(f"z{number}" for number in range(150)))
    assert (panel.total, len(panel.items), panel.start) == (150, PAGE_SIZE, 0)
    tell(panel, "more", start=2 * PAGE_SIZE)
    assert (len(panel.items), panel.start) == (30, 2 * PAGE_SIZE)
    for start in (-1, 150, "x", None):
        tell(panel, "more", start=start)
    assert panel.start == 2 * PAGE_SIZE


def test_an_answer_is_kept_for_the_version_and_the_oldest_of_many_is_forgotten(dataset: Dataset) -> None:
    atlas = dataset.atlas
    for _ in range(2):
        find_concepts(dataset, "cat, dog")
    assert atlas.asked == [["cat", "dog"]]
    for number in range(concepts._KEPT):
        find_concepts(dataset, f"word {number}")
        find_concepts(dataset, "cat, dog")
    assert atlas.asked.count(["cat", "dog"]) == 1
    find_concepts(dataset, "word 0")
    assert atlas.asked.count(["word 0"]) == 2


def test_without_the_model_a_sentence_says_so(state: ViewState, panel: CoveragePanel) -> None:
    tell(panel, "ask", text="no model")
    assert (panel.trouble, panel.looking, panel.counts) == ("the model is not there", False, {})
    state.dataset.atlas.coverage = None
    tell(panel, "ask", text="cat")
    assert "server's log" in panel.trouble
    tell(panel, "clear")
    assert panel.trouble == ""


def test_nothing_is_looked_for_until_the_tab_is_open_and_a_late_answer_is_dropped(
    state: ViewState, panel: CoveragePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[tuple[Any, Any]] = []
    monkeypatch.setattr(coverage, "in_background", lambda work, then, **_: waiting.append((work, then)))
    state.panel = "results"
    state.concepts = "cat, dog"
    assert (waiting, panel.visible) == ([], False)
    state.panel = "insights"
    assert (panel.looking, panel.counts) == (True, {})
    tell(panel, "ask", text="zebra")
    (work, then), *_, (last_work, last_then) = waiting
    for one, done in ((work, then), (last_work, last_then)):
        future: Future[Any] = Future()
        future.set_result(one())
        done(future)
    assert listed(panel) == [("zebra", 0)]
    state.finding = "duplicates"
    assert not panel.visible


def test_another_version_has_its_own_answer(state: ViewState, panel: CoveragePanel) -> None:
    tell(panel, "ask", text="cat")
    other = FakeAtlas(n=3)
    other.coverage = find_none
    state.dataset = Dataset(other)
    assert panel.counts["missing"] == 1


def find_none(names: list[str]) -> Any:
    return FakeAtlas().coverage(["z"] * len(names))


def test_short_lists_and_the_vocabulary_are_in_the_address_and_come_back(
    state: ViewState, searcher: Searcher
) -> None:
    url = PageUrl()
    url.follow(state, searcher)
    state.concepts = 'cat, "black, white"'
    assert parse_query_string(to_query_string(state)).concepts == state.concepts
    assert "concepts=" in url.search
    state.concepts = VOCABULARY
    assert "concepts=vocabulary" in url.search
    state.concepts = ", ".join(f"word {number}" for number in range(1000))
    assert "concepts" not in url.search
    url.open("?concepts=cat,%20<b>dog</b>%20,cat&panel=insights")
    assert state.concepts == clean_concepts(" , ".join(f"word {number}" for number in range(1000)))
    state.concepts = ""
    url.open("?concepts=cat,%20<b>dog</b>%20,cat&panel=insights")
    assert state.concepts == "cat, <b>dog</b>"


def test_hostile_lists_are_cut_and_an_empty_one_asks_for_nothing(
    panel: CoveragePanel, state: ViewState
) -> None:
    for text in ("", " ,\n; ", "none of these"):
        tell(panel, "ask", text=text)
        assert (state.concepts, panel.asked) == ("", False)
    tell(panel, "ask", text="x" * 10_000 + ",\ud800")
    assert [len(word) for word in state.concepts.split(", ")] == [concepts.MAX_LENGTH, 1]
    assert len(clean_concepts("\n".join(map(str, range(20_000)))).split(", ")) == concepts.MAX_CONCEPTS


def test_a_dataset_without_images_shows_nothing_to_press(state: ViewState, panel: CoveragePanel) -> None:
    found = concepts.Concepts(("cat",), np.zeros(1, int), np.zeros(1, bool), np.array([-1]))
    state.dataset.cache["concepts"] = {"cat": found}
    tell(panel, "ask", text="cat")
    assert panel.items[0]["image"] is None
    tell(panel, "show", at=0)
    assert state.selected is None
