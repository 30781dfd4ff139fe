"""Nearest neighbors by cosine: exact by matrix product, or by near cells or on a GPU for many vectors.

On a CPU the result has the same bits on any number of threads: a map must not depend on how busy the machine
was. What does not belong here: anything about positions on the map.
"""

import logging
from typing import TYPE_CHECKING, Any

from clipper.projection.search.accelerated import device_for, nearest_on
from clipper.projection.search.blocks import (
    BLOCK,
    Blocks,
    Vectors,
    comparing_seconds,
    compute_blocks,
    distances_between,
    leave_out,
    one_blas_thread,
    select_nearest,
    starts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

__all__ = ["BLOCK", "Vectors", "one_blas_thread", "select_nearest"]

_logger = logging.getLogger(__name__)

# For at most so many vectors a matrix product is exact, and faster than compiling an index.
EXACT_KNN_LIMIT = 30_000
# For more pairs than this, an exact search of one set in another takes longer than finding cells.
EXACT_PAIRS = 2_000_000_000
# Similarities in one block: 100 MB of float32, three times that while the nearest are selected.
BLOCK_CELLS = 25_000_000
# Beyond the limit, so many vectors are compared with so many at once: 32 MB.
TILE = (256, 32_768)
# Vectors with which one is compared where only near cells are searched, and nothing makes the lists better.
PLACING_CANDIDATES = 8_000


def nearest(
    vectors: Vectors, among: Vectors, k: int, *, own: "np.ndarray | None" = None
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
    inputs = {"vectors": vectors, "among": among, "k": k}
    if own is not None:
        inputs["own"] = own
    size, _ = _tile(len(vectors), len(among))
    seconds = comparing_seconds(len(vectors) * len(among), vectors.shape[1])
    blocks = Blocks(_nearest_of_block, inputs, starts_of(len(vectors), size), seconds)
    compute_blocks(blocks, indices, distances)
    return indices, distances


def _nearest_of_block(inputs: "Mapping[str, Any]", _: int, block: slice) -> "tuple[np.ndarray, np.ndarray]":
    """Find the nearest of some vectors: those of each part of `among`, merged part by part."""
    import numpy as np

    k, near, far = inputs["k"], np.empty((0, 0), np.int64), np.empty((0, 0), np.float32)

    def select(first: int, apart: "np.ndarray") -> None:
        nonlocal near, far
        if not first:
            near, far = select_nearest(apart, min(k, apart.shape[1]))
            return
        if far.shape[1] < k:
            chosen, here = select_nearest(apart, min(k, apart.shape[1]))
        else:
            chosen, here = _nearer(apart, far[:, -1], k)
        near = np.concatenate([near, chosen + first], axis=1)
        far = np.concatenate([far, here], axis=1)
        chosen, far = select_nearest(far, min(k, far.shape[1]))
        near = np.take_along_axis(near, chosen, axis=1)

    _compare(inputs["vectors"], inputs["among"], block, select, inputs.get("own"))
    return near, far.clip(0.0)


def _nearer(apart: "np.ndarray", than: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return the columns nearer than `than` (b,) and their distances: (b, c) each, c at most k.

    A row with fewer than c of them ends with infinite distances. Few are nearer than the nearest of the parts
    before, and to compare all takes a tenth of the time that sorting them does.
    """
    import numpy as np

    of, columns = np.divmod(np.flatnonzero(apart < than[:, None]), apart.shape[1])
    counts = np.bincount(of, minlength=len(apart))
    most = int(counts.max())
    if most > k:
        return select_nearest(apart, k)
    place = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    near, far = np.zeros((len(apart), most), np.int64), np.full((len(apart), most), np.inf, np.float32)
    near[of, place], far[of, place] = columns, apart[of, columns]
    return near, far


def nearest_of_many(
    vectors: Vectors, among: Vectors, k: int, *, own: "np.ndarray | None" = None
) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest of `among`: as `nearest`, or, of very many pairs, nearly all of them."""
    import numpy as np

    if len(among) <= EXACT_KNN_LIMIT or len(vectors) * len(among) <= EXACT_PAIRS:
        return nearest(vectors, among, k, own=own)
    if found := _on_gpu(vectors, among, k, own):
        return found[0].astype(np.int64), found[1]
    from clipper.projection.search.cells import find_cells, nearest_in_cells

    wanted = min(k + (own is not None), len(among))
    indices, distances = nearest_in_cells(
        vectors, among, wanted, cells=find_cells(among), candidates=PLACING_CANDIDATES
    )
    if own is not None:
        order = np.argsort(indices == own[:, None], axis=1, kind="stable")[:, :k]
        indices = np.take_along_axis(indices, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    return indices.astype(np.int64), distances


def _tile(m: int, n: int) -> tuple[int, int]:
    """Return how many of m vectors are compared at once with how many of n others.

    Beyond the limit there is an even number of blocks, of about as many vectors each: each reads all others.
    """
    if n <= EXACT_KNN_LIMIT:
        return max(1, min(BLOCK, BLOCK_CELLS // max(n, 1))), max(n, 1)
    size, width = TILE
    pairs = max(1, -(-m // (2 * size)))
    return max(1, -(-m // (2 * pairs))), width


def _compare(
    vectors: Vectors,
    among: Vectors,
    block: slice,
    use: "Callable[[int, np.ndarray], None]",
    own: "np.ndarray | None",
) -> None:
    """Compute cosine distances between some rows of `vectors` and all of `among`, some at a time, in order.

    `use` gets the first row of those of `among`, and the distances, (b, c) float32, infinite to itself; they
    are overwritten after it returns.
    """
    import numpy as np

    n, (_, width) = len(among), _tile(len(vectors), len(among))
    queries = vectors[block]
    room = np.empty((len(queries), min(width, n)), np.float32)
    for first in range(0, n, width):
        columns = among[first : min(first + width, n)]
        apart = distances_between(queries, columns, room)
        if own is not None:
            leave_out(apart, own[block] - first)
        use(first, apart)


def knn_graph(vectors: Vectors, k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Find what `nearest_others` does, itself first at 0: (n, k) int32, (n, k) float32."""
    import numpy as np

    n = len(vectors)
    indices, distances = nearest_others(vectors, k - 1)
    indices = np.concatenate([np.arange(n, dtype=np.int32)[:, None], indices], axis=1)
    return indices, np.concatenate([np.zeros((n, 1), np.float32), distances], axis=1)


def nearest_others(vectors: Vectors, k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest others by cosine distance: (n, k) int32, (n, k) float32.

    Beyond `EXACT_KNN_LIMIT` nearly all of them are right; all of them on a GPU.
    """
    import numpy as np

    rows = np.arange(len(vectors))
    if len(vectors) > EXACT_KNN_LIMIT and k > 0:
        from clipper.projection.search.descent import find_neighbors

        return _on_gpu(vectors, vectors, k, rows) or find_neighbors(vectors, k)
    indices, distances = nearest(vectors, vectors, k, own=rows)
    return indices.astype(np.int32), distances


def _on_gpu(
    vectors: Vectors, among: Vectors, k: int, own: "np.ndarray | None"
) -> "tuple[np.ndarray, np.ndarray] | None":
    """Search on the GPU that `neighbors_on` names; None if there is none, or if its memory is too small."""
    device = device_for(vectors, among)
    if device is None:
        return None
    import torch

    try:
        return nearest_on(device, vectors, among, k, own=own)
    except torch.OutOfMemoryError:
        _logger.warning("The memory of %s is full: neighbours are searched on the CPU.", device)
        torch.cuda.empty_cache()
        return None
