"""Lay out a map from scratch: UMAP over L2-normalised vectors, then gathered islands.

What does not belong here: keeping a map as images come and go (`projection/update.py`), and files
(`indexing/project.py`).
"""

import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.projection.graph import NeighborGraph, umap_neighbors
from clipper.projection.large import lay_out
from clipper.projection.neighbors import Vectors, nearest_of_many, one_blas_thread
from clipper.projection.place import NEIGHBORS, place_by_neighbors
from clipper.projection.search.blocks import Selection
from clipper.projection.search.cells import assign
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

# A later one lays out existing maps anew, aligned to what they were. The optimiser for many points did not
# change it: a map that UMAP's own has laid out stays as it is, and serves as before.
PROJECTION_VERSION = "2"
# UMAP needs a graph: fewer points than this are laid out by their principal components.
MIN_FIT = 8
# More points than this are laid out by the optimiser that uses all cores, fewer by UMAP's own.
SERIAL_LIMIT = 20_000
# Regions that a sample covers, and the number of images from which their centres are chosen.
PIVOTS, PIVOT_POOL = 1_024, 20_000
# How an image got its position: by the fit; relaxed with its like, when a new kind of image came later;
# placed among its nearest neighbors of these.
FIT, RELAX, PLACE = "fit", "relax", "place"


@dataclass(frozen=True)
class Parameters:
    """What determines a layout, beside the vectors."""

    neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 42
    fit_limit: int = 200_000

    @classmethod
    def from_settings(cls, settings: Settings) -> "Parameters":
        """Read the parameters from `settings`."""
        return cls(
            settings.umap_n_neighbors,
            settings.umap_min_dist,
            settings.umap_seed,
            settings.umap_fit_limit,
        )

    def to_json(self) -> dict[str, Any]:
        """Write the parameters, with the code's version, as a JSON object."""
        return asdict(self) | {"code": PROJECTION_VERSION}


@dataclass(frozen=True)
class Layout:
    """Positions, (n, 2) float32, and where each is from, (n,) str: `FIT`, `RELAX` or `PLACE`."""

    positions: "np.ndarray"
    by: "np.ndarray"

    @property
    def fitted(self) -> "np.ndarray":
        """Which images the fit laid out, (n,) bool."""
        import numpy as np

        return np.asarray(self.by == FIT)

    @property
    def landmarks(self) -> "np.ndarray":
        """Which images others are placed among, (n,) bool: those that UMAP's forces have moved."""
        import numpy as np

        return np.asarray(self.by != PLACE)


def fit(vectors: Vectors, parameters: Parameters, graph: NeighborGraph | None = None) -> Layout:
    """Lay out `vectors` ((n, d) float32, rows L2-normalised, distinct images) from scratch.

    If there are more than `fit_limit`, a sample with images of every region is fitted and the rest is placed.
    `graph` is that of the vectors; without one, their neighbors are searched.
    """
    import numpy as np

    if not len(vectors):
        return Layout(np.empty((0, 2), np.float32), np.empty(0, f"<U{len(PLACE)}"))
    chosen = fit_sample(vectors, parameters)
    known = graph if chosen.all() else None
    return place_rest(vectors, chosen, gather_islands(_layout(vectors[chosen], parameters, known)))


def fit_sample(vectors: Vectors, parameters: Parameters) -> "np.ndarray":
    """Choose the images that a fit lays out, (n,) bool: all, or `fit_limit` of them, some of every region."""
    import numpy as np

    n = vectors.shape[0]
    if n <= parameters.fit_limit:
        return np.ones(n, bool)
    chosen = np.zeros(n, bool)
    with one_blas_thread():
        chosen[_spread_sample(vectors, parameters.fit_limit, parameters.seed)] = True
    return chosen


def place_rest(vectors: Vectors, fitted: "np.ndarray", positions: "np.ndarray") -> Layout:
    """Lay out all of `vectors`, (n, d): the `fitted`, (n,) bool, at `positions`; the rest is placed."""
    import numpy as np

    out = np.empty((len(vectors), 2), np.float32)
    out[fitted] = positions
    if not fitted.all():
        rest, landmarks = np.flatnonzero(~fitted), np.flatnonzero(fitted)
        out[rest] = place_among(Selection(vectors, rest), Selection(vectors, landmarks), positions)
    return Layout(out, np.where(fitted, FIT, PLACE))


def place_among(vectors: Vectors, landmarks: Vectors, positions: "np.ndarray") -> "np.ndarray":
    """Place new images, (m, d), among landmarks, (n, d) at (n, 2): (m, 2) float32."""
    count = min(NEIGHBORS, len(landmarks))
    return place_by_neighbors(*nearest_of_many(vectors, landmarks, count), positions)


def _layout(vectors: "np.ndarray", parameters: Parameters, graph: NeighborGraph | None) -> "np.ndarray":
    import numpy as np

    n = vectors.shape[0]
    if n < MIN_FIT:
        return _principal_components(vectors)
    k = min(parameters.neighbors, n - 1)
    indices, distances = umap_neighbors(vectors, k, graph)
    if n > SERIAL_LIMIT:
        positions = lay_out(vectors, indices, distances, min_dist=parameters.min_dist, seed=parameters.seed)
        return np.asarray(positions - positions.mean(0))
    from umap import UMAP

    cache_compiled()
    with warnings.catch_warnings(), one_blas_thread():
        # UMAP warns of what is intended: one thread because of the seed, no transform, separate groups.
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
    if lost.any():  # UMAP drops points without an edge; they go to their nearest neighbors
        positions[lost] = place_among(vectors[lost], vectors[~lost], positions[~lost])
    return np.asarray(positions - positions.mean(0))


def _principal_components(vectors: "np.ndarray") -> "np.ndarray":
    import numpy as np

    centred = vectors - vectors.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    out = np.zeros((vectors.shape[0], 2), np.float32)
    out[:, : len(components)] = 5.0 * centred @ components.T
    return out


def _spread_sample(vectors: Vectors, size: int, seed: int) -> "np.ndarray":
    """Sample `size` rows, small groups included: half of them evenly over up to 1,024 regions."""
    import numpy as np

    random = np.random.default_rng(seed)
    n = len(vectors)
    pool = vectors[random.choice(n, min(PIVOT_POOL, n), replace=False)]
    pivots = pool[_far_apart(pool, min(PIVOTS, len(pool)))]
    region = assign(vectors, pivots)
    order = random.permutation(n)
    by_region = order[np.argsort(region[order], kind="stable")]
    starts = np.searchsorted(region[by_region], region[by_region], side="left")
    rank = np.arange(n) - starts
    even = by_region[np.argsort(rank, kind="stable")][: size // 2]
    rest = order[~np.isin(order, even)][: size - len(even)]
    return np.concatenate([even, rest])


def _far_apart(vectors: "np.ndarray", count: int) -> "np.ndarray":
    """Choose rows, each the farthest from those before it (Gonzalez 1985), so that each far group has one."""
    import numpy as np

    chosen = np.zeros(count, np.int64)
    nearest = vectors @ vectors[0]
    for i in range(1, count):
        chosen[i] = nearest.argmin()
        nearest = np.maximum(nearest, vectors @ vectors[chosen[i]])
    return chosen


def cache_compiled() -> None:
    """Let numba cache the compiled functions of UMAP that a layout uses.

    Numba's cache is beside UMAP or in the user's cache folder; if neither can be written, nothing is cached.
    Numba compiles again for another UMAP, processor or numba.
    """
    from umap import layouts, umap_

    for function in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,  # noqa: SLF001 - it has no public name
    ):
        with suppress(RuntimeError):  # no cache folder can be written
            function.enable_caching()


def gather_islands(positions: "np.ndarray", *, gap: float = 1.0) -> "np.ndarray":
    """Move far islands straight towards the mainland, to within `gap` (in UMAP's unit, its `spread`).

    The distance that UMAP leaves between groups without common neighbors means nothing, and a few such groups
    can shrink everything else to a dot. Each island is moved as a whole, so nothing within it changes.
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
    """Return the move of an island's points towards `centre` that ends within `gap` of the shore."""
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
    return np.asarray(way * (min(travelled, length) / length))


def _islands(positions: "np.ndarray", *, reach: float) -> "np.ndarray":
    """Return the island of each point, (n,) int: points nearer than about `reach` are on the same one."""
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
    """Keep one point in each occupied cell: an island's outline does not need a million points."""
    import numpy as np

    _, first = np.unique((points / cell).round().astype(np.int64), axis=0, return_index=True)
    return np.asarray(points[first])
