"""Average linkage over links: the same tree as one join after the other."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import average
from scipy.spatial.distance import squareform

from clipper.insight.clustering.agglomeration import Links, agglomerate, contract, cut, make_links, widest_gap


def complete(closeness: np.ndarray) -> Links:
    heads, tails = np.triu_indices(len(closeness), 1)
    return make_links(heads, tails, closeness[heads, tails], len(closeness))


def test_a_complete_graph_gives_the_tree_of_average_linkage() -> None:
    random = np.random.default_rng(0)
    apart = squareform(random.uniform(0.1, 0.9, 40 * 39 // 2))
    joins = agglomerate(complete(1.0 - apart), np.ones(40))
    assert 1.0 - joins.closeness == pytest.approx(average(squareform(apart))[:, 2])


def test_links_between_the_same_two_are_added_and_one_to_itself_is_dropped() -> None:
    links = make_links(np.array([0, 1, 2]), np.array([1, 0, 2]), np.array([1.0, 2.0, 5.0]), 3)
    assert (links.heads.tolist(), links.tails.tolist(), links.weights.tolist()) == ([0], [1], [3.0])


def test_clusters_are_linked_by_the_sum_of_their_images_links() -> None:
    links = contract(complete(np.ones((4, 4))), np.array([0, 0, 1, 1]))
    assert links.weights.tolist() == [4.0]


def test_equal_links_in_a_long_row_are_joined_in_few_rounds_and_all_in_the_end() -> None:
    row = np.arange(9_999)
    joins = agglomerate(make_links(row, row + 1, np.ones(9_999), 10_000), np.ones(10_000))
    assert len(joins.heads) == 9_999
    assert cut(joins, 1).max() == 0


@pytest.mark.parametrize("count", [1, 2, 7, 40, 100])
def test_a_tree_is_cut_into_as_many_clusters_as_are_wanted_and_there_can_be(count: int) -> None:
    closeness = squareform(np.random.default_rng(1).uniform(0.1, 0.9, 40 * 39 // 2))
    labels = cut(agglomerate(complete(closeness), np.ones(40)), count)
    assert len(np.unique(labels)) == min(count, 40)


def test_what_is_not_linked_is_not_joined() -> None:
    joins = agglomerate(make_links(np.array([0, 2]), np.array([1, 3]), np.ones(2), 5), np.ones(5))
    assert np.bincount(cut(joins, 1)).tolist() == [2, 2, 1]


def test_three_groups_are_the_widest_gap() -> None:
    group = np.repeat(np.arange(3), 10)
    closeness = np.where(group[:, None] == group, 1.0, 0.01)
    assert widest_gap(agglomerate(complete(closeness), np.ones(30)), 2, 6) == 3
