"""What the page offers to search for before the first query."""

import numpy as np
import pytest
from fakes import FakeAtlas, FakeColumn

from clipper.query_syntax import Term, parse
from viewer.dataset.dataset import Dataset
from viewer.dataset.suggestions import SAMPLE_SIZE, sample_images, suggest_queries


def keywords(counts: dict[str, int], *, n: int = 500) -> FakeAtlas:
    """An atlas in which so many images have each keyword, and the names of images are numbers."""
    atlas = FakeAtlas(n)
    atlas.points["tags"] = [[word for word, count in counts.items() if row < count] for row in range(n)]
    return atlas


def labels(atlas: FakeAtlas) -> list[str]:
    return [one["label"] for one in suggest_queries(Dataset(atlas))]


def test_words_of_a_few_images_are_offered_the_most_frequent_first():
    counts = {"chair": 12, "twice": 2, "lamp": 30, "everywhere": 31, "table": 3, "always": 500}
    assert labels(keywords(counts)) == ["lamp", "chair", "table"]


def test_in_a_small_dataset_three_images_are_a_few():
    assert labels(keywords({"lamp": 3, "most": 4, "twice": 2}, n=10)) == ["lamp"]


def test_suggestions_are_short_words_without_numbers():
    counts = {"ab": 9, "abc": 8, "a" * 22: 7, "b" * 23: 6, "route 66": 5, "C3PO": 4}
    assert labels(keywords(counts)) == ["abc", "a" * 22]


def test_at_most_eight_different_ones_are_offered_from_all_degrees_of_frequency():
    words = [f"{first}{second} word" for first in "abcde" for second in "vwxyz"]
    offered = labels(keywords({word: 28 - rank for rank, word in enumerate(words)}))
    assert offered == words[0:24:3]


def test_a_quarter_of_the_suggestions_are_names_of_images_of_the_sample(monkeypatch: pytest.MonkeyPatch):
    shared = ["heart", "flag", "tree", "house", "ball", "fish", "star", "moon"]
    atlas = keywords({word: 20 - rank for rank, word in enumerate(shared)})
    monkeypatch.setattr(atlas, "name", lambda row: f"picture_of-{'abcdefghij'[row % 10]}")
    named = list(dict.fromkeys(item["label"] for item in sample_images(Dataset(atlas))))
    readable = [name.replace("_", " ").replace("-", " ") for name in named]
    assert labels(atlas) == shared[:6] + readable[:2]


def test_where_few_words_are_shared_names_fill_the_list_and_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
):
    few = keywords({"heart": 20})
    monkeypatch.setattr(few, "name", lambda row: f"picture {'abcdefghij'[row % 10]}")
    offered = labels(few)
    assert offered[0] == "heart"
    assert len(offered) == len(set(offered)) == 8
    shared = ["heart", "flag", "tree", "house", "ball", "fish", "star", "moon"]
    assert labels(keywords({word: 20 - rank for rank, word in enumerate(shared)})) == shared


def test_shared_words_that_also_name_an_image_are_offered_instead_of_the_others():
    atlas = keywords({"heart": 20, "flag": 19, "tree": 18})
    atlas.points["name"] = ["Flag", "Tree"] + [str(row) for row in range(498)]
    assert labels(atlas) == ["flag", "tree"]


def test_without_a_column_of_lists_the_values_of_the_first_category_are_offered():
    atlas = FakeAtlas(500)
    atlas.columns = {"size": FakeColumn("size", "float"), "kind": FakeColumn("kind", "str")}
    kinds = ["harbour"] * 20 + ["meadow"] * 25 + ["street"] * 300 + ["forest"] * 155
    atlas.points = atlas.points.drop(columns=["tags", "group"]).assign(kind=kinds)
    assert labels(atlas) == ["meadow", "harbour"]


def test_without_any_words_nothing_is_offered():
    atlas = FakeAtlas(500)
    atlas.columns = {"size": FakeColumn("size", "float")}
    atlas.points = atlas.points.drop(columns=["tags", "group"])
    assert labels(atlas) == []


def test_a_model_of_images_alone_is_offered_no_words():
    atlas = keywords({"lamp": 30})
    atlas.has_text = False
    assert labels(atlas) == []


def test_a_suggestion_asks_for_its_words_and_nothing_else():
    words = ["-minus", "like:me", 'half "quoted', "plain words", "two  spaces"]
    offered = suggest_queries(Dataset(keywords({word: 9 - rank for rank, word in enumerate(words)})))
    assert [one["label"] for one in offered] == words
    assert [parse(one["text"]) for one in offered] == [(Term(" ".join(word.split())),) for word in words]


def test_the_sample_is_the_same_in_every_version_that_has_its_images():
    atlas, later = FakeAtlas(500), FakeAtlas(500)
    shown = [item["id"] for item in sample_images(Dataset(atlas))]
    assert len(shown) == len(set(shown)) == SAMPLE_SIZE
    later.ids, later.hashes = later.ids[::-1], later.hashes[::-1]
    assert [item["id"] for item in sample_images(Dataset(later))] == shown


def test_of_a_filtered_dataset_the_sample_is_of_what_passes():
    dataset = Dataset(FakeAtlas(500))
    kept = np.arange(500) % 5 == 0
    shown = {item["id"] for item in sample_images(dataset, kept)}
    assert len(shown) == SAMPLE_SIZE
    assert shown <= {dataset.atlas.ids[row] for row in np.flatnonzero(kept)}
    few = np.arange(500) < 3
    assert {item["id"] for item in sample_images(dataset, few)} == set(dataset.atlas.ids[:3])
