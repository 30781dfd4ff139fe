"""Find the clusters of a dataset: villages in the neighbor graph, then towns and continents of villages.

Average linkage over the neighbor graph, with links that are long on the map made weak, then a vote of
neighbors. On the sample it meets the subgroups better than k-means and HDBSCAN on vectors or on the map, and
its clusters are whole on the map, which those on the vectors are not (`benchmarks/insight_clusters.py`). What
does not belong here: what stands for a cluster (`representatives.py`, `appearance.py`), and clusters as
images come and go (`identity.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

from clipper.insight.clustering.agglomeration import Links, agglomerate, contract, cut, make_links, widest_gap
from clipper.store.parts.clusters import LEVELS, NOISE

if TYPE_CHECKING:
    import numpy as np
    from scipy import sparse

    from clipper.projection.graph import NeighborGraph

# Fewer images than this need no clusters.
MIN_IMAGES = 30
# So many of an image's neighbors make the links. More are slower and blur the villages.
LINKED = 20
# A link that is so long on the map, as a multiple of the median link, counts half.
HALF_AT = 1.0
# A village has at least so many images.
MIN_VILLAGE = 5
# Villages grow in number slower than the dataset: about 90 of 20 images in 1,870, 1,000 of 100 in 100,000.
VILLAGE_POWER = 0.6
# Continents and towns at most, and villages for each continent at least.
CONTINENTS, TOWNS, VILLAGES_EACH = 12, 48, 4
# A continent or town is at least so large a share of the images, if it can be joined to another.
MIN_SHARE = (1 / 100, 1 / 500)
# The number of clusters is the most natural one within this share of what is wanted.
LEEWAY = 0.25
# Neighbors by which an image's and a cluster's belonging are judged.
JUDGES = 15
# A cluster whose images have, in the mean, a lower share of their neighbors in it is no cluster; neither is
# an image in it that has less than half this share. In noise without any structure it is 0.3, 0.2 and 0.15.
MIN_BELONGING = (0.4, 0.3, 0.25)
# An image is far from everything if its fifth neighbor is so many times as far as its neighbors' fifth.
FAR, FAR_RANK = 2.5, 5
_SWEEPS = 8
_LEAST_SIMILARITY = 0.01
# Villages that are linked because they are near on the map, weaker than by any neighbor.
_NEAR_VILLAGES = 8


class Tree(NamedTuple):
    """The clusters without what stands for them; cluster c is row c. The levels follow each other."""

    levels: "np.ndarray"  # (c,) int8
    parents: "np.ndarray"  # (c,) int32
    sizes: "np.ndarray"  # (c,) int32
    members: "np.ndarray"  # (n, LEVELS) int32


def find_tree(graph: "NeighborGraph", positions: "np.ndarray") -> Tree:
    """Find clusters of n images from their neighbor graph and their positions on the map, (n, 2) float32.

    Fewer than `MIN_IMAGES` have none, and neither have images that fall into less than two villages. Within a
    level, large clusters come first.
    """
    import numpy as np

    n = len(graph)
    nothing = np.full((n, LEVELS), NOISE, np.int64)
    if n < MIN_IMAGES:
        return make_tree(nothing)
    links = link(graph, positions)
    villages = find_villages(links, n)
    wanted = _wanted(int(villages.max()) + 1)
    found = np.stack([*_group(links, villages, positions, wanted), villages], axis=1)
    members = drop_noise(graph, found)
    villages = members[:, -1]
    several = villages.max() > villages[villages >= 0].min(initial=n)
    return make_tree(members if several else nothing)


def link(graph: "NeighborGraph", positions: "np.ndarray") -> Links:
    """Link images with their neighbors: by squared similarity, less where the link is long on the map."""
    import numpy as np

    near = graph.rows[:, :LINKED]
    heads, which = np.nonzero(near >= 0)
    tails = near[heads, which]
    alike = np.maximum(1.0 - graph.distances[heads, which].astype(np.float64), _LEAST_SIMILARITY) ** 2
    links = make_links(heads, tails, alike, len(graph))
    apart = positions[links.heads].astype(np.float64) - positions[links.tails]
    squared = (apart**2).sum(1)
    half_at = HALF_AT**2 * float(np.median(squared)) if len(squared) else 0.0
    return links._replace(weights=links.weights / (1.0 + squared / max(half_at, 1e-12)))


def find_villages(links: Links, n: int) -> "np.ndarray":
    """Find the finest clusters: the village of each image, (n,) int64, from 0 on; none is left out."""
    import numpy as np

    labels = cut(agglomerate(links, np.ones(n)), round(n**VILLAGE_POWER))
    labels = _vote(links, labels)
    small = np.bincount(labels)[labels] < MIN_VILLAGE
    if small.all():
        return np.zeros(n, np.int64)
    return _vote(links, np.where(small, NOISE, labels))


def drop_noise(graph: "NeighborGraph", found: "np.ndarray") -> "np.ndarray":
    """Take out of the clusters, (n, LEVELS), what is far from everything or has its neighbors elsewhere."""
    import numpy as np

    members = np.where(_far(graph)[:, None], NOISE, found)
    near = graph.rows[:, :JUDGES]
    for level, least in enumerate(MIN_BELONGING):
        labels = members[:, level]
        share = belonging(near, labels)
        inside = np.flatnonzero(labels >= 0)
        sizes = np.bincount(labels[inside])
        mean = np.bincount(labels[inside], share[inside]) / np.maximum(sizes, 1)
        loose = (mean < least) | (sizes < MIN_VILLAGE)
        lost = (labels < 0) | loose[labels] if len(loose) else labels < 0
        lost |= share < least / 2
        members[lost, level:] = NOISE
    return members


def belonging(near: "np.ndarray", labels: "np.ndarray") -> "np.ndarray":
    """Return the share of each image's neighbors, (n, k) rows, that are in its cluster: (n,) float64."""
    import numpy as np

    known = near >= 0
    own = known & (labels[near] == labels[:, None])
    return np.asarray(own.sum(1) / np.maximum(known.sum(1), 1))


def make_tree(found: "np.ndarray") -> Tree:
    """Number clusters by level and size; `found` (n, LEVELS) int, NOISE or any number from 0 on."""
    import numpy as np

    members = np.full(found.shape, NOISE, np.int32)
    sizes: list[np.ndarray] = []
    parents: list[np.ndarray] = []
    start = 0
    for level in range(LEVELS):
        inside = np.flatnonzero(found[:, level] >= 0)
        _, first, which, count = np.unique(
            found[inside, level], return_index=True, return_inverse=True, return_counts=True
        )
        order = np.lexsort((first, -count))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        members[inside, level] = start + place[which]
        above = members[inside[first[order]], level - 1] if level else np.full(len(order), NOISE)
        parents.append(above.astype(np.int32))
        sizes.append(count[order].astype(np.int32))
        start += len(order)
    levels = np.repeat(np.arange(LEVELS, dtype=np.int8), [len(part) for part in sizes])
    return Tree(levels, np.concatenate(parents), np.concatenate(sizes), members)


def _wanted(villages: int) -> tuple[int, int]:
    continents = min(CONTINENTS, max(round(villages / VILLAGES_EACH), 2))
    return continents, min(TOWNS, max(round((continents * villages) ** 0.5), 2))


def _group(
    links: Links, villages: "np.ndarray", positions: "np.ndarray", wanted: tuple[int, int]
) -> "list[np.ndarray]":
    """Join villages to continents and towns: each image's continent and town, (n,) int64 each."""
    import numpy as np

    sizes, middles = np.bincount(villages), _middles(villages, positions)
    between = _link_near(contract(links, villages), middles)
    joins = agglomerate(between, sizes)
    within = np.zeros(len(sizes), np.int64)
    levels = []
    for count, share in zip(wanted, MIN_SHARE, strict=True):
        chosen = widest_gap(joins, round(count * (1 - LEEWAY)), round(count * (1 + LEEWAY)))
        labels = np.unique(within * len(sizes) + cut(joins, chosen), return_inverse=True)[1]
        within = _absorb(between, labels, sizes, share * sizes.sum(), within)
        levels.append(within[villages])
    return levels


def _middles(labels: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """Return the mean position of each cluster, (c, 2) float64."""
    import numpy as np

    count = np.bincount(labels)[:, None]
    return np.stack([np.bincount(labels, axis) for axis in positions.T.astype(np.float64)], axis=1) / count


def _link_near(links: Links, middles: "np.ndarray") -> Links:
    """Link villages that are near on the map too, weakly: islands join what they lie beside."""
    import numpy as np
    from scipy.spatial import cKDTree

    k = min(_NEAR_VILLAGES + 1, len(middles))
    apart, near = cKDTree(middles).query(middles, np.arange(1, k + 1))
    weak = 1e-6 * (links.weights.min() if len(links.weights) else 1.0) / (1.0 + apart**2)
    own = np.repeat(np.arange(len(middles)), k)
    return make_links(
        np.concatenate([links.heads, own]),
        np.concatenate([links.tails, near.ravel()]),
        np.concatenate([links.weights, weak.ravel()]),
        len(middles),
    )


def _absorb(
    links: Links, labels: "np.ndarray", sizes: "np.ndarray", least: float, within: "np.ndarray"
) -> "np.ndarray":
    """Join groups of villages with fewer than `least` images to those they are linked with most closely.

    No group grows beyond its part of `within`, (v,) int. Smallest first; a group without a link stays.
    """
    import numpy as np

    inside = within[links.heads] == within[links.tails]
    links = Links(links.heads[inside], links.tails[inside], links.weights[inside])
    while True:
        total = np.bincount(labels, sizes)
        between = contract(links, labels)
        least_of = np.minimum(total[between.heads], total[between.tails])
        small = np.flatnonzero(least_of < least)
        if not len(small):
            return labels
        close = between.weights / (total[between.heads] * total[between.tails])
        chosen = small[np.lexsort((-close[small], least_of[small]))[0]]
        labels = np.where(labels == between.tails[chosen], between.heads[chosen], labels)
        labels = np.unique(labels, return_inverse=True)[1]


def _vote(links: Links, labels: "np.ndarray") -> "np.ndarray":
    """Move each image to the cluster that most of its links go to, until few move; NOISE has no vote."""
    import numpy as np
    from scipy import sparse

    n = len(labels)
    upper = sparse.coo_array((links.weights, (links.heads, links.tails)), shape=(n, n)).tocsr()
    graph = (upper + upper.T).tocsr()
    for _ in range(_SWEEPS):
        voters = np.flatnonzero(labels >= 0)
        shape = (n, int(labels.max()) + 1)
        one_of = sparse.csr_array((np.ones(len(voters)), (voters, labels[voters])), shape=shape)
        votes = (graph @ one_of).tocsr()
        votes.sort_indices()
        moved = np.where(np.diff(votes.indptr) > 0, _row_best(votes, labels), labels)
        still = np.count_nonzero(moved != labels) <= n // 1_000
        labels = moved
        if still:
            break
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64) - int(labels.min() < 0)


def _row_best(votes: "sparse.csr_array", labels: "np.ndarray") -> "np.ndarray":
    """Return the column with the most votes in each row, (n,) int64; its own, or the first one, of equals."""
    import numpy as np

    rows = np.repeat(np.arange(len(labels)), np.diff(votes.indptr))
    data = votes.data + (votes.indices == labels[rows]) * 1e-9
    best = np.zeros(len(labels))
    np.maximum.at(best, rows, data)
    top = np.flatnonzero(data >= best[rows])
    out = np.full(len(labels), NOISE, np.int64)
    out[rows[top][::-1]] = votes.indices[top][::-1]
    return out


def _far(graph: "NeighborGraph") -> "np.ndarray":
    """Return which images, (n,) bool, are much farther from their neighbors than those are from theirs."""
    import numpy as np

    rank = min(FAR_RANK, max(len(graph) - 1, 1)) - 1
    reach = graph.distances[:, rank].astype(np.float64)
    near = graph.rows[:, :JUDGES]
    usual = np.median(np.where(near >= 0, reach[near], reach[:, None]), axis=1)
    return np.asarray((reach > FAR * usual) & (reach > np.median(reach)))
