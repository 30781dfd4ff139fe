"""Relax new points among pinned ones, by UMAP's own forces. numpy and scipy only.

UMAP's optimiser moves both ends of all edges, or only the heads of all; here an edge between new points moves
both ends, and an edge to a pinned point one. It must also be compiled, which is too slow for a few points.
What does not belong here: choosing the points to move (`projection/update.py`).
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from clipper.projection.place import membership

if TYPE_CHECKING:
    import numpy as np

EPOCHS = 200
# As in UMAP: points that push for each point that pulls, and the most that one point moves another.
NEGATIVES = 5
MAX_GRADIENT = 4.0
# Here all edges of an epoch act at once, in UMAP one after the other: a smaller step keeps a point with
# thirty neighbors from being thrown across them.
STEP = 0.25
# A random shift that separates points that coincide.
JITTER = 1e-3


class Edges(NamedTuple):
    """Edges from moving points, (e,) each: the rows of both ends, and weights, the largest of them 1."""

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
    """Move the moving points until they settle, while all others are pinned.

    Args:
        positions: (n, 2) float32, of all points; the moving ones start there.
        moving: (m,) int, distinct rows of `positions`.
        indices: (m, k) int, each moving point's nearest others, as rows of `positions`.
        distances: (m, k) float32, cosine distances to these.
        min_dist: UMAP's parameter.
        seed: for the random points that push.

    Returns:
        (m, 2) float32.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    a, b = curve(min_dist)
    n, m = len(positions), len(moving)
    # The moving points come first, so that sums over them are short.
    order = np.concatenate([moving, np.setdiff1d(np.arange(n), moving)])
    row = np.empty(n, np.int64)
    row[order] = np.arange(n)
    place = np.asarray(positions, np.float64)[order]
    place[:m] += random.normal(scale=JITTER, size=(m, 2))
    edges = _graph(row[indices], membership(distances))
    for epoch in range(EPOCHS):
        # An edge acts in a share of the epochs equal to its weight, evenly spread.
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
    """Fit UMAP's a and b, so that 1 / (1 + a d^(2b)) is near the membership of a distance d on the map.

    `umap.umap_.find_ab_params` with a spread of 1, without importing umap.
    """
    import numpy as np
    from scipy.optimize import curve_fit

    d = np.linspace(0.0, 3.0, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    (a, b), _ = curve_fit(lambda x, a, b: 1.0 / (1.0 + a * x ** (2.0 * b)), d, wanted)
    return float(a), float(b)


def _graph(indices: "np.ndarray", weights: "np.ndarray") -> Edges:
    """Build UMAP's graph: the fuzzy union among the moving points, 0 to m - 1; other edges as given."""
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
    """Return how a neighbor at a difference `apart`, (e, 2), moves a point.

    As `umap.layouts.optimize_layout_euclidean` does.
    """
    import numpy as np

    squared = np.maximum((apart**2).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    strength = -2.0 * a * b * squared ** (b - 1.0) / (a * squared**b + 1.0)
    return np.asarray((strength * apart).clip(-MAX_GRADIENT, MAX_GRADIENT))


def _push(apart: "np.ndarray", a: float, b: float) -> "np.ndarray":
    """Return how any other point at a difference `apart`, (e, 2), moves a point; from the same source."""
    import numpy as np

    squared = (apart**2).sum(axis=1, keepdims=True)
    strength = 2.0 * b / ((0.001 + squared) * (a * squared**b + 1.0))
    return np.asarray((strength * apart).clip(-MAX_GRADIENT, MAX_GRADIENT))


def _summed(rows: "np.ndarray", steps: "np.ndarray", m: int) -> "np.ndarray":
    """Sum the steps of each of m points: (m, 2)."""
    import numpy as np

    return np.stack([np.bincount(rows, steps[:, axis], minlength=m) for axis in range(2)], axis=1)
