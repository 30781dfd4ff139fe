"""The neighbor graph: exact for a few images, and the same whether it is built at once or in steps."""

from collections.abc import Callable

import numpy as np
import pytest

from clipper.projection import graph as graphs
from clipper.projection.graph import (
    MISSING,
    NEIGHBORS_KEPT,
    WIDTH,
    NeighborGraph,
    build_graph,
    measure_recall,
    nearest_among,
    umap_neighbors,
    update_graph,
)
from clipper.projection.neighbors import knn_graph, nearest
from clipper.projection.search import updates

Vectors = Callable[..., np.ndarray]


def same(one: NeighborGraph, other: NeighborGraph, *, k: int = NEIGHBORS_KEPT, share: float = 1.0) -> None:
    """Both know the same k nearest, but for a share that is equally near, and call the rest missing alike."""
    k = min(k, len(one) - 1)
    assert (one.rows[:, :k] == other.rows[:, :k]).mean() >= share
    assert one.distances[:, :k] == pytest.approx(other.distances[:, :k], abs=1e-5)


def valid(graph: NeighborGraph) -> None:
    """No image is its own neighbor or stands twice in a list; lists ascend, and their ends are empty."""
    known = graph.rows >= 0
    assert (np.diff(known.astype(int), axis=1) <= 0).all()
    assert np.isinf(graph.distances[~known]).all()
    assert np.isfinite(graph.distances[known]).all()
    assert (np.diff(np.where(known, graph.distances, 3.0), axis=1) >= 0).all()
    assert not (graph.rows == np.arange(len(graph))[:, None]).any()
    for row in graph.rows:
        named = row[row >= 0]
        assert len(set(named.tolist())) == len(named)


def earlier_rows(was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Where each of `now` was in `was`, both rows of the same vectors; -1 where it was not."""
    place = {int(row): i for i, row in enumerate(was)}
    return np.array([place.get(int(row), -1) for row in now])


@pytest.mark.parametrize("n", [0, 1, 2, 5, WIDTH, WIDTH + 1, 300])
def test_each_image_has_its_nearest_others_and_no_more_than_there_are(unit_vectors: Vectors, n: int):
    vectors = unit_vectors(n) if n else np.empty((0, 8), np.float32)
    graph = build_graph(vectors)
    valid(graph)
    assert graph.rows.shape == (n, WIDTH)
    assert ((graph.rows >= 0).sum(1) == max(0, min(WIDTH, n - 1))).all()
    if n > 1:
        k = min(WIDTH, n - 1)
        assert np.array_equal(graph.rows[:, :k], nearest(vectors, vectors, k, own=np.arange(n))[0])
    assert measure_recall(graph, vectors) == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_a_graph_that_follows_its_images_is_the_one_that_is_built_at_once(unit_vectors: Vectors, seed: int):
    random = np.random.default_rng(seed)
    vectors = unit_vectors(700)
    there = random.permutation(700)[: random.integers(50, 400)]
    graph = build_graph(vectors[there])
    for _ in range(4):
        kept = there[random.random(len(there)) > random.choice([0.0, 0.02, 0.4])]
        came = random.permutation(np.setdiff1d(np.arange(700), there))[: random.integers(0, 90)]
        now = random.permutation(np.concatenate([kept, came]))
        graph = update_graph(graph, vectors[now], earlier_rows(there, now))
        valid(graph)
        same(graph, build_graph(vectors[now]))
        there = now


def test_only_new_images_and_lists_that_lost_too_many_are_searched(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    vectors, searched = unit_vectors(500), []
    graph = build_graph(vectors[:490])
    counted = graphs.find_edges
    monkeypatch.setattr(
        graphs,
        "find_edges",
        lambda all_images, rows, **rest: searched.append(len(rows)) or counted(all_images, rows, **rest),
    )
    monkeypatch.setattr(graphs, "build_graph", None)
    grown = update_graph(graph, vectors, np.concatenate([np.arange(490), np.full(10, -1)]))
    update_graph(grown, vectors[1:], np.arange(1, 500))  # one image is gone: every list still is long enough
    update_graph(grown, vectors[::-1].copy(), np.arange(500)[::-1])  # the same images in another order
    assert searched == [10]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many images as a test has are searched as a million are: by parts, and within a limit."""
    monkeypatch.setattr(updates, "QUERIES", 64)
    monkeypatch.setattr(updates, "LISTS", 300)
    monkeypatch.setattr(graphs, "LIMIT_SAMPLE", 150)
    monkeypatch.setattr(graphs, "SEARCHED_TOGETHER", 170)
    monkeypatch.setattr(graphs, "_CARRIED", 220)


@pytest.mark.usefixtures("small_steps")
def test_a_graph_that_is_updated_in_many_parts_is_the_one_that_is_built_at_once(unit_vectors: Vectors):
    random, vectors = np.random.default_rng(4), unit_vectors(1_500)
    there = random.permutation(1_500)[:1_100]
    graph = build_graph(vectors[there])
    for kept, came in ((0.99, 0), (0.8, 0), (0.5, 40), (1.0, 400)):
        others = random.permutation(np.setdiff1d(np.arange(1_500), there))[:came]
        now = random.permutation(np.concatenate([there[random.random(len(there)) < kept], others]))
        graph = update_graph(graph, vectors[now], earlier_rows(there, now))
        valid(graph)
        same(graph, build_graph(vectors[now]), share=0.999)
        there = now


@pytest.mark.usefixtures("small_steps")
def test_new_images_that_are_near_all_others_come_into_every_list_and_take_bounded_room(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    vectors, found = unit_vectors(1_000, d=64, groups=1, spread=1.0), []
    vectors[600:] = vectors[:600].mean(axis=0) + unit_vectors(400, d=64, seed=2) / 12
    vectors[600:] /= np.linalg.norm(vectors[600:], axis=1, keepdims=True)
    insert = graphs._insert
    monkeypatch.setattr(
        graphs,
        "_insert",
        lambda *lists_and_edges: found.append(len(lists_and_edges[2].heads)) or insert(*lists_and_edges),
    )
    earlier = np.where(np.arange(1_000) < 600, np.arange(1_000), -1)
    grown = update_graph(build_graph(vectors[:600]), vectors, earlier)
    valid(grown)
    same(grown, build_graph(vectors), share=0.9)
    assert (grown.rows[:600] >= 600).mean() > 0.9  # nearly all neighbors are new ones
    assert max(found) <= 3 * (300 + 64) * WIDTH  # three blocks of queries with a part of the lists


@pytest.mark.usefixtures("small_steps")
def test_images_that_all_look_the_same_have_whole_lists(unit_vectors: Vectors):
    vectors = np.repeat(unit_vectors(1), 900, axis=0)
    earlier = np.where(np.arange(900) < 500, np.arange(900), -1)
    grown = update_graph(build_graph(vectors[:500]), vectors, earlier)
    valid(grown)
    assert (grown.rows >= 0).all()
    assert (grown.distances < 1e-6).all()


def test_copies_of_one_image_are_neighbors_of_each_other(unit_vectors: Vectors):
    vectors = unit_vectors(200)
    vectors[::4] = vectors[0]
    graph = build_graph(vectors)
    valid(graph)
    assert (graph.distances[::4, :40] < 1e-6).all()
    half = np.arange(0, 200, 2)
    later = update_graph(build_graph(vectors[half]), vectors, earlier_rows(half, np.arange(200)))
    valid(later)
    assert measure_recall(later, vectors) == 1.0


def test_a_graph_in_another_order_is_the_same_graph(unit_vectors: Vectors):
    vectors, order = unit_vectors(120), np.random.default_rng(1).permutation(120)
    small = unit_vectors(5)
    same(build_graph(vectors).reordered(order), build_graph(vectors[order]), k=WIDTH)
    turned = build_graph(small).reordered(np.array([4, 3, 2, 1, 0]))
    same(turned, build_graph(small[::-1].copy()))
    assert (turned.rows[:, 4:] == MISSING).all()


def test_the_nearest_of_some_images_are_found_whether_the_graph_knows_them_or_not(unit_vectors: Vectors):
    vectors, random = unit_vectors(400), np.random.default_rng(0)
    graph = build_graph(vectors)
    for share in (0.9, 0.3, 0.06):
        allowed = random.random(400) < share
        rows = random.permutation(400)[:150]
        found, apart = nearest_among(graph, vectors, rows, allowed, 15)
        among = np.flatnonzero(allowed)
        own = np.where(allowed[rows], np.searchsorted(among, rows), -1)
        near, far = nearest(vectors[rows], vectors[among], 15, own=own)
        assert np.array_equal(found, among[near])
        assert apart == pytest.approx(far, abs=1e-6)
    found, _ = nearest_among(graph, vectors, np.arange(400), np.ones(400, bool), 60)
    assert np.array_equal(found, nearest(vectors, vectors, 60, own=np.arange(400))[0])


def test_umap_gets_the_same_neighbors_from_the_graph_as_from_a_search(unit_vectors: Vectors):
    vectors = unit_vectors(150)
    graph = build_graph(vectors)
    for k in (2, 15, WIDTH + 1, 100):
        rows, distances = umap_neighbors(vectors, k, graph)
        expected, apart = knn_graph(vectors, k)
        assert rows.dtype == np.int32
        assert np.array_equal(rows, expected)
        assert np.array_equal(distances, apart)


@pytest.mark.slow
def test_an_index_of_many_images_puts_each_first_although_copies_are_as_near(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.projection.neighbors.EXACT_KNN_LIMIT", 100)
    monkeypatch.setattr(graphs, "EXACT_KNN_LIMIT", 100)
    vectors = unit_vectors(600)
    vectors[:80] = vectors[0]
    graph = build_graph(vectors)
    valid(graph)
    assert measure_recall(graph, vectors) > 0.95
    grown = update_graph(
        build_graph(vectors[:590]), vectors, np.where(np.arange(600) < 590, np.arange(600), -1)
    )
    valid(grown)
    half = update_graph(
        build_graph(vectors[:300]), vectors, np.where(np.arange(600) < 300, np.arange(600), -1)
    )
    assert measure_recall(half, vectors) > 0.95
