"""Compiled loops that choose which images have a thumbnail on the map: few of many, well apart.

Signatures are explicit and the machine code is cached, so that no visitor waits for the compiler. Only
`render/overview.py` uses this module, and loads it with the first picture. What does not belong here:
drawing.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types stand in the signature, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

OPTIONS = {"cache": True, "nogil": True}


@njit("int64(int64, int64, int64)", **OPTIONS)
def slot_of(column, line, mask):
    """Return where to look first for a cell in a table whose size is `mask` + 1, a power of two."""
    return ((column * 73856093) ^ (line * 19349663)) & mask


@njit("int64(int32[::1], float32[::1], float32[::1], float64, int64, int64, int64)", **OPTIONS)
def found_in(table, x, y, distance, column, line, mask):
    """Return the point that was put into a cell; -1 if there is none."""
    slot = slot_of(column, line, mask)
    while table[slot] >= 0:
        at = table[slot]
        if math.floor(x[at] / distance) == column and math.floor(y[at] / distance) == line:
            return np.int64(at)
        slot = (slot + 1) & mask
    return np.int64(-1)


@njit("void(int32[::1], float32[::1], float32[::1], float64, int64, int64)", **OPTIONS)
def put(table, x, y, distance, at, mask):
    """Put a point into its cell."""
    slot = slot_of(math.floor(x[at] / distance), math.floor(y[at] / distance), mask)
    while table[slot] >= 0:
        slot = (slot + 1) & mask
    table[slot] = at


@njit("boolean(int32[::1], float32[::1], float32[::1], float64, int64, int64)", **OPTIONS)
def is_apart(table, x, y, distance, at, mask):
    """Return whether all points of a table are at least `distance` from a point along one axis."""
    column, line = math.floor(x[at] / distance), math.floor(y[at] / distance)
    if found_in(table, x, y, distance, column, line, mask) >= 0:
        return False  # most points of a crowded map end here
    for side in range(9):
        other = found_in(table, x, y, distance, column + side % 3 - 1, line + side // 3 - 1, mask)
        if other >= 0 and max(abs(x[other] - x[at]), abs(y[other] - y[at])) < distance:
            return False
    return True


@njit("boolean(float64[:, ::1], float32, float32)", **OPTIONS)
def is_outside(boxes, x, y):
    """Return whether a position is in none of the boxes."""
    for i in range(len(boxes)):
        if boxes[i, 0] < x < boxes[i, 1] and boxes[i, 2] < y < boxes[i, 3]:
            return False
    return True


@njit(
    "int64(float32[::1], float32[::1], uint8[::1], int64, int32[::1], int64, float64, float64[:, ::1],"
    "int32[::1])",
    **OPTIONS,
)
def add_apart(x, y, passes, count, chosen, known, distance, boxes, table):
    """Choose more points, each at least `distance` from all others along one axis; return how many there are.

    Args:
        x: positions, the points that are wanted most first.
        y: their other coordinate.
        passes: whether each may be chosen.
        count: how many of the points to look at.
        chosen: the points chosen so far, the first `known` of it; there is room for `count` more.
        known: how many are chosen so far.
        distance: in map units. A square cell of this width holds one chosen point at most.
        boxes: x0, x1, y0, y1 of each place where none may be chosen.
        table: empty (-1), its size a power of two that is larger than the number of points.
    """
    mask = len(table) - 1
    for i in range(known):
        put(table, x, y, distance, chosen[i], mask)
    for at in range(count):
        if passes[at] and is_apart(table, x, y, distance, at, mask) and is_outside(boxes, x[at], y[at]):
            chosen[known] = at
            known += 1
            put(table, x, y, distance, at, mask)
    return known


@njit(
    "int64(float32[::1], float32[::1], int64[::1], float64, int32[::1], int32[::1], int64, int64, int64,"
    "int32[::1])",
    **OPTIONS,
)
def first_within(x, y, key, distance, order, starts, columns, lines, most, found):
    """Find the points that have the lowest key within `distance` along both axes; return how many.

    Args:
        x: positions from 0 on.
        y: their other coordinate.
        key: a different number for each point.
        distance: in map units, the width of a cell.
        order: the points sorted by cell.
        starts: the first point of each cell in `order`, line by line, and the number of points.
        columns: cells in a line.
        lines: lines of cells.
        most: how many to find at most.
        found: the points are written here.
    """
    count = 0
    for cell in range(columns * lines):
        if starts[cell] == starts[cell + 1]:
            continue
        best = order[starts[cell]]
        for i in range(starts[cell] + 1, starts[cell + 1]):
            if key[order[i]] < key[best]:
                best = order[i]
        lowest = True
        column, line = cell % columns, cell // columns
        left, right = max(0, column - 1), min(columns, column + 2)
        for near in range(max(0, line - 1), min(lines, line + 2)):
            for i in range(starts[near * columns + left], starts[near * columns + right]):
                other = order[i]
                if (
                    key[other] < key[best]
                    and abs(x[other] - x[best]) < distance
                    and abs(y[other] - y[best]) < distance
                ):
                    lowest = False
                    break
            if not lowest:
                break
        if lowest and count < most:
            found[count] = best
            count += 1
    return count
