"""The history of a session: what undo takes back, and what it says about it."""

import numpy as np
import pytest

from clipper.query_filter import AnyOf
from clipper.query_syntax import parse
from clipper.store.tags import Edit
from viewer.session.history import Change, History, Scene, TagChange, ViewChange, rows_in

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def change(number: int, *, after: Scene | None = None) -> ViewChange:
    return ViewChange(Scene(rest={"colour": str(number)}), after or Scene(rest={"colour": str(number + 1)}))


def test_changes_are_undone_from_the_last_and_made_again_from_the_first() -> None:
    history, changes = History(), [change(0), change(1), change(2)]
    for each in changes:
        history.record(each)
    assert [history.undo() for _ in range(4)] == [*reversed(changes), None]
    assert history.to_undo is None
    assert [history.redo() for _ in range(4)] == [*changes, None]
    assert history.to_redo is None


def test_a_new_change_ends_what_could_be_made_again() -> None:
    history = History()
    first, second, third = change(0), change(1), change(2)
    history.record(first)
    history.record(second)
    history.undo()
    history.record(third)
    assert history.to_redo is None
    assert [history.undo(), history.undo(), history.undo()] == [third, first, None]


def test_the_oldest_changes_are_forgotten() -> None:
    history = History(most=3)
    for number in range(9):
        history.record(change(number))
    assert len(history) == 3
    undone = [history.undo() for _ in range(4)]
    assert [each.before.rest["colour"] if isinstance(each, ViewChange) else None for each in undone] == [
        "8", "7", "6", None,
    ]  # fmt: skip


def test_large_selections_are_forgotten_first_but_the_last_change_stays() -> None:
    history = History(most_bytes=1000)
    for number in range(5):
        history.record(change(number, after=Scene(selection=np.arange(100))))
    assert len(history) == 1
    same = Scene(selection=np.arange(100))
    shared = History(most_bytes=1000)
    for number in range(5):
        shared.record(change(number, after=same))
    assert len(shared) == 5


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        (Scene(), Scene(terms=parse("a cat")), "search “a cat”"),
        (Scene(terms=parse("a cat")), Scene(), "end of the search"),
        (Scene(), Scene(selection=rows(1, 2)), "selection of 2 images"),
        (Scene(), Scene(selection=rows(1)), "selection of 1 image"),
        (Scene(selection=rows(1)), Scene(), "end of the selection"),
        (Scene(), Scene(filters={"group": AnyOf(("a",))}), "filter on group"),
        (Scene(rest={"colour": "a"}), Scene(rest={"colour": "b"}), "colour"),
        (Scene(rest={"sort": "a"}), Scene(rest={"sort": "b"}), "order"),
        (Scene(), Scene(terms=parse("x" * 80)), f"search “{'x' * 39}…”"),
    ],
)
def test_a_change_of_the_view_is_named_by_what_one_sees_first(
    before: Scene, after: Scene, title: str
) -> None:
    assert ViewChange(before, after).title == title
    assert not before.shows_the_same(after)
    assert before.shows_the_same(before)


@pytest.mark.parametrize(
    ("edits", "title"),
    [
        ((Edit("blurred", frozenset({A, B}), True),), "tag “blurred” on 2 images"),
        ((Edit("blurred", frozenset({A}), False),), "removal of tag “blurred” on 1 image"),
        (
            (Edit("a", frozenset({A}), True), Edit("b", frozenset({A, C}), True)),
            "tags “a”, “b” on 2 images",
        ),
        (tuple(Edit(tag, frozenset({A}), True) for tag in "abcd"), "tags “a”, “b”, “c” … on 1 image"),
    ],
)
def test_a_change_of_tags_names_them_and_counts_images(edits: tuple[Edit, ...], title: str) -> None:
    assert TagChange(edits).title == title


def test_the_inverse_of_a_change_of_tags_goes_backwards() -> None:
    made = TagChange((Edit("a", frozenset({A}), True), Edit("b", frozenset({B}), False)))
    assert made.undone() == [Edit("b", frozenset({B}), True), Edit("a", frozenset({A}), False)]


def test_selections_follow_their_images_to_another_version() -> None:
    history = History()
    history.record(ViewChange(Scene(selection=rows(0, 2)), Scene(selection=rows(1))))
    ids, there = ["a", "b", "c"], {"c2": 0, "a": 5}
    known = rows_in(there.get, ids, {"c": "c2"}, rows(0, 1, 2))
    assert known == {0: 5, 2: 0}
    history.change_rows(lambda some: rows(*sorted(known[row] for row in some.tolist() if row in known)))
    moved: Change | None = history.undo()
    assert isinstance(moved, ViewChange)
    assert moved.before.selection is not None
    assert moved.before.selection.tolist() == [0, 5]
    assert moved.after.selection is None


def test_changes_of_tags_stay_when_those_of_the_view_are_forgotten() -> None:
    history = History()
    tagged = TagChange((Edit("a", frozenset({A}), True),))
    for each in (change(0), tagged, change(1)):
        history.record(each)
    history.undo()
    history.forget_views()
    assert history.to_redo is None
    assert history.undo() is tagged
