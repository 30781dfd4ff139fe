"""Keep a map as images come and go: nothing on it moves, and new images are placed.

This module decides whether the map is laid out again: if too little of it is as it was fitted, and the
setting `refit` allows it. What does not belong here: the measures (`projection/quality.py`), and files.
Another model or other parameters start a new map: that is decided in `indexing/project.py`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.projection.graph import NeighborGraph, build_graph, nearest_among
from clipper.projection.layout import PLACE, RELAX, Layout, Parameters, fit
from clipper.projection.neighbors import EXACT_KNN_LIMIT, Vectors, knn_graph, nearest
from clipper.projection.place import NEIGHBORS, place_by_neighbors
from clipper.projection.quality import MapDrift, measure_baseline, measure_drift
from clipper.projection.refit import WARM_SHARE, align, refit
from clipper.projection.relax import relax
from clipper.projection.search.blocks import Selection
from clipper.settings import Refit

if TYPE_CHECKING:
    import numpy as np

# So many new images, near each other and far from everything fitted, are a new kind of image; fewer are odd
# ones. The number is smaller than the 15 neighbors among which an image is placed.
MIN_NEW_KIND = 10
# Two images far from everything fitted are near each other if their distance is at most this share of their
# distance to the nearest fitted image.
NEAR = 0.5


@dataclass(frozen=True)
class EarlierMap:
    """The positions of images on an earlier map.

    `known`, (n,) bool, are the images that the earlier map has; the other positions of `layout` mean nothing,
    and are `PLACE`. `drift` is that of the earlier map; None if it was fitted with other parameters.
    """

    layout: Layout
    known: "np.ndarray"
    drift: MapDrift | None = None


@dataclass(frozen=True)
class MapUpdate:
    """A map brought up to date: its layout, its drift, and whether it was laid out again."""

    layout: Layout
    drift: MapDrift
    refitted: bool


def start_map(
    vectors: Vectors,
    parameters: Parameters,
    *,
    graph: NeighborGraph | None = None,
    like: EarlierMap | None = None,
) -> MapUpdate:
    """Lay out a map from scratch; align it to an earlier one, if there is one of some of the images.

    `graph` is that of the vectors; without one, it is built.
    """
    graph = build_graph(vectors) if graph is None else graph
    layout = fit(vectors, parameters, graph)
    if like is not None:
        layout = align(layout, like.layout.positions, like.known)
    return _fitted(vectors, graph, layout, parameters)


def update_map(
    vectors: Vectors,
    base: EarlierMap,
    parameters: Parameters,
    *,
    graph: NeighborGraph | None = None,
    mode: Refit = "auto",
) -> MapUpdate:
    """Bring a map up to date: keep, place, relax; then lay it out again if that is due and allowed.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct images.
        base: their positions on the earlier map.
        parameters: of the earlier map.
        graph: of the vectors; without one, it is built.
        mode: "auto" refits if a measure of `MapDrift` is past its threshold, or if less than `WARM_SHARE` of
            the images were fitted; "always" refits; "never" does not. If no landmark is left among which an
            image could be placed, every mode starts a new map.
    """
    graph = build_graph(vectors) if graph is None else graph
    outgrown = base.layout.fitted.sum() < WARM_SHARE * min(len(vectors), parameters.fit_limit)
    if not base.layout.landmarks.any() or (mode != "never" and outgrown):
        return start_map(
            vectors, parameters, graph=graph, like=base
        )  # no image is placed first: all are laid out
    usual = measure_baseline(vectors, base.layout, graph, seed=parameters.seed)
    grown = add_images(vectors, base, graph, parameters, reach=usual.reach)
    drift = measure_drift(vectors, grown, graph, usual, parameters, since=base.drift)
    if mode == "always" or (mode == "auto" and drift.due):
        laid_out = refit(vectors, grown, base.known, parameters, graph)
        return _fitted(vectors, graph, laid_out, parameters)
    return MapUpdate(grown, drift, refitted=False)


def add_images(
    vectors: Vectors, base: EarlierMap, graph: NeighborGraph, parameters: Parameters, *, reach: float
) -> Layout:
    """Place the new images; known images keep their positions to the bit.

    New images with fewer than 15 landmarks within `reach` (a cosine distance) that are near each other are a
    new kind: they are relaxed together, and are landmarks from then on.
    """
    import numpy as np

    new = np.flatnonzero(~base.known)
    if not len(new):
        return base.layout
    positions = base.layout.positions.copy()
    by = base.layout.by.astype("U5")  # long enough for each of the three words
    rows = np.flatnonzero(base.layout.landmarks)
    count = min(NEIGHBORS, len(rows))
    indices, distances = nearest_among(graph, vectors, new, base.layout.landmarks, count)
    positions[new] = place_by_neighbors(indices, distances, positions)
    far = distances[:, -1] > reach
    near = np.full(len(vectors), reach)
    near[new] = np.maximum(reach, NEAR * distances[:, 0])
    kinds = _new_kinds(vectors, new[far], np.flatnonzero(base.known & (by == PLACE)), near)
    moving = kinds[~base.known[kinds]]
    if len(moving):
        allowed = base.layout.landmarks.copy()
        allowed[kinds] = True
        k = min(parameters.neighbors, int(allowed.sum()) - 1)
        among = nearest_among(graph, vectors, moving, allowed, k)
        positions[moving] = relax(
            positions, moving, *among, min_dist=parameters.min_dist, seed=parameters.seed
        )
        by[moving] = RELAX
        # The other new images may be of the new kind too: now it has landmarks.
        rest, landmarks = np.setdiff1d(new, moving), by != PLACE
        count = min(NEIGHBORS, int(landmarks.sum()))
        near_rest = nearest_among(graph, vectors, rest, landmarks, count)
        positions[rest] = place_by_neighbors(*near_rest, positions)
    return Layout(positions, by)


def _new_kinds(
    vectors: Vectors, far: "np.ndarray", companions: "np.ndarray", near: "np.ndarray"
) -> "np.ndarray":
    """Find the rows of new kinds of image.

    Args:
        vectors: (n, d) float32.
        far: rows of new images far from any landmark.
        companions: rows of images that were placed before; those near a far image are of its kind.
        near: (n,) for each image, the cosine distance up to which another is near.

    Returns:
        the rows of groups of `MIN_NEW_KIND` or more, sorted.
    """
    import numpy as np
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    if len(far) and len(companions):
        closest, apart = (
            array[:, 0] for array in nearest(Selection(vectors, companions), _held(vectors, far), 1)
        )
        far = np.union1d(far, companions[apart <= near[far[closest]]])
    if len(far) < MIN_NEW_KIND:
        return far[:0]
    k = min(NEIGHBORS + 1, len(far))
    indices, distances = (array[:, 1:] for array in knn_graph(_held(vectors, far), k))
    linked = distances <= near[far][:, None]
    head, tail = np.nonzero(linked)[0], indices[linked]
    graph = sparse.coo_array((np.ones(len(head)), (head, tail)), shape=(len(far), len(far)))
    _, group = connected_components(graph, directed=False)
    return np.sort(far[np.bincount(group)[group] >= MIN_NEW_KIND])


def _held(vectors: Vectors, rows: "np.ndarray") -> Vectors:
    """Return some vectors: in memory, or where they are if they are many."""
    return vectors[rows] if len(rows) <= EXACT_KNN_LIMIT else Selection(vectors, rows)


def _fitted(vectors: Vectors, graph: NeighborGraph, layout: Layout, parameters: Parameters) -> MapUpdate:
    usual = measure_baseline(vectors, layout, graph, seed=parameters.seed)
    return MapUpdate(layout, measure_drift(vectors, layout, graph, usual, parameters), refitted=True)
