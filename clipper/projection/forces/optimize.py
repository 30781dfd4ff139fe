"""UMAP's layout of many images on all cores: the same bits on any number of threads.

umap-learn's own optimiser moves one point after the other, on one core, if a seed is to give the same map.
Here all points move at once, each from where the others were before the epoch, as in cuML's optimiser with a
seed (Nolet et al. 2021, AAAI 35(1)). What does not belong here: the compiled loops (`optimize_kernels.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

from clipper.projection.search.blocks import Vectors, one_blas_thread
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

# As UMAP for more than 10,000 points.
EPOCHS, NEGATIVES = 200, 5
# Points that a thread moves at once.
BLOCK = 8_192
# The table of strengths: entries a unit of the map, and the distance where it ends.
STEPS, REACH = 64, 128
# How often positions are averaged over neighbors.
SMOOTHINGS = 30
# Width of the start, and the random shift that separates points that coincide, as in UMAP.
WIDTH, JITTER = 10.0, 1e-4


class Graph(NamedTuple):
    """UMAP's graph in rows, symmetric: the edges of point i are `starts[i]` to `starts[i + 1]`.

    `starts` (n + 1,) int64, `tails` (e,) int32, `weights` (e,) float32, the largest of them 1.
    """

    starts: "np.ndarray"
    tails: "np.ndarray"
    weights: "np.ndarray"


def union(indices: "np.ndarray", distances: "np.ndarray", *, epochs: int = EPOCHS) -> Graph:
    """Build UMAP's graph: the fuzzy union of what each point's neighbors are to it.

    Args:
        indices: (n, k) int, neighbors without the point itself.
        distances: (n, k) float32, cosine distances, nearest first.
        epochs: an edge that would act in none of them is left out.
    """
    import numpy as np
    from scipy import sparse

    from clipper.projection.forces.optimize_kernels import strengths

    n, k = indices.shape
    distances = np.ascontiguousarray(distances, np.float32)
    weight = np.empty((n, k), np.float32)
    usual = float(distances.mean(dtype=np.float64)) * k / (k + 1)
    in_threads(
        lambda start: strengths(distances, usual, start, min(start + BLOCK, n), weight), range(0, n, BLOCK)
    )
    starts = np.arange(0, n * k + 1, k, dtype=np.int64)
    seen = sparse.csr_array((weight.ravel(), indices.astype(np.int32).ravel(), starts), shape=(n, n))
    seen.sort_indices()
    turned = seen.T.tocsr()
    both = seen + turned - seen.multiply(turned)
    both.data /= both.data.max()
    both.data[both.data < 1.0 / epochs] = 0.0
    both.eliminate_zeros()
    both.sort_indices()
    return Graph(both.indptr.astype(np.int64), both.indices.astype(np.int32), both.data.astype(np.float32))


def smoothed(positions: "np.ndarray", graph: Graph) -> "np.ndarray":
    """Average positions, (n, 2), over neighbors in the graph some times: what is near there starts near."""
    import numpy as np
    from scipy import sparse

    n = len(positions)
    matrix = sparse.csr_array((graph.weights, graph.tails, graph.starts), shape=(n, n))
    degree = np.asarray(matrix.sum(axis=1), np.float32)[:, None]
    for _ in range(SMOOTHINGS):
        positions = 0.5 * (positions + (matrix @ positions) / np.maximum(degree, np.finfo(np.float32).tiny))
    return positions


def scaled(positions: "np.ndarray", *, seed: int) -> "np.ndarray":
    """Scale positions, (n, 2), to a start as UMAP has it, with a little noise: (n, 2) float32."""
    import numpy as np

    low, high = positions.min(axis=0), positions.max(axis=0)
    wide = (positions - low) * (WIDTH / np.maximum(high - low, 1e-12))
    return np.asarray(wide + np.random.default_rng(seed).normal(scale=JITTER, size=wide.shape), np.float32)


def optimize(
    graph: Graph,
    start: "np.ndarray",
    *,
    a: float,
    b: float,
    seed: int,
    epochs: int = EPOCHS,
    size: float = 1.0,
) -> "np.ndarray":
    """Lay out the graph's points from `start`, (n, 2) float32: (n, 2) float32.

    A distance d on the map stands for a strength of 1 / (1 + a d^(2b)). `size` is that of the first steps;
    they become smaller with each of the epochs.
    """
    import numpy as np

    from clipper.projection.forces.optimize_kernels import step

    pull, push = _tables(a, b)
    n = len(start)
    old, new = np.ascontiguousarray(start, np.float32).copy(), np.empty((n, 2), np.float32)
    mixed = np.uint64(np.random.default_rng(seed).integers(0, 2**63))

    for epoch in range(epochs):
        now = np.float32(size * (1.0 - epoch / epochs))

        def move(
            at: int,
            old: "np.ndarray" = old,
            new: "np.ndarray" = new,
            now: "np.float32" = now,
            epoch: int = epoch,
        ) -> None:
            end = min(at + BLOCK, n)
            step(*graph, at, end, old, new, epoch, now, pull, push, np.float32(STEPS), NEGATIVES, mixed)

        in_threads(move, range(0, n, BLOCK))
        old, new = new, old
    return old


def _tables(a: float, b: float) -> "tuple[np.ndarray, np.ndarray]":
    """Tabulate how strongly points pull and push by their distance: as in `optimize_layout_euclidean`."""
    import numpy as np

    apart = np.arange(STEPS * REACH + 1) / STEPS
    apart[0] = 0.5 / STEPS  # at 0 the pull has no limit, and moves nothing
    squared = apart**2
    pull = -2.0 * a * b * squared ** (b - 1.0) / (a * squared**b + 1.0)
    push = 2.0 * b / ((0.001 + squared) * (a * squared**b + 1.0))
    return pull.astype(np.float32), push.astype(np.float32)


def principal_components(vectors: Vectors) -> "np.ndarray":
    """Return the two principal components of vectors, (n, 2) float32, read block by block.

    As a start they keep what is far apart so (Kobak and Linderman 2021, Nature Biotechnology 39).
    """
    import numpy as np

    n, d = vectors.shape
    starts = range(0, n, BLOCK)

    def sums(start: int) -> "tuple[np.ndarray, np.ndarray]":
        block = vectors[start : start + BLOCK]
        return block.sum(axis=0, dtype=np.float64), (block.T @ block).astype(np.float64)

    total, products = np.zeros(d), np.zeros((d, d))
    with one_blas_thread():
        for first, second in in_threads(sums, starts):
            total += first
            products += second
    mean = total / n
    _, axes = np.linalg.eigh(products / n - np.outer(mean, mean))
    axes = axes[:, : -min(2, d) - 1 : -1].astype(np.float32)
    out = np.zeros((n, 2), np.float32)

    def project(start: int) -> None:
        out[start : start + BLOCK, : axes.shape[1]] = (
            vectors[start : start + BLOCK] - mean.astype(np.float32)
        ) @ axes

    with one_blas_thread():
        in_threads(project, starts)
    return out
