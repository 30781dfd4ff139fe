"""The map: UMAP over L2-normalised vectors, islands gathered, new images placed among the old.

What does not belong here: placing queries (`placement.py`) and files (`indexing.py`).
"""

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.placement import place
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

PROJECTION_VERSION = "1"
# Up to here a matrix product finds the neighbours exactly, faster than an index is compiled.
EXACT_KNN_LIMIT = 30_000
# UMAP needs a graph; fewer points are laid out by their principal components.
SMALLEST_FIT = 8
# A map on which more than this share was placed, not fitted, is fitted again.
REFIT_SHARE = 0.25
QUALITY_SAMPLE = 2_000
_BLOCK = 2_048


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
            settings.umap_neighbors,
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


def place_images(vectors: "np.ndarray", fitted: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """Place new images, (m, d), among fitted ones, (n, d) at (n, 2): (m, 2) float32."""
    import numpy as np

    placed = [
        place(vectors[start : start + _BLOCK] @ fitted.T, positions)
        for start in range(0, vectors.shape[0], _BLOCK)
    ]
    return np.concatenate(placed) if placed else np.empty((0, 2), np.float32)


def align(positions: "np.ndarray", onto: "np.ndarray") -> "tuple[float, np.ndarray, np.ndarray]":
    """Scale c, rotation or reflection R (2, 2) and shift t (2,): `c * p @ R + t` is nearest to `onto`.

    Umeyama, IEEE PAMI 13(4) 1991, with reflections allowed: a person knows a mirrored map less well.
    Both arguments are (n, 2).
    """
    import numpy as np

    source, target = positions - positions.mean(0), onto - onto.mean(0)
    left, singular, right = np.linalg.svd(source.T.astype(np.float64) @ target)
    rotation = left @ right
    scale = float(singular.sum() / max(float((source.astype(np.float64) ** 2).sum()), 1e-12))
    return scale, rotation, onto.mean(0) - scale * positions.mean(0) @ rotation


def quality(vectors: "np.ndarray", positions: "np.ndarray", *, seed: int = 0) -> dict[str, float]:
    """How far the map can be trusted, over a sample: shares between 0 and 1.

    `trustworthiness` (Venna and Kaski 2001, scikit-learn's): neighbours on the map are neighbours in
    the vectors. `neighbour_preservation`: share of an image's 15 nearest that are its nearest on the map.
    """
    import numpy as np
    from sklearn.manifold import trustworthiness

    n, k = vectors.shape[0], 15
    if n <= 2 * k:
        return {}
    chosen = np.arange(n)
    if n > QUALITY_SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(n, QUALITY_SAMPLE, replace=False))
    sample, places = vectors[chosen], positions[chosen].astype(np.float64)
    near = neighbours(sample, k + 1)[0][:, 1:]
    apart = ((places[:, None] - places[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    on_map = np.argpartition(apart, k - 1, axis=1)[:, :k]
    kept = [len(np.intersect1d(a, b)) for a, b in zip(near, on_map, strict=True)]
    trusted = trustworthiness(sample, places, n_neighbors=k, metric="cosine")
    return {
        "trustworthiness": round(float(trusted), 4),
        "neighbour_preservation": round(float(np.mean(kept)) / k, 4),
        "measured_on": len(chosen),
    }


def neighbours(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Each vector's k nearest by cosine distance, itself first at 0: (n, k) int32, (n, k) float32."""
    import numpy as np

    n = vectors.shape[0]
    if n > EXACT_KNN_LIMIT:
        return _approximate_neighbours(vectors, k)
    indices = np.empty((n, k), np.int32)
    distances = np.empty((n, k), np.float32)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        apart = 1.0 - vectors[rows] @ vectors.T
        apart[np.arange(len(rows)), rows] = -1.0  # itself first, also among copies
        near = np.argpartition(apart, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(apart, near, axis=1), axis=1, kind="stable")
        indices[rows] = np.take_along_axis(near, order, axis=1)
        distances[rows] = np.take_along_axis(apart, indices[rows].astype(np.int64), axis=1)
    return indices, distances.clip(0.0)


def gather_islands(positions: "np.ndarray", *, gap: float = 1.0) -> "np.ndarray":
    """Move far islands straight in until `gap` (in UMAP's unit, its `spread`) of the mainland.

    How far apart UMAP leaves groups that share no neighbours means nothing, and a few of them can
    shrink everything else to a blot. Each island is shifted as a whole, so nothing within it changes.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    island = _islands(positions, reach=1.5 * gap)
    sizes = np.bincount(island)
    if len(sizes) == 1:
        return positions
    out = positions.astype(np.float64)
    ashore = np.zeros(len(out), bool)
    ashore[island == sizes.argmax()] = True
    centre = out[ashore].mean(0)
    apart = [np.linalg.norm(out[island == i].mean(0) - centre) for i in range(len(sizes))]
    for i in np.argsort(apart, kind="stable"):
        here = island == i
        if ashore[here].all():
            continue
        shore = cKDTree(_thinned(out[ashore], gap / 4))
        out[here] += _shift(_thinned(out[here], gap / 4), shore, centre, gap)
        ashore |= here
    return out.astype(np.float32)


def _shift(points: "np.ndarray", shore: Any, centre: "np.ndarray", gap: float) -> "np.ndarray":
    """How far an island's points go towards `centre` before they come within `gap` of the shore."""
    import numpy as np

    way = centre - points.mean(0)
    length = float(np.linalg.norm(way))
    if length == 0.0:
        return np.zeros(2)
    travelled = 0.0
    while travelled < length:
        step = float(shore.query(points + way * (travelled / length))[0].min()) - gap
        if step <= gap / 50:
            break
        travelled += step
    return way * (min(travelled, length) / length)


def _islands(positions: "np.ndarray", *, reach: float) -> "np.ndarray":
    """The island of each point, (n,) int: points nearer than about `reach` are on the same one."""
    import numpy as np
    from scipy import ndimage

    low = positions.min(0)
    cell = max(reach / 4, float(np.ptp(positions, axis=0).max()) / 2_000)
    cells = ((positions - low) / cell).astype(np.int64) + 4
    grid = np.zeros(tuple(cells.max(0) + 5), bool)
    grid[cells[:, 0], cells[:, 1]] = True
    touched = ndimage.binary_dilation(grid, ndimage.generate_binary_structure(2, 2), iterations=2)
    labels, _ = ndimage.label(touched, ndimage.generate_binary_structure(2, 2))
    return np.asarray(labels[cells[:, 0], cells[:, 1]] - 1)


def _thinned(points: "np.ndarray", cell: float) -> "np.ndarray":
    """One point for each occupied cell: an island's outline does not need a million of them."""
    import numpy as np

    _, first = np.unique((points / cell).round().astype(np.int64), axis=0, return_index=True)
    return np.asarray(points[first])


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
    """A sample of `size` rows in which small groups are too: half of it evenly over 1,024 regions."""
    import numpy as np

    random = np.random.default_rng(seed)
    n = vectors.shape[0]
    pivots = vectors[random.choice(n, min(1_024, n), replace=False)].T
    region = np.concatenate([(vectors[at : at + _BLOCK] @ pivots).argmax(1) for at in range(0, n, _BLOCK)])
    order = random.permutation(n)
    by_region = order[np.argsort(region[order], kind="stable")]
    starts = np.searchsorted(region[by_region], region[by_region], side="left")
    rank = np.arange(n) - starts
    even = by_region[np.argsort(rank, kind="stable")][: size // 2]
    rest = order[~np.isin(order, even)][: size - len(even)]
    return np.concatenate([even, rest])


def _approximate_neighbours(vectors: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np
    from pynndescent import NNDescent

    index = NNDescent(vectors, metric="cosine", n_neighbors=max(30, k), random_state=0, n_jobs=-1)
    indices, distances = (array[:, :k].copy() for array in index.neighbor_graph)
    indices[:, 0] = np.arange(len(indices))  # what UMAP expects of a precomputed graph
    distances[:, 0] = 0.0
    return indices.astype(np.int32), distances.astype(np.float32)
