"""Whether two tiny pictures show one and the same: lay one over the other, and look at what differs.

One picture is moved and scaled until it lies on the other (crops), made brighter or darker as a whole, and
compared pixel by pixel. A clock's hands, a flag's emblem and the tone of a skin are then what is left.

What does not belong here: which pairs are compared (`duplicates.py`), and how the tiny pictures are
made (`perceptual_hash.py`).
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.images.signature import SIDE
from clipper.insight.doubles.perceptual_hash import lightness, rgb
from clipper.projection.neighbors import MAX_WORKERS, one_blas_thread

if TYPE_CHECKING:
    import numpy as np

# The similarity at which the differences are as large as those of a hard but true copy (see `_similarity`).
SAME = 0.9
# Crops: a side keeps at least this share of its length, and the middle moves by at most this share of it.
LEAST_SIDE, MOST_SHIFT = 0.7, 0.2
# A picture may be made brighter or darker by these factors, all of its pixels alike.
LEAST_GAIN, MOST_GAIN = 0.7, 1.4
# A picture of nearly one colour (standard deviation of its values, of 255) has nothing but its brightness
# that tells it from others: that counts as it is.
LEAST_CONTRAST = 8.0
# White, and the value from which on a pixel of a brightened picture may have been cut off at white in part.
_WHITEST, _WHITE = 255.0, 225.0
# From coarse to fine: the side of the pictures, steps of Gauss-Newton on them (more found no more copies),
# and what may differ after these, as a share of the contrast: other pairs are not looked at further. Of 1,800
# copies of 120 images of the sample, those that are found leave at most 0.72, 1.14, 0.67, 0.5 and 0.41. Of
# other candidates, one in five of the sample's is left at the end, and one in eleven of mixed pictures.
_LEVELS = ((8, 0, 0.75), (8, 8, 1.2), (16, 6, 0.7), (32, 2, 0.55), (32, 2, 0.5))
# What differs is looked at in three ways, each with its limit. The limits were set on variants of 75 images
# of the sample (JPEG quality 25, a third of the size, 20 % more light, 12 % crops) and 3,700 pairs of its
# most similar images. One limit alone loses 5 % of the variants at no false pair, the three together 2 %.
# The whole: the root mean square, as a share of the picture's own contrast.
WHOLE_LIMIT, _CONTRAST_FLOOR = 0.22, 4.0
# The worst spots, of 3 x 3 pixels (a clock's hand, an emblem, a mouth): in units of what compression does,
# and at an edge a copy that lies a little off.
SPOT_LIMIT, _WORST_SPOTS, _SPOT_NOISE = 2.2, 6, 6.0
# The worst areas, of 4 x 4 pixels (another background, another skin): their means are free of noise.
AREA_LIMIT, _WORST_AREAS, _AREA_NOISE = 1.3, 8, 3.0
_EDGE_SHARE = 0.15
# A picture that was scaled by less than this may only seem so, as brightened ones do that are cut off at
# white: then it compares nearly as well as it is.
_NEARLY_WHOLE, _AS_WELL = 0.05, 0.006
# What is less similar than this is no copy either way.
_UNLIKE = 0.5
# Pairs compared at once: 15 MB of work space for each thread.
_BLOCK = 128


@dataclass(frozen=True)
class Matches:
    """How p pairs of pictures compare. The first of a pair is laid onto the second."""

    similarities: "np.ndarray"  # (p,) float32, 0 to 1; `SAME` and more: one picture shows the other
    gains: "np.ndarray"  # (p,) float32: how many times brighter the second is
    scales: "np.ndarray"  # (p, 2) float32: width and height of the second, in sides of the first

    def only(self, rows: "np.ndarray") -> "Matches":
        """Return some of the pairs: `rows` (k,) int, or (p,) bool."""
        return Matches(self.similarities[rows], self.gains[rows], self.scales[rows])

    def turned(self) -> "Matches":
        """Return how the pairs compare with the other one first."""
        return Matches(self.similarities, 1 / self.gains, 1 / self.scales)

    def joined(self, more: "Matches") -> "Matches":
        """Return these pairs and more."""
        import numpy as np

        return Matches(
            np.concatenate([self.similarities, more.similarities]),
            np.concatenate([self.gains, more.gains]),
            np.concatenate([self.scales, more.scales]),
        )


def compare(
    signatures: "np.ndarray",
    ones: "np.ndarray",
    others: "np.ndarray",
    flips: "np.ndarray",
    starts: "np.ndarray",
) -> Matches:
    """Compare pairs of pictures.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        ones: (p,) int, the row of each pair's first picture.
        others: (p,) int, the row of each pair's second picture.
        flips: (p,) bool, whether the first is mirrored before it is compared.
        starts: (p, 4) float32, where the second lies within the first about: scale across and down, shift
            across and down, in sides of the first.
    """
    import numpy as np

    p = len(ones)
    found = Matches(np.zeros(p, np.float32), np.ones(p, np.float32), np.ones((p, 2), np.float32))

    def compare_block(start: int) -> None:
        rows = np.arange(start, min(start + _BLOCK, p))
        one, other = rgb(signatures[ones[rows]]), rgb(signatures[others[rows]])
        one[flips[rows]] = one[flips[rows]][:, :, ::-1]
        kept, placed = _align(one, other, starts[rows])
        rows, one, other = rows[kept], one[kept], other[kept]
        found.similarities[rows], found.gains[rows] = _differences(one, other, placed)
        found.scales[rows] = placed[:, :2]
        _prefer_whole(found, rows, one, other)

    with one_blas_thread(), ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS)) as pool:
        list(pool.map(compare_block, range(0, p, _BLOCK)))
    return found


def _prefer_whole(found: Matches, rows: "np.ndarray", one: "np.ndarray", other: "np.ndarray") -> None:
    """Where the whole pictures compare as well as they do moved a little, they were not moved. In place."""
    import numpy as np

    near = np.abs(found.scales[rows] - 1).max(axis=1) < _NEARLY_WHOLE
    near &= found.similarities[rows] >= _UNLIKE
    rows = rows[near]
    whole = np.tile(np.array([1, 1, 0, 0], np.float32), (len(rows), 1))
    similarities, gains = _differences(one[near], other[near], whole)
    better = similarities > found.similarities[rows] - _AS_WELL
    rows = rows[better]
    found.similarities[rows] = np.maximum(found.similarities[rows], similarities[better])
    found.gains[rows], found.scales[rows] = gains[better], 1.0


def _align(one: "np.ndarray", other: "np.ndarray", placed: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Find where the second pictures lie within the first, from coarse to fine.

    It is the Lucas-Kanade method (Baker and Matthews 2004, "Lucas-Kanade 20 years on", section 2) for scale
    and shift of each axis, and brightness.

    Args:
        one: (p, SIDE, SIDE, 3) float32.
        other: (p, SIDE, SIDE, 3) float32.
        placed: (p, 4) float32, where they lie about.

    Returns:
        the pairs that may be copies, (k,) int, and where the second of each lies, (k, 4) float32.
    """
    import numpy as np

    kept = np.arange(len(one))
    pyramid = _pyramid(one, other)
    for side, steps, limit in _LEVELS:
        laid, onto = (pictures[kept] for pictures in pyramid[side])
        if steps:
            light, target = lightness(laid), lightness(onto)
            for _ in range(steps):
                placed = _step(light, target, placed)
        near = _left_over(laid, onto, placed) < limit
        kept, placed = kept[near], placed[near]
    return kept, placed


def _pyramid(one: "np.ndarray", other: "np.ndarray") -> "dict[int, tuple[np.ndarray, np.ndarray]]":
    """Return pairs of pictures, (p, side, side, 3) float32, by their side."""
    pyramid = {SIDE: (one, other)}
    side = SIDE
    while side > _LEVELS[0][0]:
        one, other = _halved(one), _halved(other)
        side //= 2
        pyramid[side] = one, other
    return pyramid


def _left_over(one: "np.ndarray", other: "np.ndarray", placed: "np.ndarray") -> "np.ndarray":
    """Return what differs where the pictures lie, as a share of the second's contrast: (p,) float32."""
    import numpy as np

    laid, seen = _lay(one, placed)
    seen = seen[..., None]
    gain = _gain(laid, other, seen & (other < _WHITE))
    missing = (other - np.minimum(gain[:, None, None, None] * laid, _WHITEST)) * seen
    squared = np.einsum("pijc,pijc->p", missing, missing) / (3 * seen.sum(axis=(1, 2, 3)))
    return np.asarray(np.sqrt(squared) / (other.std(axis=(1, 2, 3)) + _CONTRAST_FLOOR))


def _halved(pictures: "np.ndarray") -> "np.ndarray":
    """Return the means of 2 x 2 pixels: (p, side / 2, side / 2, 3) float32."""
    import numpy as np

    rows = pictures[:, ::2] + pictures[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)


def _step(one: "np.ndarray", other: "np.ndarray", placed: "np.ndarray") -> "np.ndarray":
    """Move and scale once more, towards a smaller squared difference."""
    import numpy as np

    p, side, _ = one.shape
    laid, seen = _lay(one[..., None], placed)
    laid = laid[..., 0]
    gain = _gain(laid, other, seen & (other < _WHITE))
    expected = gain[:, None, None] * laid
    free = seen & (expected < _WHITEST)
    expected = np.minimum(expected, _WHITEST)
    down, across = np.gradient(expected, axis=(1, 2))
    down, across = side * down * free, side * across * free
    at = _places(side)
    slopes = np.stack([across * at, down * at[:, None], across, down, laid * free / 4], axis=1)
    slopes = slopes.reshape(p, 5, side * side)
    missing = ((other - expected) * seen).reshape(p, side * side, 1)
    normal = np.matmul(slopes, slopes.transpose(0, 2, 1))
    # What shows no edge in a direction stays where it is in that direction.
    normal[:, range(5), range(5)] += np.array([5, 5, 5, 5, 1], np.float32) * side * side
    change = np.linalg.solve(normal, np.matmul(slopes, missing))[:, :4, 0].clip(-0.08, 0.08)
    moved = np.asarray(placed + change, np.float32)
    moved[:, :2] = moved[:, :2].clip(LEAST_SIDE, 1 / LEAST_SIDE)
    moved[:, 2:] = moved[:, 2:].clip(-MOST_SHIFT, MOST_SHIFT)
    return moved


def _places(side: int) -> "np.ndarray":
    """Return the middles of pixels along a side, from -0.5 to 0.5: (side,) float32."""
    import numpy as np

    return np.asarray(
        ((np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)) - np.float32(0.5)
    )


def _lay(pictures: "np.ndarray", placed: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Sample pictures where others lie in them, between pixels by linear interpolation.

    Args:
        pictures: (p, side, side, c) float32.
        placed: (p, 4), see `_align`.

    Returns:
        the sampled pictures, and whether each pixel lies inside, (p, side, side) bool.
    """
    import numpy as np

    p, side, _, c = pictures.shape
    at = placed[:, :2, None] * _places(side) + placed[:, 2:, None]
    inside = np.abs(at) <= np.float32(0.5)
    nearest = ((at + np.float32(0.5)) * side - np.float32(0.5)).clip(0, side - 1)
    weights = np.maximum(1 - np.abs(nearest[..., None] - np.arange(side, dtype=np.float32)), 0)
    rows = np.matmul(weights[:, 1], pictures.reshape(p, side, side * c)).reshape(p, side, side, c)
    return np.matmul(weights[:, None, 0], rows), inside[:, 1, :, None] & inside[:, 0, None, :]


def _gain(laid: "np.ndarray", other: "np.ndarray", counted: "np.ndarray") -> "np.ndarray":
    """Return the factor of brightness that fits best, of the counted values: (p,) float32."""
    import numpy as np

    shape = len(laid), math.prod(laid.shape[1:])
    known = (laid * counted).reshape(shape)
    above = np.einsum("pi,pi->p", known, other.reshape(shape))
    below = np.einsum("pi,pi->p", known, known)
    prior = np.float32(1e4)  # a hundred dark pixels: what is black all over has a factor of 1
    return np.asarray(((above + prior) / (below + prior)).clip(LEAST_GAIN, MOST_GAIN))


def _differences(
    one: "np.ndarray", other: "np.ndarray", placed: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Compare aligned pictures in colour: similarities and gains, (p,) float32 each.

    Three factors are tried: none, that of the values that are not white in the second picture, and that of
    those that are not white in the first. The one that leaves least counts.
    """
    import numpy as np

    laid, seen = _lay(one, placed)
    seen = seen[..., None]
    axes = (1, 2, 3)
    count = 3 * seen.sum(axis=axes)
    spread = _deviation(other, seen, count)
    flat = spread < LEAST_CONTRAST
    best = np.full(len(one), np.inf, np.float32)
    gains, left = np.ones(len(one), np.float32), np.zeros_like(laid)
    for counted in (None, other < _WHITE, laid < _WHITE):
        gain = np.ones(len(one), np.float32) if counted is None else _gain(laid, other, counted & seen)
        gain[flat] = 1.0
        difference = _softened(_unlike(laid, other, gain) * seen)
        squared = (difference**2).sum(axis=axes) / count
        better = squared < best
        best[better], gains[better], left[better] = squared[better], gain[better], difference[better]
    return _similarity(left, np.sqrt(best), spread, laid, other), gains


def _deviation(pictures: "np.ndarray", seen: "np.ndarray", count: "np.ndarray") -> "np.ndarray":
    """Return the standard deviation about the mean colour: (p,) float32."""
    import numpy as np

    mean = (pictures * seen).sum(axis=(1, 2), keepdims=True) / seen.sum(axis=(1, 2), keepdims=True)
    return np.asarray(np.sqrt((((pictures - mean) * seen) ** 2).sum(axis=(1, 2, 3)) / count))


def _unlike(laid: "np.ndarray", other: "np.ndarray", gain: "np.ndarray") -> "np.ndarray":
    """Return what differs when one picture is made as bright as the other; beyond white nothing is known."""
    import numpy as np

    gain = gain[:, None, None, None]
    brighter = other - np.minimum(gain * laid, _WHITEST)
    darker = (np.minimum(other / gain, _WHITEST) - laid) * gain
    return np.asarray(np.where(gain >= 1, brighter, darker))


def _similarity(
    left: "np.ndarray", rms: "np.ndarray", spread: "np.ndarray", laid: "np.ndarray", other: "np.ndarray"
) -> "np.ndarray":
    """Turn what differs into a similarity: 1 for nothing, `SAME` where one of three limits is reached."""
    import numpy as np

    # An edge of one picture alone is no edge that lies a little off: it is what differs.
    edges = np.minimum(_range_around(laid), _range_around(other)).mean(axis=3)
    spots = _mean_around(np.abs(left).mean(axis=3)) / (_SPOT_NOISE + _EDGE_SHARE * edges)
    areas = np.sqrt((_in_areas(left) ** 2).mean(axis=3))
    areas /= _AREA_NOISE + _EDGE_SHARE * _in_areas(edges[..., None])[..., 0]
    shares = (
        rms / (spread + _CONTRAST_FLOOR) / WHOLE_LIMIT,
        _worst(spots, _WORST_SPOTS) / SPOT_LIMIT,
        _worst(areas, _WORST_AREAS) / AREA_LIMIT,
    )
    return np.asarray((1.0 - (1.0 - SAME) * np.maximum.reduce(shares)).clip(0.0, 1.0).astype(np.float32))


def _worst(values: "np.ndarray", count: int) -> "np.ndarray":
    """Return the mean of the largest values of each picture: (p,) float32."""
    import numpy as np

    values = values.reshape(len(values), values.shape[1] * values.shape[2])
    return np.asarray(np.sort(np.partition(values, -count, axis=1)[:, -count:], axis=1).mean(axis=1))


def _in_areas(pictures: "np.ndarray") -> "np.ndarray":
    """Return the mean of each area of 4 x 4 pixels: (p, SIDE / 4, SIDE / 4, c)."""
    import numpy as np

    p, side, _, c = pictures.shape
    return np.asarray(pictures.reshape(p, side // 4, 4, side // 4, 4, c).mean(axis=(2, 4)))


def _softened(pictures: "np.ndarray") -> "np.ndarray":
    """Blur a little: a crop that was enlarged is less sharp than the picture it is from.

    What differs is blurred and not the pictures, for a picture is cut off at white before it is made smaller.
    """
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    wide = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return np.asarray((wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]) / 4)


def _mean_around(pictures: "np.ndarray") -> "np.ndarray":
    """Return the mean of 3 x 3 pixels around each: (p, side, side) float32."""
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    wide = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return np.asarray((wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]) / 9)


def _range_around(pictures: "np.ndarray") -> "np.ndarray":
    """Return how far the values of 3 x 3 pixels around each differ: (p, side, side, 3) float32."""
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    ends = []
    for end in (np.maximum, np.minimum):
        rows = end(end(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])
        ends.append(end(end(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:]))
    return np.asarray(ends[0] - ends[1])
