"""The map laid out from scratch: UMAP over L2-normalised vectors, islands gathered.

What does not belong here: keeping a map as images come and go (`projection/update.py`), and files
(`indexing/project.py`).
"""

import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.projection.neighbors import BLOCK, knn_graph, nearest, one_blas_thread
from clipper.projection.place import NEIGHBORS, geometric_median, membership
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

PROJECTION_VERSION = "2"
# UMAP needs a graph; fewer points are laid out by their principal components.
SMALLEST_FIT = 8
# Regions of which a sample holds something, and the images among which their centres are sought.
PIVOTS, PIVOT_POOL = 1_024, 20_000
# How an image came to its place: by the fit; by relaxing it with its like, when a new kind of image came
# later; by where its nearest of those are.
FIT, RELAX, PLACE = "fit", "relax", "place"


@dataclass(frozen=True)
class Parameters:
    """What the layout follows from, beside the vectors."""

    neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 42
    fit_limit: int = 200_000

    @classmethod
    def from_settings(cls, settings: Settings) -> "Parameters":
        """The parameters that `settings` ask for."""
        return cls(
            settings.umap_n_neighbors,
            settings.umap_min_dist,
            settings.umap_seed,
            settings.umap_fit_limit,
        )

    def to_json(self) -> dict[str, Any]:
        """For versions and sidecars."""
        return asdict(self) | {"code": PROJECTION_VERSION}


@dataclass(frozen=True)
class Layout:
    """Positions (n, 2) float32, and how each came about, (n,) str: `FIT`, `RELAX` or `PLACE`."""

    positions: "np.ndarray"
    by: "np.ndarray"

    @property
    def fitted(self) -> "np.ndarray":
        """Which the fit laid out, (n,) bool."""
        import numpy as np

        return np.asarray(self.by == FIT)

    @property
    def landmarks(self) -> "np.ndarray":
        """Among which others are placed, (n,) bool: those that UMAP's forces brought where they are."""
        import numpy as np

        return np.asarray(self.by != PLACE)


def fit(vectors: "np.ndarray", parameters: Parameters) -> Layout:
    """Lay out `vectors` ((n, d) float32, rows L2-normalised, distinct images) from scratch.

    Beyond `fit_limit` a sample that holds something of every region is fitted and the rest is placed.
    """
    chosen = fit_sample(vectors, parameters)
    return place_rest(vectors, chosen, gather_islands(_layout(vectors[chosen], parameters)))


def fit_sample(vectors: "np.ndarray", parameters: Parameters) -> "np.ndarray":
    """Which images a fit lays out, (n,) bool: all, or beyond `fit_limit` some of every region."""
    import numpy as np

    n = vectors.shape[0]
    if n <= parameters.fit_limit:
        return np.ones(n, bool)
    chosen = np.zeros(n, bool)
    with one_blas_thread():
        chosen[_spread_sample(vectors, parameters.fit_limit, parameters.seed)] = True
    return chosen


def place_rest(vectors: "np.ndarray", fitted: "np.ndarray", positions: "np.ndarray") -> Layout:
    """All of `vectors`, (n, d): the `fitted`, (n,) bool, at `positions`; the others placed."""
    import numpy as np

    out = np.empty((len(vectors), 2), np.float32)
    out[fitted] = positions
    if not fitted.all():
        out[~fitted] = place_among(vectors[~fitted], vectors[fitted], positions)
    return Layout(out, np.where(fitted, FIT, PLACE))


def place_among(vectors: "np.ndarray", landmarks: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """Place new images, (m, d), among landmarks, (n, d) at (n, 2): (m, 2) float32."""
    count = min(NEIGHBORS, len(landmarks))
    return place_by_neighbors(*nearest(vectors, landmarks, count), positions)


def place_by_neighbors(
    indices: "np.ndarray", distances: "np.ndarray", positions: "np.ndarray"
) -> "np.ndarray":
    """Place images by their nearest landmarks: (m, k) rows of `positions` and distances; (m, 2) float32."""
    import numpy as np

    placed = [
        geometric_median(positions[indices[at : at + BLOCK]], membership(distances[at : at + BLOCK]))
        for at in range(0, len(indices), BLOCK)
    ]
    return np.concatenate(placed).astype(np.float32) if placed else np.empty((0, 2), np.float32)


def _layout(vectors: "np.ndarray", parameters: Parameters) -> "np.ndarray":
    import numpy as np

    n = vectors.shape[0]
    if n < SMALLEST_FIT:
        return _principal_components(vectors)
    from umap import UMAP

    cache_compiled()
    k = min(parameters.neighbors, n - 1)
    indices, distances = knn_graph(vectors, k)
    with warnings.catch_warnings(), one_blas_thread():
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
        positions[lost] = place_among(vectors[lost], vectors[~lost], positions[~lost])
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


def cache_compiled() -> None:
    """Have numba keep the functions of UMAP that a layout uses, and read them where they were kept.

    They lie where numba keeps others: beside UMAP, or in the user's cache folder; nowhere if neither can be
    written. Numba makes them again when UMAP, the processor or numba itself is another.
    """
    from umap import layouts, umap_

    for function in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,  # noqa: SLF001 - it has no other name
    ):
        with suppress(RuntimeError):  # there is no place for it
            function.enable_caching()


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
    return np.asarray(way * (min(travelled, length) / length))


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
