"""Compiled loops that say how much two tiny pictures differ, once one lies on the other.

A picture is (3 * SIDE, SIDE) float32: all lines of one colour, then those of the next. Only
`match_kernels.py` uses this module. What does not belong here: laying one over the other
(`align_kernels.py`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201 - compiled: types are inferred, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

from clipper.images.picture.signature import SIDE
from clipper.insight.doubles.align_kernels import (
    CONTRAST_FLOOR,
    INNER,
    ONE,
    THREE,
    TWO,
    WHITEST,
    ZERO,
    gain_of,
    total_of,
)

_CELLS = SIDE * SIDE
# A picture of nearly one colour (standard deviation of its values, of 255) has nothing but its brightness
# that tells it from others: that counts as it is.
_LEAST_CONTRAST = 8.0
# What differs is looked at in three ways, each with its limit. The limits were set on variants of 75 images
# of the sample (JPEG quality 25, a third of the size, 20 % more light, 12 % crops) and 3,700 pairs of its
# most similar images. One limit alone loses 5 % of the variants at no false pair, the three together 2 %.
# The whole: the root mean square, as a share of the picture's own contrast.
_WHOLE_LIMIT = 0.22
# The worst spots, of 3 x 3 pixels (a clock's hand, an emblem, a mouth): in units of what compression does,
# and at an edge a copy that lies a little off.
_SPOT_LIMIT, _WORST_SPOTS, _SPOT_NOISE = 2.2, np.int64(6), np.float32(6.0)
# The worst areas, of 4 x 4 pixels (another background, another skin): their means are free of noise.
_AREA_LIMIT, _WORST_AREAS, _AREA_NOISE = 1.3, np.int64(8), np.float32(3.0)
_AREA = 4
_EDGE_SHARE = np.float32(0.15)
SPACES = 6  # pictures of work space


@njit(**INNER)
def differences(laid, other, seen, spaces):
    """Compare aligned pictures in colour: return how much they differ, and the factor of brightness.

    They differ by 1 where one of three limits is reached.

    Three factors are tried: none, that of the values that are not white in the second picture, and that of
    those that are not white in the first. The one that leaves least counts.

    Args:
        laid: (3 * SIDE, SIDE) float32, the first picture where the second lies.
        other: (3 * SIDE, SIDE) float32, the second.
        seen: (SIDE, SIDE) float32, 1 where `laid` is inside the first picture, else 0.
        spaces: (SPACES, 3 * SIDE, SIDE) float32, work space.
    """
    left, tried, unlike = spaces[0], spaces[1], spaces[2]
    count = THREE * total_of(seen)
    spread = spread_of(other, seen, count)
    flat = spread < _LEAST_CONTRAST
    of_second = ONE if flat else gain_of(laid, other, seen, other)
    of_first = ONE if flat else gain_of(laid, other, seen, laid)
    best, best_gain = ZERO, ZERO
    for gain in (ONE, of_second, of_first):
        if gain == best_gain:
            continue
        differ(laid, other, seen, gain, unlike)
        # What differs is blurred and not the pictures, for a picture is cut off at white before it is made
        # smaller; a crop that was enlarged is less sharp than the picture it is from.
        blur(unlike, TWO, np.float32(1 / 16), spaces[3].ravel(), tried)
        squared = sum_of_squares(tried.ravel())
        if best_gain == ZERO or squared < best:
            best, best_gain = squared, gain
            left, tried = tried, left
    whole = math.sqrt(best / count) / (spread + CONTRAST_FLOOR)
    return worst_of(left, whole, laid, other, spaces[2:]), best_gain


@njit(**INNER)
def sum_of_squares(values):
    """Sum up the squares of some values."""
    total = ZERO
    for i in range(len(values)):
        total += values[i] * values[i]
    return total


@njit(**INNER)
def spread_of(picture, seen, count):
    """Return the standard deviation about the mean colour, of `count` values that are seen."""
    squared, inside = ZERO, seen.ravel()
    for channel in range(3):
        values = picture[channel * SIDE : (channel + 1) * SIDE].ravel()
        total = ZERO
        for i in range(_CELLS):
            total += values[i] * inside[i]
        mean = THREE * total / count
        for i in range(_CELLS):
            apart = (values[i] - mean) * inside[i]
            squared += apart * apart
    return math.sqrt(squared / count)


@njit(**INNER)
def differ(laid, other, seen, gain, unlike):
    """Write what differs when one picture is made as bright as the other; beyond white nothing is known."""
    for line in range(3 * SIDE):
        y = line % SIDE
        for x in range(SIDE):
            if gain >= ONE:
                apart = other[line, x] - min(gain * laid[line, x], WHITEST)
            else:
                apart = (min(other[line, x] / gain, WHITEST) - laid[line, x]) * gain
            unlike[line, x] = apart * seen[y, x]


@njit(**INNER)
def blur(picture, weight, scale, row, out):
    """Sum up 3 x 3 pixels around each, those at the border repeated, the one in the middle by `weight`."""
    for line in range(len(picture)):
        above = line - 1 if line % SIDE > 0 else line
        below = line + 1 if line % SIDE < SIDE - 1 else line
        for x in range(SIDE):
            row[x + 1] = picture[above, x] + weight * picture[line, x] + picture[below, x]
        row[0], row[SIDE + 1] = row[1], row[SIDE]
        for x in range(SIDE):
            out[line, x] = scale * (row[x] + weight * row[x + 1] + row[x + 2])


@njit(**INNER)
def range_around(picture, highest, lowest, out):
    """Write how far the values of 3 x 3 pixels around each differ."""
    for line in range(len(picture)):
        above = line - 1 if line % SIDE > 0 else line
        below = line + 1 if line % SIDE < SIDE - 1 else line
        for x in range(SIDE):
            highest[x + 1] = max(picture[above, x], picture[line, x], picture[below, x])
            lowest[x + 1] = min(picture[above, x], picture[line, x], picture[below, x])
        highest[0], highest[SIDE + 1] = highest[1], highest[SIDE]
        lowest[0], lowest[SIDE + 1] = lowest[1], lowest[SIDE]
        for x in range(SIDE):
            most = max(highest[x], highest[x + 1], highest[x + 2])
            out[line, x] = most - min(lowest[x], lowest[x + 1], lowest[x + 2])


@njit(**INNER)
def worst_of(left, whole, laid, other, spaces):
    """Return the largest of three shares of limits: those of the whole, the worst spots, the worst areas."""
    first, second, rows = spaces[0], spaces[1], spaces[2].ravel()
    range_around(laid, rows, rows[2 * SIDE :], first)
    range_around(other, rows, rows[2 * SIDE :], second)
    edges, strength, spots = spaces[3, :SIDE], spaces[3, SIDE : 2 * SIDE], spaces[3, 2 * SIDE :]
    for y in range(SIDE):
        green, blue = SIDE + y, 2 * SIDE + y
        for x in range(SIDE):
            # An edge of one picture alone is no edge that lies a little off: it is what differs.
            edge = min(first[y, x], second[y, x]) + min(first[green, x], second[green, x])
            edges[y, x] = (edge + min(first[blue, x], second[blue, x])) / THREE
            strength[y, x] = (abs(left[y, x]) + abs(left[green, x]) + abs(left[blue, x])) / THREE
    blur(strength, ONE, np.float32(1 / 9), rows, spots)
    for y in range(SIDE):
        for x in range(SIDE):
            spots[y, x] /= _SPOT_NOISE + _EDGE_SHARE * edges[y, x]
    areas = rows[: (SIDE // _AREA) ** 2]
    compare_areas(left, edges, areas)
    worst = max(whole / _WHOLE_LIMIT, mean_of_worst(spots.ravel(), _WORST_SPOTS) / _SPOT_LIMIT)
    return np.float32(max(worst, mean_of_worst(areas, _WORST_AREAS) / _AREA_LIMIT))


@njit(**INNER)
def compare_areas(left, edges, areas):
    """Write what differs in the mean of each area of 4 x 4 pixels, in units of noise."""
    for area in range(len(areas)):
        y, x = area // (SIDE // _AREA) * _AREA, area % (SIDE // _AREA) * _AREA
        squared = ZERO
        for channel in range(3):
            mean = mean_of_area(left, channel * SIDE + y, x)
            squared += mean * mean
        areas[area] = math.sqrt(squared / THREE) / (_AREA_NOISE + _EDGE_SHARE * mean_of_area(edges, y, x))


@njit(**INNER)
def mean_of_area(picture, top, left):
    """Return the mean of an area's pixels."""
    total = ZERO
    for y in range(top, top + _AREA):
        for x in range(left, left + _AREA):
            total += picture[y, x]
    return total / np.float32(_AREA * _AREA)


@njit(**INNER)
def mean_of_worst(values, count):
    """Return the mean of the largest values, none of which is negative. It writes zeros in their places."""
    total = ZERO
    for _ in range(count):
        worst = ZERO
        for i in range(len(values)):
            worst = max(worst, values[i])
        total += worst
        for i in range(len(values)):
            if values[i] == worst:
                values[i] = ZERO
                break
    return total / np.float32(count)
