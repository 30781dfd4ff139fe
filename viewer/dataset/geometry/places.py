"""Where the images of a dataset lie: on its map, or on axes with a meaning. Whoever draws takes any of them.

The map's places come first: other arrays "in drawing order" are in the order of its points, and other places
put them into their own. Pure arrays. What does not belong here: which axes (`session/workers/axes.py`), and
what an axis is (`clipper.projection.axes`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipper.projection.axes import NO_VALUE, NO_VALUE_REACH, TAIL, Axis, AxisKind
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box

ASPECT = 1.0  # of the plane of two axes: cards and words lie beside it
# Room for the words left of the axis up, as a part of its plane's width.
WORDS: dict[AxisKind, float] = {"category": 0.19, "number": 0.1, "time": 0.13, "text": 0.04, "none": 0.0}
KEPT = 8  # arrays that were put into the order of other places, with their sources


@dataclass(frozen=True, eq=False)
class Places:
    """Positions with their index and first view; `axes` are None for the map."""

    index: PointIndex
    view: Box
    axes: tuple[Axis, Axis] | None = None
    first: "Places | None" = None  # those of the same images on the map; None on the map itself
    # (n,) int64: for each sorted position here, its sorted position on the map; None on the map itself.
    on_map: np.ndarray | None = None
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)  # what is derived from these places once
    _ordered: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, repr=False)

    @property
    def is_map(self) -> bool:
        """Whether they are the places of the map."""
        return self.axes is None

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the first view."""
        x0, x1, y0, y1 = self.view
        return (x0 + x1) / 2, (y0 + y1) / 2

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Return where rows (k,) int64 are: (k, 2) float32."""
        at = self.index.rank[rows]
        return np.stack([self.index.x[at], self.index.y[at]], axis=1)

    def on_axis(self, axis: int, value: float) -> float:
        """Return the coordinate of a value of the axis across (0) or up (1), in map units."""
        assert self.axes is not None
        assert self.first is not None
        low, high = plane_of(self.first.view)[2 * axis : 2 * axis + 2]
        return float(low + self.axes[axis].places_of(np.array([value]))[0] * (high - low))

    def ordered(self, array: np.ndarray) -> np.ndarray:
        """Put an array (n,), which is in the order of the map's points, into the order of these places."""
        if self.on_map is None:
            return array
        known = next((made for source, made in self._ordered if source is array), None)
        if known is None:
            known = array[self.on_map]
            self._ordered.append((array, known))
            del self._ordered[:-KEPT]
        return known

    def bands(self) -> list[Box]:
        """Return boxes that hold all points of the first view, and little empty space."""
        if "bands" not in self.cache:
            self.cache["bands"] = self.index.bands(self.view)
        found: list[Box] = self.cache["bands"]
        return found


def plane_of(view: Box) -> Box:
    """Return where both axes run from 0 to 1, in map units: about the middle of the map, and as high."""
    x0, x1, y0, y1 = view
    height = max(y1 - y0, (x1 - x0) / ASPECT)
    width = height * ASPECT
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    return cx - width / 2, cx + width / 2, cy - height / 2, cy + height / 2


def places_on_axes(x: Axis, y: Axis, first: Places) -> Places:
    """Lay images out on two axes, beside the map's places `first`. It takes a second for a million images."""
    plane = plane_of(first.view)
    xs, ys = _on(x.at, plane[0], plane[1]), _on(y.at, plane[2], plane[3])
    index = PointIndex.build(np.stack([xs, ys], axis=1).astype(np.float32))
    (left, right), (low, high) = (_extent(axis, *ends) for axis, ends in ((x, plane[:2]), (y, plane[2:])))
    words = left - WORDS[y.kind] * (plane[1] - plane[0])
    found = Places(index, (words, right, low, high), (x, y), first, first.index.rank[index.order])
    if words < left:
        found.bands().append((words, left, low, high))
    return found


def corner_of(x: Axis, y: Axis, first: Places) -> tuple[float, float]:
    """Return where the lines of two axes meet, in map units: left of all points and below them."""
    plane = plane_of(first.view)
    return _extent(x, *plane[:2])[0], _extent(y, *plane[2:])[0]


def _on(at: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + np.asarray(at, np.float64) * (high - low)


def _extent(axis: Axis, low: float, high: float) -> tuple[float, float]:
    """Return what of an axis the first view shows, in map units: all of it, and the lane without a value."""
    start = NO_VALUE - NO_VALUE_REACH if axis.missing else -TAIL
    return low + start * (high - low), low + (1 + TAIL) * (high - low)
