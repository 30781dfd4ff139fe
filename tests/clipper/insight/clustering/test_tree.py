"""Clusters: they are what is there, each within its parent, and none where nothing is told apart."""

import numpy as np
import pytest
from lands import Land, made, unit

from clipper.atlas import Atlas
from clipper.insight.clustering.tree import MIN_VILLAGE, Tree, find_tree
from clipper.projection.graph import build_graph
from clipper.store.parts.clusters import LEVELS


@pytest.fixture(scope="module")
def land() -> Land:
    return made()


def tree_of(vectors: np.ndarray, positions: np.ndarray | None = None) -> Tree:
    return find_tree(build_graph(vectors), vectors[:, :2] * 5 if positions is None else positions)


def agreement(true: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(true, found))


def labels(tree: Tree, level: int) -> np.ndarray:
    """Each image's cluster; each image without one is alone."""
    members = tree.members[:, level].astype(np.int64)
    return np.where(members < 0, len(tree.levels) + np.arange(len(members)), members)


def test_lands_are_continents_and_their_towns_are_villages(land: Land) -> None:
    tree = find_tree(land.graph, land.positions)
    assert agreement(land.land, labels(tree, 0)) > 0.95
    assert agreement(land.town, labels(tree, 2)) > 0.95
    assert np.bincount(tree.levels).tolist() == [6, 12, 24]


def test_each_cluster_lies_within_its_parent_and_counts_its_images(land: Land) -> None:
    tree = find_tree(land.graph, land.positions)
    for cluster, level in enumerate(tree.levels):
        own = tree.members[:, level] == cluster
        assert own.sum() == tree.sizes[cluster] >= MIN_VILLAGE
        assert level == 0 or (tree.members[own, level - 1] == tree.parents[cluster]).all()
    assert (tree.parents[tree.levels == 0] == -1).all()
    noise = tree.members < 0
    assert (noise[:, 1:] >= noise[:, :-1]).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 29])
def test_a_few_images_have_no_clusters(n: int) -> None:
    tree = tree_of(unit(np.random.default_rng(n).normal(size=(n, 8))))
    assert len(tree.levels) == 0
    assert tree.members.shape == (n, LEVELS)


@pytest.mark.parametrize("n", [50, 500])
def test_images_that_are_all_the_same_have_no_clusters(n: int) -> None:
    assert len(tree_of(np.repeat(unit(np.ones((1, 8))), n, axis=0)).levels) == 0


@pytest.mark.parametrize("middle", [0.0, 1.0])
def test_noise_and_one_blob_have_no_clusters(middle: float) -> None:
    vectors = unit(middle + 0.3 * np.random.default_rng(0).normal(size=(1_000, 256)))
    assert len(tree_of(vectors).levels) == 0


def test_two_groups_without_common_neighbors_are_two_continents() -> None:
    random = np.random.default_rng(0)
    vectors = unit(np.concatenate([random.normal(size=(200, 8)) * 0.1 + middle for middle in (1, -1)]))
    tree = tree_of(vectors)
    assert sorted(tree.sizes[tree.levels == 0] > 150) == [True, True]


def test_an_image_far_from_everything_is_noise(land: Land) -> None:
    odd = unit(np.random.default_rng(9).normal(size=(1, land.vectors.shape[1])))
    tree = tree_of(np.vstack([land.vectors, odd]), np.vstack([land.positions, [[0.0, 0.0]]]))
    assert tree.members[-1].tolist() == [-1] * LEVELS


def test_the_same_images_give_the_same_clusters(land: Land) -> None:
    one, other = (find_tree(land.graph, land.positions) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_samples_villages_meet_its_subgroups_better_than_k_means(sample_atlas: Atlas) -> None:
    from sklearn.cluster import KMeans

    true = sample_atlas.metadata["subgroup"].astype(str).to_numpy()
    vectors = np.asarray(sample_atlas.vectors)
    tree = tree_of(vectors, np.asarray(sample_atlas.points[["x", "y"]], np.float32))
    count = np.bincount(tree.levels)
    assert 5 <= count[0] <= 15 <= count[1] <= 60 < count[2]
    means = KMeans(count[2], n_init=1, random_state=0).fit_predict(vectors)
    ours = min(agreement(true, found) for found in (tree.members[:, 2], labels(tree, 2)))
    assert ours > agreement(true, means)
