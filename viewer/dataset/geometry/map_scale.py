"""Measures what a distance on the map means: the similarity of images that lie so far apart.

A map made by UMAP has no unit of its own, and is stretched more in some places than in others. So a scale is
measured, from pairs of this dataset's images. What does not belong here: drawing it
(`components/map/guide.js`).
"""

from collections.abc import Callable

import numpy as np

from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box

HALVINGS = 14  # distances that are measured: the map's extent, and each half of the one before it
ANCHORS = 240  # images of which each distance has a pair
LEAST_PAIRS = 24  # to tell what is typical; fewer say nothing
NEAR_LIMIT = 4_000  # points around an anchor: of more, a part is enough


def measure_scale(
    index: PointIndex, view: Box, vectors: Callable[[np.ndarray], np.ndarray]
) -> tuple[list[float], list[float]]:
    """Return distances in map units, the longest first, and the median similarity of images so far apart.

    Distances at which there are too few pairs are left out. The same map gives the same figures.

    Args:
        index: the map's points.
        view: the first view, whose longer side is the longest distance.
        vectors: returns the vectors (k, d) float32, L2-normalised, of rows (k,) int64.
    """
    random = np.random.default_rng(0)
    n = len(index)
    anchors = random.choice(n, min(ANCHORS, n), replace=False)
    extent = max(view[1] - view[0], view[3] - view[2])
    distances, similarities = [], []
    for halving in range(1, HALVINGS + 1):
        distance = extent / 2**halving
        pairs = _pairs(index, anchors, distance, random)
        if len(pairs) < LEAST_PAIRS:
            continue
        one, other = (vectors(index.order[pairs[:, side]]) for side in (0, 1))
        distances.append(float(distance))
        similarities.append(float(np.median(np.einsum("ij,ij->i", one, other))))
    return distances, similarities


def _pairs(
    index: PointIndex, anchors: np.ndarray, distance: float, random: np.random.Generator
) -> np.ndarray:
    """Return pairs (p, 2) of sorted positions that lie about this far apart, at most one for each anchor."""
    found = []
    reach = distance * np.sqrt(2)
    for anchor in anchors.tolist():
        x, y = float(index.x[anchor]), float(index.y[anchor])
        near = _near(index, (x - reach, x + reach, y - reach, y + reach), random)
        away = np.hypot(index.x[near] - x, index.y[near] - y)
        fitting = near[(away > distance / np.sqrt(2)) & (away < reach) & (near != anchor)]
        if len(fitting):
            found.append((anchor, int(fitting[random.integers(len(fitting))])))
    return np.array(found, np.int64).reshape(-1, 2)


def _near(index: PointIndex, box: Box, random: np.random.Generator) -> np.ndarray:
    """Return sorted positions (k,) of points in a box and some just outside it; of many, a random part."""
    runs = index.runs(box)
    lengths = np.array([run.stop - run.start for run in runs], np.int64)
    total = int(lengths.sum())
    at = np.arange(total) if total <= NEAR_LIMIT else random.integers(0, total, NEAR_LIMIT)
    ends = np.cumsum(lengths)
    run = np.searchsorted(ends, at, side="right")
    starts = np.array([each.start for each in runs], np.int64)
    return starts[run] + at - (ends - lengths)[run]
