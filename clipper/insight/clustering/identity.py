"""Keep clusters as images come and go: while few did, new images join the clusters that are there.

Beyond that the clusters are found again, and each gets the identity and the color of the earlier one whose
images it has. What does not belong here: finding them (`insight/clustering/tree.py`), and files.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from clipper.insight.clustering.appearance import choose_colors, find_centers
from clipper.insight.clustering.representatives import choose_representatives, order_faces, score_images
from clipper.insight.clustering.tree import JUDGES, MIN_BELONGING, Tree, find_tree
from clipper.store.parts.clusters import LEVELS, NOISE, REPRESENTATIVES, Clusters

if TYPE_CHECKING:
    import numpy as np

    from clipper.projection.graph import NeighborGraph

# Clusters are found again if more than this share of the images came or went since they were found, or if
# more than this share are new and in no cluster: a new kind of image.
CHANGED_SHARE, STRAY_SHARE = 0.1, 0.01
# New images may be neighbors of new images: so many times each may join what its neighbors have joined.
_ROUNDS = 4


def find_clusters(
    graph: "NeighborGraph", positions: "np.ndarray", *, penalties: "np.ndarray | None" = None
) -> Clusters:
    """Find the clusters of n images, and what stands for them.

    Args:
        graph: the neighbors of the images.
        positions: (n, 2) float32, on the map.
        penalties: (n,) float, from 0 (good) to 1: how much to avoid that an image stands for others.
    """
    import numpy as np

    tree = find_tree(graph, positions)
    ids = np.arange(len(tree.levels), dtype=np.int64)
    kept = np.full(len(ids), -1, np.int16)
    return _present(tree, graph, positions, penalties=penalties, ids=ids, kept=kept, next_id=len(ids))


def update_clusters(
    earlier: Clusters,
    graph: "NeighborGraph",
    positions: "np.ndarray",
    was: "np.ndarray",
    *,
    moved: bool = False,
    penalties: "np.ndarray | None" = None,
) -> Clusters:
    """Bring clusters up to date.

    Args:
        earlier: the clusters before.
        graph: the neighbors of the n images there are now.
        positions: (n, 2) float32, on the map.
        was: (n,) int: the row of each image in `earlier`, -1 for a new one.
        moved: whether the map was laid out again; then the clusters are found again.
        penalties: as for `find_clusters`.

    Returns:
        the clusters. A cluster without images is gone; its identity is not used again.
    """
    import numpy as np

    came = int((was < 0).sum())
    changed = earlier.changed + came + len(earlier.members) - (len(was) - came)
    if not moved and changed <= CHANGED_SHARE * earlier.found_in:
        members = join_clusters(earlier, graph, was)
        stray = int(((was < 0) & (members[:, 0] < 0)).sum())
        if stray <= STRAY_SHARE * earlier.found_in:
            return _keep(earlier, members, graph, positions, was=was, changed=changed, penalties=penalties)
    tree = find_tree(graph, positions)
    same = match(earlier, tree, was)
    known, new = np.flatnonzero(same >= 0), np.flatnonzero(same < 0)
    ids, kept = np.empty(len(same), np.int64), np.full(len(same), -1, np.int16)
    ids[known], kept[known] = earlier.ids[same[known]], earlier.colors[same[known]]
    ids[new] = earlier.next_id + np.arange(len(new))
    next_id = earlier.next_id + len(new)
    return _present(tree, graph, positions, penalties=penalties, ids=ids, kept=kept, next_id=next_id)


def match(earlier: Clusters, tree: Tree, was: "np.ndarray") -> "np.ndarray":
    """Return the row of the earlier cluster that each cluster of a tree is, (c,) int64; -1 for a new one.

    It is the one of its level that shares most images with it, of those whose images are mostly in it. So
    none is matched twice: a cluster has most of its images in one other at most.
    """
    import numpy as np

    same = np.full(len(tree.levels), -1, np.int64)
    old = np.flatnonzero(was >= 0)
    for level in range(LEVELS):
        before, now = earlier.members[was[old], level], tree.members[old, level]
        left = np.bincount(before[before >= 0], minlength=len(earlier))
        both = (before >= 0) & (now >= 0)
        pairs, shared = np.unique(np.stack([before[both], now[both]]), axis=1, return_counts=True)
        most = 2 * shared > left[pairs[0]]
        (a, b), shared = pairs[:, most], shared[most]
        order = np.lexsort((-a, shared))  # the last one written counts
        same[b[order]] = a[order]
    return same


def join_clusters(earlier: Clusters, graph: "NeighborGraph", was: "np.ndarray") -> "np.ndarray":
    """Let new images join the clusters of their neighbors: (n, LEVELS) int32, rows of `earlier`.

    An image joins the cluster that most of its neighbors are in, if they are enough; else it is noise.
    """
    import numpy as np

    members = np.full((len(was), LEVELS), NOISE, np.int32)
    known = was >= 0
    members[known] = earlier.members[was[known]]
    near = graph.rows[:, :JUDGES]
    for _ in range(_ROUNDS):
        waiting = np.flatnonzero(~known)
        seen = (near[waiting] >= 0) & known[near[waiting]]
        ready = seen.sum(1) * 2 >= np.minimum((near[waiting] >= 0).sum(1), 2)
        if not ready.any():
            break
        rows, seen = waiting[ready], seen[ready]
        members[rows] = _most_common(members[near[rows]], seen)
        known[rows] = True
    return members


def _most_common(members: "np.ndarray", seen: "np.ndarray") -> "np.ndarray":
    """Return the cluster of most neighbors at each level: (m, k, LEVELS) and (m, k) bool to (m, LEVELS)."""
    import numpy as np

    out = np.full((len(members), LEVELS), NOISE, np.int32)
    total = np.maximum(seen.sum(1), 1)
    for level, least in enumerate(MIN_BELONGING):
        labels = np.where(seen, members[:, :, level], NOISE)
        votes = ((labels[:, :, None] == labels[:, None]) & (labels >= 0)[:, :, None]).sum(2)
        best = votes.argmax(1)[:, None]
        enough = np.take_along_axis(votes, best, 1)[:, 0] >= least / 2 * total
        enough &= votes.max(1) > 0
        out[enough, level] = np.take_along_axis(labels, best, 1)[enough, 0]
        seen = seen & (labels == out[:, level, None]) & enough[:, None]
    return out


def _present(
    tree: Tree,
    graph: "NeighborGraph",
    positions: "np.ndarray",
    *,
    penalties: "np.ndarray | None",
    ids: "np.ndarray",
    kept: "np.ndarray",
    next_id: int,
) -> Clusters:
    """Add what stands for the clusters of a tree: names' places, colors, images; `kept` (c,) int16 colors."""
    centers = find_centers(tree.members, len(ids), positions)
    score = score_images(graph, tree.members, penalties)
    chosen = choose_representatives(tree.members, centers, positions, score)
    colors = choose_colors(tree.levels, tree.parents, centers, kept)
    faces = order_faces(tree, chosen, positions, score)
    return Clusters(
        ids, tree.levels, tree.parents, tree.sizes, centers, colors, chosen, tree.members, faces,
        next_id=next_id, found_in=len(graph),
    )  # fmt: skip


def _keep(
    earlier: Clusters,
    members: "np.ndarray",
    graph: "NeighborGraph",
    positions: "np.ndarray",
    *,
    was: "np.ndarray",
    changed: int,
    penalties: "np.ndarray | None",
) -> Clusters:
    """Return the earlier clusters with other members; others stand in for deleted representatives."""
    import numpy as np

    sizes = np.bincount(members[members >= 0], minlength=len(earlier)).astype(np.int32)
    left = np.flatnonzero(sizes)
    now = np.full(len(earlier) + 1, NOISE, np.int32)  # the last one stays NOISE, which is row -1
    now[left] = np.arange(len(left))
    members = now[members]
    rows = np.full(len(earlier.members) + 1, NOISE, np.int32)
    rows[was[was >= 0]] = np.flatnonzero(was >= 0)
    chosen = _close_up(rows[earlier.representatives[left]])
    again = np.flatnonzero((chosen >= 0).sum(1) < np.minimum(sizes[left], REPRESENTATIVES))
    if len(again):
        score = score_images(graph, members, penalties)
        fresh = choose_representatives(members, earlier.centers[left], positions, score)
        for row in again:
            own = chosen[row][chosen[row] >= 0]
            filled = np.concatenate([own, fresh[row][~np.isin(fresh[row], own)]])[:REPRESENTATIVES]
            chosen[row, : len(filled)] = filled
    return replace(
        earlier,
        ids=earlier.ids[left],
        levels=earlier.levels[left],
        parents=now[earlier.parents[left]],
        sizes=sizes[left],
        centers=earlier.centers[left],
        colors=earlier.colors[left],
        representatives=chosen,
        members=members,
        faces=_keep_order(earlier.faces, was),
        changed=changed,
    )


def _close_up(rows: "np.ndarray") -> "np.ndarray":
    """Move what is missing in each row to its end."""
    import numpy as np

    return np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)


def _keep_order(faces: "np.ndarray", was: "np.ndarray") -> "np.ndarray":
    """Return the ranks of the images there are now: the earlier ones as they were, then the new ones."""
    import numpy as np

    before = np.where(was >= 0, faces[was], len(faces)) if len(faces) else np.zeros(len(was), np.int64)
    ranks = np.empty(len(was), np.int32)
    ranks[np.argsort(before, kind="stable")] = np.arange(len(was), dtype=np.int32)
    return ranks
