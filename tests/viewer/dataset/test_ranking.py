"""Similarities in, listed results out, as arrays."""

import numpy as np
import pytest
from effort import ratio

from viewer.dataset.ranking import (
    ALIKE_SIMILARITY,
    HISTOGRAM_BINS,
    Listing,
    find_leaders,
    listable_mask,
    position_in_list,
    rank,
    similarity_histogram,
)


def unused(_rows: np.ndarray) -> np.ndarray:
    raise AssertionError("vectors are asked for although nothing is folded")


@pytest.fixture
def similarities() -> np.ndarray:
    values = np.random.default_rng(3).normal(0.2, 0.1, 5_000).astype(np.float32)
    return np.round(values, 2)  # with many equal ones


def test_pages_continue_one_another(similarities: np.ndarray) -> None:
    two = rank(similarities, Listing(count=120), vectors=unused)
    one = rank(similarities, Listing(count=60), vectors=unused)
    assert one.total == two.total == 5_000
    assert two.rows[:60].tolist() == one.rows.tolist()
    assert (np.diff(two.similarity) <= 0).all()
    assert (two.similarity == similarities[two.rows]).all()


def test_only_what_passes_and_reaches_the_threshold_is_listed(similarities: np.ndarray) -> None:
    kept = np.arange(5_000) % 3 == 0
    selection = np.arange(0, 5_000, 2)
    passes = listable_mask(5_000, kept=kept, selection=selection)
    got = rank(similarities, Listing(passes, min_similarity=0.3, count=10_000), vectors=unused)
    wanted = np.flatnonzero((np.arange(5_000) % 6 == 0) & (similarities >= np.float32(0.3)))
    assert sorted(got.rows.tolist()) == wanted.tolist()
    assert got.total == len(wanted)
    assert listable_mask(5, kept=None, selection=None) is None


def test_the_place_of_an_image_is_where_it_is_listed(similarities: np.ndarray) -> None:
    listing = Listing(np.arange(5_000) % 3 != 0, min_similarity=0.1, max_similarity=0.3, count=5_000)
    listed = rank(similarities, listing, vectors=unused).rows
    assert [position_in_list(similarities, int(row), listing) for row in listed[::97]] == [
        *range(0, len(listed), 97)
    ]
    hidden = np.setdiff1d(np.arange(5_000), listed)
    assert all(position_in_list(similarities, int(row), listing) is None for row in hidden[::97])


def test_nothing_passes() -> None:
    got = rank(
        np.ones(4, np.float32),
        Listing(np.zeros(4, bool), fold=True),
        vectors=lambda r: np.ones((len(r), 3)),
    )
    assert (len(got.rows), got.total, got.alike) == (0, 0, ())
    assert len(rank(np.empty(0, np.float32), Listing(), vectors=unused).rows) == 0


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_images_alike_are_folded_under_the_best_of_them() -> None:
    rng = np.random.default_rng(0)
    originals = unit(rng.normal(size=(400, 64)))
    vectors = unit(np.repeat(originals, 5, axis=0) + 0.01 * rng.normal(size=(2_000, 64)))
    similarities = (vectors @ originals[0]).astype(np.float32)
    got = rank(similarities, Listing(fold=True, count=60), vectors=vectors.__getitem__)
    assert len(got.rows) == 60
    assert len(set((got.rows // 5).tolist())) == 60
    for row, others in zip(got.rows, got.alike, strict=True):
        assert {int(row) // 5} >= {other // 5 for other in others}
        assert all(vectors[row] @ vectors[other] > ALIKE_SIMILARITY for other in others)
    assert sum(map(len, got.alike[:10])) == 40
    assert got.total == 2_000


def test_folding_is_greedy() -> None:
    angles = np.deg2rad([0, 10, 20, 30])  # each alike its neighbours only
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert find_leaders(vectors).tolist() == [0, 0, 2, 2]
    many = np.tile(vectors[:1], (1_300, 1))
    assert not find_leaders(many).any()


def test_a_dataset_of_one_image_many_times_is_one_result() -> None:
    vectors = np.tile(np.array([[1, 0]], np.float32), (20_000, 1))
    got = rank(np.ones(20_000, np.float32), Listing(fold=True), vectors=vectors.__getitem__)
    assert got.rows.tolist() == [0]
    assert got.total == 20_000


def test_the_histogram_counts_every_image() -> None:
    similarities = np.random.default_rng(3).normal(0.2, 0.1, 5_000).astype(np.float32)
    got = similarity_histogram(similarities)
    assert sum(got.counts) == 5_000
    wanted, _ = np.histogram(similarities.astype(np.float64), HISTOGRAM_BINS, (got.low, got.high))
    assert np.abs(np.array(got.counts) - wanted).max() <= 1  # a value on the edge of two bins
    assert sum(similarity_histogram(np.full(7, 0.5, np.float32)).counts) == 7
    assert similarity_histogram(np.empty(0, np.float32)).counts == ()


def test_a_million_are_ranked_and_counted_in_less_than_it_takes_to_sort_them() -> None:
    rng = np.random.default_rng(1)
    similarities = rng.normal(0.2, 0.05, 1_000_000).astype(np.float32)
    listing = Listing(rng.random(1_000_000) < 0.7, min_similarity=0.1, count=600)

    def listed() -> None:
        rank(similarities, listing, vectors=unused)
        similarity_histogram(similarities)

    assert ratio(listed, lambda: np.argsort(-similarities, kind="stable")) < 0.5
