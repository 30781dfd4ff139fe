"""A step as a link holds it: read, written again, and refused where it is invalid."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.query_filter import AnyOf
from viewer.dataset.ranking import Listing
from viewer.session.steps import (
    LINK_MODES,
    MAX_FOLDED,
    MAX_NAME,
    MAX_RESULTS,
    AllImages,
    Found,
    Listed,
    OneImage,
    Outline,
    Results,
    SelectionStep,
    Tagged,
    read_step,
    write_step,
)

TRIANGLE = ((0.0, 0.0), (1.5, 0.0), (0.0, -2.0))
similarities = st.none() | st.floats(-1, 1)
coordinates = st.floats(-1e29, 1e29)
names = st.text(max_size=40)
listings = st.builds(
    Listing,
    passes=st.none(),
    min_similarity=similarities,
    max_similarity=similarities,
    fold=st.booleans(),
    count=st.integers(1, MAX_FOLDED),
)
targets = st.one_of(
    st.builds(Outline, st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9).map(tuple)),
    st.builds(Results, st.none() | listings),
    st.builds(AllImages, st.sampled_from(["kept", "all"])),
    st.builds(
        lambda start, count, *rest: Listed(start, start + count, *rest),
        st.integers(0, 9),
        st.integers(1, 9),
        names,
        st.booleans(),
        similarities,
        similarities,
    ),
    st.builds(OneImage, names),
    st.builds(Tagged, names),
    st.builds(Found, names, names, st.booleans()),
)


@pytest.mark.parametrize(("link", "step"), [
    ('{"how":"only","shape":[[0,0],[1.5,0],[0,-2]]}', SelectionStep("replace", Outline(TRIANGLE))),
    ('{"how":"only","of":"all"}', SelectionStep("replace", AllImages("all"))),
    ('{"how":"add","of":"kept"}', SelectionStep("add", AllImages("kept"))),
    ('{"how":"less","of":"results"}', SelectionStep("subtract", Results())),
    ('{"how":"only","of":"results","n":60}', SelectionStep("replace", Results(Listing(count=60)))),
    ('{"how":"add","of":"results","n":7,"cut":0.25,"cap":0.5}',
     SelectionStep("add", Results(Listing(None, 0.25, 0.5, count=7)))),
    ('{"how":"only","of":"results","n":120,"cap":0.31,"fold":true}',
     SelectionStep("replace", Results(Listing(None, None, 0.31, fold=True, count=120)))),
    ('{"how":"less","image":"folder/3.png"}', SelectionStep("subtract", OneImage("folder/3.png"))),
    ('{"how":"add","tag":"käfer, grün"}', SelectionStep("add", Tagged("käfer, grün"))),
    ('{"how":"only","finding":"labels:group"}', SelectionStep("replace", Found("labels:group"))),
    ('{"how":"only","finding":"twins","spare":true}', SelectionStep("replace", Found("twins", spare=True))),
    ('{"how":"less","finding":"duplicates","beside":"folder/3.png"}',
     SelectionStep("subtract", Found("duplicates", beside="folder/3.png"))),
])  # fmt: skip
def test_a_step_of_a_link_made_earlier_is_read_and_written_as_it_was(link: str, step: SelectionStep) -> None:
    assert read_step(json.loads(link)) == step
    assert json.dumps(write_step(step), separators=(",", ":"), ensure_ascii=False) == link


@given(mode=st.sampled_from(list(LINK_MODES)), target=targets)
def test_every_step_that_is_written_is_read_and_written_again_the_same(mode: str, target: object) -> None:
    step = SelectionStep(mode, target, query="cat", filters={"group": AnyOf(("a",))}, only_selection=True)
    written = json.dumps(write_step(step))
    again = read_step(json.loads(written))
    assert again == step.without_context()
    assert json.dumps(write_step(again)) == written


@pytest.mark.parametrize(("link", "written"), [
    ({"of": "all"}, {"how": "only", "of": "all"}),
    ({"how": "add", "of": "all", "q": "cat", "under": {}, "within": True}, {"how": "add", "of": "all"}),
    ({"of": "nothing", "image": "a.png"}, {"how": "only", "image": "a.png"}),
    ({"image": 3, "tag": "a"}, {"how": "only", "tag": "a"}),
    ({"of": "results", "n": 0, "cut": 0.5}, {"how": "only", "of": "results"}),
    ({"of": "results", "n": True}, {"how": "only", "of": "results"}),
    ({"of": "results", "n": 5.0, "fold": True}, {"how": "only", "of": "results"}),
    ({"of": "results", "n": MAX_RESULTS + 1}, {"how": "only", "of": "results"}),
    ({"of": "results", "n": MAX_RESULTS}, {"how": "only", "of": "results", "n": MAX_RESULTS}),
    ({"of": "results", "n": MAX_RESULTS, "fold": True},
     {"how": "only", "of": "results", "n": MAX_FOLDED, "fold": True}),
    ({"of": "results", "n": 9, "cut": math.nan, "cap": math.inf, "fold": 1},
     {"how": "only", "of": "results", "n": 9}),
    ({"of": "results", "n": 9, "cut": "0.5", "cap": 1}, {"how": "only", "of": "results", "n": 9}),
    ({"of": "kept", "n": 9}, {"how": "only", "of": "kept"}),
    ({"of": "listed", "n": [0, 9], "sort": "year", "up": 1, "cut": "0.5"},
     {"how": "only", "of": "listed", "n": [0, 9], "sort": "year"}),
    ({"finding": "odd", "beside": 3, "spare": "yes"}, {"how": "only", "finding": "odd"}),
])  # fmt: skip
def test_what_is_invalid_in_a_step_is_left_out(link: object, written: object) -> None:
    step = read_step(link)
    assert step is not None
    assert write_step(step) == written


@pytest.mark.parametrize("value", [
    None, 1, [], {}, {"how": "add"}, {"how": "burn", "of": "all"}, {"of": "everything"}, {"image": 3},
    {"how": "replace", "of": "all"}, {"how": "subtract", "of": "all"}, {"how": ["add"], "of": "all"},
    {"how": None, "of": "all"}, {"of": ["all"]}, {"of": {}}, {"image": "x" * (MAX_NAME + 1)},
    {"of": "listed"}, {"of": "listed", "n": 9}, {"of": "listed", "n": [9, 9]}, {"of": "listed", "n": [-1, 9]},
    {"of": "listed", "n": [0, 9.0]}, {"of": "listed", "n": [0, 9], "sort": 3},
    {"finding": 3}, {"finding": "x" * 5000},
    {"tag": "x" * 5000}, {"shape": "0,0"}, {"shape": [[0, 0], [1, 1]]}, {"shape": None, "of": "all"},
    {"shape": [[0, 0], [1, 1], [1e400, 2]]}, {"shape": [[0, 0], [1, 1], [1e30, 2]]},
    {"shape": [[0, 0], [1, 1], [10**400, 2]]}, {"shape": [[0, 0], [1, 1], [math.nan, 2]]},
    {"shape": [[0, 0], [1, 1], [None, 2]]}, {"shape": [[0, 0]] * 600}, {"shape": [[0, 0, 0]] * 4},
    {"shape": [[0, 0], [1], [2, 2]]},
])  # fmt: skip
def test_what_is_no_step_is_none(value: object) -> None:
    assert read_step(value) is None
