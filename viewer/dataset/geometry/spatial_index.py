"""A spatial index: points sorted by the cells of a grid, so that drawing costs only what is in view.

Pure arrays in and out. What does not belong here: metadata, colours and Panel.
"""

from dataclasses import dataclass

import numpy as np

from viewer.dataset.geometry.viewport import Box

POINTS_PER_CELL = 24
MAX_GRID = 1024
BANDS = 32  # slices of the map, for each of which `bands` returns a box


@dataclass(frozen=True)
class PointIndex:
    """Map positions in the order of the grid's cells. `order[i]` is the row of the i-th sorted point."""

    x: np.ndarray  # (n,) float32, sorted by cell
    y: np.ndarray
    order: np.ndarray  # (n,) int64: sorted position -> row
    rank: np.ndarray  # (n,) int64: row -> sorted position
    starts: np.ndarray  # (size * size + 1,) the first point of each cell, line by line
    size: int
    low: tuple[float, float]
    step: tuple[float, float]

    @classmethod
    def build(cls, xy: np.ndarray) -> "PointIndex":
        """Sort finite positions (n, 2) float32 by cell."""
        n = len(xy)
        size = int(np.clip(np.sqrt(n / POINTS_PER_CELL), 1, MAX_GRID))
        low, high = (xy.min(0), xy.max(0)) if n else (np.zeros(2), np.ones(2))
        step = np.maximum((high - low) / size, 1e-9)
        cell = np.clip(((xy - low) / step).astype(np.int64), 0, size - 1)
        key = cell[:, 1] * size + cell[:, 0]
        order = np.argsort(key, kind="stable")
        starts = np.searchsorted(key[order], np.arange(size * size + 1))
        rank = np.empty(n, np.int64)
        rank[order] = np.arange(n)
        ordered = np.ascontiguousarray(xy[order].T, np.float32)
        corner = (float(low[0]), float(low[1])), (float(step[0]), float(step[1]))
        return cls(ordered[0], ordered[1], order, rank, starts, size, *corner)

    def __len__(self) -> int:
        return len(self.x)

    def inside(self, box: Box) -> np.ndarray:
        """Return the sorted positions (m,) of the points inside `box` (x0, x1, y0, y1)."""
        x0, x1, y0, y1 = box
        runs = self.runs(box)
        found = np.concatenate([np.arange(run.start, run.stop) for run in runs]) if runs else np.arange(0)
        x, y = self.x[found], self.y[found]
        return found[(x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)]

    def runs(self, box: Box) -> list[slice]:
        """Return runs of sorted positions with the points inside `box` and some just outside it."""
        column0, column1 = self._cells(box[0], box[1], axis=0)
        row0, row1 = self._cells(box[2], box[3], axis=1)
        if column0 == 0 and column1 == self.size - 1:  # whole rows, one after the other
            starts, ends = np.array([row0 * self.size]), np.array([(row1 + 1) * self.size])
        else:
            first = np.arange(row0, row1 + 1) * self.size
            starts, ends = first + column0, first + column1 + 1
        pairs = zip(self.starts[starts].tolist(), self.starts[ends].tolist(), strict=True)
        return [slice(start, end) for start, end in pairs if end > start]

    def bands(self, box: Box) -> list[Box]:
        """Return tight boxes around the points inside `box`: one for each band with points."""
        found = self.inside(box)
        x, y = self.x[found], self.y[found]
        band = np.clip((y - box[2]) / (box[3] - box[2]) * BANDS, 0, BANDS - 1).astype(np.int8)
        order = np.argsort(band, kind="stable")
        starts = np.unique(band[order], return_index=True)[1]
        if not len(starts):
            return []
        ends = [end.reduceat(v[order], starts) for v in (x, y) for end in (np.minimum, np.maximum)]
        return [(float(x0), float(x1), float(y0), float(y1)) for x0, x1, y0, y1 in zip(*ends, strict=True)]

    def nearest(self, x: float, y: float, *, radius: float, kept: np.ndarray | None = None) -> int | None:
        """Return the nearest row within `radius` map units of a position, among those `kept` (n,) bool."""
        near = self.inside((x - radius, x + radius, y - radius, y + radius))
        near = near if kept is None else near[kept[self.order[near]]]
        if not len(near):
            return None
        squared = (self.x[near] - x) ** 2 + (self.y[near] - y) ** 2
        best = int(np.argmin(squared))
        return int(self.order[near[best]]) if squared[best] <= radius * radius else None

    def _cells(self, a: float, b: float, *, axis: int) -> tuple[int, int]:
        scaled = (np.array([a, b]) - self.low[axis]) / self.step[axis]
        first, last = np.clip(np.floor(scaled), 0, self.size - 1)
        return int(first), int(last)


class SortedMask:
    """A mask of some rows in the order of an index, made once for the same rows and index."""

    def __init__(self) -> None:
        self._made: tuple[np.ndarray, PointIndex, np.ndarray] | None = None

    def of(self, rows: np.ndarray | None, index: PointIndex) -> np.ndarray | None:
        """Return the mask (n,) bool by sorted position of rows (k,) int64 or (n,) bool; None of None."""
        if rows is None:
            self._made = None
            return None
        if self._made is None or self._made[0] is not rows or self._made[1] is not index:
            if rows.dtype == bool:
                mask = rows[index.order]
            else:
                mask = np.zeros(len(index), bool)
                mask[index.rank[rows]] = True
            self._made = (rows, index, mask)
        return self._made[2]
