"""What differs between two versions, and how it is said: pure, with fake atlases."""

# ruff: noqa: RUF001 - a minus sign is one

import numpy as np
import pytest
from fakes import FakeAtlas
from hypothesis import given
from hypothesis import strategies as st

from viewer.components.page.change_notice import describe_changes, notice_view, short_tally
from viewer.dataset.changes import DatasetChanges, compare_atlases
from viewer.session.migration import News


def atlas_of(contents: dict[str, bytes], *, shift: float = 0.0, group: str = "a") -> FakeAtlas:
    """An atlas of these images and their content hashes; every image lies where its hash says."""
    atlas = FakeAtlas(len(contents))
    atlas.ids, atlas.hashes = sorted(contents), [contents[name] for name in sorted(contents)]
    atlas.xy = np.array([[key[0], key[-1]] for key in atlas.hashes], np.float32).reshape(-1, 2) + shift
    atlas.points = atlas.points.assign(id=atlas.ids, group=group, size=1.0)
    return atlas


def test_the_same_atlas_has_no_changes() -> None:
    atlas = atlas_of({"a": b"1", "b": b"2"})
    assert compare_atlases(atlas, atlas) == DatasetChanges()


def test_images_that_came_went_changed_and_were_renamed_are_distinguished() -> None:
    old = atlas_of({"a": b"1", "b": b"2", "c": b"3", "d": b"4"})
    new = atlas_of({"a": b"1", "b": b"9", "e": b"4", "f": b"5", "g": b"6"})
    changes = compare_atlases(old, new)
    assert changes.added == ["f", "g"]
    assert changes.removed == ["c"]
    assert changes.changed == ["b"]
    assert changes.moved == {"d": "e"}
    assert not changes.map_relaid
    assert not changes.edited
    assert changes.notable == ["f", "g", "b"]


def test_a_copy_is_new_and_the_original_stays() -> None:
    changes = compare_atlases(atlas_of({"a": b"1"}), atlas_of({"a": b"1", "b": b"1"}))
    assert (changes.added, changes.moved) == (["b"], {})


def test_other_metadata_of_the_same_image_is_noticed_and_a_new_column_too() -> None:
    old, new = atlas_of({"a": b"1", "b": b"2"}), atlas_of({"a": b"1", "b": b"2", "c": b"3"})
    assert not compare_atlases(old, new).edited
    new.points["group"] = ["a", "other", "a"]
    assert compare_atlases(old, new).edited == {"b"}
    more = atlas_of({"a": b"1", "b": b"2"})
    assert compare_atlases(old, more).edited == set()
    more.points["tags"] = [["a", "b"], ["a"]]
    assert compare_atlases(old, more).edited == {"b"}


def test_a_map_that_was_laid_out_anew_is_noticed_and_one_point_that_moved_is_not_such_a_map() -> None:
    contents = {f"{i:02}": bytes([i]) for i in range(40)}
    old = atlas_of(contents)
    assert compare_atlases(old, atlas_of(contents, shift=0.5)).map_relaid
    one = atlas_of(contents)
    one.xy = one.xy.copy()
    one.xy[3] += 1
    assert not compare_atlases(old, one).map_relaid


VERSIONS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([b"1", b"2", b"3"]))


@given(VERSIONS, VERSIONS, VERSIONS)
def test_two_steps_are_as_one(
    first: dict[str, bytes], second: dict[str, bytes], third: dict[str, bytes]
) -> None:
    atlases = [atlas_of(contents) for contents in (first, second, third)]
    steps = compare_atlases(*atlases[:2]).followed_by(compare_atlases(*atlases[1:]))
    assert steps.fates == compare_atlases(atlases[0], atlases[2]).fates


@given(VERSIONS, VERSIONS)
def test_every_image_that_differs_is_counted_once(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    changes = compare_atlases(atlas_of(first), atlas_of(second))
    counted = [*changes.added, *changes.removed, *changes.changed, *changes.moved, *changes.moved.values()]
    assert sorted(counted) == sorted(changes.fates)
    assert len(second) - len(first) == len(changes.added) - len(changes.removed)


CAME, WENT, OTHER = (None, b"1"), (b"2", None), (b"3", b"4")


@pytest.mark.parametrize(
    ("changes", "said", "short"),
    [
        (
            DatasetChanges({f"n{i}": (None, bytes([i])) for i in range(12)} | {"g": WENT}),
            "+12 images, −1",
            "+12 / −1",
        ),
        (DatasetChanges({"a": CAME}), "+1 image", "+1"),
        (DatasetChanges({"a": WENT}), "−1 image", "−1"),
        (DatasetChanges({"a": CAME, "b": OTHER}), "+1 image, 1 changed", "+1"),
        (DatasetChanges({"a": OTHER}), "1 changed", ""),
        (DatasetChanges({"a": (None, b"2"), "b": WENT}), "1 renamed", ""),
        (DatasetChanges(edited=frozenset("ab")), "New metadata for 2", ""),
        (DatasetChanges({f"{i}": (None, b"%d" % i) for i in range(1234)}), "+1,234 images", "+1,234"),
        (DatasetChanges(map_relaid=True), "The index was made anew", ""),
    ],
)
def test_changes_are_said_in_figures(changes: DatasetChanges, said: str, short: str) -> None:
    assert describe_changes(changes) == said
    assert short_tally(changes) == short


def test_the_notice_says_what_is_lost_and_that_the_map_moved_and_offers_what_there_is() -> None:
    said = notice_view(News(DatasetChanges({"a": WENT}, map_relaid=True), lost="cat"))
    assert said["note"] == "“cat”, which was open, was removed. The map was laid out anew."
    assert said["action"] == ""
    assert notice_view(News(DatasetChanges({"a": CAME})))["action"] == "Show new"
    assert notice_view(News(DatasetChanges({"a": OTHER})))["action"] == "Show changed"
    assert notice_view(None) == {"headline": "", "note": "", "action": ""}
