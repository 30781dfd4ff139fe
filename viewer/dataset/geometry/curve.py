"""A walk over the map that keeps near places near each other: the Hilbert curve. Pure arrays."""

import numpy as np

BITS = 12  # the curve fills a square of 2^12 by 2^12 cells


def curve_positions(xy: np.ndarray) -> np.ndarray:
    """Return how far along the curve each of some finite positions (n, 2) lies: (n,) int64.

    From the largest square to the smallest: a place adds the squares before its own, and turns as they do.
    """
    if not len(xy):
        return np.empty(0, np.int64)
    low, reach = xy.min(0), max(float(np.ptp(xy, 0).max()), 1e-12)
    x, y = (((xy - low) / reach) * ((1 << BITS) - 1)).astype(np.int64).T
    distance = np.zeros(len(xy), np.int64)
    side = 1 << (BITS - 1)
    while side:
        right, above = (x & side) > 0, (y & side) > 0
        distance += side * side * ((3 * right) ^ above)
        turn = ~above
        mirror = turn & right
        x, y = np.where(mirror, side - 1 - x, x), np.where(mirror, side - 1 - y, y)
        x, y = np.where(turn, y, x), np.where(turn, x, y)
        side >>= 1
    return distance
