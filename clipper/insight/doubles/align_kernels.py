"""Compiled loops that lay one tiny picture over another: sampling, brightness, and steps of Gauss-Newton.

A picture is (channels * side, side) float32: all lines of one channel, then those of the next. Where the
second lies in the first is `placed`, (4,) float32: scale across and down, shift across and down, in sides of
the first. Only `match_kernels.py` uses this module. What does not belong here: how alike pictures are.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types are inferred, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

# No number here is infinite or not a number. The compiler may choose the order of a sum, and keeps to it.
OPTIONS = {"nogil": True, "fastmath": True, "error_model": "numpy"}
# What only other compiled loops call needs no way in from Python: it compiles faster.
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Crops: a side keeps at least this share of its length, and the middle moves by at most this share of it.
LEAST_SIDE, MOST_SHIFT = 0.7, 0.2
# No step scales or moves by more than this.
_LONGEST_STEP = 0.08
# A picture may be made brighter or darker by these factors, all of its pixels alike.
LEAST_GAIN, MOST_GAIN = np.float32(0.7), np.float32(1.4)
# White, and the value from which on a pixel of a brightened picture may have been cut off at white in part.
WHITEST, WHITE = np.float32(255.0), np.float32(225.0)
# It counts as a hundred dark pixels: a black picture gets a factor of 1.
_DARK = np.float32(1e4)
CONTRAST_FLOOR = np.float32(4.0)
ZERO, ONE, TWO, THREE = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(3.0)
HALF, QUARTER = np.float32(0.5), np.float32(0.25)


@njit(**INNER)
def place_along(side, scale, shift, near, weights):
    """Say which pixels of a side the places of another picture fall on; return the first and last inside.

    Args:
        side: pixels.
        scale: of the other picture, in sides.
        shift: of its middle, in sides.
        near: (side,) uint32: the pixel before each place is written here,
        weights: (side,) float32: and here the share of the pixel after it.
    """
    first, last = side, 0
    length = np.float32(side)
    for i in range(side):
        at = scale * middle_of(i, side) + shift
        if abs(at) <= HALF:
            first, last = min(first, i), i + 1
        place = min(max((at + HALF) * length - HALF, ZERO), length - ONE)
        before = min(np.int64(place), side - 2)
        near[i] = np.uint32(before)
        weights[i] = place - np.float32(before)
    return first, last


@njit(**INNER)
def middle_of(pixel, side):
    """Return where the middle of a pixel along a side is, from -0.5 to 0.5."""
    return (np.float32(pixel) + HALF) / np.float32(side) - HALF


@njit(**INNER)
def lay(picture, placed, laid, seen, spaces):
    """Sample a picture where another lies in it, between pixels by linear interpolation.

    Args:
        picture: (channels * side, side) float32.
        placed: (4,) float32.
        laid: the sampled picture is written here, (channels * wide, wide) float32, in the middle,
        seen: (wide, wide) float32: and here 1 where it lies inside, else 0.
        spaces: work space, see `sampling_spaces`.
    """
    columns, lines, across, down, row = spaces
    side = picture.shape[1]
    wide = seen.shape[1]
    frame = (wide - side) // 2
    left, right = place_along(side, placed[0], placed[2], columns, across)
    top, bottom = place_along(side, placed[1], placed[3], lines, down)
    for y in range(wide):
        is_in = top <= y - frame < bottom
        for x in range(wide):
            seen[y, x] = ONE if is_in and left <= x - frame < right else ZERO
    for channel in range(len(picture) // side):
        for y in range(side):
            above, share = channel * side + np.int64(lines[y]), down[y]
            for x in range(side):
                row[x] = picture[above, x] + share * (picture[above + 1, x] - picture[above, x])
            line = channel * wide + y + frame
            for x in range(side):
                before = row[columns[x]]
                laid[line, x + frame] = before + across[x] * (row[columns[x] + np.uint32(1)] - before)


@njit(**INNER)
def sampling_spaces(side):
    """Make the work space of `lay`."""
    pixels, shares = np.empty((2, side), np.uint32), np.empty((3, side), np.float32)
    return pixels[0], pixels[1], shares[0], shares[1], shares[2]


@njit(**INNER)
def gain_of(laid, other, seen, whites):
    """Return the factor of brightness that fits best, of the values that are not white in `whites`."""
    above, below = _DARK, _DARK
    side = len(seen)
    for channel in range(len(laid) // side):
        part = slice(channel * side, (channel + 1) * side)
        more, squared = products(laid[part].ravel(), other[part].ravel(), seen.ravel(), whites[part].ravel())
        above += more
        below += squared
    return min(max(above / below, LEAST_GAIN), MOST_GAIN)


@njit(**INNER)
def products(laid, other, seen, whites):
    """Sum up the products of two pictures' values, and the squares of the first one's."""
    above, below = ZERO, ZERO
    for i in range(len(seen)):
        known = laid[i] * (seen[i] if whites[i] < WHITE else ZERO)
        above += known * other[i]
        below += known * known
    return above, below


@njit(**INNER)
def contrast_of(picture):
    """Return the standard deviation of all values."""
    values = picture.ravel()
    total, squared = ZERO, ZERO
    for i in range(len(values)):
        total += values[i]
    mean = total / np.float32(len(values))
    for i in range(len(values)):
        squared += (values[i] - mean) * (values[i] - mean)
    return math.sqrt(squared / np.float32(len(values)))


@njit(**INNER)
def left_over(laid, other, seen):
    """Return what differs between coloured pictures, as a share of the second's contrast."""
    gain = gain_of(laid, other, seen, other)
    squared, side = ZERO, len(seen)
    for channel in range(3):
        part = slice(channel * side, (channel + 1) * side)
        squared += squares(laid[part].ravel(), other[part].ravel(), seen.ravel(), gain)
    return math.sqrt(squared / (THREE * total_of(seen))) / (contrast_of(other) + CONTRAST_FLOOR)


@njit(**INNER)
def total_of(seen):
    """Count the pixels that are seen."""
    total, values = ZERO, seen.ravel()
    for i in range(len(values)):
        total += values[i]
    return total


@njit(**INNER)
def squares(laid, other, seen, gain):
    """Sum up the squares of what differs when the first picture is made as bright as the second."""
    total = ZERO
    for i in range(len(seen)):
        missing = (other[i] - min(gain * laid[i], WHITEST)) * seen[i]
        total += missing * missing
    return total


@njit(**INNER)
def places_of(side):
    """Return where each pixel of a picture in a frame one pixel wide is: (2, (side + 2) ** 2) float32."""
    wide = side + 2
    places = np.empty((2, wide * wide), np.float32)
    for y in range(wide):
        for x in range(wide):
            places[0, y * wide + x] = middle_of(x - 1, side)
            places[1, y * wide + x] = middle_of(y - 1, side)
    return places


@njit(**INNER)
def step(laid, other, seen, places, placed):
    """Move and scale once more, towards a smaller squared difference. Changes `placed`, and `laid`.

    It is the Lucas-Kanade method (Baker and Matthews 2004, "Lucas-Kanade 20 years on", section 2) for scale
    and shift of each axis, and brightness.

    Args:
        laid: (side + 2, side + 2) float32, the brightness of the first picture where the second lies, in a
            frame one pixel wide.
        other: (side + 2, side + 2) float32, the second picture's, in such a frame.
        seen: (side + 2, side + 2) float32, 1 where `laid` is inside the first picture.
        places: see `places_of`.
        placed: (4,) float32.
    """
    gain = gain_of(laid, other, seen, other)
    wide = len(laid)
    for y in range(1, wide - 1):
        for x in range(1, wide - 1):
            laid[y, x] = min(gain * laid[y, x], WHITEST)
    # The frame goes on as the picture does: the difference of the pixels on both sides is then twice the
    # slope at the border, too.
    for y in range(1, wide - 1):
        laid[y, 0] = TWO * laid[y, 1] - laid[y, 2]
        laid[y, wide - 1] = TWO * laid[y, wide - 2] - laid[y, wide - 3]
    for x in range(wide):
        laid[0, x] = TWO * laid[1, x] - laid[2, x]
        laid[wide - 1, x] = TWO * laid[wide - 2, x] - laid[wide - 3, x]
    equations = sum_up(
        laid.ravel(), other.ravel(), seen.ravel(), places, wide, HALF * np.float32(wide - 2), QUARTER / gain
    )
    few = np.float32((wide - 2) ** 2)
    for i in range(5):
        # What shows no edge in a direction stays where it is in that direction.
        equations[i, i] += few if i == 4 else np.float32(5.0) * few  # noqa: PLR2004
    move(placed, equations)


@njit(**INNER)
def sum_up(laid, other, seen, places, wide, half_side, dimmed):
    """Sum up the normal equations of a step: (5, 6) float32, for two scales, two shifts, and brightness.

    It is one loop over all lines and their frame, of which nothing is seen.
    """
    first, count = wide, len(laid) - 2 * wide
    here, left, right = laid[first:], laid[first - 1 :], laid[first + 1 :]
    above, below = laid, laid[2 * wide :]
    other, seen, across, down = other[first:], seen[first:], places[0, first:], places[1, first:]
    n00, n01, n02, n03, n04 = ZERO, ZERO, ZERO, ZERO, ZERO
    n11, n12, n13, n14 = ZERO, ZERO, ZERO, ZERO
    n22, n23, n24, n33, n34, n44 = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    r0, r1, r2, r3, r4 = ZERO, ZERO, ZERO, ZERO, ZERO
    for i in range(count):
        m = (other[i] - here[i]) * seen[i]
        free = seen[i] if here[i] < WHITEST else ZERO
        s2 = half_side * (right[i] - left[i]) * free
        s3 = half_side * (below[i] - above[i]) * free
        s4 = dimmed * here[i] * free
        s0, s1 = s2 * across[i], s3 * down[i]
        n00 += s0 * s0
        n01 += s0 * s1
        n02 += s0 * s2
        n03 += s0 * s3
        n04 += s0 * s4
        n11 += s1 * s1
        n12 += s1 * s2
        n13 += s1 * s3
        n14 += s1 * s4
        n22 += s2 * s2
        n23 += s2 * s3
        n24 += s2 * s4
        n33 += s3 * s3
        n34 += s3 * s4
        n44 += s4 * s4
        r0 += s0 * m
        r1 += s1 * m
        r2 += s2 * m
        r3 += s3 * m
        r4 += s4 * m
    a = np.empty((5, 6), np.float32)
    a[0, 0], a[1, 0], a[2, 0], a[3, 0], a[4, 0] = n00, n01, n02, n03, n04
    a[0, 1], a[1, 1], a[2, 1], a[3, 1], a[4, 1] = n01, n11, n12, n13, n14
    a[0, 2], a[1, 2], a[2, 2], a[3, 2], a[4, 2] = n02, n12, n22, n23, n24
    a[0, 3], a[1, 3], a[2, 3], a[3, 3], a[4, 3] = n03, n13, n23, n33, n34
    a[0, 4], a[1, 4], a[2, 4], a[3, 4], a[4, 4] = n04, n14, n24, n34, n44
    a[0, 5], a[1, 5], a[2, 5], a[3, 5], a[4, 5] = r0, r1, r2, r3, r4
    return a


@njit(**INNER)
def move(placed, a):
    """Solve five equations, (5, 6), their matrix positive definite; move by the first four unknowns."""
    for i in range(4, 0, -1):  # the last unknown goes first: the others are what is asked for
        for j in range(i):
            share = a[j, i] / a[i, i]
            for k in range(i):
                a[j, k] -= share * a[i, k]
            a[j, 5] -= share * a[i, 5]
    for i in range(4):
        for k in range(i):
            a[i, 5] -= a[i, k] * a[k, 5]
        a[i, 5] /= a[i, i]
        change = min(max(a[i, 5], -_LONGEST_STEP), _LONGEST_STEP)
        least, most = (LEAST_SIDE, 1 / LEAST_SIDE) if i < 2 else (-MOST_SHIFT, MOST_SHIFT)  # noqa: PLR2004
        placed[i] = np.float32(min(max(placed[i] + change, least), most))
