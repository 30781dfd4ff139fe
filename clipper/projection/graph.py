"""The neighbor graph: each image's nearest others by cosine, kept as images come and go.

What does not belong here: the search itself (`neighbors.py`), and files (`store/parts/neighbors.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.projection.neighbors import (
    EXACT_KNN_LIMIT,
    Vectors,
    knn_graph,
    nearest,
    nearest_of_many,
    nearest_others,
)
from clipper.projection.search.blocks import Selection
from clipper.projection.search.updates import NO_LIMIT, Edges, find_edges

if TYPE_CHECKING:
    import numpy as np

# An image has at least so many neighbors, if there are so many other images.
NEIGHBORS_KEPT = 30
# A list is longer than that, so that some neighbors can be deleted before the list is searched again.
WIDTH = 40
MISSING = -1
# Beyond so many images, and with more than this share to search, a new index is faster than a scan for each.
REBUILD_SHARE = 0.25
# So many images are searched in one reading of all vectors.
SEARCHED_TOGETHER = 4_096
# An image's k-th nearest of so many images, or of this part of all, limits what is compared.
LIMIT_SAMPLE, LIMIT_PART = 4_096, 32
# Lists that are copied at a time.
_CARRIED = 1 << 16
# Images on which the recall is measured, and the number of neighbors that it is about.
RECALL_SAMPLE, RECALL_AT = 300, 15


@dataclass(frozen=True)
class NeighborGraph:
    """Each image's nearest others, nearest first.

    `rows` (n, WIDTH) int32 ends with `MISSING` where no more are known, and `distances` (n, WIDTH) float32,
    cosine distances, with infinity. An image's known neighbors are all that are as near as the last of them.
    """

    rows: "np.ndarray"
    distances: "np.ndarray"

    def __len__(self) -> int:
        return len(self.rows)

    def with_itself(self, k: int) -> "tuple[np.ndarray, np.ndarray]":
        """Return each image's k nearest as UMAP takes them, itself first: (n, k) int32, (n, k) float32."""
        import numpy as np

        own = np.arange(len(self), dtype=np.int32)[:, None]
        rows = np.concatenate([own, self.rows[:, : k - 1]], axis=1)
        distances = np.concatenate([np.zeros_like(own, np.float32), self.distances[:, : k - 1]], axis=1)
        return rows, distances

    def reordered(self, order: "np.ndarray") -> "NeighborGraph":
        """Return the graph of the same images in another order: `order` (n,) int, the row of each here."""
        import numpy as np

        now = np.empty(len(self) + 1, np.int32)  # the last one stays MISSING, which is row -1
        now[order] = np.arange(len(self), dtype=np.int32)
        now[-1] = MISSING
        return NeighborGraph(now[self.rows[order]], self.distances[order])


def build_graph(vectors: Vectors, *, width: int = WIDTH) -> NeighborGraph:
    """Find the neighbors of `vectors`, (n, d) float32, rows L2-normalised, of distinct images."""
    import numpy as np

    n = len(vectors)
    k = min(width, n - 1)
    if k == width:
        return NeighborGraph(*nearest_others(vectors, k))
    rows = np.full((n, width), MISSING, np.int32)
    distances = np.full((n, width), np.inf, np.float32)
    if k > 0:
        rows[:, :k], distances[:, :k] = nearest_others(vectors, k)
    return NeighborGraph(rows, distances)


def umap_neighbors(vectors: Vectors, k: int, graph: NeighborGraph | None) -> "tuple[np.ndarray, np.ndarray]":
    """Return each image's k nearest as UMAP takes them, itself first: (n, k) int32, (n, k) float32.

    They are those of the graph; they are searched if there is none, or if it knows fewer.
    """
    if graph is None or k - 1 > graph.rows.shape[1]:
        return knn_graph(vectors, k)
    return graph.with_itself(k)


def update_graph(graph: NeighborGraph, vectors: Vectors, earlier: "np.ndarray") -> NeighborGraph:
    """Bring a graph up to date: search the new images, and put them into the lists of those they are near.

    Args:
        graph: of the earlier images.
        vectors: (n, d) float32, rows L2-normalised, of the distinct images there are now.
        earlier: (n,) int: the row of each in `graph`, -1 for a new image.

    Returns:
        the graph that `build_graph` finds: the same neighbors, by an exact search.
    """
    import numpy as np

    n, width = len(vectors), graph.rows.shape[1]
    new = earlier < 0
    if n - np.count_nonzero(new) <= width:  # the lists may end because there were no more images
        return build_graph(vectors, width=width)
    rows, distances = _carried(graph, earlier)
    short = _short(distances, min(NEIGHBORS_KEPT, width, n - 1))
    if n > EXACT_KNN_LIMIT and len(short) > REBUILD_SHARE * n:
        return build_graph(vectors, width=width)
    rows[short], distances[short] = MISSING, np.inf
    for start in range(0, len(short), SEARCHED_TOGETHER):
        searched = short[start : start + SEARCHED_TOGETHER]
        reach = _reach(distances)
        reach[short] = -1.0  # each of them is searched, and finds the new ones itself
        limit = _limit(vectors, searched, min(width, n - 1))
        for edges in find_edges(
            vectors, searched, is_new=new[searched], limit=limit, reach=reach, k=min(width, n - 1)
        ):
            _insert(rows, distances, edges)
    return NeighborGraph(rows, distances)


def nearest_among(
    graph: NeighborGraph, vectors: Vectors, rows: "np.ndarray", allowed: "np.ndarray", k: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Find images' k nearest of the allowed ones: in the graph, or by a search where it knows fewer than k.

    Args:
        graph: of all images.
        vectors: (n, d) float32, rows L2-normalised, of all images.
        rows: (m,) int, the images whose neighbors are found.
        allowed: (n,) bool, the images that may be neighbors; an image is no neighbor of itself.
        k: at most the number of allowed images other than each.

    Returns:
        rows of `vectors`, (m, k) int64, and cosine distances, (m, k) float32, nearest first.
    """
    import numpy as np

    known = graph.rows[rows]
    passing = (known >= 0) & allowed[known]
    order = np.argsort(~passing, axis=1, kind="stable")[:, :k]
    found, apart = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    found[:, : order.shape[1]] = np.take_along_axis(known, order, axis=1)
    apart[:, : order.shape[1]] = np.take_along_axis(graph.distances[rows], order, axis=1)
    short = np.flatnonzero(passing.sum(1) < k)
    if len(short):
        among = np.flatnonzero(allowed)
        own = np.where(allowed[rows[short]], np.searchsorted(among, rows[short]), -1)
        near, far = nearest_of_many(Selection(vectors, rows[short]), Selection(vectors, among), k, own=own)
        found[short], apart[short] = among[near], far
    return found, apart


def measure_recall(graph: NeighborGraph, vectors: Vectors) -> float:
    """Measure the share of images' true nearest 15 that the graph has, on a sample of images.

    An image at the distance of the last of them counts: which of several copies is named is no matter.
    """
    import numpy as np

    n, k = len(vectors), min(RECALL_AT, len(vectors) - 1)
    if k < 1:
        return 1.0
    rows = np.sort(np.random.default_rng(0).choice(n, min(RECALL_SAMPLE, n), replace=False))
    _, true = nearest(vectors[rows], vectors, k, own=rows)
    tolerance = 1e-6  # of float32 sums in another order
    return float((graph.distances[rows, :k] <= true[:, -1:] + tolerance).mean())


def _carried(graph: NeighborGraph, earlier: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the lists of the images that there are now, without those that are gone; see `update_graph`.

    They are copied some at a time, since the lists of all images are large and lie on disk.
    """
    import numpy as np

    n, width = len(earlier), graph.rows.shape[1]
    old = np.flatnonzero(earlier >= 0)
    now = np.full(len(graph) + 1, MISSING, np.int32)  # the last one is that of a missing neighbor
    now[earlier[old]] = old
    rows, distances = np.empty((n, width), np.int32), np.empty((n, width), np.float32)
    for start in range(0, n, _CARRIED):
        some = slice(start, start + _CARRIED)
        was = earlier[some]
        kept, apart = now[graph.rows[was]], graph.distances[was]
        kept[was < 0] = MISSING
        torn = np.flatnonzero(kept.min(axis=1) < 0)  # few lists lose a neighbor
        kept[torn], apart[torn] = _close_up(kept[torn], apart[torn])
        rows[some], distances[some] = kept, apart
    return rows, distances


def _close_up(rows: "np.ndarray", distances: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Move the missing neighbors of each list to its end."""
    import numpy as np

    order = np.argsort(rows < 0, axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    distances[rows < 0] = np.inf
    return rows, distances


def _short(distances: "np.ndarray", least: int) -> "np.ndarray":
    """Return the rows of the lists with fewer than `least` neighbors, (s,) int64."""
    import numpy as np

    return np.flatnonzero(np.isinf(distances[:, least - 1])) if least else np.empty(0, np.int64)


def _reach(distances: "np.ndarray") -> "np.ndarray":
    """Return the distance of each list's last neighbor, (n,) float32; -1 where there is none."""
    import numpy as np

    last = distances[:, -1].copy()
    torn = np.flatnonzero(np.isinf(last))
    known = np.isfinite(distances[torn]).sum(1)
    last[torn] = np.where(known > 0, distances[torn, known - 1], np.float32(-1.0))
    return last


def _limit(vectors: Vectors, searched: "np.ndarray", k: int) -> "np.ndarray":
    """Return a distance within which each searched image has k neighbors, (m,) float32.

    It is that of its k-th nearest of some images: of all others few are nearer, and only those are compared.
    """
    import numpy as np

    n = len(vectors)
    size = max(LIMIT_SAMPLE, n // LIMIT_PART)
    if 2 * size > n:
        return np.full(len(searched), NO_LIMIT, np.float32)
    own = np.where(searched < size, searched, -1)
    _, far = nearest(Selection(vectors, searched), Selection(vectors, np.arange(size)), k, own=own)
    tolerance = 1e-6  # of float32 sums in another order
    return far[:, -1] + np.float32(tolerance)


def _insert(rows: "np.ndarray", distances: "np.ndarray", edges: Edges) -> None:
    """Put edges into the lists, in place: each list keeps its nearest, nearest first."""
    import numpy as np

    width = rows.shape[1]
    enters = edges.far <= distances[edges.heads, -1]  # the others are farther than all of a full list
    touched = np.unique(edges.heads[enters])
    known = rows[touched] >= 0
    heads = np.concatenate([np.repeat(touched, known.sum(1)), edges.heads[enters]])
    tails = np.concatenate([rows[touched][known], edges.tails[enters]])
    far = np.concatenate([distances[touched][known], edges.far[enters]])
    order = np.lexsort((tails, far, heads))
    heads, tails, far = heads[order], tails[order], far[order]
    rank = np.arange(len(heads)) - np.searchsorted(heads, heads)
    kept = rank < width
    rows[touched], distances[touched] = MISSING, np.inf
    rows[heads[kept], rank[kept]] = tails[kept]
    distances[heads[kept], rank[kept]] = far[kept]
