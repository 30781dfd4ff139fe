"""The map: UMAP over L2-normalised vectors, islands gathered, new images placed among the old.

What does not belong here: placing queries (`placement.py`) and files (`indexing.py`).
"""

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.islands import gather_islands
from clipper.neighbours import BLOCK, BLOCK_CELLS, neighbours
from clipper.placement import place
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

PROJECTION_VERSION = "1"
# UMAP needs a graph; fewer points are laid out by their principal components.
SMALLEST_FIT = 8
# Regions of which a sample holds something, and the images among which their centres are sought.
PIVOTS, PIVOT_POOL = 1_024, 20_000
# A map on which more than this share was placed, not fitted, is fitted again.
REFIT_SHARE = 0.25


@dataclass(frozen=True)
class Parameters:
    """What the layout follows from, beside the vectors."""

    neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 42
    fit_limit: int = 200_000

    @classmethod
    def of(cls, settings: Settings) -> "Parameters":
        """The parameters that `settings` ask for."""
        return cls(
            settings.umap_n_neighbors,
            settings.umap_min_dist,
            settings.umap_seed,
            settings.umap_fit_limit,
        )

    def as_dict(self) -> dict[str, Any]:
        """For versions and sidecars."""
        return asdict(self) | {"code": PROJECTION_VERSION}


@dataclass(frozen=True)
class Layout:
    """Positions (n, 2) float32, and which of them were fitted, (n,) bool; the others were placed."""

    positions: "np.ndarray"
    fitted: "np.ndarray"


def fit(vectors: "np.ndarray", parameters: Parameters) -> Layout:
    """Lay out `vectors` ((n, d) float32, rows L2-normalised, distinct images) from scratch.

    Beyond `fit_limit` a sample that holds something of every region is fitted and the rest is placed.
    """
    import numpy as np

    n = vectors.shape[0]
    fitted = np.ones(n, bool)
    if n > parameters.fit_limit:
        fitted[:] = False
        fitted[_spread_sample(vectors, parameters.fit_limit, parameters.seed)] = True
    positions = np.empty((n, 2), np.float32)
    positions[fitted] = gather_islands(_layout(vectors[fitted], parameters))
    if not fitted.all():
        positions[~fitted] = place_images(vectors[~fitted], vectors[fitted], positions[fitted])
    return Layout(positions, fitted)


def update(
    vectors: "np.ndarray",
    positions: "np.ndarray",
    old: "np.ndarray",
    fitted: "np.ndarray",
    parameters: Parameters,
) -> "tuple[Layout, int]":
    """Keep what has a position and place what is new; past `REFIT_SHARE` fit anew, turned onto the old map.

    Args:
        vectors: (n, d) float32 of distinct images.
        positions: (n, 2) float32, right where `old`.
        old: (n,) bool, which have a position.
        fitted: (n,) bool, whose position was fitted.
        parameters: of the fit.

    Returns:
        the layout, and how many positions were kept to the bit.
    """
    import numpy as np

    n = len(vectors)
    if (~fitted).sum() > max(n - parameters.fit_limit, REFIT_SHARE * n):
        fresh = fit(vectors, parameters)
        if old.sum() > 2:  # noqa: PLR2004 - fewer points fix no rotation
            rotation, shift = align(fresh.positions[old], positions[old])
            turned = (fresh.positions @ rotation + shift).astype(np.float32)
            fresh = Layout(turned, fresh.fitted)
        return fresh, 0
    grown = positions.copy()
    grown[~old] = place_images(vectors[~old], vectors[fitted], positions[fitted])
    return Layout(grown, fitted), int(old.sum())


def place_images(vectors: "np.ndarray", fitted: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """Place new images, (m, d), among fitted ones, (n, d) at (n, 2): (m, 2) float32."""
    import numpy as np

    block = max(1, min(BLOCK, BLOCK_CELLS // max(len(fitted), 1)))
    placed = [
        place(vectors[start : start + block] @ fitted.T, positions)
        for start in range(0, vectors.shape[0], block)
    ]
    return np.concatenate(placed) if placed else np.empty((0, 2), np.float32)


def align(positions: "np.ndarray", onto: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Rotation or reflection R (2, 2) and shift t (2,) for which `p @ R + t` is nearest to `onto`.

    Umeyama, IEEE PAMI 13(4) 1991, with reflections allowed: a person knows a mirrored map less well. The
    scale is left alone: distances of a layout are in UMAP's own unit, and where the two layouts have
    little in common the best scale is near 0. Both arguments are (n, 2).
    """
    import numpy as np

    source, target = positions - positions.mean(0), onto - onto.mean(0)
    left, _, right = np.linalg.svd(source.T.astype(np.float64) @ target)
    rotation = left @ right
    return rotation, onto.mean(0) - positions.mean(0) @ rotation


def _layout(vectors: "np.ndarray", parameters: Parameters) -> "np.ndarray":
    import numpy as np

    n = vectors.shape[0]
    if n < SMALLEST_FIT:
        return _principal_components(vectors)
    from umap import UMAP

    k = min(parameters.neighbors, n - 1)
    indices, distances = neighbours(vectors, k)
    with warnings.catch_warnings():
        # It warns of what is meant: one thread for the seed's sake, no transform, groups that do not touch.
        warnings.simplefilter("ignore")
        reducer = UMAP(
            n_neighbors=k,
            min_dist=parameters.min_dist,
            metric="cosine",
            random_state=parameters.seed,
            n_jobs=1,
            precomputed_knn=(indices, distances),
        )
        positions = np.asarray(reducer.fit_transform(vectors), np.float32)
    lost = ~np.isfinite(positions).all(axis=1)
    if lost.any():  # points without an edge: UMAP drops them; they go to their nearest neighbours
        positions[lost] = place_images(vectors[lost], vectors[~lost], positions[~lost])
    return np.asarray(positions - positions.mean(0))


def _principal_components(vectors: "np.ndarray") -> "np.ndarray":
    import numpy as np

    centred = vectors - vectors.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    out = np.zeros((vectors.shape[0], 2), np.float32)
    out[:, : len(components)] = 5.0 * centred @ components.T
    return out


def _spread_sample(vectors: "np.ndarray", size: int, seed: int) -> "np.ndarray":
    """A sample of `size` rows in which small groups are too: half of it evenly over up to 1,024 regions."""
    import numpy as np

    random = np.random.default_rng(seed)
    n = vectors.shape[0]
    few = vectors[random.choice(n, min(PIVOT_POOL, n), replace=False)]
    pivots = few[_far_apart(few, min(PIVOTS, len(few)))].T
    region = np.concatenate([(vectors[at : at + BLOCK] @ pivots).argmax(1) for at in range(0, n, BLOCK)])
    order = random.permutation(n)
    by_region = order[np.argsort(region[order], kind="stable")]
    starts = np.searchsorted(region[by_region], region[by_region], side="left")
    rank = np.arange(n) - starts
    even = by_region[np.argsort(rank, kind="stable")][: size // 2]
    rest = order[~np.isin(order, even)][: size - len(even)]
    return np.concatenate([even, rest])


def _far_apart(vectors: "np.ndarray", count: int) -> "np.ndarray":
    """Rows, each the farthest from those before it (Gonzalez 1985): every group far from others has one."""
    import numpy as np

    chosen = np.zeros(count, np.int64)
    nearest = vectors @ vectors[0]
    for i in range(1, count):
        chosen[i] = nearest.argmin()
        nearest = np.maximum(nearest, vectors @ vectors[chosen[i]])
    return chosen
