"""A cluster keeps its identity and its color while most of its images stay."""

from dataclasses import fields

import numpy as np
import pytest
from lands import TOWNS, Land, made

from clipper.insight.clustering.identity import find_clusters, update_clusters
from clipper.store.parts.clusters import Clusters


@pytest.fixture(scope="module")
def land() -> Land:
    return made()


def rows_kept(gone: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~gone)


def colors_of(clusters: Clusters) -> dict[int, int]:
    return dict(zip(clusters.ids.tolist(), clusters.colors.tolist(), strict=True))


def where_new(gone: np.ndarray) -> np.ndarray:
    """The earlier row of each image when those that were gone came: -1 for them."""
    was = np.full(len(gone), -1)
    was[~gone] = np.arange((~gone).sum())
    return was


@pytest.fixture(scope="module")
def found(land: Land) -> Clusters:
    return find_clusters(land.graph, land.positions)


def test_nothing_changes_when_no_image_came_or_went(land: Land, found: Clusters) -> None:
    later = update_clusters(found, land.graph, land.positions, np.arange(len(land.vectors)))
    for field in fields(Clusters):
        assert np.array_equal(getattr(later, field.name), getattr(found, field.name)), field.name


@pytest.mark.parametrize("moved", [False, True])
def test_nine_tenths_of_the_clusters_last_when_a_tenth_of_images_is_added(land: Land, moved: bool) -> None:
    new = np.random.default_rng(1).random(len(land.vectors)) < 1 / 11
    before = land.without(new)
    earlier = find_clusters(before.graph, before.positions)
    later = update_clusters(earlier, land.graph, land.positions, where_new(new), moved=moved)
    kept = colors_of(earlier).items() & colors_of(later).items()
    assert len(kept) >= 0.9 * len(earlier)


def test_new_images_join_the_clusters_of_their_neighbors_and_nothing_moves(land: Land) -> None:
    new = np.arange(len(land.vectors)) % 20 == 0
    before = land.without(new)
    earlier = find_clusters(before.graph, before.positions)
    later = update_clusters(earlier, land.graph, land.positions, where_new(new))
    assert np.array_equal(later.members[~new], earlier.members)
    assert np.array_equal(later.centers, earlier.centers)
    joined = later.members[new, 0]
    home = [np.bincount(land.land[later.members[:, 0] == cluster]).argmax() for cluster in joined]
    assert (joined >= 0).all()
    assert np.mean(home == land.land[new]) == 1.0
    assert later.changed == new.sum()
    assert sorted(later.faces.tolist()) == list(range(len(land.vectors)))
    assert (np.diff(later.faces[~new][np.argsort(earlier.faces)]) > 0).all()


def test_a_cluster_that_loses_all_its_images_is_gone_and_its_identity_is_not_used_again(
    land: Land, found: Clusters
) -> None:
    town = found.rows_at(1)[-1]
    gone = found.members[:, 1] == town
    left = land.without(gone)
    later = update_clusters(found, left.graph, left.positions, rows_kept(gone))
    lost = set(found.ids) - set(later.ids)
    assert found.ids[town] in lost
    assert set(later.ids) < set(found.ids)
    back = update_clusters(later, land.graph, land.positions, where_new(gone), moved=True)
    assert not lost & set(back.ids)
    assert back.next_id > max(back.ids)


def test_other_images_stand_in_for_deleted_ones(land: Land, found: Clusters) -> None:
    gone = np.zeros(len(land.vectors), bool)
    gone[found.representatives[found.rows_at(0), 0]] = True
    left = land.without(gone)
    was = rows_kept(gone)
    later = update_clusters(found, left.graph, left.positions, was)
    chosen = later.representatives[: len(found.rows_at(0))]
    assert (chosen >= 0).all()
    assert np.array_equal(was[chosen[:, 0]], found.representatives[found.rows_at(0), 1])
    assert all((later.members[row, 0] == cluster).all() for cluster, row in enumerate(chosen))


def test_a_new_kind_of_image_is_not_left_as_noise_for_long(land: Land) -> None:
    new = land.town == TOWNS * 3 + 1
    new |= land.town == TOWNS * 3
    new |= land.town == TOWNS * 3 + 2
    new |= land.town == TOWNS * 3 + 3
    before = land.without(new)
    earlier = find_clusters(before.graph, before.positions)
    later = update_clusters(earlier, land.graph, land.positions, where_new(new))
    fresh = later.ids[np.unique(later.members[new, 0])]
    assert (fresh >= earlier.next_id).all()
    assert len(colors_of(earlier).items() & colors_of(later).items()) >= 0.9 * len(earlier)


def test_clusters_begin_and_end_with_no_images(land: Land, found: Clusters) -> None:
    nothing = land.without(np.ones(len(land.vectors), bool))
    none = update_clusters(found, nothing.graph, nothing.positions, np.empty(0, np.int64))
    assert len(none) == 0
    again = update_clusters(none, land.graph, land.positions, np.full(len(land.vectors), -1))
    assert len(again) == len(found)
    assert again.ids.min() >= found.next_id
