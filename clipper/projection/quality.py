"""Measure a map: how far it has drifted from its last fit, and how far it can be trusted.

What does not belong here: laying anything out (`projection/update.py`, `projection/refit.py`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from clipper.projection.graph import NeighborGraph, nearest_among
from clipper.projection.layout import Layout, Parameters
from clipper.projection.neighbors import Vectors, knn_graph
from clipper.projection.place import NEIGHBORS

if TYPE_CHECKING:
    import numpy as np

# Images on which each figure is measured: enough for shares within two in a hundred.
SAMPLE = 1_000
# An image is far from all landmarks if it is farther from its neighbors than this share of the landmarks are.
REACH_QUANTILE = 0.99
# Thresholds of a refit. With a quarter placed, the map's shape is that of another dataset.
MAX_PLACED_SHARE = 0.25
# With half of the fitted images gone, the map has holes in their place.
MAX_GONE_SHARE = 0.5
# By the quantile above, one in a hundred is far; ten times as many are something new.
MAX_FAR_SHARE = 0.1
# Placed images that keep less than half as many of their neighbors as fitted ones are placed by chance.
MIN_PRESERVATION = 0.5
# The least number and share of placed images for which their figures count: a handful of odd images is no
# reason to move everything.
MIN_PLACED, MIN_PLACED_SHARE = 30, 0.02

QUALITY_SAMPLE = 2_000


class Baseline(NamedTuple):
    """What is usual among landmarks: the distance of their last neighbor, and the share of neighbors kept."""

    reach: float
    preservation: float | None


@dataclass(frozen=True)
class MapDrift:
    """How far a map has drifted from its last fit, as the JSON beside a projection keeps it.

    `figures` are shares. `placed_share`: of the images that a fit would lay out, those only placed.
    `gone_share`: of the fitted images, those that are gone. `far_share`: of the placed images, those far from
    any landmark. `placed_preservation` and `fitted_preservation`: of the 15 nearest landmarks, those that are
    also among the 15 nearest on the map. `due` names the figures past their thresholds; `past_when_fitted`
    those that were past them right after the fit, which another fit would not change; `fitted` is the number
    of images fitted then.
    """

    figures: Mapping[str, float]
    due: tuple[str, ...]
    past_when_fitted: tuple[str, ...]
    fitted: int

    def to_json(self) -> dict[str, Any]:
        """Write the drift as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MapDrift":
        """Read what `to_json` wrote."""
        return cls(value["figures"], tuple(value["due"]), tuple(value["past_when_fitted"]), value["fitted"])


def measure_baseline(vectors: Vectors, layout: Layout, graph: NeighborGraph, *, seed: int) -> Baseline:
    """Measure what is usual among a layout's landmarks, over a sample of them."""
    import numpy as np

    rows = np.flatnonzero(layout.landmarks)
    count = min(NEIGHBORS, len(rows) - 1)
    if count < 1:
        return Baseline(np.inf, None)
    own = _sample(np.arange(len(rows)), seed)
    near, distances = nearest_among(graph, vectors, rows[own], layout.landmarks, count)
    indices = np.searchsorted(rows, near)
    reach = float(np.quantile(distances[:, -1], REACH_QUANTILE))
    return Baseline(reach, preserved_share(indices, layout.positions[rows[own]], layout.positions[rows], own))


def measure_drift(
    vectors: Vectors,
    layout: Layout,
    graph: NeighborGraph,
    usual: Baseline,
    parameters: Parameters,
    *,
    since: MapDrift | None = None,
) -> MapDrift:
    """Measure how far a layout has drifted from its last fit.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct images.
        layout: of these images.
        graph: of these images.
        usual: of the layout's landmarks.
        parameters: of the fit.
        since: the drift at an earlier time; None right after the fit.
    """
    import numpy as np

    n, fitted = len(vectors), int(layout.fitted.sum())
    wanted = min(n, parameters.fit_limit)
    fitted_then = since.fitted if since else fitted
    figures = {
        "placed_share": max(0.0, 1.0 - fitted / wanted) if wanted else 0.0,
        "gone_share": max(0.0, 1.0 - fitted / fitted_then) if fitted_then else 0.0,
        "far_share": 0.0,
    }
    if usual.preservation is not None:
        figures["fitted_preservation"] = usual.preservation
    rows, placed = np.flatnonzero(layout.landmarks), np.flatnonzero(~layout.fitted)
    if len(placed) and len(rows) > 1:
        chosen = _sample(placed, parameters.seed)
        own = np.where(layout.landmarks[chosen], np.searchsorted(rows, chosen), -1)
        count = min(NEIGHBORS, len(rows) - 1)
        near, distances = nearest_among(graph, vectors, chosen, layout.landmarks, count)
        indices = np.searchsorted(rows, near)
        figures["far_share"] = float(((own < 0) & (distances[:, -1] > usual.reach)).mean())
        kept = preserved_share(indices, layout.positions[chosen], layout.positions[rows], own)
        if kept is not None:
            figures["placed_preservation"] = kept
    past = _past(figures, enough=len(placed) >= max(MIN_PLACED, MIN_PLACED_SHARE * n))
    at_first = since.past_when_fitted if since else past
    due = tuple(name for name in past if name not in at_first)
    return MapDrift({name: round(value, 4) for name, value in figures.items()}, due, at_first, fitted_then)


def describe_drift(drift: MapDrift) -> list[str]:
    """Say in words which figures are past their thresholds."""
    shown = {name: f"{value:.0%}" for name, value in drift.figures.items()}
    words = {
        "placed_share": ("{placed_share} of the map was placed, not fitted", f"{MAX_PLACED_SHARE:.0%}"),
        "gone_share": ("{gone_share} of the fitted images are gone", f"{MAX_GONE_SHARE:.0%}"),
        "far_share": ("{far_share} of the placed images are far from any landmark", f"{MAX_FAR_SHARE:.0%}"),
        "placed_preservation": (
            "placed images keep {placed_preservation} of their neighbours, fitted ones {fitted_preservation}",
            f"{MIN_PRESERVATION:.0%} of that",
        ),
    }
    return [f"{words[name][0].format(**shown)} (threshold {words[name][1]})" for name in drift.due]


def _past(figures: Mapping[str, float], *, enough: bool) -> tuple[str, ...]:
    """Return the names of the figures that are past their thresholds."""
    placed = figures.get("placed_preservation")
    fitted = figures.get("fitted_preservation")
    past = {
        "placed_share": figures["placed_share"] > MAX_PLACED_SHARE,
        "gone_share": figures["gone_share"] > MAX_GONE_SHARE,
        "far_share": enough and figures["far_share"] > MAX_FAR_SHARE,
        "placed_preservation": enough
        and placed is not None
        and fitted is not None
        and placed < MIN_PRESERVATION * fitted,
    }
    return tuple(name for name, is_past in past.items() if is_past)


def preserved_share(
    indices: "np.ndarray", places: "np.ndarray", landmarks: "np.ndarray", own: "np.ndarray"
) -> float | None:
    """Return the share of points' nearest landmarks that are also nearest on the map.

    Args:
        indices: (m, k) int: each point's nearest landmarks by its vector, as rows of `landmarks`.
        places: (m, 2), positions of the points.
        landmarks: (n, 2), positions of the landmarks.
        own: (m,) int: the row of `landmarks` that is the point itself, -1 for none.

    Returns:
        the share that is among the k nearest on the map; None for so few landmarks that it would be high by
        chance.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    k = indices.shape[1]
    if len(landmarks) <= 2 * NEIGHBORS:
        return None
    _, near = cKDTree(landmarks).query(places, k + 1)
    # If the point itself is a landmark, sort it to the end, which is then cut off.
    itself = near == own[:, None]
    near = np.take_along_axis(near, np.argsort(itself, axis=1, kind="stable"), axis=1)[:, :k]
    return float((indices[:, :, None] == near[:, None, :]).any(axis=2).mean())


def _sample(rows: "np.ndarray", seed: int) -> "np.ndarray":
    import numpy as np

    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))


def measure_trust(vectors: Vectors, positions: "np.ndarray") -> dict[str, float]:
    """Measure how far a map can be trusted, on a sample: shares between 0 and 1.

    `trustworthiness` (Venna and Kaski 2001, from scikit-learn): neighbors on the map are neighbors by vector.
    `neighbour_preservation`: the share of an image's 15 nearest that are its nearest on the map.
    """
    import numpy as np
    from sklearn.manifold import trustworthiness

    n, k = vectors.shape[0], 15
    if n <= 2 * k:
        return {}
    chosen = np.arange(n)
    if n > QUALITY_SAMPLE:
        chosen = np.sort(np.random.default_rng(0).choice(n, QUALITY_SAMPLE, replace=False))
    sample, places = vectors[chosen], positions[chosen].astype(np.float64)
    near = knn_graph(sample, k + 1)[0][:, 1:]
    kept = preserved_share(near, places, places, np.arange(len(places)))
    trusted = trustworthiness(sample, places, n_neighbors=k, metric="cosine")
    return {
        "trustworthiness": round(float(trusted), 4),
        "neighbour_preservation": round(kept or 0.0, 4),
        "measured_on": len(chosen),
    }
