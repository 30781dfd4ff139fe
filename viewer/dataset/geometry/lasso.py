"""Finds the points inside an outline drawn on the map. Pure arrays in and out.

The grid of `spatial_index.py` decides whole cells at once; only the points of cells that the outline crosses
are tested one by one.
"""

import numpy as np

from viewer.dataset.geometry.spatial_index import PointIndex

MIN_CORNERS = 3
MAX_CORNERS = 512  # the page sends far fewer
SLACK = 1e-3  # part of a cell: positions are float32 and may fall on either side of a border


def rows_inside(index: PointIndex, outline: np.ndarray) -> np.ndarray:
    """Return the rows (k,) int64, ascending, of the points inside an outline, by the even-odd rule.

    Args:
        index: the points.
        outline: its corners (m, 2) float64 in map units; the last is joined to the first.
    """
    if not len(index) or len(outline) < MIN_CORNERS:
        return np.empty(0, np.int64)
    crossed, size = _crossed(index, outline), index.size
    centre = [index.low[axis] + (np.arange(size) + 0.5) * index.step[axis] for axis in (0, 1)]
    whole = np.zeros((size, size), bool)
    lines = np.flatnonzero((centre[1] >= outline[:, 1].min()) & (centre[1] <= outline[:, 1].max()))
    columns = np.flatnonzero((centre[0] >= outline[:, 0].min()) & (centre[0] <= outline[:, 0].max()))
    if len(lines) and len(columns):
        x, y = np.meshgrid(centre[0][columns], centre[1][lines])
        whole[np.ix_(lines, columns)] = points_inside(x.ravel(), y.ravel(), outline).reshape(x.shape)
    whole &= ~crossed
    edge = _of_cells(index, np.flatnonzero(crossed))
    edge = edge[points_inside(index.x[edge], index.y[edge], outline)]
    found = np.zeros(len(index), bool)  # a mask returns rows in order, faster than a sort
    for part in (_of_cells(index, np.flatnonzero(whole)), edge):
        found[index.order[part]] = True
    return np.flatnonzero(found)


def points_inside(x: np.ndarray, y: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return whether positions (n,) are inside an outline (m, 2), by counting crossings of a ray."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    odd = np.zeros(len(x), bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        spans = np.flatnonzero((y >= min(y0, y1)) & (y < max(y0, y1)))
        at = (y[spans] - y0) / (y1 - y0) * (x1 - x0) + x0
        odd[spans[x[spans] < at]] ^= True
    return odd


def simplify_outline(outline: np.ndarray, *, tolerance: float) -> np.ndarray:
    """Remove the corners of an outline (m, 2) that lie within `tolerance` of the remaining outline (k, 2).

    Douglas and Peucker 1973, doi:10.3138/FM57-6770-U75U-7727, between the two corners farthest apart.
    """
    if len(outline) <= MIN_CORNERS + 1:
        return outline
    far = int(np.argmax(((outline - outline[0]) ** 2).sum(1)))
    closed = np.vstack([outline, outline[:1]])
    kept = np.zeros(len(closed), bool)
    kept[[0, far, -1]] = True
    parts = [(0, far), (far, len(closed) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:  # noqa: PLR2004 - nothing lies between two neighbours
            continue
        along, rest = closed[last] - closed[first], closed[first + 1 : last] - closed[first]
        at = np.clip(rest @ along / max(along @ along, 1e-300), 0, 1)
        distance = np.hypot(*(rest - at[:, None] * along).T)
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            kept[middle] = True
            parts += [(first, middle), (middle, last)]
    return closed[:-1][kept[:-1]]


def _crossed(index: PointIndex, outline: np.ndarray) -> np.ndarray:
    """Return the cells that an edge touches, and perhaps a few more, (size, size) bool, by line."""
    size = index.size
    steps = (np.asarray(outline, np.float64) - index.low) / index.step
    crossed = np.zeros((size, size), bool)
    for (x0, y0), (x1, y1) in zip(steps, np.roll(steps, -1, axis=0), strict=True):
        first, last = np.clip(np.floor([min(y0, y1) - SLACK, max(y0, y1) + SLACK]), 0, size - 1).astype(int)
        lines = np.arange(first, last + 1)
        if y0 == y1:
            left, right = np.full(len(lines), min(x0, x1)), np.full(len(lines), max(x0, x1))
        else:  # the part of the edge in each line; beyond the grid, the outer lines
            below = np.where(lines == 0, -np.inf, lines - SLACK)
            above = np.where(lines == size - 1, np.inf, lines + 1 + SLACK)
            ends = np.clip([below, above], min(y0, y1), max(y0, y1))
            ends = x0 + (ends - y0) / (y1 - y0) * (x1 - x0)
            left, right = ends.min(0), ends.max(0)
        columns = np.clip(np.floor([left - SLACK, right + SLACK]), 0, size - 1).astype(int)
        for line, a, b in zip(lines, *columns, strict=True):
            crossed[line, a : b + 1] = True
    return crossed


def _of_cells(index: PointIndex, cells: np.ndarray) -> np.ndarray:
    """Return the sorted positions (m,) of the points in some cells."""
    starts, counts = index.starts[cells], np.diff(index.starts)[cells]
    if not counts.sum():
        return np.empty(0, np.int64)
    skipped = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return skipped + np.arange(counts.sum())
