"""Where a cluster's name is on the map, and its color: an index of a palette without end.

What does not belong here: the colors themselves, which are the viewer's.
"""

from typing import TYPE_CHECKING

from clipper.store.parts.clusters import LEVELS

if TYPE_CHECKING:
    import numpy as np

# Members by which the densest part of a cluster is found.
CENTER_SAMPLE = 300
# The name is where most members are within this multiple of their median distance from the middle.
REACH = 0.6
# So many colors are used in turn; clusters of a level that are among each other's nearest differ.
COLORS = 24
NEAR_CLUSTERS = 12
# A sibling counts as if it were that much nearer.
_SIBLING = 2.0


def find_centers(members: "np.ndarray", count: int, positions: "np.ndarray") -> "np.ndarray":
    """Find the middle of the densest part of each cluster: (count, 2) float32.

    Args:
        members: (n, LEVELS) int32, row of each image's cluster.
        count: of clusters.
        positions: (n, 2) float32.
    """
    import numpy as np

    centers = np.zeros((count, 2), np.float32)
    for rows, cluster in each_cluster(members):
        step = -(-len(rows) // CENTER_SAMPLE)
        centers[cluster] = _densest(positions[rows[::step]].astype(np.float64))
    return centers


def each_cluster(members: "np.ndarray") -> "list[tuple[np.ndarray, int]]":
    """List the images of each cluster that has any, rows in order, level by level."""
    import numpy as np

    out: list[tuple[np.ndarray, int]] = []
    for labels in members.T:
        order = np.argsort(labels, kind="stable")
        order = order[np.searchsorted(labels[order], 0) :]
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        parts = np.split(order, starts[1:]) if len(starts) else []
        out.extend((part, int(labels[part[0]])) for part in parts)
    return out


def choose_colors(
    levels: "np.ndarray", parents: "np.ndarray", centers: "np.ndarray", kept: "np.ndarray"
) -> "np.ndarray":
    """Choose a color for each cluster: the one that is used least near it.

    Args:
        levels: (c,) int8.
        parents: (c,) int32.
        centers: (c, 2) float32.
        kept: (c,) int16: the color that a cluster has already; -1 for a new one.

    Returns:
        (c,) int16; the kept ones are as they were.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    colors = np.array(kept, np.int16)
    for level in range(LEVELS):
        rows = np.flatnonzero(levels == level)
        if not len(rows):
            continue
        k = min(NEAR_CLUSTERS + 1, len(rows))
        apart, near = cKDTree(centers[rows]).query(centers[rows], np.arange(1, k + 1))
        for i in np.flatnonzero(kept[rows] < 0):
            others = rows[near[i]]
            colored = colors[others] >= 0
            others = others[colored]
            sibling = np.where(parents[others] == parents[rows[i]], _SIBLING, 1.0)
            closeness = sibling / (1e-6 + apart[i][colored])
            colors[rows[i]] = _least_used(colors[rows], colors[others], closeness)
    return colors


def _least_used(everywhere: "np.ndarray", near: "np.ndarray", closeness: "np.ndarray") -> int:
    """Return the color with the least use near, then the least anywhere, then the first."""
    import numpy as np

    number = max(COLORS, int(everywhere.max()) + 1)
    here = np.bincount(near, closeness, number)[:COLORS]
    anywhere = np.bincount(everywhere[everywhere >= 0], minlength=number)[:COLORS]
    return int(np.lexsort((anywhere, here))[0])


def _densest(points: "np.ndarray") -> "np.ndarray":
    """Return the mean of those near the point that has most others near it, (m, 2) to (2,)."""
    import numpy as np

    reach = REACH * float(np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1)))
    squared = ((points[:, None] - points[None]) ** 2).sum(2)
    near = np.exp(-squared / (2.0 * max(reach, 1e-9) ** 2))
    weights = near[near.sum(1).argmax()]
    inside = np.where(weights >= np.exp(-0.5), weights, 0.0)
    return np.asarray((inside[:, None] * points).sum(0) / inside.sum())
