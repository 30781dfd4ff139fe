"""Cells of like vectors: only vectors of near cells are compared, by matrix products.

An inverted file (Jégou et al. 2011, IEEE PAMI 33(1)) whose queries are taken cell by cell, so that one
product compares all of them with the same candidates. It has the same bits on any number of threads, and
reads the vectors a few cells at a time. What does not belong here: making lists better (`descent.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.projection.search.blocks import (
    BLOCK,
    Blocks,
    Vectors,
    comparing_seconds,
    compute_blocks,
    one_blas_thread,
    select_nearest,
    starts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

# There are this number times the square root of n cells: finding them, and assigning n vectors to them, then
# cost about as much as comparing each vector with CANDIDATES others, from 100,000 vectors to some millions.
CELLS_OF_ROOT = 2.5
# Vectors of a cell on which the centres are found, and how often they are moved.
TRAINED_ON, MOVES = 32, 5
# A cell of many like vectors, as of copies, is divided into parts of at most this number times the mean size.
LARGEST = 4
# A vector is compared with at least so many others.
CANDIDATES = 4_000
# So many times the centres that an assignment takes at once, 64 MB of similarities.
ASSIGN_CELLS = 16_000_000


@dataclass(frozen=True)
class Cells:
    """Vectors in cells.

    `order` (n,) int32: the rows, cell by cell, ascending within each. `starts` (c + 1,) int64: where each
    cell begins in it, and the end. `centres` (c, d) float32, L2-normalised.
    """

    order: "np.ndarray"
    starts: "np.ndarray"
    centres: "np.ndarray"

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, cell: int) -> "np.ndarray":
        """Return the rows in a cell, (b,) int32."""
        return self.order[self.starts[cell] : self.starts[cell + 1]]

    def near(self, cell: int, count: int) -> "np.ndarray":
        """Return the cells nearest to one, itself first, that hold `count` vectors or more together."""
        import numpy as np

        alike = self.centres @ self.centres[cell]
        alike[cell] = np.inf
        order = np.argsort(-alike, kind="stable")
        held = np.cumsum(np.diff(self.starts)[order])
        return order[: int(np.searchsorted(held, count)) + 1]


def find_cells(vectors: Vectors, *, seed: int = 0) -> Cells:
    """Divide vectors, (n, d) with n > 0, into cells.

    By spherical k-means on a sample (Dhillon and Modha 2001, Machine Learning 42).
    """
    import numpy as np

    n = len(vectors)
    count = max(1, round(CELLS_OF_ROOT * n**0.5))
    with one_blas_thread():
        centres = _centres(vectors, min(count, n), seed)
        cell = assign(vectors, centres)
    sizes = np.bincount(cell, minlength=len(centres))
    most = max(BLOCK // 4, LARGEST * n // count)
    parts = np.maximum(1, -(-sizes // most))
    first = np.repeat(np.cumsum(sizes) - sizes, parts)
    within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    starts = np.append(first + within * most, n)
    kept = np.diff(starts) > 0
    order = np.argsort(cell, kind="stable").astype(np.int32)
    return Cells(order, np.append(starts[:-1][kept], n), np.repeat(centres, parts, axis=0)[kept])


def assign(vectors: Vectors, centres: "np.ndarray") -> "np.ndarray":
    """Return the most alike of the centres, (c, d) float32, for each of n vectors: (n,) int64."""
    import numpy as np

    size = max(1, min(4 * BLOCK, ASSIGN_CELLS // len(centres)))
    found = np.empty(len(vectors), np.int64)
    seconds = comparing_seconds(len(vectors) * len(centres), vectors.shape[1])
    inputs = {"vectors": vectors, "centres": centres}
    compute_blocks(Blocks(_assign_block, inputs, starts_of(len(vectors), size), seconds), found)
    return found


def _assign_block(inputs: "Mapping[str, Any]", _: int, rows: slice) -> "tuple[np.ndarray]":
    return ((inputs["vectors"][rows] @ inputs["centres"].T).argmax(axis=1),)


def nearest_in_cells(
    vectors: Vectors, among: Vectors, k: int, *, cells: Cells, own: bool = False, candidates: int = CANDIDATES
) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest of those in its own and near cells, nearest first.

    Args:
        vectors: (m, d).
        among: (n, d).
        k: at most n; at most n - 1 with `own`.
        cells: of `among`.
        own: whether `vectors` are `among`: a vector is then no neighbor of itself.
        candidates: the number of vectors, or more, with which each is compared.

    Returns:
        rows of `among`, (m, k) int32, and cosine distances, (m, k) float32, not negative.
    """
    import numpy as np

    order, found, apart = nearest_by_cell(vectors, among, k, cells=cells, own=own, candidates=candidates)
    indices, distances = np.empty_like(found), np.empty_like(apart)
    indices[order], distances[order] = found, apart
    return indices, distances


def nearest_by_cell(
    vectors: Vectors, among: Vectors, k: int, *, cells: Cells, own: bool = False, candidates: int = CANDIDATES
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Find what `nearest_in_cells` does, cell by cell: return the rows of `vectors` in this order first."""
    import numpy as np

    if own:
        order, starts = cells.order, cells.starts
    else:
        with one_blas_thread():
            cell = assign(vectors, cells.centres)
        order = np.argsort(cell, kind="stable")
        starts = np.searchsorted(cell[order], np.arange(len(cells) + 1))
    inputs = {
        "vectors": vectors,
        "among": among,
        "queries": order,
        **vars(cells),
        "k": k,
        "own": own,
        "candidates": max(candidates, k + own),
    }
    found, apart = np.empty((len(order), k), np.int32), np.empty((len(order), k), np.float32)
    compared = inputs["candidates"] + len(among) // max(1, len(cells))
    seconds = comparing_seconds(len(order) * compared, vectors.shape[1])
    compute_blocks(Blocks(_search_cell, inputs, starts, seconds), found, apart)
    return order, found, apart


def _search_cell(inputs: "Mapping[str, Any]", cell: int, queries: slice) -> "tuple[np.ndarray, np.ndarray]":
    """Find the nearest of the vectors of one cell: `queries` are their places in the order of the cells."""
    import numpy as np

    vectors, own, k = inputs["vectors"], inputs["own"], inputs["k"]
    order = inputs["queries"][queries]
    indices, distances = np.empty((len(order), k), np.int32), np.empty((len(order), k), np.float32)
    if not len(order):
        return indices, distances
    cells = Cells(inputs["order"], inputs["starts"], inputs["centres"])
    near = cells.near(cell, inputs["candidates"])
    found = np.concatenate([cells.rows(each) for each in near])
    compared = inputs["among"][found].T
    for start in range(0, len(order), BLOCK):
        rows = slice(start, start + BLOCK)
        apart = 1.0 - vectors[order[rows]] @ compared
        if own:  # its own cell is the first of the candidates
            at = np.arange(len(apart))
            apart[at, start + at] = np.inf
        chosen, far = select_nearest(apart, k)
        indices[rows], distances[rows] = found[chosen], far.clip(0.0)
    return indices, distances


def _centres(vectors: Vectors, count: int, seed: int) -> "np.ndarray":
    import numpy as np

    random = np.random.default_rng(seed)
    sample = vectors[
        np.sort(random.choice(len(vectors), min(len(vectors), TRAINED_ON * count), replace=False))
    ]
    centres = sample[np.sort(random.choice(len(sample), count, replace=False))].copy()
    for _ in range(MOVES):
        cell = assign(sample, centres)
        order = np.argsort(cell, kind="stable")
        used, first = np.unique(cell[order], return_index=True)
        sums = np.add.reduceat(sample[order], first, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # Opposite vectors have no mean direction: their centre stays where it was.
        centres[used] = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres[used])
    return centres
