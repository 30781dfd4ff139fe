"""Chooses the images that stand for the map and the names on it, the same for every view of one zoom.

A map is worked out as a whole, zoom by zoom, from far away to near: a zoom keeps the images of the zooms
before it and adds others, at least a distance apart and beside the names. So whatever is in view stays there
while a person pans and zooms in. Very near, where a map has more places than a person ever visits, only the
part in view is worked out, by a rule that gives the same images. What does not belong here: queries,
selections and pixels (`render/placing.py`).
"""

import threading
import time
from dataclasses import dataclass
from typing import cast

import numpy as np

from clipper.store.parts.clusters import LEVELS
from viewer.dataset.clusters import ClusterMap
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.places import Places
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.render.names import Name, NamePlanner, fitting

STEPS = 6  # zooms for each doubling
COARSE_STEPS = 3  # near the first view each zoom has its images, elsewhere so many share them
FARTHEST = 2.5  # doublings from the first view outwards
NAMED = 7  # doublings from the first view inwards with new names
LOOKED_AT = 8_192  # images that the first view chooses from, more and more from zoom to zoom
LEAST_LOOKED_AT = 2_000
FAR_SPACING, NEAR_SPACING = 1.08, 1.12  # pixels between images, as a multiple of their longer side
NEAR_SIZE = 1.45  # how much larger they are where there is room
ROOM = 10  # points to one image's place: from there on images get larger and lie closer
NEAR_DOUBLINGS = 3.0  # ... over so many doublings, of which one comes before
CLOSEST_ROOM = 4.0  # images' sides between two points where the map is densest, when one has come closest
BESIDE_NAMES = 1.0  # pixels between an image and a name, whose box has some room itself
LEAST_NAMED = 3  # images of a cluster with a name: fewer are better seen themselves
LEAST_SHARE = 0.1  # a cluster of which less passes the filters has no name
PAUSE = 0.002  # seconds between two zooms that nobody has asked for yet, for whoever asks
MOST_NEAR = 600  # images of one picture
DENSITY_CELLS = 4  # points to one cell, to measure how dense a map is where its points are
PLAIN, SMALLER, SMALLEST = 48.0, 44.0, 36.0  # pixels of an image's longer side ...
WIDE, MEDIUM = 900, 600  # ... in windows from this width on
NOMINAL = {
    PLAIN: (860, 680),
    SMALLER: (540, 540),
    SMALLEST: (330, 330),
}  # pixels of a map with such images, at least


def face_size(width: int) -> float:
    """Return an image's longer side in the first view, in pixels, for a map of this width."""
    return PLAIN if width >= WIDE else SMALLER if width >= MEDIUM else SMALLEST


def typical_density(x: np.ndarray, y: np.ndarray, view: Box, *, percent: float = 50.0) -> float:
    """Return how many points lie on a square map unit around a point of a view.

    It is the density around the median point; with `percent` 99, that where a map is densest.
    """
    side = int(np.clip(np.sqrt(len(x) / DENSITY_CELLS), 1, 1024))
    x0, x1, y0, y1 = view
    column = np.clip((x - x0) / (x1 - x0) * side, 0, side - 1).astype(np.int64)
    line = np.clip((y - y0) / (y1 - y0) * side, 0, side - 1).astype(np.int64)
    cell = line * side + column
    counts = np.bincount(cell, minlength=side * side)
    typical = float(np.percentile(counts[cell], percent)) if len(cell) else 1.0
    return max(typical, 1.0) * side * side / ((x1 - x0) * (y1 - y0))


def closest_unit(x: np.ndarray, y: np.ndarray, view: Box) -> float:
    """Return the map units a pixel from which on nothing more is to be seen, however much closer one comes.

    Where the map is densest, an image then has a few times the room of its thumbnail.
    """
    spacing = 1 / np.sqrt(typical_density(x, y, view, percent=99.0))
    return float(spacing / (PLAIN * NEAR_SIZE * CLOSEST_ROOM))


@dataclass(frozen=True)
class Zoom:
    """What a map shows at one zoom and all between it and the next closer one.

    It shows the `count` images of the overview that were chosen first; `near` (0 to 1) is how much room they
    have.
    """

    unit: float  # map units a pixel, at the most
    face: float  # pixels of an image's longer side
    distance: float  # map units between images
    near: float
    count: int
    names: tuple[Name, ...]
    boxes: np.ndarray  # (k, 4): where names are here or at closer zooms, and no image's middle may be


class Overview:
    """The images and names of one map, for sessions that show the same: any thread may ask for a zoom."""

    def __init__(
        self,
        clusters: ClusterMap,
        index: PointIndex,
        view: Box,
        *,
        density: float,
        face: float = PLAIN,
        faces: bool = True,
        names: bool = True,
        kept: np.ndarray | None = None,
        named: ClusterMap | None = None,
    ) -> None:
        """Prepare a map; nothing is worked out yet.

        Args:
            clusters: the clusters.
            index: the map's points.
            view: the first view.
            density: of the points, as `typical_density` measures it.
            face: an image's longer side in the first view, in pixels.
            faces: whether there are images.
            names: whether there are names.
            kept: which sorted positions may be shown, (n,) bool; None: all.
            named: the clusters as the dataset has them; None: the same.
        """
        self.named = named or clusters
        self.face, self.faces, self.names, self.kept = face, faces, names, kept
        self.clusters, self._index = clusters, index
        width, height = NOMINAL[face]
        first = Viewport.fitted(view, width=width, height=height).units_per_pixel
        self._first = _step(first)
        self._farthest = self._first - round(FARTHEST * STEPS)
        self._room = np.sqrt(ROOM / density) / (face * NEAR_SPACING * NEAR_SIZE)
        self._nearest = max(_step(self._room), self._first)
        self._chosen = np.empty(0, np.int32)
        self._key: np.ndarray | None = None
        self._zooms: list[Zoom] = []
        self._planner: NamePlanner | None = None
        self._first_names: tuple[Name, ...] = ()
        self._first_unit = 2.0 ** (-self._first / STEPS)
        self._lock = threading.Lock()

    def zoom(self, viewport: Viewport) -> Zoom | None:
        """Return what a view's zoom shows; None of a map that is too far away for anything."""
        step = _step(viewport.units_per_pixel)
        if step < self._farthest:
            return None
        with self._lock:
            while len(self._zooms) <= step - self._farthest:
                self._work_out_next()
            return self._zooms[step - self._farthest]

    def prepare(self) -> None:
        """Work out all zooms with new images or names: those of a million images take seconds together.

        Other threads may ask for zooms meanwhile.
        """
        last = max(self._nearest, self._first + NAMED * STEPS)
        while len(self._zooms) <= last - self._farthest:
            with self._lock:
                self._work_out_next()
            time.sleep(PAUSE)
        if self.faces:
            self._keys()

    def _work_out_next(self) -> None:
        if self.names and self._planner is None:
            self._plan_names()
        self._zooms.append(self._next(self._farthest + len(self._zooms)))

    def images(self, zoom: Zoom, box: Box) -> np.ndarray:
        """Return the sorted positions (k,) int64 of a zoom's images in a box, those chosen first in front."""
        if not self.faces:
            return np.empty(0, np.int64)
        if _step(zoom.unit) > self._nearest:
            return self._near(zoom, box)
        x, y = self.clusters.placed
        chosen = self._chosen[: zoom.count]
        x0, x1, y0, y1 = box
        cx, cy = x[chosen], y[chosen]
        inside = chosen[(cx >= x0) & (cx <= x1) & (cy >= y0) & (cy <= y1)]
        return self.clusters.order[inside].astype(np.int64)

    def foremost(self, among: np.ndarray, *, most: int) -> np.ndarray:
        """Return the `most` sorted positions of a mask (n,) bool that appear first on the map."""
        order = self.clusters.order
        return order[np.flatnonzero(among[order])[:most]]

    def _next(self, step: int) -> Zoom:
        """Work out the next closer zoom."""
        before = self._zooms[-1] if self._zooms else None
        unit = 2.0 ** (-step / STEPS)
        near = float(np.clip((np.log2(self._room / unit) + 1) / NEAR_DOUBLINGS, 0, 1))
        face = self.face * (1 + (NEAR_SIZE - 1) * near)
        distance = face * (FAR_SPACING + (NEAR_SPACING - FAR_SPACING) * near) * unit
        names = self._names(step, unit, face)
        boxes = self._no_images(names, unit, face)
        count = before.count if before else 0
        shared = step > self._first + STEPS and (step - self._nearest) % COARSE_STEPS
        if step <= self._nearest and self.faces and not shared:
            count = self._add(step, count, distance, boxes)
        return Zoom(unit, face, distance, near, count, names, boxes)

    def _names(self, step: int, unit: float, face: float) -> tuple[Name, ...]:
        """Return the names of a zoom: up to the first view those that it will have, where they fit."""
        if self._planner is None or not self.names:
            return ()
        before = self._zooms[-1] if self._zooms else None
        names = before.names if before else ()
        if step > self._first + NAMED * STEPS:
            return names
        chosen = self._chosen[: before.count if before else 0]
        x, y = self.clusters.placed
        images = np.stack([x[chosen], y[chosen]], axis=1).astype(np.float64)
        if step <= self._first:
            return fitting(self._first_names, names, unit, images=images, side=face)
        return self._planner.next(names, unit, images=images, side=face)

    def _no_images(self, names: tuple[Name, ...], unit: float, face: float) -> np.ndarray:
        """Return where no image's middle may be, (k, 4): around the names here and in the first view."""
        around = face / 2 + BESIDE_NAMES
        boxes = [name.box(unit, around) for name in names]
        boxes += [name.box(min(unit, self._first_unit), around) for name in self._first_names]
        return np.array(boxes, np.float64).reshape(-1, 4)

    def _plan_names(self) -> None:
        """Work out the names of the first view, beside which images are put from the farthest zoom on."""
        scale = min(1.0, 0.2 + 0.8 * self.face / PLAIN)
        counts = self.clusters.counts(self._rows())
        counts[counts < np.maximum(LEAST_SHARE * self.clusters.table.sizes, LEAST_NAMED)] = 0
        self._planner = NamePlanner(self.clusters, counts, scale=scale)
        for _level in range(LEVELS):  # a name may give way to its parts', and these to theirs
            self._first_names = self._planner.next(
                self._first_names, self._first_unit, images=np.empty((0, 2)), side=self.face
            )

    def _rows(self) -> np.ndarray | None:
        return None if self.kept is None else self.kept[self._index.rank]

    def _add(self, step: int, known: int, distance: float, boxes: np.ndarray) -> int:
        """Choose more images for a zoom; return how many there are then."""
        from viewer.render import overview_kernels as kernels

        x, y = self.clusters.placed
        n = len(x)
        more = 2.0 ** (min((step - self._first) / STEPS, 30) * 2)
        count = int(np.clip(LOOKED_AT * more, min(n, LEAST_LOOKED_AT), n))
        if known == 0:
            self._chosen = np.empty(0, np.int32)
            self._passes = np.ones(n, np.uint8) if self.kept is None else self._kept_in_order()
        room = known + count
        if len(self._chosen) < room:
            self._chosen = np.concatenate([self._chosen[:known], np.empty(room - known, np.int32)])
        table = np.full(1 << int(np.ceil(np.log2(4 * room + 4))), -1, np.int32)
        return int(kernels.add_apart(x, y, self._passes, count, self._chosen, known, distance, boxes, table))

    def _kept_in_order(self) -> np.ndarray:
        assert self.kept is not None
        return self.kept[self.clusters.order].astype(np.uint8)

    def _near(self, zoom: Zoom, box: Box) -> np.ndarray:
        """Return the images that come first among all within the zoom's distance of them."""
        from viewer.render import overview_kernels as kernels

        distance = zoom.distance
        x0, x1, y0, y1 = box
        found = self._index.inside((x0 - distance, x1 + distance, y0 - distance, y1 + distance))
        if self.kept is not None:
            found = found[self.kept[found]]
        if not len(found):
            return found
        x = (self._index.x[found] - np.float64(x0 - distance)).astype(np.float32)
        y = (self._index.y[found] - np.float64(y0 - distance)).astype(np.float32)
        columns, lines = int(x.max() / distance) + 1, int(y.max() / distance) + 1
        cell = (y / distance).astype(np.int32) * columns + (x / distance).astype(np.int32)
        order = np.argsort(cell, kind="stable").astype(np.int32)
        starts = np.searchsorted(cell[order], np.arange(columns * lines + 1)).astype(np.int32)
        out = np.empty(min(len(found), MOST_NEAR), np.int32)
        key = self._keys()[found]
        count = kernels.first_within(x, y, key, distance, order, starts, columns, lines, len(out), out)
        lowest = found[out[:count]]
        lowest = lowest[np.argsort(self._keys()[lowest], kind="stable")]
        px, py = self._index.x[lowest], self._index.y[lowest]
        return lowest[(px >= x0) & (px <= x1) & (py >= y0) & (py <= y1) & self._beside(zoom, px, py)]

    def _beside(self, zoom: Zoom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return which positions are far enough from the names for an image."""
        free = np.ones(len(x), bool)
        for x0, x1, y0, y1 in zoom.boxes.tolist():
            free &= (x <= x0) | (x >= x1) | (y <= y0) | (y >= y1)
        return free

    def _keys(self) -> np.ndarray:
        """Return a number for each sorted position: low for images chosen far away, (n,) int64."""
        if self._key is None:
            n, count = len(self._index), self._zooms[self._nearest - self._farthest].count
            key = self.clusters.number.astype(np.int64) + n
            key[self.clusters.order[self._chosen[:count]]] = np.arange(count)
            self._key = key
        return self._key


def _step(unit: float) -> int:
    """Return the farthest zoom whose unit is at least `unit`: steps grow as one zooms in."""
    return int(np.floor(-np.log2(unit) * STEPS + 1e-9))


class Overviews:
    """The overviews of one session: without filters those of the places, which sessions share."""

    def __init__(self) -> None:
        self._made: tuple[Places, np.ndarray, tuple[float, bool, bool], Overview] | None = None

    def of(
        self,
        dataset: Dataset,
        kept: np.ndarray | None,
        *,
        face: float,
        faces: bool,
        names: bool,
        places: Places | None = None,
    ) -> Overview | None:
        """Return the overview of some places; None if there are no clusters, or nothing is to be shown.

        Args:
            dataset: the dataset.
            kept: which sorted positions pass the filters, (n,) bool; None: all.
            face: an image's longer side in the first view, in pixels.
            faces: whether there are images.
            names: whether there are names. They say where a cluster is on the map: other places have none.
            places: of the dataset's images; None: those of its map.
        """
        places = places or dataset.places
        names = names and places.is_map
        looks = face, faces, names
        if dataset.clusters is None or not (faces or names):
            self._made = None
            return None
        if kept is None:
            self._made = None
            key = f"overview {looks}"
            known = cast("Overview | None", places.cache.get(key))
            if known is None or known.named is not dataset.clusters:  # one was renamed
                known = places.cache[key] = _made(dataset, places, looks)
            return known
        made = self._made
        if (
            made is None
            or made[0] is not places
            or made[1] is not kept
            or made[2] != looks
            or made[3].named is not dataset.clusters
        ):
            self._made = made = (places, kept, looks, _made(dataset, places, looks, kept))
        return made[3]


def _made(
    dataset: Dataset, places: Places, looks: tuple[float, bool, bool], kept: np.ndarray | None = None
) -> Overview:
    assert dataset.clusters is not None
    face, faces, names = looks
    if "density" not in places.cache:  # measured once: each filter makes an overview of its own
        places.cache["density"] = typical_density(places.index.x, places.index.y, places.view)
    clusters = dataset.clusters if places.is_map else dataset.clusters.at(places)
    return Overview(
        clusters, places.index, places.view, density=places.cache["density"], face=face, faces=faces,
        names=names, kept=kept, named=dataset.clusters,
    )  # fmt: skip
