"""Laying a map out again so that a person still knows the way.

Where most of it is there already, UMAP's optimiser goes on from the old positions with a small step; where
not, the map is fitted from scratch. Either is then aligned to the old map.
What does not belong here: when that is due (`projection/quality.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

from clipper.projection.layout import (
    SMALLEST_FIT,
    Layout,
    Parameters,
    cache_compiled,
    fit,
    fit_sample,
    place_rest,
)
from clipper.projection.neighbors import knn_graph, one_blas_thread
from clipper.projection.relax import JITTER, curve

if TYPE_CHECKING:
    import numpy as np

# Enough for the new to find their places, too little for the old to lose theirs: the median old point moves
# by about 1 % of the map's width. Fewer and larger steps (30 of 0.1) move it farther and keep fewer
# neighbours; UMAP's own step of 1.0 moves it several times as far (docs/map.md).
WARM_EPOCHS, WARM_STEP = 100, 0.02
# From so much on, as a share of what is fitted, the old fit is the better start.
WARM_SHARE = 0.5
# Points that fix a rotation, a reflection and a scale.
FEWEST_SHARED = 3


class SimilarityTransform(NamedTuple):
    """The map p -> scale * p @ rotation + shift; `rotation` (2, 2) may reflect."""

    rotation: "np.ndarray"
    scale: float
    shift: "np.ndarray"

    def __call__(self, positions: "np.ndarray") -> "np.ndarray":
        """Apply it to (n, 2): (n, 2) float32."""
        import numpy as np

        return np.asarray(self.scale * positions @ self.rotation + self.shift, np.float32)


def refit(vectors: "np.ndarray", grown: Layout, old: "np.ndarray", parameters: Parameters) -> Layout:
    """Lay out anew a map that has grown, and align it to what it was.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct images.
        grown: all of them on the old map, the new ones placed.
        old: (n,) bool, which were on the map before.
        parameters: of the fit.

    Returns:
        the layout; nothing in it is `RELAX`.
    """
    chosen = fit_sample(vectors, parameters)
    if grown.fitted.sum() >= max(SMALLEST_FIT, WARM_SHARE * chosen.sum()):
        settled = _settle(vectors[chosen], grown.positions[chosen], parameters)
        return align(place_rest(vectors, chosen, settled), grown.positions, old, scaled=True)
    return align(fit(vectors, parameters), grown.positions, old)


def align(layout: Layout, onto: "np.ndarray", shared: "np.ndarray", *, scaled: bool = False) -> Layout:
    """A layout turned onto another map by the images that are on both.

    Args:
        layout: to be turned.
        onto: (n, 2) float32, right where `shared`.
        shared: (n,) bool.
        scaled: whether its scale may follow too. A layout from scratch is left in UMAP's unit: it has so
            little in common with the old one that the best scale is a quarter too small. One that went on
            from the old positions only gives back what the groups have drifted apart.
    """
    if shared.sum() < FEWEST_SHARED:
        return layout
    with one_blas_thread():
        turn = fit_similarity(layout.positions[shared], onto[shared], scaled=scaled)
        return Layout(turn(layout.positions), layout.by)


def fit_similarity(positions: "np.ndarray", onto: "np.ndarray", *, scaled: bool) -> SimilarityTransform:
    """The similarity under which `positions`, (n, 2), are nearest to `onto`, (n, 2), in squares.

    Umeyama, IEEE PAMI 13(4) 1991, with reflections allowed: a person knows a mirrored map less well.
    """
    import numpy as np

    source = positions.astype(np.float64) - positions.mean(0, np.float64)
    target = onto.astype(np.float64) - onto.mean(0, np.float64)
    left, stretch, right = np.linalg.svd(source.T @ target)
    rotation = left @ right
    spread = float((source**2).sum())
    # Points that lie on one another have no scale, on either side.
    scale = float(stretch.sum()) / spread if scaled and spread > 0 and stretch.sum() > 0 else 1.0
    shift = onto.mean(0, np.float64) - scale * positions.mean(0, np.float64) @ rotation
    return SimilarityTransform(rotation, scale, shift)


def _settle(vectors: "np.ndarray", start: "np.ndarray", parameters: Parameters) -> "np.ndarray":
    """UMAP's optimiser from given positions: `umap.umap_.simplicial_set_embedding` without its rescaling."""
    import numpy as np
    from umap.layouts import optimize_layout_euclidean
    from umap.umap_ import fuzzy_simplicial_set, make_epochs_per_sample

    cache_compiled()
    k = min(parameters.neighbors, len(vectors) - 1)
    indices, distances = knn_graph(vectors, k)
    random = np.random.RandomState(parameters.seed)
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
