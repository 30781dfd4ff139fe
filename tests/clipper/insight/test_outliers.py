"""What stands apart is found, a kind of its own too; a dataset of one kind has nothing that does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clipper.atlas import Atlas
from clipper.insight.outliers import (
    STANDS_APART,
    score_outliers,
    score_representativeness,
    score_uniqueness,
)
from clipper.projection.graph import build_graph

Vectors = Callable[..., np.ndarray]


def auroc(positive: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def planted(seed: int, count: int) -> np.ndarray:
    """600 vectors in a few directions of a space, and after them some near each other, in a new direction."""
    random = np.random.default_rng(seed)
    usual = random.normal(size=(600, 12)) @ random.normal(size=(12, 40)) + 0.3 * random.normal(size=(600, 40))
    odd = usual[:count] + 3.0 * random.normal(size=40)
    return unit(np.vstack([usual, odd]))


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("seed", range(3))
def test_a_new_kind_stands_apart_although_its_images_are_near_each_other(seed: int, count: int):
    vectors = planted(seed, count)
    scores = score_outliers(vectors)
    assert auroc(np.arange(len(vectors)) >= 600, scores) > 0.97
    assert (scores[:600] >= STANDS_APART).mean() < 0.03


def test_of_one_kind_hardly_any_image_stands_apart():
    vectors = unit(np.random.default_rng(0).normal(size=(2_000, 64)))
    assert (score_outliers(vectors) >= STANDS_APART).mean() < 0.015


def test_how_an_image_looks_tells_what_its_vector_does_not():
    random = np.random.default_rng(0)
    vectors = unit(random.normal(size=(500, 32)))
    looks = {name: random.normal(size=500) for name in ("sharpness", "detail", "contrast")}
    looks["detail"][:10] += 4.0
    looks["contrast"][:10] -= 4.0
    odd = np.arange(500) < 10
    assert auroc(odd, score_outliers(vectors, looks=looks)) > 0.9
    assert auroc(odd, score_outliers(vectors)) < 0.8
    looks["detail"][100:] = np.nan  # an image that was not measured counts as usual
    assert np.isfinite(score_outliers(vectors, looks=looks)).all()


def test_scores_are_the_same_each_time():
    vectors = planted(0, 5)
    assert score_outliers(vectors).tobytes() == score_outliers(vectors).tobytes()


@pytest.mark.parametrize("n", [0, 1, 2, 29, 30, 31])
def test_few_or_equal_images_have_finite_scores(unit_vectors: Vectors, n: int):
    vectors = unit_vectors(n) if n else np.empty((0, 8), np.float32)
    equal = np.repeat(unit_vectors(1), n, axis=0)
    for rows in (vectors, equal):
        looks = {"detail": np.zeros(n), "blown": np.full(n, np.nan)}
        for scores in (score_outliers(rows), score_outliers(rows, looks=looks)):
            assert scores.shape == (n,)
            assert np.isfinite(scores).all()
        graph = build_graph(rows)
        for scores in (score_uniqueness(graph), score_representativeness(graph)):
            assert scores.shape == (n,)
            assert ((scores >= 0) & (scores <= 1)).all()
    assert not (score_outliers(equal) > 0).any()


def test_a_copy_is_not_unique_and_the_farthest_is(unit_vectors: Vectors):
    vectors = unit_vectors(200)
    vectors[1] = vectors[0]
    vectors[2] = -vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))
    unique = score_uniqueness(build_graph(vectors))
    assert unique[:2] == pytest.approx(0.0, abs=1e-3)
    assert unique[2] == unique.max()
    assert np.median(unique) == pytest.approx(0.5, abs=0.02)


def test_the_middle_of_a_group_is_typical():
    random = np.random.default_rng(0)
    vectors = random.normal(size=16) + 0.3 * random.normal(size=(300, 16))
    vectors[0] = vectors[1:].mean(axis=0)
    typical = score_representativeness(build_graph(unit(vectors)))
    assert typical[0] == typical.max()


def test_nearly_nothing_of_the_sample_stands_apart(sample_atlas: Atlas):
    assert Path(sample_atlas.ids[0]).suffix == ".jpg"
    assert (score_outliers(sample_atlas.vectors) >= STANDS_APART).mean() < 0.02
