"""Label columns: one value of a column for each image, kept as tags."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clipper.columns import json_values
from clipper.errors import StoreError
from clipper.hashing import digest, json_object
from clipper.store import tags
from clipper.store.given import labels
from clipper.store.home import Home

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def give(home: Home, value: str | None, *images: bytes) -> list[tags.Edit]:
    return tags.edit(home, labels.edits(home, "quality", value, frozenset(images)))


def test_a_label_takes_the_place_of_another_of_its_column_and_is_taken_back_exactly(home: Home) -> None:
    assert labels.define(home, " quality ", ["good", " bad ", ""]) == {"quality": ["good", "bad"]}
    tags.add(home, "other", [A])
    give(home, "good", A, B)
    before = tags.read(home)
    made = give(home, "bad", B, C)
    assert tags.read(home) == {"other": {A}, "quality: good": {A}, "quality: bad": {B, C}}
    tags.edit(home, [edit.undone() for edit in reversed(made)])
    assert tags.read(home) == before
    give(home, None, A, B)
    assert tags.read(home) == {"other": {A}}


def test_a_value_that_a_column_no_longer_has_is_replaced_too(home: Home) -> None:
    labels.define(home, "quality", ["good", "fair"])
    give(home, "fair", A)
    labels.define(home, "quality", ["good"])
    give(home, "good", A)
    assert tags.read(home) == {"quality: good": {A}}


def test_what_is_not_defined_is_not_given(home: Home) -> None:
    with pytest.raises(KeyError):
        give(home, "good", A)
    labels.define(home, "quality", ["good"])
    with pytest.raises(KeyError):
        give(home, "bad", A)
    assert tags.read(home) == {}


def test_a_tag_with_a_colon_is_no_label_unless_somebody_made_the_column(home: Home) -> None:
    assert labels.values_of(labels.read(home), [["note: see"]]) == {}
    assert labels.values_of(["note"], [["note: see", "x"], []]) == {"note": ["see", None]}
    assert labels.values_of(["note"], [["note: b", "note: a"]]) == {"note": ["a"]}


def test_labels_of_many_images_are_those_of_each_one() -> None:
    random = np.random.default_rng(0)
    known = ["note: a", "note: b", "other", "quality: good", "unknown: 1", "note"]
    each = [sorted(tag for tag in known if random.random() < 0.4) for _ in range(60)]
    given = pa.array(each, pa.list_(pa.large_string()))
    found = labels.columns_of(["quality", "note", "empty"], given)
    assert {name: cells.to_pylist() for name, cells in found.items()} == labels.values_of(
        ["quality", "note", "empty"], each
    )
    assert list(found) == ["quality", "note"]
    assert labels.columns_of(["note"], given.slice(0, 0)) == {}
    part = {
        name: cells.to_pylist() for name, cells in labels.columns_of(["note"], given.slice(7, 20)).items()
    }
    assert part == labels.values_of(["note"], each[7:27])
    version = json_object({name: json_values(cells) for name, cells in found.items()})
    assert digest(version, json_values(given)) == digest(labels.values_of(["quality", "note"], each), each)


@pytest.mark.parametrize("name", ["", "a: b", "a,b", "x" * 29, "tags", "cluster"])
def test_names_that_cannot_be_are_refused(home: Home, name: str) -> None:
    with pytest.raises(ValueError, match=r"name|letter|colon"):
        labels.define(home, name, ["a"])


@pytest.mark.parametrize("values", [["a", "A"], ["x" * 29], ["a: b"], [str(n) for n in range(21)]])
def test_values_that_cannot_be_are_refused(home: Home, values: list[str]) -> None:
    with pytest.raises(ValueError, match="label"):
        labels.define(home, "quality", values)
    assert not labels.path_of(home).exists()


def test_a_column_is_forgotten_and_its_labels_stay_as_tags(home: Home) -> None:
    labels.define(home, "quality", ["good"])
    give(home, "good", A)
    assert labels.forget(home, "quality") == {}
    assert tags.read(home) == {"quality: good": {A}}
    with pytest.raises(KeyError):
        labels.forget(home, "quality")


def test_damage_is_reported(home: Home) -> None:
    labels.path_of(home).write_text(json.dumps({"format": 1, "labels": {"quality": "good"}}))
    with pytest.raises(StoreError, match="is damaged"):
        labels.define(home, "quality", ["good"])
    assert "only the names of label columns are lost" in (labels.problem(home) or "")
