"""Words that people keep are a column after the next run: made once, as `classify` finds them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipper
from clipper.doctor import repair
from clipper.errors import ClipperError, ModelError
from clipper.indexing.staging.workspace import Step
from clipper.insight.words import vocabulary
from clipper.models.query_encoder import QueryEncoder
from clipper.models.reference_texts import RANDOM_WORDS
from clipper.store import snapshots, word_columns
from clipper.store.home import Home

Index = Callable[[Path], dict[str, Step]]
KIND = ["flag", "clock", "face"]


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no vector of any word, and a vocabulary that is quickly embedded."""
    monkeypatch.setattr(vocabulary, "cache_folder", lambda _name: None)
    monkeypatch.setattr("clipper.indexing.insights.words.shipped_words", lambda: ("cat", "tree"))


def lose_text_side(monkeypatch: pytest.MonkeyPatch) -> None:
    def text(_encoder: QueryEncoder) -> None:
        raise ModelError("the text side is nowhere")

    monkeypatch.setattr(QueryEncoder, "text", property(text))


def test_kept_words_are_a_category_as_classify_finds_it_until_they_are_forgotten(
    sample_copy: Path, run_index: Index
):
    with clipper.open(sample_copy) as atlas:
        before = atlas.version
        atlas.keep_words("kind", "flag, clock, face, none of these")
        assert atlas.kept_words == {"kind": KIND}
        assert "kind" not in atlas.points
    counts = run_index(sample_copy)["word_columns"].counts
    assert counts == {"images": 1870, "columns": 1, "words": 3}
    with clipper.open(sample_copy) as atlas:
        points, found = atlas.points, atlas.classify(KIND)
        assert points["kind"].value_counts().to_dict() == found["word"].value_counts().to_dict()
        assert points["kind"].isna().sum() > 1000
        assert "kind" not in atlas.metadata
        assert atlas._engine.insight_columns["kind"].role == "category"
        assert atlas.version != before
        filters: dict[str, Any] = {"kind": {"$in": ["clock", "face"]}, "group": "Travel & Places"}
        clocks = atlas.search("anything", k=500, where=filters)
        assert set(points["kind"][clocks["id"]]) == {"clock", "face"}
        assert (atlas.metadata["group"][clocks["id"]] == "Travel & Places").all()
        both = [{name: condition} for name, condition in filters.items()]
        assert atlas.search("anything", k=500, where={"$and": both})["id"].equals(clocks["id"])
        with pytest.raises(ClipperError, match=r"\$or cannot be about kind"):
            atlas.search("cat", where={"$or": both})
        odd = atlas.search("cat", k=5, where={"outlier": {"$gte": 2}, "kind": {"values": [None]}})
        assert (points.loc[odd["id"], "outlier"] >= 2).all()
        with pytest.raises(ClipperError, match="is not understood"):
            atlas.search("cat", where={"kind": {"$near": "x"}})
        atlas.forget_words("kind")
        with pytest.raises(ClipperError, match="no words are kept as 'kind'; kept columns: none"):
            atlas.forget_words("kind")
    run_index(sample_copy)
    with clipper.open(sample_copy) as atlas:
        assert "kind" not in atlas.points
        assert atlas.version == before


def test_a_run_without_changes_makes_no_column_again_and_loads_no_model(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    word_columns.keep(Home(indexed_home), "kind", KIND)
    first = run_index(indexed_home)["word_columns"]
    lose_text_side(monkeypatch)
    again = run_index(indexed_home)["word_columns"]
    assert (again.version, again.notes) == (first.version, [])
    (path,) = (indexed_home / "store" / "word_columns").glob("*.parquet")
    path.unlink()  # made again, from the vectors of words that this machine keeps
    assert run_index(indexed_home)["word_columns"].version == first.version


@pytest.mark.usefixtures("no_cache")
def test_without_the_model_a_run_publishes_all_but_the_columns_and_says_so(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    word_columns.keep(Home(indexed_home), "kind", KIND)
    with monkeypatch.context() as patch:
        lose_text_side(patch)
        step = run_index(indexed_home)["word_columns"]
    assert step.notes == ["no columns of your words (kind) were made: the text side is nowhere"]
    assert "word_columns" not in snapshots.published(Home(indexed_home)).parts
    assert run_index(indexed_home)["word_columns"].counts["columns"] == 1


def test_a_name_that_the_metadata_has_is_refused_and_one_it_gets_later_is_no_harm(
    indexed_home: Path, run_index: Index
):
    with clipper.open(indexed_home) as atlas:
        for taken in ("format", "outlier"):
            with pytest.raises(ClipperError, match=f"there is a column “{taken}” already"):
                atlas.keep_words(taken, KIND)
        atlas.keep_words("kind", KIND)
    names = [file.stem for file in (indexed_home / "images").glob("*.jpg")]
    (indexed_home / "images" / "metadata.json").write_text(
        json.dumps({name: {"kind": "x"} for name in names})
    )
    run_index(indexed_home)
    with clipper.open(indexed_home) as atlas:
        assert set(atlas.metadata["kind"]) == {"x"}
        assert set(atlas.points["clipper_kind"].dropna()) <= set(KIND)


@pytest.mark.slow
def test_other_words_and_other_images_make_the_column_anew(indexed_home: Path, run_index: Index):
    home = Home(indexed_home)
    word_columns.keep(home, "kind", KIND)
    word_columns.keep(home, "nothing", ["carburetor"])
    first = run_index(indexed_home)["word_columns"].version
    word_columns.keep(home, "kind", ["animal"], replace=True)
    second = run_index(indexed_home)["word_columns"].version
    next(iter((indexed_home / "images").glob("*.jpg"))).unlink()
    third = run_index(indexed_home)["word_columns"]
    assert len({first, second, third.version}) == 3
    with clipper.open(indexed_home) as atlas:
        assert len(atlas.points) == third.counts["images"] == 23
        assert atlas.points["nothing"].isna().all()
    assert repair.examine(home) == []


def test_a_damaged_list_is_named_by_doctor(indexed_home: Path):
    word_columns.keep(Home(indexed_home), "kind", KIND)
    word_columns.path_of(Home(indexed_home)).write_text("{")
    (damage,) = repair.examine(Home(indexed_home))
    assert damage.where == "word_columns.json"


def test_random_words_are_embedded_alike_one_by_one_and_together(sample_engine: object):
    encoder = sample_engine.encoders
    one = np.stack([encoder.embed_text(word) for word in RANDOM_WORDS[:5]])
    assert np.allclose(encoder.random_words[:5], one, atol=1e-5)
