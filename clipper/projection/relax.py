"""Letting new points settle among points that are pinned, by UMAP's own forces. numpy and scipy only.

UMAP's optimiser moves either both ends of an edge or only its head, for all edges alike; here edges between
new points move both and edges to pinned ones one. And it has to be compiled, which the few points that move
here need not wait for. What does not belong here: which points may move (`projection/update.py`).
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from clipper.projection.place import membership

if TYPE_CHECKING:
    import numpy as np

EPOCHS = 200
# As in UMAP: points that push for each one that pulls, and the most that one of them moves another.
NEGATIVES = 5
MOST_GRADIENT = 4.0
# All edges of an epoch act at once here, not one after the other as in UMAP: a smaller step keeps a point of
# thirty neighbours from being thrown across them.
STEP = 0.25
# Points that lie on one another come apart.
JITTER = 1e-3


class Edges(NamedTuple):
    """Edges from moving points, (e,) each: rows of both ends; weights, the largest of them 1."""

    head: "np.ndarray"
    tail: "np.ndarray"
    weight: "np.ndarray"


def relax(
    positions: "np.ndarray",
    moving: "np.ndarray",
    indices: "np.ndarray",
    distances: "np.ndarray",
    *,
    min_dist: float,
    seed: int,
) -> "np.ndarray":
    """Where the moving points come to rest while all others are pinned.

    Args:
        positions: (n, 2) float32, of all points; of the moving ones, where they start.
        moving: (m,) int, rows of `positions`, distinct.
        indices: (m, k) int, each moving point's nearest others, as rows of `positions`.
        distances: (m, k) float32, cosine distances to them.
        min_dist: UMAP's.
        seed: of the choice of points that push.

    Returns:
        (m, 2) float32.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    a, b = curve(min_dist)
    n, m = len(positions), len(moving)
    # The moving points come first, so that what is summed over them is as short as they are few.
    order = np.concatenate([moving, np.setdiff1d(np.arange(n), moving)])
    row = np.empty(n, np.int64)
    row[order] = np.arange(n)
    place = np.asarray(positions, np.float64)[order]
    place[:m] += random.normal(scale=JITTER, size=(m, 2))
    edges = _graph(row[indices], membership(distances))
    for epoch in range(EPOCHS):
        # An edge acts in a share of the epochs that is its weight, evenly spread.
        acts = np.floor((epoch + 1) * edges.weight) > np.floor(epoch * edges.weight)
        head, tail = edges.head[acts], edges.tail[acts]
        pull = _pull(place[head] - place[tail], a, b)
        pushed = np.repeat(head, NEGATIVES)
        push = _push(place[pushed] - place[random.integers(0, n, len(pushed))], a, b)
        both = tail < m
        step = _summed(head, pull, m) - _summed(tail[both], pull[both], m) + _summed(pushed, push, m)
        place[:m] += STEP * (1.0 - epoch / EPOCHS) * step
    return np.asarray(place[:m], np.float32)


@lru_cache
def curve(min_dist: float) -> tuple[float, float]:
    """UMAP's a and b, for which 1 / (1 + a d^(2b)) is near its membership of distance d on the map.

    `umap.umap_.find_ab_params` with a spread of 1, without importing umap.
    """
    import numpy as np
    from scipy.optimize import curve_fit

    d = np.linspace(0.0, 3.0, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    (a, b), _ = curve_fit(lambda x, a, b: 1.0 / (1.0 + a * x ** (2.0 * b)), d, wanted)
    return float(a), float(b)


def _graph(indices: "np.ndarray", weights: "np.ndarray") -> Edges:
    """UMAP's graph: the fuzzy union among the moving points, 0 to m - 1; to the pinned, as these see them."""
    import numpy as np
    from scipy import sparse

    m, k = indices.shape
    head, tail, weight = np.repeat(np.arange(m), k), indices.ravel(), weights.ravel()
    among = tail < m
    seen = sparse.csr_array((weight[among], (head[among], tail[among])), shape=(m, m))
    union = (seen + seen.T - seen * seen.T).tocoo()
    head = np.concatenate([union.row, head[~among]])
    tail = np.concatenate([union.col, tail[~among]])
    weight = np.concatenate([union.data, weight[~among]])
    weight = weight / weight.max()
    acts = weight >= 1.0 / EPOCHS
    return Edges(head[acts], tail[acts], weight[acts])


def _pull(apart: "np.ndarray", a: float, b: float) -> "np.ndarray":
    """How a neighbour `apart` from it, (e, 2), moves a point (`umap.layouts.optimize_layout_euclidean`)."""
    import numpy as np

    squared = np.maximum((apart**2).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    strength = -2.0 * a * b * squared ** (b - 1.0) / (a * squared**b + 1.0)
    return np.asarray((strength * apart).clip(-MOST_GRADIENT, MOST_GRADIENT))


def _push(apart: "np.ndarray", a: float, b: float) -> "np.ndarray":
    """How any other point `apart` from it, (e, 2), moves a point; same source."""
    import numpy as np

    squared = (apart**2).sum(axis=1, keepdims=True)
    strength = 2.0 * b / ((0.001 + squared) * (a * squared**b + 1.0))
    return np.asarray((strength * apart).clip(-MOST_GRADIENT, MOST_GRADIENT))


def _summed(rows: "np.ndarray", steps: "np.ndarray", m: int) -> "np.ndarray":
    """The steps of each of m points, summed: (m, 2)."""
    import numpy as np

    return np.stack([np.bincount(rows, steps[:, axis], minlength=m) for axis in range(2)], axis=1)
