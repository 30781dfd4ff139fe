"""Nearest neighbors by cosine: exact by matrix product, or by an index for many vectors.

The result has the same bits on any number of threads: a map must not depend on how busy the machine was. What
does not belong here: anything about positions on the map.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

# For at most so many vectors a matrix product is exact, and faster than compiling an index.
EXACT_KNN_LIMIT = 30_000
BLOCK = 1_024
# Similarities in one block: 100 MB of float32, three times that while the nearest are selected.
BLOCK_CELLS = 25_000_000
# Blocks computed at once: a limit for memory's sake.
MAX_WORKERS = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call `work` with each item, for as many at once as there are cores; return the results in order."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS)) as pool:
        return list(pool.map(work, items))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run linear algebra on one thread: the order of its sums, and so every bit, is always the same.

    It affects only libraries that are loaded by then: import them first.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def nearest(
    vectors: "np.ndarray", among: "np.ndarray", k: int, *, own: "np.ndarray | None" = None
) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest of `among`, nearest first, exactly.

    Args:
        vectors: (m, d) float32, rows L2-normalised.
        among: (n, d) float32, rows L2-normalised.
        k: at most n; at most n - 1 with `own`.
        own: (m,) int: the row of `among` that is the vector itself, which is no neighbor; -1 for none.

    Returns:
        rows of `among`, (m, k) int64, and cosine distances, (m, k) float32, not negative.
    """
    import numpy as np

    indices = np.empty((len(vectors), k), np.int64)
    distances = np.empty((len(vectors), k), np.float32)

    def select(block: slice, apart: "np.ndarray") -> None:
        indices[block], distances[block] = select_nearest(apart, k)

    each_block(vectors, among, select, own=own)
    return indices, distances.clip(0.0)


def each_block(
    vectors: "np.ndarray",
    among: "np.ndarray",
    use: "Callable[[slice, np.ndarray], None]",
    *,
    own: "np.ndarray | None" = None,
) -> None:
    """Compute cosine distances, some rows of `vectors` at a time, several at once.

    Args:
        vectors: (m, d) float32, rows L2-normalised.
        among: (n, d) float32, rows L2-normalised.
        use: gets which rows of `vectors` they are, and the distances of these from `among`, (b, n) float32,
            infinite to itself. It runs in threads, and its calls come in any order.
        own: see `nearest`.
    """
    import numpy as np

    m, n = len(vectors), len(among)
    size = max(1, min(BLOCK, BLOCK_CELLS // max(n, 1)))

    def compute(start: int) -> None:
        block = slice(start, min(start + size, m))
        apart = 1.0 - vectors[block] @ among.T
        if own is not None:
            itself = np.flatnonzero(own[block] >= 0)
            apart[itself, own[block][itself]] = np.inf
        use(block, apart)

    with one_blas_thread():
        in_threads(compute, range(0, m, size))


def select_nearest(apart: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return the columns of each row's k least distances, (b, k), and the distances, nearest first."""
    import numpy as np

    near = np.argpartition(apart, k - 1, axis=1)[:, :k]
    far = np.take_along_axis(apart, near, axis=1)
    order = np.argsort(far, axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(far, order, axis=1)


def knn_graph(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest by cosine distance, itself first at 0: (n, k) int32, (n, k) float32."""
    import numpy as np

    n = vectors.shape[0]
    if n > EXACT_KNN_LIMIT:
        return _approximate_knn(vectors, k)
    rows = np.arange(n)
    indices, distances = nearest(vectors, vectors, k - 1, own=rows)
    indices = np.concatenate([rows[:, None], indices], axis=1)
    distances = np.concatenate([np.zeros((n, 1), np.float32), distances], axis=1)
    return indices.astype(np.int32), distances


def _approximate_knn(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np
    from pynndescent import NNDescent

    # On one thread: its random numbers, and so the map, depend on the number of threads.
    index = NNDescent(vectors, metric="cosine", n_neighbors=max(30, k), random_state=0, n_jobs=1)
    indices, distances = (array[:, :k].copy() for array in index.neighbor_graph)
    # UMAP expects each point first among its own neighbors; NNDescent may name a copy of it first.
    own = np.arange(len(indices))
    itself = indices == own[:, None]
    itself[~itself.any(axis=1), -1] = True
    order = np.argsort(~itself, axis=1, kind="stable")
    indices, distances = (np.take_along_axis(array, order, axis=1) for array in (indices, distances))
    indices[:, 0], distances[:, 0] = own, 0.0
    return indices.astype(np.int32), distances.astype(np.float32)
