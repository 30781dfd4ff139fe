"""Lay out many images: first the cells that they are in, then each among its like, by UMAP's forces.

The coarse map determines where groups lie that have no common neighbors, and the fine one starts from it.
umap-learn is not imported: nothing waits for its compiler. What does not belong here: which images are laid
out (`projection/layout.py`), and the optimiser (`projection/forces/`).
"""

from typing import TYPE_CHECKING

from clipper.projection.forces import optimize
from clipper.projection.neighbors import Vectors, knn_graph, nearest
from clipper.projection.place import NEIGHBORS, place_by_neighbors
from clipper.projection.relax import curve
from clipper.projection.search.cells import find_cells

if TYPE_CHECKING:
    import numpy as np


def lay_out(
    vectors: Vectors, indices: "np.ndarray", distances: "np.ndarray", *, min_dist: float, seed: int
) -> "np.ndarray":
    """Lay out vectors, (n, d), by their neighbors, itself first, (n, k) int and float32: (n, 2) float32.

    The result has the same bits on any number of threads.
    """
    a, b = curve(min_dist)
    graph = optimize.union(indices[:, 1:], distances[:, 1:])
    start = _coarse_start(vectors, a=a, b=b, seed=seed)
    return optimize.optimize(graph, start, a=a, b=b, seed=seed)


def settle(
    start: "np.ndarray",
    indices: "np.ndarray",
    distances: "np.ndarray",
    *,
    min_dist: float,
    seed: int,
    epochs: int,
    size: float,
) -> "np.ndarray":
    """Let a map, (n, 2) float32, settle by its neighbors, itself first, in small steps: (n, 2) float32."""
    a, b = curve(min_dist)
    graph = optimize.union(indices[:, 1:], distances[:, 1:], epochs=epochs)
    return optimize.optimize(graph, start, a=a, b=b, seed=seed, epochs=epochs, size=size)


def _coarse_start(vectors: Vectors, *, a: float, b: float, seed: int) -> "np.ndarray":
    """Lay out the centres of the cells, and place each vector among the nearest of them: (n, 2) float32."""
    import numpy as np

    # Parts of one cell have the same centre.
    centres = np.unique(find_cells(vectors).centres, axis=0)
    if len(centres) <= NEIGHBORS:  # nearly all vectors are copies of a few
        return optimize.scaled(optimize.principal_components(vectors), seed=seed)
    near, apart = knn_graph(centres, NEIGHBORS)
    graph = optimize.union(near[:, 1:], apart[:, 1:])
    begun = optimize.smoothed(optimize.principal_components(centres), graph)
    coarse = optimize.optimize(graph, optimize.scaled(begun, seed=seed), a=a, b=b, seed=seed)
    return optimize.scaled(place_by_neighbors(*nearest(vectors, centres, NEIGHBORS), coarse), seed=seed)
