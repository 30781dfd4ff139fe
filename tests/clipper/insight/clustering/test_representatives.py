"""What stands for a cluster: where its name is, its color, its images, and which appear first."""

import numpy as np
import pytest
from lands import Land, made, unit

from clipper.insight.clustering.appearance import choose_colors, find_centers
from clipper.insight.clustering.identity import find_clusters
from clipper.projection.graph import build_graph
from clipper.store.parts.clusters import REPRESENTATIVES, Clusters


@pytest.fixture(scope="module")
def land() -> Land:
    return made()


@pytest.fixture(scope="module")
def found(land: Land) -> Clusters:
    return find_clusters(land.graph, land.positions)


def test_a_name_is_within_the_larger_of_two_islands_not_between_them() -> None:
    random = np.random.default_rng(0)
    positions = np.concatenate([random.normal(size=(60, 2)), random.normal(size=(40, 2)) + 20])
    center = find_centers(np.zeros((100, 1), np.int32), 1, positions.astype(np.float32))[0]
    assert np.linalg.norm(center) < 1.5


def test_colors_of_neighbors_differ_and_kept_ones_stay(found: Clusters) -> None:
    for level in range(3):
        rows = found.rows_at(level)
        for row in rows:
            apart = np.linalg.norm(found.centers[rows] - found.centers[row], axis=1)
            near = rows[np.argsort(apart)[1:6]]
            assert found.colors[row] not in found.colors[near]
    kept = np.where(np.arange(len(found)) % 2, found.colors + 7, -1).astype(np.int16)
    colors = choose_colors(found.levels, found.parents, found.centers, kept)
    assert np.array_equal(colors[kept >= 0], kept[kept >= 0])
    assert (colors >= 0).all()


def test_representatives_are_different_images_of_their_cluster(found: Clusters) -> None:
    for cluster, level in enumerate(found.levels):
        chosen = found.representatives[cluster]
        chosen = chosen[chosen >= 0]
        assert len(np.unique(chosen)) == len(chosen) == min(REPRESENTATIVES, found.sizes[cluster])
        assert (found.members[chosen, level] == cluster).all()


def test_images_to_be_avoided_stand_for_no_cluster(land: Land, found: Clusters) -> None:
    penalties = np.zeros(len(land.vectors), np.float32)
    penalties[found.representatives[:, 0]] = 1.0
    later = find_clusters(land.graph, land.positions, penalties=penalties)
    assert (penalties[later.representatives[:, 0]] == 0).all()
    assert (penalties[np.argsort(later.faces)[: len(found)]] == 0).all()


def test_each_continent_has_a_face_before_any_town_has(found: Clusters) -> None:
    first = np.argsort(found.faces)
    continents = len(found.rows_at(0))
    assert found.members[first[:continents], 0].tolist() == list(range(continents))
    clustered = first[: len(found)]
    for level in range(3):
        assert set(found.members[clustered, level]) >= set(found.rows_at(level))


def test_the_first_faces_are_spread_over_the_map(land: Land, found: Clusters) -> None:
    first = land.positions[np.argsort(found.faces)[:24]]
    apart = np.linalg.norm(first[:, None] - first[None], axis=2) + 1e9 * np.eye(len(first))
    any_24 = land.positions[np.random.default_rng(0).permutation(len(land.positions))[:24]]
    usual = np.linalg.norm(any_24[:, None] - any_24[None], axis=2) + 1e9 * np.eye(len(any_24))
    assert np.median(apart.min(1)) > np.median(usual.min(1))


def test_of_images_almost_alike_one_appears_early_and_the_others_last(land: Land) -> None:
    copies = np.repeat(land.vectors[:50], 2, axis=0)
    vectors = unit(np.concatenate([land.vectors[50:], copies]))
    positions = np.concatenate([land.positions[50:], np.repeat(land.positions[:50], 2, axis=0)])
    faces = find_clusters(build_graph(vectors), positions).faces[-100:].reshape(50, 2)
    assert np.median(faces.max(1)) > 0.8 * len(vectors)
    assert np.median(faces.min(1)) < np.median(faces.max(1))


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_images_without_clusters_appear_in_some_order_too(n: int) -> None:
    vectors = np.repeat(unit(np.ones((1, 8))), n, axis=0)
    found = find_clusters(build_graph(vectors), vectors[:, :2])
    assert sorted(found.faces.tolist()) == list(range(n))
    assert found.representatives.shape == (0, REPRESENTATIVES)
