"""How well the frame, the map as it was last fitted, still serves what is on it by now.

What does not belong here: laying anything out (`projection/update.py`, `projection/refit.py`), and how far a
map can be trusted at all (`projection/quality.py`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from clipper.projection.layout import Layout, Parameters
from clipper.projection.neighbors import knn_graph, nearest
from clipper.projection.place import NEIGHBORS

if TYPE_CHECKING:
    import numpy as np

# Images on which each figure is measured: enough for shares to within two in a hundred.
SAMPLE = 1_000
# A landmark is this seldom farther from its own neighbours than an image that counts as far from all of them.
REACH_QUANTILE = 0.99
# Past these the frame no longer serves. A quarter placed: the map's shape is that of another dataset.
MOST_PLACED = 0.25
# Half of what gave the map its shape is gone: it has holes where that was.
MOST_GONE = 0.5
# By its definition one in a hundred is far on a map that serves; at ten times that, something new has come.
MOST_FAR = 0.1
# Placed images whose neighbourhoods are half as true as the fitted ones' are where they are by chance.
LEAST_PRESERVED = 0.5
# What is placed must be this much before its figures mean anything: a number, and a share of the map. A
# handful of odd images is not worth that everything moves.
ENOUGH, ENOUGH_SHARE = 30, 0.02

QUALITY_SAMPLE = 2_000


class Baseline(NamedTuple):
    """What is usual among landmarks: how far the last of their nearest is, and how many are kept."""

    reach: float
    preservation: float | None


@dataclass(frozen=True)
class MapDrift:
    """The state of a frame, as a projection's sidecar keeps it.

    `figures` are shares: `placed_share` of what a fit would lay out, only placed; `gone_share` of what was
    fitted, no longer there; `far_share` of the placed, far from any landmark; `placed_preservation` and
    `fitted_preservation`, of the 15 nearest landmarks, also among the 15 nearest on the map. `due` names
    those past their threshold; `past_when_fitted` those that were so right after the fit, which no other
    fit would mend; `fitted` counts the images fitted then.
    """

    figures: Mapping[str, float]
    due: tuple[str, ...]
    past_when_fitted: tuple[str, ...]
    fitted: int

    def to_json(self) -> dict[str, Any]:
        """For the sidecar."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "MapDrift":
        """From a sidecar."""
        return cls(told["figures"], tuple(told["due"]), tuple(told["past_when_fitted"]), told["fitted"])


def measure_baseline(vectors: "np.ndarray", layout: Layout, *, seed: int) -> Baseline:
    """Measure what is usual among a layout's landmarks, over a sample of them."""
    import numpy as np

    rows = np.flatnonzero(layout.landmarks)
    count = min(NEIGHBORS, len(rows) - 1)
    if count < 1:
        return Baseline(np.inf, None)
    own = _sample(np.arange(len(rows)), seed)
    indices, distances = nearest(vectors[rows[own]], vectors[rows], count, own=own)
    reach = float(np.quantile(distances[:, -1], REACH_QUANTILE))
    return Baseline(reach, preserved_share(indices, layout.positions[rows[own]], layout.positions[rows], own))


def measure_drift(
    vectors: "np.ndarray",
    layout: Layout,
    usual: Baseline,
    parameters: Parameters,
    *,
    since: MapDrift | None = None,
) -> MapDrift:
    """The state of a layout's frame.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct images.
        layout: of them.
        usual: of its landmarks.
        parameters: of the fit.
        since: the frame's state at an earlier time; None right after the fit.
    """
    import numpy as np

    n, fitted = len(vectors), int(layout.fitted.sum())
    wanted = min(n, parameters.fit_limit)
    fitted_then = since.fitted if since else fitted
    figures = {
        "placed_share": max(0.0, 1.0 - fitted / wanted),
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
        indices, distances = nearest(vectors[chosen], vectors[rows], count, own=own)
        figures["far_share"] = float(((own < 0) & (distances[:, -1] > usual.reach)).mean())
        kept = preserved_share(indices, layout.positions[chosen], layout.positions[rows], own)
        if kept is not None:
            figures["placed_preservation"] = kept
    past = _past(figures, enough=len(placed) >= max(ENOUGH, ENOUGH_SHARE * n))
    unmendable = since.past_when_fitted if since else past
    due = tuple(name for name in past if name not in unmendable)
    return MapDrift({name: round(value, 4) for name, value in figures.items()}, due, unmendable, fitted_then)


def describe_drift(frame: MapDrift) -> list[str]:
    """What is past its threshold, in words."""
    shown = {name: f"{value:.0%}" for name, value in frame.figures.items()}
    words = {
        "placed_share": ("{placed_share} of the map was placed, not fitted", f"{MOST_PLACED:.0%}"),
        "gone_share": ("{gone_share} of the fitted images are gone", f"{MOST_GONE:.0%}"),
        "far_share": ("{far_share} of the placed images are far from any landmark", f"{MOST_FAR:.0%}"),
        "placed_preservation": (
            "placed images keep {placed_preservation} of their neighbours, fitted ones {fitted_preservation}",
            f"{LEAST_PRESERVED:.0%} of that",
        ),
    }
    return [f"{words[name][0].format(**shown)} (threshold {words[name][1]})" for name in frame.due]


def _past(figures: Mapping[str, float], *, enough: bool) -> tuple[str, ...]:
    """The figures that are past their thresholds."""
    placed = figures.get("placed_preservation")
    fitted = figures.get("fitted_preservation")
    past = {
        "placed_share": figures["placed_share"] > MOST_PLACED,
        "gone_share": figures["gone_share"] > MOST_GONE,
        "far_share": enough and figures["far_share"] > MOST_FAR,
        "placed_preservation": enough
        and placed is not None
        and fitted is not None
        and placed < LEAST_PRESERVED * fitted,
    }
    return tuple(name for name, is_past in past.items() if is_past)


def preserved_share(
    indices: "np.ndarray", places: "np.ndarray", landmarks: "np.ndarray", own: "np.ndarray"
) -> float | None:
    """How many of their nearest images points have about them on the map.

    Args:
        indices: (m, k) int: each point's nearest landmarks by its vector, as rows of `landmarks`.
        places: (m, 2), where the points are.
        landmarks: (n, 2), where the landmarks are.
        own: (m,) int: the row of `landmarks` that is the point itself, -1 for none.

    Returns:
        the share of them that are among the k nearest on the map; None where there are so few landmarks that
        it would be high by chance.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    k = indices.shape[1]
    if len(landmarks) <= 2 * NEIGHBORS:
        return None
    _, near = cKDTree(landmarks).query(places, k + 1)
    # Without the point itself, where it is a landmark: what it is put behind is cut off.
    itself = near == own[:, None]
    near = np.take_along_axis(near, np.argsort(itself, axis=1, kind="stable"), axis=1)[:, :k]
    return float((indices[:, :, None] == near[:, None, :]).any(axis=2).mean())


def _sample(rows: "np.ndarray", seed: int) -> "np.ndarray":
    import numpy as np

    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))


def measure_trust(vectors: "np.ndarray", positions: "np.ndarray") -> dict[str, float]:
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
