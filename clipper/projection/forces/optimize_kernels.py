"""Compiled loops of a layout: how strongly neighbors belong together, and one step of the optimiser.

The machine code is cached. Each call writes only the points that it was given, from positions that nothing
changes meanwhile: so the result has the same bits on any number of threads. Only `optimize.py` uses this
module. What does not belong here: the order of the steps.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - compiled: types stand in the signature, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

OPTIONS = {"cache": True, "nogil": True}
_BISECTIONS, _TOLERANCE, _LEAST_SCALE = 64, 1e-5, 1e-3
# The most that one point moves another in a step, as in UMAP.
_MOST = np.float32(4.0)
# An edge pulls at either end, as in UMAP, where each end knows where the other is by now. Here it knows only
# where the other was: if both went more than a quarter of the way, they would swap places, and the map would
# be stirred up.
_TWICE, _QUARTER = np.float32(2.0), np.float32(0.25)
# Numbers of SplitMix64 (Steele, Lea and Flood 2014, OOPSLA).
_GOLDEN, _FIRST, _SECOND = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)


@njit("void(float32[:, ::1], float64, int64, int64, float32[:, ::1])", **OPTIONS)
def strengths(distances, usual, start, end, out):
    """Compute UMAP's membership strengths, as `umap.umap_.smooth_knn_dist` with a local connectivity of 1.

    Args:
        distances: (n, k), to the neighbors without the point itself, nearest first.
        usual: the mean of all distances.
        start: the first row that is computed.
        end: the row after the last of these.
        out: (n, k), in [0, 1], written from `start` to `end`.
    """
    k = distances.shape[1]
    target = math.log2(k + 1)
    for i in range(start, end):
        nearest, mean = 0.0, 0.0
        for j in range(k):
            mean += distances[i, j] / (k + 1)
            if nearest == 0.0:
                nearest = distances[i, j]
        low, high, scale = 0.0, math.inf, 1.0
        for _ in range(_BISECTIONS):
            total = 0.0
            for j in range(k):
                beyond = distances[i, j] - nearest
                total += math.exp(-beyond / scale) if beyond > 0.0 else 1.0
            if abs(total - target) < _TOLERANCE:
                break
            if total > target:
                high = scale
                scale = 0.5 * (low + high)
            else:
                low = scale
                scale = 2.0 * scale if high == math.inf else 0.5 * (low + high)
        scale = max(scale, _LEAST_SCALE * (mean if nearest > 0.0 else usual))
        for j in range(k):
            beyond = distances[i, j] - nearest
            out[i, j] = math.exp(-beyond / scale) if beyond > 0.0 and scale > 0.0 else 1.0


@njit("float32(float32[::1], float32, float32)", inline="always", **OPTIONS)
def _look_up(table, apart, steps):
    """Return the value of a table at a distance on the map, between its entries; the last one beyond them."""
    at = apart * steps
    entry = np.int64(at)
    if entry >= len(table) - 1:
        return table[len(table) - 1]
    share = at - np.float32(entry)
    return table[entry] + share * (table[entry + 1] - table[entry])


@njit("float32(float32)", inline="always", **OPTIONS)
def _limited(step):
    return min(max(step, -_MOST), _MOST)


@njit(
    "void(int64[::1], int32[::1], float32[::1], int64, int64, float32[:, ::1], float32[:, ::1], int64,"
    "float32, float32[::1], float32[::1], float32, int64, uint64)",
    fastmath={"contract", "reassoc"},
    **OPTIONS,
)
def step(starts, tails, weights, start, end, old, new, epoch, size, pull, push, steps, negatives, seed):
    """Move some points by one epoch of UMAP's optimiser, while all others are where they were before it.

    A point takes its steps one after the other: towards a neighbor, and then away from random points.

    Args:
        starts: (n + 1,), where each point's edges begin in the symmetric graph.
        tails: (e,), the points at their other ends.
        weights: (e,); an edge acts in a share of the epochs equal to its weight, evenly spread.
        start: the first point that is moved.
        end: the point after the last of these.
        old: (n, 2), all positions before the epoch.
        new: (n, 2), written from `start` to `end`.
        epoch: its number.
        size: of its steps.
        pull: how strongly a neighbor pulls, by its distance on the map; not positive.
        push: how strongly a random point pushes.
        steps: entries of these two a unit of the map.
        negatives: how many random points push for each edge that acts.
        seed: of the random points.
    """
    n = np.uint64(len(old))
    for i in range(start, end):
        x, y = old[i, 0], old[i, 1]
        state = seed ^ (np.uint64(epoch) * _FIRST + np.uint64(i) * _SECOND)
        for e in range(starts[i], starts[i + 1]):
            if math.floor((epoch + 1) * weights[e]) <= math.floor(epoch * weights[e]):
                continue
            other_x, other_y = old[tails[e], 0], old[tails[e], 1]
            dx, dy = x - other_x, y - other_y
            way = _TWICE * size * _look_up(pull, math.sqrt(dx * dx + dy * dy), steps)
            way = max(way, -_QUARTER)
            x += way * dx
            y += way * dy
            for _ in range(negatives):
                state += _GOLDEN
                mixed = (state ^ (state >> np.uint64(30))) * _FIRST
                mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
                # The upper half of the product is below n (Lemire 2019, ACM TOMACS 29(1)).
                chosen = np.int64(((mixed >> np.uint64(32)) * n) >> np.uint64(32))
                dx, dy = x - old[chosen, 0], y - old[chosen, 1]
                strength = _look_up(push, math.sqrt(dx * dx + dy * dy), steps)
                x += size * _limited(strength * dx)
                y += size * _limited(strength * dy)
        new[i, 0], new[i, 1] = x, y
