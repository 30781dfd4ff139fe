"""Join what is linked most closely, step by step: average linkage over a sparse graph.

Pairs that are each other's best are joined at the same time, which gives the same tree as one pair after
the other, because average linkage is reducible (Sumengen et al. 2021, arXiv:2105.11653). So it takes some
dozens of rounds of array operations, and no compiler. What does not belong here: which graph, and how many
clusters (`insight/clustering/tree.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

# Multiplied with the number of a link, it gives an order among equal links that is as good as chance.
_SPREAD = 0x9E3779B97F4A7C15


class Links(NamedTuple):
    """A graph without directions: each link once, from the node with the lower number."""

    heads: "np.ndarray"  # (e,) int64
    tails: "np.ndarray"  # (e,) int64, each greater than its head
    weights: "np.ndarray"  # (e,) float64, greater than zero


class Joins(NamedTuple):
    """The tree of `nodes` nodes: join i unites the clusters in which two nodes are, the closest first."""

    nodes: int
    heads: "np.ndarray"  # (j,) int64
    tails: "np.ndarray"  # (j,) int64
    closeness: "np.ndarray"  # (j,) float64: mean weight over all pairs of the two, falling


def make_links(heads: "np.ndarray", tails: "np.ndarray", weights: "np.ndarray", nodes: int) -> Links:
    """Add up the weights of links between the same two of `nodes` nodes; a node has no link to itself."""
    import numpy as np

    low, high = np.minimum(heads, tails).astype(np.int64), np.maximum(heads, tails).astype(np.int64)
    apart = low != high
    numbers = low[apart] * nodes + high[apart]
    order = np.argsort(numbers, kind="stable")  # four times as fast as others: they are nearly sorted
    numbers = numbers[order]
    is_new = np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]
    numbers, which = numbers[is_new], np.cumsum(is_new) - 1
    total = np.bincount(which, weights[apart][order], len(numbers)).astype(np.float64)
    return Links(numbers // max(nodes, 1), numbers % max(nodes, 1), total)


def contract(links: Links, labels: "np.ndarray") -> Links:
    """Return the links between clusters: `labels`, (n,) int, is the cluster of each node, from 0 on."""
    count = int(labels.max()) + 1 if len(labels) else 0
    return make_links(labels[links.heads], labels[links.tails], links.weights, count)


def agglomerate(links: Links, sizes: "np.ndarray") -> Joins:
    """Join nodes until no link is left; `sizes`, (n,), are the images in each node."""
    import numpy as np

    sizes = sizes.astype(np.float64)
    names = np.arange(len(sizes))
    joined: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    while len(links.heads):
        closeness = links.weights / (sizes[links.heads] * sizes[links.tails])
        pairs = _mutual_best(links, closeness, len(sizes))
        a, b = links.heads[pairs], links.tails[pairs]
        joined.append((names[a], names[b], closeness[pairs]))
        into = np.arange(len(sizes))
        into[b] = a
        left, now = np.unique(into, return_inverse=True)
        sizes, names = np.bincount(now, sizes), names[left]
        links = contract(links, now)
    if not joined:
        return Joins(len(sizes), names[:0], names[:0], sizes[:0])
    heads, tails, closeness = (np.concatenate(part) for part in zip(*joined, strict=True))
    order = np.argsort(-closeness, kind="stable")
    return Joins(len(heads) + len(sizes), heads[order], tails[order], closeness[order])


def cut(joins: Joins, count: int) -> "np.ndarray":
    """Cut the tree into `count` clusters, or as few as it has: the cluster of each node, (n,) int64."""
    import numpy as np
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    made = max(joins.nodes - count, 0)
    ones = np.ones(len(joins.heads[:made]), bool)
    shape = (joins.nodes, joins.nodes)
    graph = sparse.coo_array((ones, (joins.heads[:made], joins.tails[:made])), shape=shape)
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def widest_gap(joins: Joins, least: int, most: int) -> int:
    """Return the number of clusters, from `least` to `most`, at which the next join is the farthest away."""
    import numpy as np

    counts = np.arange(max(least, 1), most + 1)
    last, following = joins.nodes - counts - 1, joins.nodes - counts
    known = (last >= 0) & (following < len(joins.closeness))
    if not known.any():
        return most
    fall = joins.closeness[last[known]] / joins.closeness[following[known]]
    return int(counts[known][fall.argmax()])


def _mutual_best(links: Links, closeness: "np.ndarray", nodes: int) -> "np.ndarray":
    """Return links, (p,) int, that are the closest of both their nodes, each node in at most one."""
    import numpy as np

    best = np.zeros(nodes)
    np.maximum.at(best, links.heads, closeness)
    np.maximum.at(best, links.tails, closeness)
    mutual = np.flatnonzero((closeness >= best[links.heads]) & (closeness >= best[links.tails]))
    heads, tails = links.heads[mutual], links.tails[mutual]
    number = (heads * nodes + tails).astype(np.uint64)
    turn = np.empty(len(mutual), np.int64)
    turn[np.lexsort((number, number * np.uint64(_SPREAD)))] = np.arange(len(mutual))
    first = np.full(nodes, len(mutual))
    np.minimum.at(first, heads, turn)
    np.minimum.at(first, tails, turn)
    return np.asarray(mutual[(turn == first[heads]) & (turn == first[tails])])
