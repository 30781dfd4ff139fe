"""Decides what of a map's overview one picture shows, beside results, marks of queries and the open image.

These come first, then names, then the images of the overview. All is placed in map units, so the part of the
map in view changes nothing. What does not belong here: the overview itself (`render/overview.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.render.names import AROUND, Boxes, Name
from viewer.render.overview import Overview, Zoom

GAP = 4.0  # pixels between two images
MOST_STRONG = 40  # results, new and selected images that are sure of a place
MOST_LATER = 24  # selected images for which room is looked for
MOST_NAMES = 250  # names that a page holds
# Where an image goes whose own place is taken: so many of its sides to the right and up.
DODGES = (
    (0.0, 0.0), (0.0, -1.1), (1.1, 0.0), (-1.1, 0.0), (0.0, 1.1), (0.9, -0.9), (-0.9, -0.9), (0.9, 0.9),
    (-0.9, 0.9),
)  # fmt: skip


@dataclass(frozen=True)
class QueryMark:
    """The mark of a query: its position in map units, and how far it extends from there in pixels."""

    x: float
    y: float
    aside: float
    up: float
    down: float

    def box(self, unit: float) -> Box:
        """Return what it covers at `unit` map units a pixel."""
        return (
            self.x - self.aside * unit,
            self.x + self.aside * unit,
            self.y - self.down * unit,
            self.y + self.up * unit,
        )


@dataclass(frozen=True)
class Spot:
    """An image of a picture: its sorted position, the middle of its square in map units."""

    at: int
    x: float
    y: float


@dataclass(frozen=True)
class Placed:
    """What one picture shows: images, the most important first, and names."""

    spots: tuple[Spot, ...]
    names: tuple[Name, ...]
    faces: bool  # whether it chooses the images
    face: float  # pixels of an image's longer side
    near: float


def place(
    overview: Overview,
    viewport: Viewport,
    index: PointIndex,
    *,
    strong: Sequence[int] | np.ndarray = (),
    dodging: int = 0,
    later: Sequence[int] | np.ndarray = (),
    marks: Sequence[QueryMark] = (),
) -> Placed:
    """Choose the images and names of a view.

    Args:
        overview: of the map.
        viewport: the view.
        index: the map's points.
        strong: sorted positions of the images that come first, the most important in front.
        dodging: how many of these go beside their points where those are taken; others are left out then.
        later: sorted positions of images for which there may be room beside all others.
        marks: the marks of queries, which nothing covers.
    """
    zoom = overview.zoom(viewport)
    unit = zoom.unit if zoom else viewport.units_per_pixel
    face = zoom.face if zoom else overview.face
    side, box = (face + GAP) * unit, viewport.expand(face)
    taken = Boxes([mark.box(unit) for mark in marks])
    first = _placed(index, strong[:MOST_STRONG], taken, side, dodging=dodging)
    shown = [spot for spot in first if _holds(box, spot.x, spot.y)]
    if zoom is None:
        return Placed(tuple(shown), (), overview.faces, face, 0.0)
    names = tuple(name for name in zoom.names if taken.free(name.box(unit, AROUND / 2)))
    known = {spot.at for spot in first}
    spots = [spot for spot in _spots(index, overview.images(zoom, box)) if spot.at not in known]
    shown += [spot for spot in spots if taken.free(_square(spot, side))]
    for name in names:
        taken.add(name.box(unit))
    last = [at for at in later[:MOST_LATER] if _has_room(overview, zoom, index, int(at), side)]
    shown += [spot for spot in _placed(index, last, taken, side) if _holds(box, spot.x, spot.y)]
    around = viewport.expand(max(viewport.width, viewport.height) / 2)
    near = tuple(name for name in names if _holds(around, name.x, name.y))[:MOST_NAMES]
    return Placed(tuple(shown), near, overview.faces, face, zoom.near)


def _placed(
    index: PointIndex, positions: Sequence[int] | np.ndarray, taken: Boxes, side: float, *, dodging: int = 0
) -> list[Spot]:
    """Take places for images at their points or, for the first `dodging`, beside them; leave others out."""
    found: list[Spot] = []
    for rank, at in enumerate(dict.fromkeys(int(at) for at in positions)):
        x, y = float(index.x[at]), float(index.y[at])
        for right, up in DODGES if rank < dodging else DODGES[:1]:
            spot = Spot(at, x + right * side, y + up * side)
            box = _square(spot, side)
            if taken.free(box):
                taken.add(box)
                found.append(spot)
                break
    return found


def _spots(index: PointIndex, at: np.ndarray) -> list[Spot]:
    """Return images at their own points."""
    columns = at.tolist(), index.x[at].tolist(), index.y[at].tolist()
    return [Spot(*each) for each in zip(*columns, strict=True)]


def _has_room(overview: Overview, zoom: Zoom, index: PointIndex, at: int, side: float) -> bool:
    """Whether no image of the overview touches an image, wherever the view is."""
    x, y = float(index.x[at]), float(index.y[at])
    return not len(overview.images(zoom, (x - side, x + side, y - side, y + side)))


def _square(spot: Spot, side: float) -> Box:
    return spot.x - side / 2, spot.x + side / 2, spot.y - side / 2, spot.y + side / 2


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[1] and box[2] <= y <= box[3]
