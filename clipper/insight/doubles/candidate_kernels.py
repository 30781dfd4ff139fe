"""Compiled loops that find pairs of pictures that may be copies: coarse pictures of crops, their correlation.

The machine code is cached. Only `duplicate_candidates.py` and `perceptual_hash.py` use this module, and load
it with the first picture. What does not belong here: comparing two pictures closely (`match_kernels.py`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types are inferred, arguments have places

import math
from contextlib import suppress

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

EXACT = {"nogil": True, "error_model": "numpy"}
OPTIONS = EXACT | {"fastmath": True}
# What only other compiled loops call needs no way in from Python: it compiles faster.
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# The side of a coarse picture, and of the half of it that is symmetric.
COARSE, _HALF = 8, 4
# A coarse picture of length 1 has this length in whole numbers: sums of products fit into 31 bits.
UNIT = 32_767
# Brightness by ITU-R BT.601's weights, in thousandths: whole numbers are the same for a mirrored picture.
_RED, _GREEN, _BLUE = 299, 587, 114
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@njit(**INNER)
def lighten(signature, light):
    """Write a thousand times the brightness of each pixel, (side, side) int32."""
    side = len(light)
    for y in range(side):
        for x in range(side):
            at = 3 * (y * side + x)
            light[y, x] = (
                _RED * np.int32(signature[at])
                + _GREEN * np.int32(signature[at + 1])
                + _BLUE * np.int32(signature[at + 2])
            )


@njit(**OPTIONS)
def hash_pictures(signatures, down, across, hashed):
    """Hash pictures by the signs of their frequencies, see `perceptual_hash.hashes`.

    Args:
        signatures: (m, side * side * 3) uint8.
        down: (k, side) float32, waves along a side.
        across: (side / 2, k) float32, symmetric waves along half of the other one.
        hashed: (m,) uint64, the hashes are written here.
    """
    count, side = down.shape
    half = side // 2
    light, symmetric = np.empty((side, side), np.int32), np.empty((side, half), np.float32)
    row, sums = np.empty(half, np.float32), np.empty(count, np.float32)
    for i in range(len(signatures)):
        lighten(signatures[i], light)
        for y in range(side):
            for x in range(half):
                symmetric[y, x] = np.float32(light[y, x] + light[y, side - 1 - x])
        hashed[i] = 0
        for v in range(count):
            sum_row(symmetric, down[v], across, row, sums)
            for u in range(count):
                if v + u > 0 and sums[u] > _ZERO:
                    hashed[i] |= np.uint64(1) << np.uint64(v * count + u - 1)


@njit(**INNER)
def sum_row(symmetric, down, across, row, sums):
    """Write the frequencies of all waves across with one wave down."""
    row.fill(_ZERO)
    for y in range(symmetric.shape[0]):
        for x in range(len(row)):
            row[x] += down[y] * symmetric[y, x]
    sums.fill(_ZERO)
    for x in range(len(row)):
        for u in range(len(sums)):
            sums[u] += row[x] * across[x, u]


@njit(**OPTIONS)
def make_coarse(signatures, downs, acrosses, crops, coarse, lengths):
    """Make coarse pictures of crops, mean 0 and length nearly `UNIT`.

    They are kept as what is symmetric from side to side, and what is not: a mirror turns the sign of that.

    Args:
        signatures: (m, side * side * 3) uint8.
        downs: (d, COARSE, side) float32, which share of each coarse pixel each pixel down a side has.
        acrosses: (a, side, COARSE) float32, and each pixel across.
        crops: (c, 2) int64, which of `downs` and of `acrosses` each crop has.
        coarse: (m, c, COARSE * COARSE) int16, written here: the symmetric half, then the other,
        lengths: (m,) float32: and here the length of the first crop, 1 added to what it is divided by.
    """
    side = downs.shape[2]
    light = np.empty((side, side), np.int32)
    rows = np.empty((len(downs), COARSE, side), np.float32)
    cells = np.empty((COARSE, COARSE), np.float32)
    for i in range(len(signatures)):
        lighten(signatures[i], light)
        shrink_down(light, downs, rows)
        for crop in range(len(crops)):
            length = shrink_across(rows[crops[crop, 0]], acrosses[crops[crop, 1]], cells)
            if crop == 0:
                lengths[i] = length / (length + _ONE)
            # The 1 is for what has no contrast: it correlates with nothing.
            write_halves(cells, np.float32(UNIT * math.sqrt(0.5)) / (length + _ONE), coarse[i, crop])


@njit(**INNER)
def shrink_down(light, downs, rows):
    """Write the coarse rows of each way to crop from above and below, in 255ths of white."""
    side = len(light)
    rows.fill(_ZERO)
    for d in range(len(downs)):
        for v in range(COARSE):
            for y in range(side):
                share = downs[d, v, y]
                if share > 0:
                    share *= np.float32(0.001)
                    for x in range(side):
                        rows[d, v, x] += share * np.float32(light[y, x])


@njit(**INNER)
def shrink_across(rows, across, cells):
    """Write the coarse picture of some rows, its mean taken off; return its length."""
    total, squared = _ZERO, _ZERO
    for v in range(COARSE):
        for u in range(COARSE):
            cells[v, u] = _ZERO
        for x in range(rows.shape[1]):
            for u in range(COARSE):
                cells[v, u] += rows[v, x] * across[x, u]
    for v in range(COARSE):
        for u in range(COARSE):
            total += cells[v, u]
    mean = total / np.float32(COARSE * COARSE)
    for v in range(COARSE):
        for u in range(COARSE):
            cells[v, u] -= mean
            squared += cells[v, u] * cells[v, u]
    return math.sqrt(squared)


@njit(**INNER)
def write_halves(cells, scale, out):
    """Write the half of a coarse picture that is symmetric, then the other, in whole numbers."""
    for v in range(COARSE):
        for u in range(_HALF):
            one, other = cells[v, u], cells[v, COARSE - 1 - u]
            out[v * _HALF + u] = np.int16(np.rint(scale * (one + other)))
            out[(COARSE + v) * _HALF + u] = np.int16(np.rint(scale * (one - other)))


@njit(**INNER)
def products(one, other):
    """Multiply two coarse pictures: the sum over their symmetric halves, and that over the others."""
    same, turned = np.int32(0), np.int32(0)
    for i in range(COARSE * _HALF):
        same += np.int32(one[i]) * np.int32(other[i])
        turned += np.int32(one[COARSE * _HALF + i]) * np.int32(other[COARSE * _HALF + i])
    return same, turned


@njit(**OPTIONS)
def correlate(coarse, pairs, mirrored, best, which):
    """Correlate all of one picture with each crop of the other, as they are and one of them mirrored.

    Args:
        coarse: (n, c, COARSE * COARSE) int16, see `make_coarse`.
        pairs: (p, 2) int64.
        mirrored: (c,) int64, what each crop is in a mirrored picture.
        best: (2, p) float32, the best correlations are written here, as they are and mirrored,
        which: (2, p) uint8: and here the crop that has it, of the first picture, then of the second.
    """
    crops = coarse.shape[1]
    unit = np.float32(UNIT) * np.float32(UNIT)
    for i in range(len(pairs)):
        one, other = pairs[i, 0], pairs[i, 1]
        highest, highest_turned = np.int32(-(2**31)), np.int32(-(2**31))
        for crop in range(2 * crops):
            if crop < crops:
                same, turned = products(coarse[one, crop], coarse[other, 0])
                place = mirrored[crop]
            else:
                same, turned = products(coarse[one, 0], coarse[other, crop - crops])
                place = crop
            if same + turned > highest:
                highest = same + turned
                which[0, i] = crop
            if same - turned > highest_turned:
                highest_turned = same - turned
                which[1, i] = place
        best[0, i], best[1, i] = np.float32(highest) / unit, np.float32(highest_turned) / unit


@njit(**EXACT)
def near_pairs(rows, distances, most_apart, first, last):
    """Find pairs of near neighbors, each once, whose one is in a range of images and has found the other.

    Args:
        rows: (n, k) int32, the neighbors of each image, or less than 0.
        distances: (n, k) float32.
        most_apart: the largest distance of a pair.
        first: of the images.
        last: of the images, which is not in it.

    Returns:
        (p, 2) int64, the smaller row first.
    """
    found = np.empty(((last - first) * rows.shape[1], 2), np.int64)
    count = 0
    for one in range(first, last):
        for place in range(rows.shape[1]):
            other = rows[one, place]
            if not 0 <= other < len(rows) or other == one or not distances[one, place] <= most_apart:
                continue
            if other < one and is_among(one, rows[other], distances[other], most_apart):
                continue  # it stands where the other one found it
            found[count, 0], found[count, 1] = min(one, other), max(one, other)
            count += 1
    return found[:count]


@njit(**EXACT)
def is_among(one, rows, distances, most_apart):
    """Tell whether an image is one of another's near neighbors."""
    for place in range(len(rows)):
        if rows[place] == one:
            return distances[place] <= most_apart
    return False


for function in (hash_pictures, make_coarse, correlate, near_pairs):
    with suppress(RuntimeError):  # no cache folder can be written
        function.enable_caching()
