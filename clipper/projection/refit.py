"""Lay a map out again so that a person still finds the way.

If most of the map was fitted before, UMAP's optimiser goes on from the old positions with a small step;
otherwise the map is fitted from scratch. Either is then aligned to the old map. What does not belong here:
measuring the map (`projection/quality.py`) and
deciding that it is laid out again (`projection/update.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

from clipper.projection.graph import NeighborGraph, umap_neighbors
from clipper.projection.large import settle
from clipper.projection.layout import (
    MIN_FIT,
    SERIAL_LIMIT,
    Layout,
    Parameters,
    cache_compiled,
    fit,
    fit_sample,
    place_rest,
)
from clipper.projection.neighbors import Vectors, one_blas_thread
from clipper.projection.relax import JITTER, curve

if TYPE_CHECKING:
    import numpy as np

# Enough to move new points to their neighbors, and too little to move old ones far: the median old point
# moves by about 1 % of the map's width. Fewer, larger steps (30 of 0.1) move it farther and keep fewer
# neighbors; UMAP's own step of 1.0 moves it several times as far (docs/map.md).
WARM_EPOCHS, WARM_STEP = 100, 0.02
# The old positions are the better start if they are at least this share of the fitted images.
WARM_SHARE = 0.5
# So many points determine a rotation, a reflection and a scale.
MIN_SHARED = 3


class SimilarityTransform(NamedTuple):
    """The transform p -> scale * p @ rotation + shift; `rotation` (2, 2) may reflect."""

    rotation: "np.ndarray"
    scale: float
    shift: "np.ndarray"

    def __call__(self, positions: "np.ndarray") -> "np.ndarray":
        """Transform (n, 2) positions: (n, 2) float32."""
        import numpy as np

        return np.asarray(self.scale * positions @ self.rotation + self.shift, np.float32)


def refit(
    vectors: Vectors,
    grown: Layout,
    old: "np.ndarray",
    parameters: Parameters,
    graph: NeighborGraph | None = None,
) -> Layout:
    """Lay out a map again after images were added, and align it to the old one.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct images.
        grown: the old map with all of them, the new ones placed.
        old: (n,) bool, the images that were on the map before.
        parameters: of the fit.
        graph: of the vectors; without one, their neighbors are searched.

    Returns:
        the layout; no image in it is `RELAX`.
    """
    chosen = fit_sample(vectors, parameters)
    if grown.fitted.sum() >= max(MIN_FIT, WARM_SHARE * chosen.sum()):
        known = graph if chosen.all() else None
        settled = _settle(vectors[chosen], grown.positions[chosen], parameters, known)
        return align(place_rest(vectors, chosen, settled), grown.positions, old, scaled=True)
    return align(fit(vectors, parameters, graph), grown.positions, old)


def align(layout: Layout, onto: "np.ndarray", shared: "np.ndarray", *, scaled: bool = False) -> Layout:
    """Turn a layout onto another map, by the images that are on both.

    Args:
        layout: to turn.
        onto: (n, 2) float32, positions on the other map; valid where `shared`.
        shared: (n,) bool, the images on both.
        scaled: whether to scale the layout too. A layout from scratch stays in UMAP's unit: it has so little
            in common with the old one that the best scale is a quarter too small. A layout that went on from
            the old positions is scaled, to undo how far its groups have drifted apart.
    """
    if shared.sum() < MIN_SHARED:
        return layout
    with one_blas_thread():
        transform = fit_similarity(layout.positions[shared], onto[shared], scaled=scaled)
        return Layout(transform(layout.positions), layout.by)


def fit_similarity(positions: "np.ndarray", onto: "np.ndarray", *, scaled: bool) -> SimilarityTransform:
    """Find the transform that brings `positions`, (n, 2), nearest to `onto`, (n, 2), by least squares.

    Umeyama, IEEE PAMI 13(4) 1991, with reflections allowed: a person finds the way less well on a mirrored
    map.
    """
    import numpy as np

    source = positions.astype(np.float64) - positions.mean(0, np.float64)
    target = onto.astype(np.float64) - onto.mean(0, np.float64)
    left, stretch, right = np.linalg.svd(source.T @ target)
    rotation = left @ right
    spread = float((source**2).sum())
    # Points that coincide, on either side, determine no scale.
    scale = float(stretch.sum()) / spread if scaled and spread > 0 and stretch.sum() > 0 else 1.0
    shift = onto.mean(0, np.float64) - scale * positions.mean(0, np.float64) @ rotation
    return SimilarityTransform(rotation, scale, shift)


def _settle(
    vectors: Vectors, start: "np.ndarray", parameters: Parameters, known: NeighborGraph | None
) -> "np.ndarray":
    """Run UMAP's optimiser from `start`: `umap.umap_.simplicial_set_embedding` without its rescaling."""
    import numpy as np

    k = min(parameters.neighbors, len(vectors) - 1)
    indices, distances = umap_neighbors(vectors, k, known)
    random = np.random.RandomState(parameters.seed)
    if len(vectors) > SERIAL_LIMIT:
        begun = np.asarray(start + random.normal(scale=JITTER, size=start.shape), np.float32)
        return settle(
            begun,
            indices,
            distances,
            min_dist=parameters.min_dist,
            seed=parameters.seed,
            epochs=WARM_EPOCHS,
            size=WARM_STEP,
        )
    from umap.layouts import optimize_layout_euclidean
    from umap.umap_ import fuzzy_simplicial_set, make_epochs_per_sample

    cache_compiled()
    graph, _, _ = fuzzy_simplicial_set(vectors, k, random, "cosine", knn_indices=indices, knn_dists=distances)
    graph = graph.tocoo()
    graph.sum_duplicates()
    acts = graph.data >= graph.data.max() / WARM_EPOCHS
    start = start + random.normal(scale=JITTER, size=start.shape)
    place = np.ascontiguousarray(start, np.float32)
    a, b = curve(parameters.min_dist)
    return np.asarray(
        optimize_layout_euclidean(
            place,
            place,
            graph.row[acts],
            graph.col[acts],
            WARM_EPOCHS,
            len(place),
            make_epochs_per_sample(graph.data[acts], WARM_EPOCHS),
            a,
            b,
            random.randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64),
            initial_alpha=WARM_STEP,
            move_other=True,
        )
    )
