"""Place a new image or a query on a finished map. numpy only: nothing here waits for a compiler.

A point goes to the geometric median of its nearest fitted images, weighted as UMAP weighs neighbors; nothing
on the map moves. What does not belong here: fitting (`projection/layout.py`).
"""

from typing import TYPE_CHECKING, Any

from clipper.projection.search.blocks import BLOCK, Blocks, compute_blocks, starts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

NEIGHBORS = 15
_BISECTIONS = 48
_WEISZFELD_STEPS = 60
# About the seconds that a core takes to place an image.
_SECONDS = 5e-5


def place_by_similarity(
    similarities: "np.ndarray", positions: "np.ndarray", *, weight: float = 1.0
) -> "np.ndarray":
    """Place points by their similarities with the fitted images.

    Args:
        similarities: (m, n) float32 cosine similarities of the points with the fitted images.
        positions: (n, 2) float32, of the fitted images.
        weight: a similarity `s` is the distance `1 - weight * s`: 1 for images, CLIPScore's 2.5 for text
            (Hessel et al. 2021, arXiv:2104.08718).

    Returns:
        (m, 2) float32.
    """
    import numpy as np

    count = min(NEIGHBORS, positions.shape[0])
    nearest = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
    distances = 1.0 - weight * np.take_along_axis(similarities, nearest, axis=1)
    return geometric_median(positions[nearest], membership(distances)).astype(np.float32)


def place_by_neighbors(
    indices: "np.ndarray", distances: "np.ndarray", positions: "np.ndarray"
) -> "np.ndarray":
    """Place images by their nearest landmarks, (m, k) rows of `positions` and distances: (m, 2) float32."""
    import numpy as np

    placed = np.empty((len(indices), 2), np.float32)
    inputs = {"indices": indices, "distances": distances, "positions": positions}
    seconds = _SECONDS * len(indices)
    compute_blocks(Blocks(_place_block, inputs, starts_of(len(indices), BLOCK), seconds), placed)
    return placed


def _place_block(inputs: "Mapping[str, Any]", _: int, rows: slice) -> "tuple[np.ndarray]":
    points = inputs["positions"][inputs["indices"][rows]]
    return (geometric_median(points, membership(inputs["distances"][rows])),)


def membership(distances: "np.ndarray") -> "np.ndarray":
    """Compute UMAP's membership strengths (McInnes et al. 2018, arXiv:1802.03426, section 3.1).

    `exp(-(d - rho) / sigma)`, where rho is the nearest distance and sigma makes a row's sum log2(k).
    Distances may be negative (a weighted text similarity above 0.4): only their differences count.

    Args:
        distances: (m, k) float.

    Returns:
        (m, k) float64 in (0, 1].
    """
    import numpy as np

    beyond = np.asarray(distances, np.float64)
    beyond = beyond - beyond.min(axis=1, keepdims=True)
    scale = beyond.max(axis=1, keepdims=True) + 1e-12
    target = np.log2(max(beyond.shape[1], 2))
    low, high = np.full_like(scale, 1e-6), np.full_like(scale, 1e3)
    for _ in range(_BISECTIONS):
        middle = np.sqrt(low * high)
        too_much = np.exp(-beyond / (middle * scale)).sum(axis=1, keepdims=True) > target
        low, high = np.where(too_much, low, middle), np.where(too_much, middle, high)
    return np.asarray(np.exp(-beyond / (np.sqrt(low * high) * scale)))


def geometric_median(points: "np.ndarray", weights: "np.ndarray") -> "np.ndarray":
    """Find the point of least weighted distance to each row's points, by Weiszfeld's iteration.

    Unlike the mean, it stays with the majority if the neighbors lie in two parts of the map.

    Args:
        points: (m, k, 2) float.
        weights: (m, k) float, positive.

    Returns:
        (m, 2) float64.
    """
    import numpy as np

    points = np.asarray(points, np.float64)
    extent = np.ptp(points, axis=1).max(axis=1)[:, None] + 1e-12
    centre = (points * weights[..., None]).sum(axis=1) / weights.sum(axis=1)[:, None]
    for _ in range(_WEISZFELD_STEPS):
        distance = np.linalg.norm(points - centre[:, None], axis=2)
        pull = weights / np.maximum(distance, 1e-6 * extent)
        centre = (points * pull[..., None]).sum(axis=1) / pull.sum(axis=1)[:, None]
    return np.asarray(centre)
