"""A session's queries of several terms, and what is listed of their answers; no browser."""

from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import FakeAtlas

from clipper.query_syntax import MINUS_IMAGE_WEIGHT, Term, parse
from viewer.components.lists.table import Table
from viewer.components.map.overlays import QueryStars
from viewer.components.page.follower import prepare_update
from viewer.components.page.query_bar import QueryBar
from viewer.components.side.gallery import DEEPEST, Gallery
from viewer.components.side.result_cards import term_views, weak_match_note
from viewer.dataset.changes import DatasetChanges, compare_atlases
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.dataset.ranking import PAGE_SIZE
from viewer.session.answers import Answer
from viewer.session.search import Searcher, run_query
from viewer.session.state import ImageList, ViewState
from viewer.session.version_change import change_version


def terms_asked(state: ViewState) -> list[Term]:
    return list(state.dataset.atlas.queries[-1].all_terms)


def test_words_and_images_are_asked_together(state: ViewState, searcher: Searcher) -> None:
    searcher.ask_words("dog -indoor")
    searcher.add_image("folder/3.png", minus=True)
    wanted = [Term("dog"), Term("indoor", weight=-0.3), Term(like="folder/3.png", weight=-MINUS_IMAGE_WEIGHT)]
    assert list(state.terms) == list(state.answer.terms) == terms_asked(state) == wanted
    assert state.answer.text == "dog -indoor -like:folder/3.png"
    assert state.answer.title == "dog -indoor -like “3”"
    searcher.ask_words("cat")  # other words; the image stays
    assert state.answer.text == "-like:folder/3.png cat"
    searcher.add_image("folder/3.png")  # more instead of less
    assert state.answer.text == "cat like:folder/3.png"
    searcher.ask("cat")
    assert list(state.terms) == [Term("cat")]
    searcher.ask_words("")
    assert (state.answer, state.terms) == (None, ())


def test_a_term_is_weighed_turned_and_dropped(state: ViewState, searcher: Searcher) -> None:
    searcher.ask('dog -"at night"')
    searcher.change_term('-"at night"', lambda term: term.with_weight(-2))
    assert state.answer.text == 'dog -"at night"^2'
    searcher.change_term('-"at night"^2', Term.negated)
    assert state.answer.text == 'dog "at night"^2'
    searcher.change_term("of another query", lambda _: None)
    assert state.answer.text == 'dog "at night"^2'
    searcher.change_term('"at night"^2', lambda _: None)
    assert state.answer.text == "dog"
    searcher.change_term("dog", lambda _: None)
    assert state.answer is None


def test_only_several_terms_or_images_are_shown_as_terms(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("dog")
    assert term_views(state) == []
    searcher.ask("dog -cat")
    assert [(one["label"], one["minus"], one["weight"]) for one in term_views(state)] == [
        ("dog", False, 1.0), ("cat", True, 0.3),
    ]  # fmt: skip
    searcher.ask("like:folder/3.png")
    assert term_views(state)[0]["image"]["id"] == "folder/3.png"


def test_the_bar_shows_the_words_and_counts_queries(state: ViewState, searcher: Searcher) -> None:
    bar = QueryBar()
    bar.follow(state)
    searcher.ask("like:folder/3.png dog -cat")
    assert bar.words == "dog -cat"
    assert [one["label"] for one in bar.images] == ["3"]
    assert bar.asked == 1
    searcher.ask("")
    assert (bar.words, bar.images, bar.asked) == ("", [], 2)


def test_what_is_asked_again_replaces_what_was_typed(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("dog +snow")
    bar = QueryBar()
    bar.follow(state)
    before = bar.asked
    searcher.ask("dog +snow")
    assert bar.asked > before
    assert state.answer.title == "dog +snow"  # and not as the phrase reads


def test_a_filter_set_while_a_search_runs_holds(
    state: ViewState, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "viewer.session.search.in_background", lambda work, then, **_: waiting.append((work, then))
        )
        searcher.ask("cat")
        state.kept = np.arange(500) < 100
        state.fold = True
    for work, then in waiting:
        done = Future()
        done.set_result(work())
        then(done)
    assert state.answer.total == 100
    assert state.answer.alike


def test_an_answer_has_the_similarities_of_all_images(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("cat")
    found = state.answer
    assert np.array(found.similarities).shape == (500,)
    assert np.array_equal(found.similarities[found.rows], found.similarity)
    assert sum(found.histogram.counts) == 500
    searcher.ask("dog")
    assert [old.similarities is None for old in state.history] == [False, True]


def test_pages_follow_until_the_end(state: ViewState, searcher: Searcher) -> None:
    gallery = Gallery()
    gallery.follow(state, more=searcher.list_more)
    searcher.ask("cat")
    assert len(gallery.items) == len(state.answer.rows) == PAGE_SIZE
    assert state.answer.total == gallery.listed == 500
    gallery._handle_msg({"kind": "more", "have": PAGE_SIZE})
    assert len(gallery.items) == PAGE_SIZE
    assert (gallery.page["start"], len(gallery.page["items"])) == (PAGE_SIZE, PAGE_SIZE)
    for have in (None, "x", -1, 10**9):
        gallery._handle_msg({"kind": "more", "have": have})
    assert len(state.answer.rows) == 2 * PAGE_SIZE
    for _ in range(20):
        gallery._handle_msg({"kind": "more", "have": len(state.answer.rows)})
    assert sorted(state.answer.rows.tolist()) == list(range(500))


def test_the_title_of_a_query_never_stands_above_the_cards_that_were_there_before(
    state: ViewState, searcher: Searcher
) -> None:
    state.panel = "filter"
    state.param.watch(lambda _event: state.show_panel("results"), "answer")  # as a page does, before others
    gallery, before = Gallery(), []
    gallery.follow(state)
    gallery.param.watch(
        lambda _event: before.append([card.get("similarity") for card in gallery.items]), "query"
    )
    searcher.ask("cat")
    assert len(before) == 1
    assert None not in before[0]


def test_the_list_goes_down_to_the_image_pointed_at_but_not_to_the_last_of_thousands() -> None:
    state = ViewState(dataset=Dataset(FakeAtlas(5_000)))
    searcher, gallery = Searcher(state), Gallery()
    gallery.follow(state, more=searcher.list_more)
    searcher.ask("cat")
    ranking, ids = np.argsort(-np.array(state.answer.similarities), kind="stable"), state.dataset.atlas.ids

    def listed(place: int) -> int:
        gallery._handle_msg({"kind": "reach", "id": ids[ranking[place]]})
        return len(state.answer.rows)

    assert [listed(place) for place in (5, DEEPEST, 4_999)] == [PAGE_SIZE] * 3
    assert listed(431) == 8 * PAGE_SIZE
    assert gallery.page["items"][-1]["id"] == ids[ranking[8 * PAGE_SIZE - 1]]
    similarities = np.array(state.answer.similarities)
    state.kept = similarities < similarities.max()
    before = len(state.answer.rows)
    for image_id in (ids[ranking[0]], "nothing.png", None, 7):
        gallery._handle_msg({"kind": "reach", "id": image_id})
    assert len(state.answer.rows) == before


def test_results_follow_filters_selection_and_threshold(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("cat")
    queries = len(state.dataset.atlas.queries)
    state.kept = np.arange(500) % 2 == 0
    assert (state.answer.total, set(state.answer.rows % 2)) == (250, {0})
    state.selection = np.arange(0, 500, 5)
    assert state.answer.total == 250  # the switch is off
    state.only_selection = True
    assert (state.answer.total, set(state.answer.rows % 10)) == (50, {0})
    state.min_similarity = 0.5
    assert (state.answer.similarities[state.answer.rows] >= 0.5).all()
    rows = state.answer.rows.tolist()
    assert state.answer.in_range.tolist() == rows == state.answer.highlighted(3).tolist()
    state.param.update(kept=None, only_selection=False, min_similarity=None)
    assert (state.answer.total, state.answer.in_range) == (500, None)
    assert len(state.answer.highlighted(3)) == 3
    assert len(state.dataset.atlas.queries) == queries  # nothing was embedded again
    state.min_similarity = 0.5
    searcher.ask("dog")
    assert state.min_similarity is None  # another query has other similarities


def test_cards_of_a_list_stay_until_another_version_has_its_own(state: ViewState) -> None:
    gallery, table = Gallery(), Table()
    state.images = ImageList(np.arange(490, 500))
    for part in (gallery, table):
        part.follow(state)
    before = gallery.items
    assert [item["id"] for item in before] == [f"folder/{row}.png" for row in range(490, 500)]
    dataset = Dataset(FakeAtlas(50))
    change_version(state, dataset, changes=DatasetChanges())
    assert gallery.items == before
    gallery._handle_msg({"kind": "more", "have": 10})
    table._handle_msg({"kind": "window", "start": 0, "count": 10})
    assert table.window["rows"] == []
    state.images = ImageList(np.arange(40, 50))
    assert [item["id"] for item in gallery.items] == [f"folder/{row}.png" for row in range(40, 50)]


def test_rows_of_another_version_break_nothing(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("cat")
    state.param.update(kept=np.ones(500, bool), selection=np.array([3, 499]), only_selection=True)
    dataset = Dataset(FakeAtlas(50))
    change_version(
        state, dataset, changes=DatasetChanges(), answers={parse("cat"): run_query(dataset, parse("cat"))}
    )
    assert state.answer.rows.tolist() == [3]
    assert state.message == ""


def test_alike_images_are_folded(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("cat")
    state.fold = True  # the fake's images are five vectors
    gallery = Gallery()
    gallery.follow(state)
    assert len(state.answer.rows) == len(gallery.items) == 5
    assert sum(item["count"] for item in gallery.items) == 495
    assert len(gallery.items[0]["alike"]) < 30
    assert gallery.items[0]["alike"][0]["similarity"] == gallery.items[0]["similarity"]
    assert gallery.listed == 500


def test_with_a_model_of_images_alone_no_random_words_are_searched(
    state: ViewState, searcher: Searcher
) -> None:
    state.dataset.atlas.has_text = False
    searcher.ask("like:folder/3.png")
    assert state.answer is not None
    assert state.baseline is None


def test_what_matches_no_better_than_random_words_is_said(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("cat")
    assert state.baseline == state.dataset.atlas.random_text_baseline == 0.25
    assert weak_match_note(state, state.answer) == ""
    state.kept = np.array(state.answer.similarities) < 0.5
    note = weak_match_note(state, state.answer)
    assert "Nothing here really matches: the best of these images is 0.000" in note
    searcher.ask("cat -dog")  # of another scale
    assert weak_match_note(state, state.answer) == ""
    state.kept = np.zeros(500, bool)
    assert weak_match_note(state, state.answer) == "No image passes the filters."
    state.kept, state.min_similarity = None, 2.0
    assert weak_match_note(state, state.answer) == "No image is at 2.000 or above."


def test_a_query_is_forgotten_alone(state: ViewState, searcher: Searcher) -> None:
    for text in ("a", "b", "c"):
        searcher.ask(text)
    state.remove_query("a")
    assert [old.text for old in state.history] == ["c", "b"]
    assert state.answer.text == "c"
    state.remove_query("c")
    assert [old.text for old in state.history] == ["b"]
    assert (state.answer, state.terms) == (None, ())


def test_a_mark_on_the_map_is_met_by_its_star_and_by_its_words() -> None:
    queries = QueryStars(SimpleNamespace(scatter=lambda *_, **__: None, text=lambda *_, **__: None))
    viewport = Viewport(0, 100, 0, 100, 1000, 1000)  # ten pixels a unit
    one, other = (
        Answer(parse(text), np.arange(2), np.ones(2), *place, 0.0)
        for text, place in (("a long query of words", (50, 50)), ("b", (80, 50)))
    )
    queries.show([one, other], one, dark=True)
    assert queries.at(50.5, 50.5, viewport) is one
    assert queries.at(56, 52.5, viewport) is one
    assert queries.at(81, 52.5, viewport) is other
    assert queries.at(84, 52.5, viewport) is None
    assert queries.at(50, 46, viewport) is None


# -- another version


def test_terms_name_renamed_images_as_they_are_called_now(state: ViewState, searcher: Searcher) -> None:
    searcher.ask("dog like:folder/3.png")
    after = FakeAtlas(500)
    after.version, after.ids[3] = "v2", "moved/3.png"
    changes = compare_atlases(state.dataset.atlas, after)
    assert changes.moved == {"folder/3.png": "moved/3.png"}
    dataset = Dataset(after)
    again = run_query(dataset, parse("dog like:moved/3.png"))
    change_version(state, dataset, changes=changes, answers={parse("dog like:folder/3.png"): again})
    assert state.answer.text == state.history[0].text == "dog like:moved/3.png"
    assert state.terms == (Term("dog"), Term(like="moved/3.png"))
    assert state.baseline is None


def test_one_query_that_cannot_be_asked_again_costs_only_itself(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = FakeAtlas(500)
    newer.version = "v2"
    monkeypatch.setattr("viewer.components.page.follower.load", lambda *_args, **_more: Dataset(newer))
    dog, gone = parse("dog"), parse("like:upload:gone")
    found = prepare_update(dataset, colour="group", queries=[dog, gone])
    assert found.answers[dog].text == "dog"
    assert found.answers[gone] is None
    assert "uploaded image" in found.error


def test_the_history_of_another_version_is_light(state: ViewState, searcher: Searcher) -> None:
    for text in ("a", "b"):
        searcher.ask(text)
    atlas = FakeAtlas(500)
    dataset = Dataset(atlas)
    answers = {terms: run_query(dataset, terms) for terms in map(parse, ("a", "b"))}
    change_version(state, dataset, changes=DatasetChanges(), answers=answers)
    assert [old.similarities is None for old in state.history] == [False, True]
    state.end()
    assert (state.answer, state.history, state.uploads) == (None, [], {})


def test_an_image_is_named_as_in_metadata_and_is_known_by_its_id_from_then_on(
    state: ViewState, searcher: Searcher
) -> None:
    for key in ("7", "folder/7", "folder/7.png"):
        searcher.ask(f"like:{key} cat")
        assert [term.like or term.text for term in state.answer.terms] == ["folder/7.png", "cat"]
    assert state.unknown == {}


def test_a_term_that_names_nothing_says_so_and_the_others_are_searched(
    state: ViewState, searcher: Searcher
) -> None:
    searcher.ask("cat like:nobody")
    assert [term.text for term in state.answer.terms] == ["cat"]
    assert (state.message, state.searching) == ("", False)
    bar = QueryBar()
    bar.follow(state)
    assert [chip["problem"] for chip in bar.images] == ["No image is called “nobody”."]
    searcher.ask_words("dog")  # what the bar sends keeps the images that there are
    assert state.unknown == {}
    assert [term.text for term in state.terms] == ["dog"]


def test_a_query_of_nothing_but_an_unknown_image_says_why_and_does_not_break_the_next(
    state: ViewState, searcher: Searcher
) -> None:
    searcher.ask("like:nobody")
    assert state.message == "No image is called “nobody”."
    assert not state.searching
    searcher.ask_words("dog")
    assert (state.message, state.answer.text) == ("", "dog")
    searcher.ask("like:nobody")
    searcher.change_term("like:nobody", lambda _term: None)
    assert (state.answer, state.terms, state.unknown, state.message) == (None, (), {}, "")


def test_of_a_long_query_the_bar_says_in_how_many_parts_it_was_searched(
    state: ViewState, searcher: Searcher
) -> None:
    bar = QueryBar()
    bar.follow(state)
    long = " ".join(f"word{i}" for i in range(60))
    searcher.ask(long)
    assert state.answer.title.endswith("…")
    assert len(state.answer.title) <= 160
    assert bar.note == "A long text: searched in 3 parts, which count by their length."
    searcher.ask("cat")
    assert bar.note == ""
