"""Wrong labels are found, right ones are left alone, and a column that vectors do not explain is skipped."""

from collections.abc import Callable

import numpy as np
import pytest

from clipper.atlas import Atlas
from clipper.insight.labels import (
    MISSING,
    doubt_labels,
    is_label_column,
    measure_agreement,
    reason_to_skip,
)
from clipper.projection.graph import build_graph

Vectors = Callable[..., np.ndarray]


def auroc(positive: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def classes(n: int = 600, *, count: int = 5, spread: float = 0.5, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Vectors of some classes, their codes, and the classes' own directions."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(count, 32))
    codes = random.integers(0, count, n)
    vectors = centers[codes] + spread * random.normal(size=(n, 32))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (vectors, centers)]
    return unit[0].astype(np.float32), codes, unit[1].astype(np.float32)


def swapped(codes: np.ndarray, *, seed: int = 0, share: float = 0.05) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.permutation(len(codes))[: round(share * len(codes))]
    given, count = codes.copy(), codes.max() + 1
    given[rows] = (given[rows] + random.integers(1, count, len(rows))) % count
    return given


@pytest.mark.parametrize("seed", range(3))
def test_swapped_groups_of_the_sample_are_found(sample_atlas: Atlas, seed: int):
    codes = np.unique(sample_atlas.metadata["group"].to_numpy(str), return_inverse=True)[1]
    given = swapped(codes, seed=seed)
    wrong, found = given != codes, doubt_labels(sample_atlas.vectors, given)
    first = np.argsort(-found.confidence, kind="stable")[: wrong.sum()]
    assert auroc(wrong, found.confidence) > 0.999
    assert wrong[first].mean() >= 0.95
    assert (found.suggested == codes)[wrong].mean() > 0.95
    assert abs(int(found.wrong.sum()) - int(wrong.sum())) <= 10
    assert np.array_equal(np.sort(found.ranked()), np.flatnonzero(found.wrong))


def test_right_labels_are_left_alone(sample_atlas: Atlas):
    codes = np.unique(sample_atlas.metadata["group"].to_numpy(str), return_inverse=True)[1]
    assert doubt_labels(sample_atlas.vectors, codes).wrong.sum() < 0.005 * len(codes)


def test_the_names_of_classes_have_a_say_where_images_are_few():
    vectors, codes, names = classes(200, count=20, spread=1.2)
    given = swapped(codes, share=0.1)
    wrong = given != codes
    alone, named = doubt_labels(vectors, given), doubt_labels(vectors, given, texts=names)
    assert auroc(wrong, named.confidence) > auroc(wrong, alone.confidence)


def test_missing_labels_and_rare_classes_are_not_doubted():
    vectors, codes, _ = classes()
    codes[:50] = MISSING
    codes[50:52] = 5  # a class of two images
    found = doubt_labels(vectors, codes)
    assert not found.wrong[:52].any()
    assert (found.suggested[:52] == MISSING).all()
    assert not (found.suggested == 5).any()
    assert np.array_equal(found.given, codes)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_images_equal_ones_and_one_class_are_no_trouble(unit_vectors: Vectors, n: int):
    vectors = unit_vectors(n) if n else np.empty((0, 8), np.float32)
    for codes in (np.zeros(n, int), np.arange(n) % 2, np.full(n, MISSING)):
        for rows in (vectors, np.repeat(unit_vectors(1), n, axis=0)):
            found = doubt_labels(rows, codes)
            assert found.confidence.shape == (n,)
            assert np.isfinite(found.confidence).all()
            assert reason_to_skip(codes, build_graph(rows))


def test_the_same_labels_are_doubted_each_time():
    vectors, codes, names = classes()
    one, other = (doubt_labels(vectors, swapped(codes), texts=names) for _ in range(2))
    assert one.confidence.tobytes() == other.confidence.tobytes()


def test_a_column_that_vectors_do_not_explain_is_skipped_and_says_so():
    vectors, codes, _ = classes()
    graph = build_graph(vectors)
    by_chance = np.random.default_rng(1).integers(0, 5, len(codes))
    assert is_label_column(codes, graph)
    assert is_label_column(swapped(codes, share=0.2), graph)
    assert measure_agreement(by_chance, graph) == pytest.approx(0.0, abs=0.05)
    assert "hardly tell" in (reason_to_skip(by_chance, graph) or "")
    assert "two classes" in (reason_to_skip(np.zeros(600, int), graph) or "")
    assert "600 classes" in (reason_to_skip(np.arange(600), graph) or "")
    few = np.where(np.arange(600) < 250, np.arange(600) // 2, MISSING)
    assert "fewer than 3 images" in (reason_to_skip(few, graph) or "")
