"""Decides what of a map's overview one picture shows, beside results, marks of queries and the open image.

These come first, then names, then the images of the overview. All is placed in map units, so the part of the
map in view changes nothing. What does not belong here: the overview itself (`render/overview.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viewer.dataset.geometry.fan import fan_out, square
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.render.names import AROUND, Boxes, Name
from viewer.render.overview import Overview, Zoom

GAP = 4.0  # pixels between two images
MOST_STRONG = 40  # results, new and selected images that are sure of a place
FAN_REACH = 5.0  # sides of an image from a query's mark: results nearer than that fan out around it
LEAST_FAN = 3  # results near the mark: fewer lie beside their points
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
    beside: bool = False  # whether it lies away from its point, to which a line leads


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
    best: Sequence[int] | np.ndarray = (),
    covered: Sequence[Box] = (),
) -> Placed:
    """Choose the images and names of a view.

    Args:
        overview: of the map.
        viewport: the view.
        index: the map's points.
        strong: sorted positions of the images that come first, the most important in front.
        dodging: how many of these go beside their points where those are taken; others are left out then.
        later: sorted positions of images for which there may be room beside all others.
        marks: the marks of queries, which nothing covers; the newest in front.
        best: which of `strong` fan out around the newest mark, if they would lie on each other there.
        covered: what lies over the view, where no image fans out to.
    """
    zoom = overview.zoom(viewport)
    unit = zoom.unit if zoom else viewport.units_per_pixel
    face = zoom.face if zoom else overview.face
    side, box = (face + GAP) * unit, viewport.expand(face)
    taken = Boxes([mark.box(unit) for mark in marks])
    first: list[Spot] = []
    if marks and len(best) and zoom is not None:
        seen = viewport.expand(-face / 2)
        first = _fanned(index, best, taken, side, middle=marks[0], seen=seen, covered=covered)
    out = {spot.at for spot in first}
    others = [at for at in strong[:MOST_STRONG] if int(at) not in out]
    left = max(len(best) - len(out), 0) if out else dodging
    first += _placed(index, others, taken, side, dodging=left)
    shown = [spot for spot in first if _holds(box, spot.x, spot.y)]
    if zoom is None:
        return Placed(tuple(shown), (), overview.faces, face, 0.0)
    names = tuple(name for name in zoom.names if taken.free(name.box(unit, AROUND / 2)))
    known = {spot.at for spot in first}
    spots = [spot for spot in _spots(index, overview.images(zoom, box)) if spot.at not in known]
    shown += [spot for spot in spots if taken.free(square((spot.x, spot.y), side))]
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
            spot = Spot(at, x + right * side, y + up * side, beside=bool(right or up))
            box = square((spot.x, spot.y), side)
            if taken.free(box):
                taken.add(box)
                found.append(spot)
                break
    return found


def _fanned(
    index: PointIndex,
    best: Sequence[int] | np.ndarray,
    taken: Boxes,
    side: float,
    *,
    middle: QueryMark,
    seen: Box,
    covered: Sequence[Box],
) -> list[Spot]:
    """Fan the best results out around their query's mark; none where they have room at their own points."""
    near = [
        at
        for at in dict.fromkeys(int(at) for at in best)
        if np.hypot(index.x[at] - middle.x, index.y[at] - middle.y) < FAN_REACH * side
    ]
    if len(near) < LEAST_FAN:
        return []
    points = [(float(index.x[at]), float(index.y[at])) for at in near]
    own = Boxes()
    in_the_way = Boxes(covered)
    for point in points:
        if not taken.free(square(point, side)) or not own.free(square(point, side)):
            break
        own.add(square(point, side))
    else:
        return []
    inside = _holds(seen, middle.x, middle.y)

    def free(box: Box) -> bool:
        x, y = (box[0] + box[1]) / 2, (box[2] + box[3]) / 2
        return taken.free(box) and (not inside or (_holds(seen, x, y) and in_the_way.free(box)))

    places = fan_out(points, (middle.x, middle.y), side=side, free=free)
    for place in places:
        taken.add(square(place, side))
    return [Spot(at, *place, beside=True) for at, place in zip(near, places, strict=False)]


def _spots(index: PointIndex, at: np.ndarray) -> list[Spot]:
    """Return images at their own points."""
    columns = at.tolist(), index.x[at].tolist(), index.y[at].tolist()
    return [Spot(*each) for each in zip(*columns, strict=True)]


def _has_room(overview: Overview, zoom: Zoom, index: PointIndex, at: int, side: float) -> bool:
    """Whether no image of the overview touches an image, wherever the view is."""
    x, y = float(index.x[at]), float(index.y[at])
    return not len(overview.images(zoom, (x - side, x + side, y - side, y + side)))


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[1] and box[2] <= y <= box[3]
