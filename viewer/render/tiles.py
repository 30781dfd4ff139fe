"""Chooses which images appear as thumbnails on the map, and where.

The map is cut into cells that are aligned with the map, not with the window, and each point has a fixed
random priority. So thumbnails stay while a person pans, and when cells split on zooming in. What does not
belong here: decoded thumbnails (`dataset/thumbnails.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viewer.dataset.geometry.viewport import Viewport
from viewer.dataset.thumbnails import MIN_ASPECT

MIN_CELL = 58  # pixels; cells double in map units, so one is 58 to 116 pixels wide
FILL = 0.82  # a thumbnail's longest side, as a part of its cell
FILL_OF_FEW = 0.6  # the same if only results have thumbnails, which so are nearer to their points
MAX_POINTS_IN_CELL = 14  # a cell with more points than this shows density, not an image
MIN_LEGIBLE_SHARE = 0.3  # thumbnails appear once this share of the points in view is in uncrowded cells


@dataclass(frozen=True)
class TileSpot:
    """A point with a thumbnail: its index among the candidates, its cell's centre and width in pixels.

    `longest` is the thumbnail's longer side.
    """

    at: int
    cx: float
    cy: float
    cell: float
    longest: float


@dataclass(frozen=True)
class TileChoice:
    """The thumbnails of one picture, and how legible they are (0: too crowded for any, 1: not crowded)."""

    choices: tuple[TileSpot, ...]
    legible: float


def cell_size(viewport: Viewport) -> float:
    """Return the width of a cell in map units: a power of two, at least `MIN_CELL` pixels."""
    return float(2.0 ** np.ceil(np.log2(MIN_CELL * viewport.units_per_pixel)))


def crowded(n: int, viewport: Viewport, *, hits: int) -> bool:
    """Return whether `n` points in view, `hits` of them results, are too many for any thumbnail."""
    cells_in_view = (viewport.width * viewport.height) * (viewport.units_per_pixel / cell_size(viewport)) ** 2
    return n > 8 * MAX_POINTS_IN_CELL * max(cells_in_view, 1) + 4 * hits


def choose_tiles(
    x: np.ndarray, y: np.ndarray, priority: np.ndarray, hit: np.ndarray, viewport: Viewport
) -> TileChoice:
    """Choose one point for each uncrowded cell: the one with the lowest priority.

    Args:
        x: map positions (n,) of the points in view.
        y: their other coordinate.
        priority: fixed random numbers (n,) of 0..1; a query's results have negative ones, the best lowest.
        hit: whether each point is a result of the query, (n,) bool.
        viewport: the view.
    """
    if not len(x) or crowded(len(x), viewport, hits=int(hit.sum())):
        return TileChoice((), 0.0)
    cell = cell_size(viewport)
    column = np.floor(np.asarray(x, np.float64) / cell).astype(np.int64)
    line = np.floor(np.asarray(y, np.float64) / cell).astype(np.int64)
    order = np.lexsort((priority, column, line))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(column[order]) != 0) | (np.diff(line[order]) != 0)
    first = order[new]
    counts = np.diff(np.append(np.flatnonzero(new), len(order)))
    calm = counts <= MAX_POINTS_IN_CELL
    share = float(counts[calm].sum() / len(x))
    legible = float(np.clip((share - MIN_LEGIBLE_SHARE) / 0.3, 0, 1))
    shown = hit[first] | calm if share >= MIN_LEGIBLE_SHARE else hit[first]
    centre_x, centre_y = viewport.pixels((column[first] + 0.5) * cell, (line[first] + 0.5) * cell)
    width = cell / viewport.units_per_pixel
    longest = width * (FILL if share >= MIN_LEGIBLE_SHARE else FILL_OF_FEW)
    choices = [
        TileSpot(int(first[i]), float(centre_x[i]), float(centre_y[i]), width, longest)
        for i in np.flatnonzero(shown)
    ]
    return TileChoice(tuple(choices), legible)


def fitted(longest: float, aspect: float) -> tuple[float, float]:
    """Return the width and height of a thumbnail whose longer side is `longest`."""
    aspect = min(max(aspect, MIN_ASPECT), 1 / MIN_ASPECT)
    return (longest, longest / aspect) if aspect >= 1 else (longest * aspect, longest)


def place_tile(choice: TileSpot, px: float, py: float, aspect: float) -> tuple[float, float, float, float]:
    """Return the centre and size in pixels of a thumbnail near its point (px, py), inside its cell."""
    width, height = fitted(choice.longest, aspect)
    gap = 2.0
    reach_x = max(0.0, (choice.cell - width) / 2 - gap)
    reach_y = max(0.0, (choice.cell - height) / 2 - gap)
    cx = min(max(px, choice.cx - reach_x), choice.cx + reach_x)
    cy = min(max(py, choice.cy - reach_y), choice.cy + reach_y)
    return cx, cy, width, height


def move_off(
    where: tuple[float, float, float, float], boxes: Sequence[tuple[float, float, float, float]]
) -> tuple[float, float, float, float]:
    """Move a thumbnail, given as `place_tile` does, the shortest way off each of some boxes that it touches.

    A box is left, right, top and bottom in pixels.
    """
    cx, cy, width, height = where
    for left, right, top, bottom in boxes:
        half_w, half_h = width / 2 + 1, height / 2 + 1
        if not (left < cx + half_w and right > cx - half_w and top < cy + half_h and bottom > cy - half_h):
            continue
        aside = min(left - cx - half_w, right - cx + half_w, key=abs)
        away = min(top - cy - half_h, bottom - cy + half_h, key=abs)
        cx, cy = (cx + aside, cy) if abs(aside) < abs(away) else (cx, cy + away)
    return cx, cy, width, height
