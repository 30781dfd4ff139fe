"""The images that stand for clusters, and the order in which images appear as thumbnails on the map.

What does not belong here: how sharp or odd an image is; that comes in as a penalty.
"""

from typing import TYPE_CHECKING

from clipper.insight.clustering.appearance import each_cluster
from clipper.insight.clustering.tree import Tree
from clipper.store.parts.clusters import LEVELS, NOISE, REPRESENTATIVES

if TYPE_CHECKING:
    import numpy as np

    from clipper.projection.graph import NeighborGraph

# Neighbors by which an image's centrality is measured.
NEAR = 15
# Of two images nearer than this share of the usual distance of neighbors, or than this cosine distance if
# that is less, one is enough.
DOUBLE_SHARE, DOUBLE_AT_MOST = 0.3, 0.05
# The best members of a cluster, of which its representatives are chosen.
CANDIDATES = 256
# A continent has one more early face for each such share of all images.
FACE_SHARE = 1 / 12
# Cells of the grids by which the other images are ordered, across the map: each has twice the last one's.
_FIRST_GRID, _GRIDS = 8, 10


def score_images(
    graph: "NeighborGraph", members: "np.ndarray", penalties: "np.ndarray | None" = None
) -> "np.ndarray":
    """Score how well each image stands for those around it: (n,) float64, at most 1; higher is better.

    It is the rank, from 0 to 1, of an image among those of its finest cluster, by how many of them are its
    neighbors, or it theirs, and how near; less the penalty, (n,) from 0 (good) to 1 (to be avoided). An image
    without a cluster has 1 less; of images almost alike, all but the best have 2 less.
    """
    import numpy as np

    n = len(graph)
    finest = _finest(members)
    near = graph.rows[:, :NEAR]
    heads, which = np.nonzero((near >= 0) & (finest[near] == finest[:, None]))
    alike = np.maximum(1.0 - graph.distances[heads, which].astype(np.float64), 0.0)
    central = np.bincount(heads, alike, n) + np.bincount(near[heads, which], alike, n)
    order = np.lexsort((central, finest))
    starts = np.searchsorted(finest[order], finest[order])
    count = np.bincount(finest + 1)[finest[order] + 1]
    score = np.empty(n)
    score[order] = (np.arange(n) - starts + 1) / np.maximum(count, 1)
    if penalties is not None:
        score -= penalties
    score[finest < 0] -= 1.0
    score[_doubles(graph, score)] -= 2.0
    return score


def choose_representatives(
    members: "np.ndarray", centers: "np.ndarray", positions: "np.ndarray", score: "np.ndarray"
) -> "np.ndarray":
    """Choose the images that stand for each cluster, best first: (c, REPRESENTATIVES) int32.

    The first has a good score and is near the center; each further one has a good score and is far on the map
    from those before it.

    Args:
        members: (n, LEVELS) int32, row of each image's cluster.
        centers: (c, 2) float32, of the clusters.
        positions: (n, 2) float32.
        score: (n,) float64 of `score_images`.
    """
    import numpy as np

    out = np.full((len(centers), REPRESENTATIVES), NOISE, np.int32)
    for rows, cluster in each_cluster(members):
        best = rows[np.argsort(-score[rows], kind="stable")[:CANDIDATES]]
        chosen = _spread(positions[best].astype(np.float64), score[best], centers[cluster])
        out[cluster, : len(chosen)] = best[chosen]
    return out


def order_faces(
    tree: Tree, representatives: "np.ndarray", positions: "np.ndarray", score: "np.ndarray"
) -> "np.ndarray":
    """Order all images by when they appear on the map: (n,) int32, a permutation's ranks.

    First one face for each continent, then more for the large ones, then one for each town and village
    without a face, then the best image of each cell of finer and finer grids that has none.

    Returns:
        the rank of each image, 0 for the first.
    """
    import numpy as np

    n = len(tree.members)
    first = _cluster_faces(tree, representatives)
    ranks = np.full(n, -1, np.int32)
    ranks[first] = np.arange(len(first))
    low, width = (positions.min(0), float(np.ptp(positions, axis=0).max())) if len(positions) else (0.0, 0.0)
    for grid in range(_GRIDS):
        cells = _FIRST_GRID << grid
        cell = ((positions - low) * (cells / max(width, 1e-9))).astype(np.int64).clip(0, cells - 1)
        number = cell[:, 0] * cells + cell[:, 1]
        left = np.flatnonzero((ranks < 0) & ~np.isin(number, number[ranks >= 0]) & (score > -1.0))
        order = left[np.lexsort((-score[left], number[left]))]
        best = order[np.diff(number[order], prepend=-1) != 0]
        ranks[best[np.argsort(-score[best], kind="stable")]] = (ranks >= 0).sum() + np.arange(len(best))
    rest = np.flatnonzero(ranks < 0)
    ranks[rest[np.argsort(-score[rest], kind="stable")]] = np.arange(n - len(rest), n)
    return ranks


def _cluster_faces(tree: Tree, representatives: "np.ndarray") -> "np.ndarray":
    """Return the rows of the clusters' faces, (f,) int64, first ones first."""
    import numpy as np

    levels, sizes, members = tree.levels, tree.sizes, tree.members
    continents = np.flatnonzero(levels == 0)
    more = sizes[continents] // max(len(members) * FACE_SHARE, 1.0)
    faces = list(representatives[continents, 0])
    for turn in range(1, REPRESENTATIVES):
        faces.extend(representatives[continents[more >= turn], turn])
    for level in range(1, LEVELS):
        shown = np.array(faces, np.int64)
        shown = shown[shown >= 0]
        without = np.setdiff1d(np.flatnonzero(levels == level), members[shown, level])
        faces.extend(representatives[without[np.argsort(-sizes[without], kind="stable")], 0])
    out = np.array(faces, np.int64)
    out = out[out >= 0]
    return out[np.sort(np.unique(out, return_index=True)[1])]


def _spread(points: "np.ndarray", score: "np.ndarray", center: "np.ndarray") -> "list[int]":
    """Choose up to `REPRESENTATIVES` points: a good one near the center, then good ones apart."""
    import numpy as np

    off = np.linalg.norm(points - center, axis=1)
    chosen = [int((score - off / max(2.0 * float(np.median(off)), 1e-9)).argmax())]
    worth = np.exp(score - score.max())
    apart = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(REPRESENTATIVES, len(points)):
        value = worth * (apart + 1e-9)
        value[chosen] = -1.0
        chosen.append(int(value.argmax()))
        apart = np.minimum(apart, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def _doubles(graph: "NeighborGraph", score: "np.ndarray") -> "np.ndarray":
    """Return which images have an almost equal one with a better score, or an equal score and a lower row."""
    import numpy as np

    near, apart = graph.rows[:, :NEAR], graph.distances[:, :NEAR]
    usual = float(np.median(apart[apart < np.inf])) if (near >= 0).any() else 0.0
    close = (near >= 0) & (apart <= min(DOUBLE_SHARE * usual, DOUBLE_AT_MOST))
    place = np.empty(len(score), np.int64)
    place[np.argsort(-score, kind="stable")] = np.arange(len(score))
    return np.asarray((close & (place[near] < place[:, None])).any(1))


def _finest(members: "np.ndarray") -> "np.ndarray":
    """Return the finest cluster that each image is in, (n,) int64, or NOISE."""
    import numpy as np

    finest = np.full(len(members), NOISE, np.int64)
    for labels in members.T:
        finest = np.where(labels >= 0, labels, finest)
    return finest
