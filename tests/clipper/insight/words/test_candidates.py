"""The words of a dataset's metadata: which columns have them, how they are written, which are none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clipper.insight.words import candidates
from clipper.insight.words.candidates import DatasetWords, dataset_words, plain_form, tidy
from clipper.metadata.columns import FILE, FOLDER, TAGS, Column


def column(name: str, role: str, kind: str = "str", origin: str = "metadata.json") -> Column:
    return Column(name, kind, origin, role=role)


def found_in(cells: Mapping[str, Sequence[Any]], *columns: Column) -> dict[str, list[int]]:
    words = dataset_words(
        pa.table({"id": [*map(str, range(len(next(iter(cells.values())))))], **cells}), columns
    )
    return {
        word: words.rows[start:end].tolist()
        for word, start, end in zip(words.words, words.starts, words.starts[1:], strict=False)
    }


def test_categories_lists_tags_and_folders_have_words() -> None:
    cells = {
        "group": ["Food & Drink", "Food & Drink", None, "Food & Drink", "rare"],
        "keywords": [["sweet", "cake"], ["sweet"], None, ["sweet"], []],
        "tags": [None, ["keep"], ["keep"], ["keep"], None],
        "folder": ["a/old_photos", "a/old_photos", "b", "old_photos", None],
    }
    columns = [
        column("group", "category"),
        column("keywords", "list", "list[str]"),
        column("tags", "list", "list[str]", TAGS),
        column("folder", "category", origin=FOLDER),
    ]
    assert found_in(cells, *columns) == {
        "Food & Drink": [0, 1, 3],
        "sweet": [0, 1, 3],
        "keep": [1, 2, 3],
        "old photos": [0, 1, 3],
    }


def test_captions_have_words_and_pairs_but_no_small_words() -> None:
    captions = [
        "A fire engine on the road.",
        "The Fire engine, red!",
        "fire engine",
        "one engine of\nfire",
        None,
    ]
    found = found_in({"caption": captions}, column("caption", "text"))
    assert found == {"engine": [0, 1, 2, 3], "fire": [0, 1, 2, 3], "fire engine": [0, 1, 2]}


def test_spellings_of_one_word_are_one_and_the_usual_one_stays() -> None:
    cells = {
        "kind": ["Flags", "Flags", "flag", "FLAG", "x"],
        "words": [["flag"], [], ["flag"], ["boat"], ["boat"]],
    }
    found = found_in(cells, column("kind", "category"), column("words", "list", "list[str]"))
    assert found == {"flag": [0, 1, 2, 3]}


def test_what_says_nothing_of_a_picture_is_left_out() -> None:
    cells = {
        "format": ["JPEG"] * 4,
        "score": [1.0] * 4,
        "day": ["2024-01-01"] * 4,
        "id2": ["n02084071"] * 4,
        "link": ["https://a.b"] * 4,
        "known": ["unknown", "Yes", "n/a", "none"],
        "ok": ["true"] * 4,
        "note": ["one two three four five six"] * 4,
        "odd": ["\x1b[31m"] * 4,
    }
    roles = {"score": "number", "day": "time"}
    columns = [column(name, roles.get(name, "category")) for name in cells]
    columns[0] = column("format", "category", origin=FILE)
    assert found_in(cells, *columns) == {}


def test_a_word_of_few_images_is_none() -> None:
    assert found_in({"kind": ["cat", "cat", "dog", "dog", "dog"]}, column("kind", "category")) == {
        "dog": [2, 3, 4]
    }


def test_of_too_many_words_those_of_most_images_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MAX_WORDS", 2)
    kinds = ["cat"] * 3 + ["dog"] * 5 + ["cow"] * 4
    assert [*found_in({"kind": kinds}, column("kind", "category"))] == ["cow", "dog"]


@pytest.mark.parametrize("cells", [[], [None, None, None], [""] * 4])
def test_no_values_have_no_words(cells: list[str | None]) -> None:
    table = pa.table({"kind": pa.array(cells, pa.string())})
    for role in ("category", "text"):
        words = dataset_words(table, [column("kind", role), column("gone", role)])
        assert len(words) == 0
        assert words.starts.tolist() == [0]


def test_tables_of_pandas_have_the_same_words() -> None:
    for kind in (pa.large_string(), pa.string()):
        lists = pa.array([["cat"]] * 4, pa.list_(kind))
        table = pa.table(
            {"kind": pa.array(["dog"] * 4, kind), "words": lists, "said": pa.array(["a cow"] * 4, kind)}
        )
        columns = [column("kind", "category"), column("words", "list", "list[str]"), column("said", "text")]
        assert dataset_words(table, columns).words == ("cat", "cow", "dog")


def test_no_words_are_as_long_as_none() -> None:
    assert len(DatasetWords.none()) == 0
    assert DatasetWords.none().rows.dtype == np.int32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Flags", "flag"), ("a cat", "Cats"),
        ("t_shirt", "T-Shirts"), ("churches", "church"), ("boxes", "box"),
        ("berries", "Berry"), ("o\u2019clock", "o'clock"), ("glasses", "glass"), ("Caf\u00e9", "CAFE\u0301"),
    ],
)  # fmt: skip
def test_plain_forms_are_equal(one: str, other: str) -> None:
    assert plain_form(one) == plain_form(other)


@pytest.mark.parametrize("word", ["glass", "bus", "tennis", "the", "a", "s"])
def test_plain_forms_keep_what_is_no_plural(word: str) -> None:
    assert plain_form(word) == word


@pytest.mark.parametrize("value", ["caf\u00e9", "Food & Drink", "\u9e1f", "4x4 car", "t-shirt"])
def test_words_of_any_language_are_words(value: str) -> None:
    assert tidy(value) == value
