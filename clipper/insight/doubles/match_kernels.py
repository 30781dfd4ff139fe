"""Compiled loops that compare pairs of tiny pictures, from coarse to fine; most pairs end early.

The machine code is cached. Only `picture_match.py` uses this module, and loads it with the first pair. What
does not belong here: the steps of laying one picture on another (`align_kernels.py`), and how alike they
are then (`difference_kernels.py`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - compiled: types are inferred, arguments have places

import hashlib
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

from clipper.hashing import file_checksum
from clipper.images.picture.signature import SIDE
from clipper.insight.doubles import align_kernels, difference_kernels
from clipper.insight.doubles.align_kernels import (
    INNER,
    ONE,
    OPTIONS,
    QUARTER,
    lay,
    left_over,
    places_of,
    sampling_spaces,
    step,
)
from clipper.insight.doubles.difference_kernels import SPACES, differences

# From coarse to fine: how often the pictures are halved, steps of Gauss-Newton on them (more found no more
# copies), and what may differ after these, as a share of the contrast: other pairs are not looked at further.
# Of 1,800 copies of 120 images of the sample, those that are found leave at most 0.72, 1.14, 0.67, 0.5 and
# 0.41. Of other candidates, one in five of the sample's is left at the end, and one in eleven of mixed ones.
_LEVELS = ((2, 0, 0.75), (2, 8, 1.2), (1, 6, 0.7), (0, 2, 0.55), (0, 2, 0.5))
# Typed: a loop would be compiled for each plain number that it is called with.
_SIDES, _NOT_MIRRORED = np.array([SIDE, SIDE // 2, SIDE // 4]), np.bool_(False)
# A picture that was scaled by less than this may only seem so, as brightened ones do that are cut off at
# white: then it compares nearly as well as it is.
_NEARLY_WHOLE, _AS_WELL = 0.05, np.float32(0.06)
# What differs by more than this is no copy either way.
_UNLIKE = 5.0
# Brightness by ITU-R BT.601's weights.
_RED, _GREEN, _BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)


@njit(**INNER)
def spaces_of(side):
    """Make room for a level of the pyramid: two pictures, what `align` works with, and what `lay` does."""
    color, framed = np.zeros((3, 3 * side, side), np.float32), np.zeros((3, side + 2, side + 2), np.float32)
    gray, seen = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    return (
        color[0], color[1], color[2], seen, gray,
        framed[0], framed[1], framed[2], places_of(side), sampling_spaces(side),
    )  # fmt: skip


@njit(**INNER)
def align(levels, placed):
    """Find where the second picture lies within the first, from coarse to fine. Changes `placed`.

    What is laid at last stays in the spaces of the first level.

    Returns:
        whether they may be copies.
    """
    for level, steps, limit in _LEVELS:
        one, other, laid, seen, gray, target, framed, framed_seen, places, sampling = levels[level]
        if steps:
            lighten(one, gray)
            lighten(other, target)
        for _ in range(steps):
            lay(gray, placed, framed, framed_seen, sampling)
            step(framed, target, framed_seen, places, placed)
        lay(one, placed, laid, seen, sampling)
        if left_over(laid, other, seen) >= limit:
            return False
    return True


@njit(**INNER)
def unpack(signature, mirrored, picture):
    """Put a signature's colours one after another: (3 * SIDE, SIDE) float32."""
    for y in range(SIDE):
        for x in range(SIDE):
            at = 3 * (y * SIDE + (SIDE - 1 - x if mirrored else x))
            picture[y, x] = np.float32(signature[at])
            picture[SIDE + y, x] = np.float32(signature[at + 1])
            picture[2 * SIDE + y, x] = np.float32(signature[at + 2])


@njit(**INNER)
def are_equal(one, other):
    """Tell whether two pictures have the same pixels."""
    for y in range(one.shape[0]):
        for x in range(one.shape[1]):
            if one[y, x] != other[y, x]:
                return False
    return True


@njit(**INNER)
def halve(picture, small):
    """Write the means of 2 x 2 pixels."""
    for y in range(small.shape[0]):
        for x in range(small.shape[1]):
            above = picture[2 * y, 2 * x] + picture[2 * y, 2 * x + 1]
            small[y, x] = QUARTER * (above + picture[2 * y + 1, 2 * x] + picture[2 * y + 1, 2 * x + 1])


@njit(**INNER)
def lighten(picture, light):
    """Write the brightness of a coloured picture's pixels, in the middle of `light`."""
    side = picture.shape[1]
    frame = (light.shape[1] - side) // 2
    for y in range(side):
        for x in range(side):
            red, green, blue = picture[y, x], picture[side + y, x], picture[2 * side + y, x]
            light[y + frame, x + frame] = _RED * red + _GREEN * green + _BLUE * blue


def _digest_of(*modules: ModuleType) -> int:
    """Return a number that changes with the source of any of some modules."""
    digests = "".join(file_checksum(Path(module.__file__ or "")) for module in modules)
    return int.from_bytes(hashlib.blake2b(digests.encode(), digest_size=7).digest(), "big")


def _compile(sources: int) -> Any:
    """Make `compare_pairs`, whose machine code is kept for this number of `sources`.

    The machine code has the other modules' loops in it. To know whether it is still right, numba looks at the
    source of this file and at the values that the function takes from around it.
    """

    @njit(**OPTIONS)
    def compare_pairs(ones, others, flips, starts, differing, gains, scales):
        """Compare p pairs of pictures, see `picture_match.compare`.

        Args:
            ones: (p, SIGNATURE_BYTES) uint8, the first pictures.
            others: (p, SIGNATURE_BYTES) uint8, the second ones.
            flips: (p,) bool, whether the first is mirrored.
            starts: (p, 4) float32, where the second lies within the first about.
            differing: (p,) float32: how much those that may be copies differ is written here, 1 at the limit,
            gains: (p,) float32, 1: and here how many times brighter the second is,
            scales: (p, 2) float32, 1: and here its width and height, in sides of the first.
        """
        _ = sources
        levels = (spaces_of(_SIDES[0]), spaces_of(_SIDES[1]), spaces_of(_SIDES[2]))
        one, other, laid, seen = levels[0][:4]
        spaces = np.empty((SPACES, 3 * SIDE, SIDE), np.float32)
        placed = np.empty(4, np.float32)
        for i in range(len(ones)):
            for j in range(4):
                placed[j] = starts[i, j]
            unpack(ones[i], flips[i], one)
            unpack(others[i], _NOT_MIRRORED, other)
            if are_equal(one, other):
                differing[i] = 0.0  # many pictures may be one and the same, black ones
                continue
            for level in range(2):
                halve(levels[level][0], levels[level + 1][0])
                halve(levels[level][1], levels[level + 1][1])
            if not align(levels, placed):
                continue
            differs, gain = differences(laid, other, seen, spaces)
            away = max(abs(placed[0] - ONE), abs(placed[1] - ONE))
            if away < _NEARLY_WHOLE and differs <= _UNLIKE:
                # Where the whole pictures compare as well as they do moved a little, they were not moved.
                seen.fill(ONE)
                as_it_is, gain_as_it_is = differences(one, other, seen, spaces)
                if as_it_is < differs + _AS_WELL:
                    differs, gain = min(differs, as_it_is), gain_as_it_is
                    placed[0] = placed[1] = ONE
            differing[i], gains[i], scales[i, 0], scales[i, 1] = differs, gain, placed[0], placed[1]

    with suppress(RuntimeError):  # no cache folder can be written
        compare_pairs.enable_caching()
    return compare_pairs


compare_pairs = _compile(_digest_of(align_kernels, difference_kernels))
