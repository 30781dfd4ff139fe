"""Nearest neighbours by cosine: exact by matrix product, by an index where there are too many."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Up to here a matrix product finds the neighbours exactly, faster than an index is compiled.
EXACT_KNN_LIMIT = 30_000
BLOCK = 2_048
# Cells of one block of similarities: 200 MB of float32, thrice that while the nearest are picked.
BLOCK_CELLS = 50_000_000


def neighbours(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Each vector's k nearest by cosine distance, itself first at 0: (n, k) int32, (n, k) float32."""
    import numpy as np

    n = vectors.shape[0]
    if n > EXACT_KNN_LIMIT:
        return _approximate_neighbours(vectors, k)
    indices = np.empty((n, k), np.int32)
    distances = np.empty((n, k), np.float32)
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        apart = 1.0 - vectors[rows] @ vectors.T
        apart[np.arange(len(rows)), rows] = -1.0  # itself first, also among copies
        near = np.argpartition(apart, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(apart, near, axis=1), axis=1, kind="stable")
        indices[rows] = np.take_along_axis(near, order, axis=1)
        distances[rows] = np.take_along_axis(apart, indices[rows].astype(np.int64), axis=1)
    return indices, distances.clip(0.0)


def _approximate_neighbours(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np
    from pynndescent import NNDescent

    index = NNDescent(vectors, metric="cosine", n_neighbors=max(30, k), random_state=0, n_jobs=-1)
    indices, distances = (array[:, :k].copy() for array in index.neighbor_graph)
    indices[:, 0] = np.arange(len(indices))  # what UMAP expects of a precomputed graph
    distances[:, 0] = 0.0
    return indices.astype(np.int32), distances.astype(np.float32)
