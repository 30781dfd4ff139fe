"""The map laid out from scratch: neighbours, islands, fitting, placing."""

from collections.abc import Callable

import numpy as np
import pytest

from clipper.projection import neighbors as knn
from clipper.projection.layout import Parameters, fit, gather_islands, place_among
from clipper.projection.neighbors import knn_graph
from clipper.projection.place import geometric_median, membership, place_by_similarity
from clipper.projection.quality import measure_trust

Vectors = Callable[..., np.ndarray]
PLAIN = Parameters()


def test_the_nearest_are_those_of_brute_force(unit_vectors: Vectors):
    vectors = unit_vectors(3_000)
    indices, distances = knn_graph(vectors, 15)
    for i in (0, 2_047, 2_048, 2_999):
        apart = 1.0 - vectors @ vectors[i]
        apart[i] = -1
        assert np.allclose(np.sort(apart)[1:15], distances[i, 1:], atol=1e-5)
        assert np.allclose(apart[indices[i, 1:]], distances[i, 1:], atol=1e-5)


def test_each_vector_is_its_own_first_neighbour_also_among_copies(unit_vectors: Vectors):
    vectors = np.repeat(unit_vectors(10), 20, axis=0)
    indices, distances = knn_graph(vectors, 15)
    assert (indices[:, 0] == np.arange(200)).all()
    assert (distances[:, 0] == 0).all()
    assert (distances >= 0).all()
    assert all(len(set(row)) == 15 for row in indices.tolist())


@pytest.mark.slow
def test_an_index_of_many_vectors_agrees_with_brute_force(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    vectors = unit_vectors(4_000, d=64, groups=40)
    exact, _ = knn_graph(vectors, 15)
    monkeypatch.setattr(knn, "EXACT_KNN_LIMIT", 100)
    indices, distances = knn_graph(vectors, 15)
    same = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(exact.tolist(), indices.tolist(), strict=True)])
    assert same > 0.98
    assert (indices[:, 0] == np.arange(4_000)).all()
    assert (distances[:, 0] == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 8, 9, 10, 16])
def test_few_images_have_a_map_too(unit_vectors: Vectors, n: int):
    layout = fit(unit_vectors(n), PLAIN)
    assert layout.positions.shape == (n, 2)
    assert layout.positions.dtype == np.float32
    assert np.isfinite(layout.positions).all()
    assert layout.fitted.all()
    assert len(np.unique(layout.positions, axis=0)) == n


def test_images_that_look_all_the_same_have_a_map_too(unit_vectors: Vectors):
    for n in (2, 5, 9, 40):
        assert np.isfinite(fit(np.repeat(unit_vectors(1), n, axis=0), PLAIN).positions).all()


def test_few_neighbours_are_enough(unit_vectors: Vectors):
    assert np.isfinite(fit(unit_vectors(50), Parameters(neighbors=2)).positions).all()
    assert np.isfinite(fit(unit_vectors(20), Parameters(neighbors=200)).positions).all()


def test_the_same_seed_gives_the_same_map_to_the_byte_and_another_another(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    first = fit(vectors, PLAIN).positions.tobytes()
    assert fit(vectors, PLAIN).positions.tobytes() == first
    assert fit(vectors, Parameters(seed=7)).positions.tobytes() != first


def test_what_is_alike_lies_together(unit_vectors: Vectors):
    vectors = unit_vectors(600, groups=6, spread=0.15)
    measured = measure_trust(vectors, fit(vectors, PLAIN).positions)
    assert measured["trustworthiness"] > 0.9
    assert measured["neighbour_preservation"] > 0.3
    assert measured["measured_on"] == 600
    scattered = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32)
    assert measure_trust(vectors, scattered)["trustworthiness"] < 0.6


def test_of_too_few_images_no_quality_is_claimed(unit_vectors: Vectors):
    assert measure_trust(unit_vectors(30), np.zeros((30, 2), np.float32)) == {}


def test_beyond_the_limit_a_sample_is_fitted_and_the_rest_is_placed_with_its_like(unit_vectors: Vectors):
    crowd = unit_vectors(900, groups=1, spread=0.1, seed=1)
    few = unit_vectors(12, groups=1, spread=0.05, seed=2)
    vectors = np.vstack([crowd, few])
    layout = fit(vectors, Parameters(fit_limit=100))
    assert layout.fitted.sum() == 100
    assert layout.fitted[900:].any()
    assert np.isfinite(layout.positions).all()
    centre = layout.positions[900:].mean(0)
    radius = np.linalg.norm(layout.positions[900:] - centre, axis=1).max()
    assert radius < np.linalg.norm(layout.positions[:900].mean(0) - centre)


def test_a_new_image_lands_among_its_neighbours(unit_vectors: Vectors):
    vectors = unit_vectors(800, groups=8, spread=0.2)
    positions = fit(vectors[:700], PLAIN).positions
    placed = place_among(vectors[700:], vectors[:700], positions)
    extent = np.ptp(positions, axis=0).max()
    apart = []
    for vector, point in zip(vectors[700:], placed, strict=True):
        nearest = np.argsort(-(vectors[:700] @ vector))[:10]
        apart.append(np.median(np.linalg.norm(positions[nearest] - point, axis=1)) / extent)
    assert np.median(apart) < 0.08  # up to 0.053 was seen with other seeds, as on other processors


def test_a_copy_of_a_fitted_image_lands_close_to_it(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    positions = fit(vectors, PLAIN).positions
    apart = np.linalg.norm(place_among(vectors[:50], vectors, positions) - positions[:50], axis=1)
    assert np.median(apart) < 0.1 * np.ptp(positions, axis=0).max()


def test_placing_follows_the_majority_and_not_the_middle():
    points = np.array([[[0.0, 0.0]] * 9 + [[10.0, 0.0]] * 6])
    assert np.linalg.norm(geometric_median(points, np.ones((1, 15)))[0]) < 0.01


def test_the_fifteen_most_similar_images_decide_the_place_and_no_other(unit_vectors: Vectors):
    vectors = unit_vectors(300, spread=1.0)
    positions = np.random.default_rng(4).normal(size=(280, 2)).astype(np.float32)
    similarities = vectors[280:] @ vectors[:280].T
    nearest = np.argsort(-similarities, axis=1)[:, :15]
    weights = membership(1 - np.take_along_axis(similarities, nearest, axis=1))
    wanted = geometric_median(positions[nearest], weights)
    assert np.allclose(place_by_similarity(similarities, positions), wanted, atol=1e-4)


def test_no_step_away_from_the_geometric_median_is_nearer_to_the_points():
    random = np.random.default_rng(5)
    points, weights = random.normal(size=(20, 15, 2)), random.random((20, 15)) + 0.1

    def distance(centre: np.ndarray) -> np.ndarray:
        return (weights * np.linalg.norm(points - centre[:, None], axis=2)).sum(axis=1)

    median = geometric_median(points, weights)
    for step in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert (distance(median) <= distance(median + step)).all()


def test_membership_sums_to_the_logarithm_of_the_neighbours_and_falls_with_distance():
    distances = np.sort(np.random.default_rng(0).random((5, 15)), axis=1) - 0.8
    weights = membership(distances)
    assert np.allclose(weights.sum(axis=1), np.log2(15), atol=1e-3)
    assert (np.diff(weights, axis=1) <= 0).all()
    assert np.allclose(weights[:, 0], 1)


def test_placing_is_finite_when_all_neighbours_are_equal_or_there_is_only_one():
    assert (
        place_by_similarity(np.ones((2, 30), np.float32), np.zeros((30, 2), np.float32)).tolist()
        == [[0, 0]] * 2
    )
    assert place_by_similarity(np.ones((1, 1), np.float32), np.full((1, 2), 3.0, np.float32)).tolist() == [
        [3, 3]
    ]


def islands() -> np.ndarray:
    random = np.random.default_rng(0)
    mainland = random.normal(size=(2_000, 2)) * 2
    return np.vstack(
        [
            mainland,
            random.normal(size=(60, 2)) * 0.3 + (80, 5),
            random.normal(size=(40, 2)) * 0.3 + (-30, -60),
        ]
    ).astype(np.float32)


def test_far_islands_come_near_and_are_moved_as_a_whole():
    before = islands()
    after = gather_islands(before)
    assert np.ptp(after, axis=0).max() < 0.4 * np.ptp(before, axis=0).max()
    for part in (slice(2_000, 2_060), slice(2_060, 2_100)):
        shift = after[part] - before[part]
        assert np.abs(shift - shift[0]).max() < 1e-4
        assert np.ptp(shift.mean(0)) > 0
    assert np.array_equal(after[:2_000], before[:2_000])


@pytest.mark.parametrize("gap", [1.0, 3.0])
def test_an_island_ends_at_the_gap_from_the_shore(gap: float):
    after = gather_islands(islands(), gap=gap)
    for part in (slice(2_000, 2_060), slice(2_060, 2_100)):
        apart = np.linalg.norm(after[:2_000, None] - after[part][None], axis=2).min()
        assert 0.75 * gap < apart < 1.1 * gap


def test_one_mainland_stays_where_it_is_and_so_does_what_lies_close_to_it():
    mainland = islands()[:1_500]
    assert np.array_equal(gather_islands(mainland), mainland)
    close = np.vstack([mainland, [[mainland[:, 0].max() + 1.2, 0]]]).astype(np.float32)
    assert np.array_equal(gather_islands(close), close)
    far = np.vstack([mainland, [[mainland[:, 0].max() + 3, 0]]]).astype(np.float32)
    assert np.array_equal(gather_islands(far)[:-1], mainland)
    assert gather_islands(far)[-1, 0] < far[-1, 0] - 1


def test_islands_never_end_on_top_of_one_another():
    random = np.random.default_rng(1)
    parts = [random.normal(size=(30, 2)) * 0.2 + random.uniform(-90, 90, 2) for _ in range(25)]
    after = gather_islands(np.vstack([random.normal(size=(500, 2)), *parts]).astype(np.float32))
    groups = [after[500 + 30 * i : 530 + 30 * i] for i in range(25)]
    for i, one in enumerate(groups):
        for other in groups[:i]:
            assert np.linalg.norm(one.mean(0) - other.mean(0)) > 0.3
