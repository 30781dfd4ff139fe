"""Many images: cells, lists that become better, the optimiser that uses all cores, vectors left on disk."""

from collections.abc import Callable
from subprocess import CompletedProcess

import numpy as np
import pytest

from clipper.projection import large, layout, neighbors
from clipper.projection.forces import optimize
from clipper.projection.graph import build_graph, measure_recall, update_graph
from clipper.projection.layout import Parameters, fit
from clipper.projection.neighbors import knn_graph, nearest, nearest_of_many
from clipper.projection.quality import measure_trust
from clipper.projection.refit import refit
from clipper.projection.relax import curve
from clipper.projection.search import cells, descent

Vectors = Callable[..., np.ndarray]


class OnDisk:
    """Vectors of which only the rows asked for are read, and at most so many at once."""

    def __init__(self, vectors: np.ndarray, most: int) -> None:
        self._vectors, self._most = vectors, most
        self.shape = vectors.shape

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        found = self._vectors[rows].copy()
        assert len(found) <= self._most
        return found


def in_many_directions(n: int, d: int = 48, seed: int = 0) -> np.ndarray:
    """Vectors without groups: near cells hold only some of their neighbors."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 12)) @ random.normal(size=(12, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def recall(vectors: np.ndarray, distances: np.ndarray) -> float:
    _, true = nearest(vectors, vectors, distances.shape[1], own=np.arange(len(vectors)))
    return float((distances <= true[:, -1:] + 1e-6).mean())


@pytest.fixture
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of so few vectors that most neighbors are in cells that are not searched."""
    monkeypatch.setattr(cells, "CANDIDATES", 150)
    monkeypatch.setattr(descent.nearest_by_cell, "__kwdefaults__", {"own": False, "candidates": 150})


def test_each_vector_is_in_one_cell_and_copies_fill_many(unit_vectors: Vectors):
    vectors = np.concatenate([unit_vectors(1_500), np.repeat(unit_vectors(1), 2_000, axis=0)])
    found = cells.find_cells(vectors)
    assert np.array_equal(np.sort(found.order), np.arange(3_500))
    sizes = np.diff(found.starts)
    assert (sizes > 0).all()
    assert sizes.max() <= max(256, cells.LARGEST * 3_500 // round(cells.CELLS_OF_ROOT * 3_500**0.5))
    assert all((np.diff(found.rows(cell)) > 0).all() for cell in range(len(found)))
    assert np.allclose(np.linalg.norm(found.centres, axis=1), 1.0, atol=1e-5)
    near = found.near(5, 400)
    assert near[0] == 5
    assert sizes[near].sum() >= 400 > sizes[near[:-1]].sum()


@pytest.mark.usefixtures("few_candidates")
def test_neighbours_of_neighbours_find_what_near_cells_do_not_hold():
    vectors = in_many_directions(4_000)
    _, in_cells = cells.nearest_in_cells(
        vectors, vectors, 20, cells=cells.find_cells(vectors), own=True, candidates=150
    )
    rows, distances = descent.find_neighbors(vectors, 20)
    assert recall(vectors, in_cells) < 0.8
    assert recall(vectors, distances) > 0.97
    assert (rows != np.arange(4_000)[:, None]).all()
    assert all(len(set(row)) == 20 for row in rows.tolist())
    assert (np.diff(distances, axis=1) >= 0).all()
    exact = 1.0 - np.einsum("nd,nkd->nk", vectors, vectors[rows])
    assert np.allclose(exact, distances, atol=1e-6)


@pytest.mark.usefixtures("few_candidates")
def test_copies_are_all_found(unit_vectors: Vectors):
    vectors = np.concatenate([np.repeat(unit_vectors(40), 30, axis=0), unit_vectors(800, seed=3)])
    rows, distances = descent.find_neighbors(vectors, 25)
    assert (distances[:1_200] < 1e-5).all()
    assert all(len(set(row)) == 25 for row in rows.tolist())


def test_a_search_in_tiles_is_exact(monkeypatch: pytest.MonkeyPatch, unit_vectors: Vectors):
    vectors = unit_vectors(1_000)
    own = np.arange(1_000)
    rows, distances = nearest(vectors, vectors, 30, own=own)
    monkeypatch.setattr(neighbors, "EXACT_KNN_LIMIT", 100)
    monkeypatch.setattr(neighbors, "TILE", (64, 107))
    tiled, apart = nearest(OnDisk(vectors, 107), OnDisk(vectors, 107), 30, own=own)
    assert np.allclose(apart, distances, atol=1e-6)
    assert np.mean(tiled == rows) > 0.99  # two at the same distance may change places
    earlier = np.where(own < 900, own, -1)
    grown = update_graph(build_graph(vectors[:900]), OnDisk(vectors, 4_096), earlier)
    assert measure_recall(grown, vectors) == 1.0


def test_many_images_are_placed_by_near_cells_and_none_is_its_own_neighbour(
    monkeypatch: pytest.MonkeyPatch, unit_vectors: Vectors
):
    vectors = unit_vectors(3_000, groups=30, spread=0.2)
    own = np.where(np.arange(3_000) < 1_000, np.arange(3_000), -1)
    _, true = nearest(vectors, vectors[:1_000], 15, own=own)
    for name, limit in (("EXACT_KNN_LIMIT", 100), ("EXACT_PAIRS", 100), ("PLACING_CANDIDATES", 300)):
        monkeypatch.setattr(neighbors, name, limit)
    near, apart = nearest_of_many(vectors, vectors[:1_000], 15, own=own)
    assert near.shape == apart.shape == (3_000, 15)
    assert (near != own[:, None]).all()
    assert (apart <= true[:, -1:] + 1e-6).mean() > 0.95


def test_umaps_graph_is_umaps(unit_vectors: Vectors):
    from umap.umap_ import fuzzy_simplicial_set

    layout.cache_compiled()
    vectors = np.concatenate([unit_vectors(500), np.repeat(unit_vectors(2, seed=1), 4, axis=0)])
    near, apart = knn_graph(vectors, 15)
    expected, _, _ = fuzzy_simplicial_set(
        vectors, 15, np.random.RandomState(0), "cosine", knn_indices=near, knn_dists=apart
    )
    expected.data[expected.data < expected.data.max() / optimize.EPOCHS] = 0
    expected.eliminate_zeros()
    graph = optimize.union(near[:, 1:], apart[:, 1:])
    assert np.array_equal(graph.starts, expected.tocsr().indptr)
    expected = expected.tocsr()
    expected.sort_indices()
    assert np.array_equal(graph.tails, expected.indices)
    assert np.allclose(graph.weights, expected.data / expected.data.max(), atol=2e-3)


def test_the_optimiser_keeps_as_many_neighbours_as_umaps(
    monkeypatch: pytest.MonkeyPatch, unit_vectors: Vectors
):
    vectors = unit_vectors(1_200, groups=40, spread=0.3)
    by_umap = measure_trust(vectors, fit(vectors, Parameters()).positions)
    monkeypatch.setattr(layout, "SERIAL_LIMIT", 100)
    made = fit(OnDisk(vectors, 1_200), Parameters())
    own = measure_trust(vectors, made.positions)
    assert own["trustworthiness"] > by_umap["trustworthiness"] - 0.01
    assert own["neighbour_preservation"] > by_umap["neighbour_preservation"] - 0.02
    assert np.isfinite(made.positions).all()


def test_copies_of_a_few_have_a_map(unit_vectors: Vectors):
    vectors = np.repeat(unit_vectors(3), 100, axis=0)
    near, apart = knn_graph(vectors, 15)
    positions = large.lay_out(vectors, near, apart, min_dist=0.1, seed=0)
    assert positions.shape == (300, 2)
    assert np.isfinite(positions).all()


def test_a_refit_of_many_moves_old_points_little(monkeypatch: pytest.MonkeyPatch, unit_vectors: Vectors):
    vectors = unit_vectors(1_000, groups=20, spread=0.3)
    for module in ("layout", "refit"):
        monkeypatch.setattr(f"clipper.projection.{module}.SERIAL_LIMIT", 100)
    begun = fit(vectors, Parameters())
    again = refit(vectors, begun, np.ones(1_000, bool), Parameters())
    moved = np.linalg.norm(again.positions - begun.positions, axis=1) / np.ptp(begun.positions, axis=0).max()
    assert np.median(moved) < 0.04
    assert not np.array_equal(again.positions, begun.positions)


def test_the_optimiser_settles_points_that_lie_on_one_another():
    start = np.random.default_rng(0).normal(scale=1e-4, size=(60, 2)).astype(np.float32)
    near = np.array([[j for j in range(i // 20 * 20, i // 20 * 20 + 20) if j != i][:10] for i in range(60)])
    graph = optimize.union(near, np.full((60, 10), 0.1, np.float32))
    a, b = curve(0.1)
    at = optimize.optimize(graph, start, a=a, b=b, seed=0)
    centres = at.reshape(3, 20, 2).mean(axis=1)
    assert np.isfinite(at).all()
    assert np.linalg.norm(at.reshape(3, 20, 2) - centres[:, None], axis=2).mean() < 2.0
    assert min(np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 1.0


MADE = """
import hashlib, os, sys
import numpy as np
os.cpu_count = lambda: int(os.environ["NUMBA_NUM_THREADS"])
from clipper.projection import layout, neighbors
from clipper.projection.forces import optimize
from clipper.projection.graph import build_graph
from clipper.projection.search import descent
neighbors.EXACT_KNN_LIMIT = layout.SERIAL_LIMIT = 100
descent.BLOCK = optimize.BLOCK = 256
descent.MOST_BLOCKS = 1 + os.cpu_count()
random = np.random.default_rng(0)
vectors = random.normal(size=(2_000, 64)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
graph = build_graph(vectors)
made = layout.fit(vectors, layout.Parameters(fit_limit=1_500), None)
for array in (graph.rows, graph.distances, made.positions):
    print(hashlib.sha256(array.tobytes()).hexdigest())
print(*[name for name in ("umap", "pynndescent", "sklearn") if name in sys.modules])
"""


def test_many_images_have_the_same_bytes_on_any_number_of_threads_and_blocks_and_need_no_umap(
    python: Callable[..., CompletedProcess[str]],
):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    one, three = (python(MADE, **dict.fromkeys(names, str(count))) for count in (1, 3))
    assert len(one.stdout.splitlines()) == 4, one.stderr
    assert one.stdout == three.stdout
    assert not one.stdout.splitlines()[-1]
