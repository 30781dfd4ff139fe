"""Compiled loops that make lists of neighbors better by neighbors of neighbors.

The machine code is cached. Each call writes only the rows that it was given, from lists that nothing changes
meanwhile: so the result has the same bits on any number of threads. Only `descent.py` uses this module. What
does not belong here: the order of the steps.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - compiled: types stand in the signature, arguments have places

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

OPTIONS = {"cache": True, "nogil": True}


@njit("void(int32[:, ::1], uint8[:, ::1], int64, int32[:, ::1], uint8[:, ::1])", **OPTIONS)
def link(rows, fresh, reach, links, links_fresh):
    """Link each vector with its nearest and with those that have it among their nearest.

    Args:
        rows: (n, k), neighbors, nearest first.
        fresh: (n, k), 1 where a neighbor is new since the last step.
        reach: how many of the neighbors are linked, at most k.
        links: (n, w), w >= reach, are written here, -1 where there are fewer.
        links_fresh: (n, w), the same of `fresh`.
    """
    n, width = links.shape
    count = np.full(n, reach, np.int32)
    for i in range(n):
        for a in range(reach):
            links[i, a], links_fresh[i, a] = rows[i, a], fresh[i, a]
        for a in range(reach, width):
            links[i, a] = -1
    for a in range(reach):  # the nearest first: only so many have a place
        for i in range(n):
            j = rows[i, a]
            if count[j] < width:
                links[j, count[j]], links_fresh[j, count[j]] = i, fresh[i, a]
                count[j] += 1


@njit("int32(int16[::1], int16[::1])", inline="always", **OPTIONS)
def _product(one, other):
    """Return the product of two vectors: it fits, see `descent.UNIT`."""
    total = np.int32(0)
    for c in range(len(one)):
        total += np.int32(one[c]) * np.int32(other[c])
    return total


@njit("void(int32, float32, int32[::1], float32[::1], uint8[::1])", inline="always", **OPTIONS)
def _insert(other, apart, rows, distances, fresh):
    """Put a neighbor into a list in place of its last, nearest first."""
    at = len(rows) - 1
    while at > 0 and distances[at - 1] > apart:
        distances[at], rows[at], fresh[at] = distances[at - 1], rows[at - 1], fresh[at - 1]
        at -= 1
    distances[at], rows[at], fresh[at] = apart, other, 1


@njit(
    "int64(int16[:, ::1], float32, int32[::1], boolean[:, ::1], int32[:, ::1], uint8[:, ::1], int64, int64,"
    "int32[:, ::1], float32[:, ::1], uint8[:, ::1])",
    **OPTIONS,
)
def improve(data, unit, cell, compared, links, links_fresh, start, end, rows, distances, fresh):
    """Compare some vectors with the neighbors of their neighbors, and put the nearer ones into their lists.

    Args:
        data: (n, d), vectors in whole numbers.
        unit: the squared length of each.
        cell: (n,), the cell of each vector.
        compared: (c, c), whether a cell's vectors were compared with another's before.
        links: of `link`.
        links_fresh: of `link`; a pair is new if one of the two steps between them is.
        start: the first vector whose list is improved.
        end: the vector after the last of these.
        rows: (n, k), nearest first, changed in place from `start` to `end`.
        distances: (n, k), to these.
        fresh: (n, k), written in the same place: 1 for what this step put into a list.

    Returns:
        the number of neighbors put into the lists.
    """
    n = len(data)
    k, width = rows.shape[1], links.shape[1]
    seen = np.full(n, -1, np.int32)
    changes = 0
    for i in range(start, end):
        seen[i] = i
        for a in range(k):
            seen[rows[i, a]] = i
            fresh[i, a] = 0
        for a in range(width):
            j = links[i, a]
            if j < 0:
                break
            for b in range(width):
                other = links[j, b]
                if other < 0:
                    break
                if seen[other] == i or not (links_fresh[i, a] or links_fresh[j, b]):
                    continue
                seen[other] = i
                if compared[cell[i], cell[other]]:
                    continue
                apart = np.float32(1.0) - np.float32(_product(data[i], data[other])) / unit
                if apart < distances[i, k - 1]:
                    _insert(other, apart, rows[i], distances[i], fresh[i])
                    changes += 1
    return changes
