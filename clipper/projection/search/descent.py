"""The neighbors of many vectors: first those in near cells, then the neighbors of neighbors.

A vector near the border of its cell has neighbors in cells that it was not compared with, but its neighbors
know them: the lists become better step by step, as in NN-descent (Dong et al. 2011, WWW). Where the cells
separate the vectors well, there is next to nothing to do. Unlike pynndescent's, the result does not depend on
the number of threads, and all of them are used. What does not belong here: the lists' form in the neighbor
graph (`projection/graph.py`).
"""

from typing import TYPE_CHECKING

from clipper.projection.search.blocks import Vectors, one_blas_thread
from clipper.projection.search.cells import Cells, find_cells, nearest_by_cell
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

# Neighbors, and vectors that have it as a neighbor, through which a vector finds others.
REACH, LINKS = 30, 60
# Steps end when they put fewer than this share of all neighbors into the lists, as NN-descent's do.
ENOUGH, MOST_STEPS = 0.001, 12
# A vector's length in whole numbers: the product of two fits into 31 bits, and so do all sums on the way, by
# Cauchy and Schwarz. The distances are right to about 1e-5; those in the lists are computed again in float32.
UNIT = 32_767
BLOCK = 4_096
# At most so many blocks are improved in a step: each call of the kernel clears a number for every vector.
MOST_BLOCKS = 256


def find_neighbors(vectors: Vectors, k: int, *, seed: int = 0) -> "tuple[np.ndarray, np.ndarray]":
    """Find the k nearest others of each of n vectors, nearest first, nearly all of them right.

    Args:
        vectors: (n, d), n > k.
        k: at least 1.
        seed: of the cells.

    Returns:
        rows, (n, k) int32, and cosine distances, (n, k) float32, not negative.
    """
    import numpy as np

    cells = find_cells(vectors, seed=seed)
    _, rows, distances = nearest_by_cell(vectors, vectors, k, cells=cells, own=True)
    # From here to the end a vector's number is its place in the order of the cells: what is near is together.
    place = np.empty(len(vectors), np.int32)
    place[cells.order] = np.arange(len(vectors), dtype=np.int32)
    rows = place[rows]
    changed = _improve(vectors, cells, rows, distances)
    _measure(vectors, cells, rows, distances, changed)
    found, apart = np.empty_like(rows), np.empty_like(distances)
    found[cells.order], apart[cells.order] = cells.order[rows], distances
    return found, apart


def _improve(vectors: Vectors, cells: Cells, rows: "np.ndarray", distances: "np.ndarray") -> "np.ndarray":
    """Improve the lists in place, all in the order of the cells; return which were changed, (n,) bool."""
    import numpy as np

    from clipper.projection.search.cells import CANDIDATES
    from clipper.projection.search.descent_kernels import improve, link

    n, k = rows.shape
    cell = np.repeat(np.arange(len(cells), dtype=np.int32), np.diff(cells.starts))
    compared = np.zeros((len(cells), len(cells)), bool)
    for each in range(len(cells)):
        compared[each, cells.near(each, max(CANDIDATES, k + 1))] = True
    data = _in_whole_numbers(vectors, cells)
    reach = min(REACH, k)
    links, links_fresh = np.empty((n, LINKS), np.int32), np.zeros((n, LINKS), np.uint8)
    fresh, changed = np.ones((n, k), np.uint8), np.zeros(n, bool)
    unit = np.float32(UNIT * UNIT)

    size = max(BLOCK, -(-n // MOST_BLOCKS))

    def step(start: int) -> int:
        end = min(start + size, n)
        return int(
            improve(data, unit, cell, compared, links, links_fresh, start, end, rows, distances, fresh)
        )

    for _ in range(MOST_STEPS):
        link(rows, fresh, reach, links, links_fresh)
        changes = sum(in_threads(step, range(0, n, size)))
        changed |= fresh.any(axis=1)
        if changes < ENOUGH * n * k:
            break
    return changed


def _in_whole_numbers(vectors: Vectors, cells: Cells) -> "np.ndarray":
    """Return the vectors in the order of the cells, (n, d) int16: half the memory of float32."""
    import numpy as np

    n, d = vectors.shape
    out = np.empty((n, d), np.int16)

    def fill(start: int) -> None:
        block = vectors[cells.order[start : start + BLOCK]]
        out[start : start + BLOCK] = np.rint(block * UNIT).clip(-UNIT, UNIT)

    in_threads(fill, range(0, n, BLOCK))
    return out


def _measure(
    vectors: Vectors, cells: Cells, rows: "np.ndarray", distances: "np.ndarray", changed: "np.ndarray"
) -> None:
    """Compute the distances of the changed lists in float32, and sort them, in place."""
    import numpy as np

    def measure(cell: int) -> None:
        inside = np.arange(cells.starts[cell], cells.starts[cell + 1])
        inside = inside[changed[inside]]
        if not len(inside):
            return
        others, at = np.unique(rows[inside], return_inverse=True)
        alike = vectors[cells.order[inside]] @ vectors[cells.order[others]].T
        apart = 1.0 - np.take_along_axis(alike, at.reshape(len(inside), -1), axis=1)
        order = np.argsort(apart, axis=1, kind="stable")
        rows[inside] = np.take_along_axis(rows[inside], order, axis=1)
        distances[inside] = np.take_along_axis(apart, order, axis=1).clip(0.0)

    with one_blas_thread():
        in_threads(measure, range(len(cells)))
