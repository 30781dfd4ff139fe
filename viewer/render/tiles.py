"""Which images appear as thumbnails on the map, where, and their decoded pictures.

The map is cut into cells that are aligned with the map, not with the window, and every point has a fixed
random priority: the same images stay on panning, and those that are shown stay when the cells split on
zooming in.
"""

from dataclasses import dataclass

import numpy as np

from viewer.dataset.thumbnails import NARROW
from viewer.dataset.viewport import Viewport

SMALLEST_CELL = 58  # pixels; cells double in map units, so one is 58 to 116 pixels wide
FILL = 0.82  # a thumbnail's longest side, as a part of its cell
FILL_OF_FEW = 0.6  # the same while only results have thumbnails: smaller, and nearer to their points
CROWD = 14  # a cell with more points than this shows density, not an image
LEGIBLE = 0.3  # thumbnails appear once this share of the points in view is in uncrowded cells


@dataclass(frozen=True)
class Choice:
    """A point that gets a thumbnail: its place among the candidates, its cell's centre and width in pixels.

    `longest` is the thumbnail's longer side.
    """

    at: int
    cx: float
    cy: float
    cell: float
    longest: float


@dataclass(frozen=True)
class Chosen:
    """The thumbnails of one picture, and how legible the view is (0: none belong here, 1: all do)."""

    choices: tuple[Choice, ...]
    legible: float


def cell_size(viewport: Viewport) -> float:
    """The width of a cell in map units: a power of two, at least `SMALLEST_CELL` pixels."""
    return float(2.0 ** np.ceil(np.log2(SMALLEST_CELL * viewport.unit)))


def crowded(n: int, viewport: Viewport, *, hits: int) -> bool:
    """Whether of `n` points in view, `hits` of them results, none can have a thumbnail, wherever they are."""
    cells_in_view = (viewport.width * viewport.height) * (viewport.unit / cell_size(viewport)) ** 2
    return n > 8 * CROWD * max(cells_in_view, 1) + 4 * hits


def choose(x: np.ndarray, y: np.ndarray, priority: np.ndarray, hit: np.ndarray, viewport: Viewport) -> Chosen:
    """One point for each uncrowded cell: a result of the query before others, then the lowest priority.

    Args:
        x: map positions (n,) of the points in view.
        y: likewise.
        priority: (n,) fixed random numbers of 0..1; results of a query carry negative ones, best lowest.
        hit: (n,) bool, whether a point is a result of the query.
        viewport: what is in view.
    """
    if not len(x) or crowded(len(x), viewport, hits=int(hit.sum())):
        return Chosen((), 0.0)
    cell = cell_size(viewport)
    column = np.floor(np.asarray(x, np.float64) / cell).astype(np.int64)
    line = np.floor(np.asarray(y, np.float64) / cell).astype(np.int64)
    order = np.lexsort((priority, column, line))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(column[order]) != 0) | (np.diff(line[order]) != 0)
    first = order[new]
    counts = np.diff(np.append(np.flatnonzero(new), len(order)))
    calm = counts <= CROWD
    share = float(counts[calm].sum() / len(x))
    legible = float(np.clip((share - LEGIBLE) / 0.3, 0, 1))
    shown = hit[first] | calm if share >= LEGIBLE else hit[first]
    centre_x, centre_y = viewport.pixels((column[first] + 0.5) * cell, (line[first] + 0.5) * cell)
    width = cell / viewport.unit
    longest = width * (FILL if share >= LEGIBLE else FILL_OF_FEW)
    choices = [
        Choice(int(first[i]), float(centre_x[i]), float(centre_y[i]), width, longest)
        for i in np.flatnonzero(shown)
    ]
    return Chosen(tuple(choices), legible)


def place(choice: Choice, px: float, py: float, aspect: float) -> tuple[float, float, float, float]:
    """Centre and size in pixels of a thumbnail near its point (px, py), wholly inside its cell."""
    longest = choice.longest
    aspect = min(max(aspect, NARROW), 1 / NARROW)
    width, height = (longest, longest / aspect) if aspect >= 1 else (longest * aspect, longest)
    gap = 2.0
    reach_x = max(0.0, (choice.cell - width) / 2 - gap)
    reach_y = max(0.0, (choice.cell - height) / 2 - gap)
    cx = min(max(px, choice.cx - reach_x), choice.cx + reach_x)
    cy = min(max(py, choice.cy - reach_y), choice.cy + reach_y)
    return cx, cy, width, height
