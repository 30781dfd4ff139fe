"""What is measured on a decoded picture: sharpness, light, contrast, detail, colour.

What does not belong here: which measures are bad (`insight/picture_quality.py`), and decoding (`decode.py`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Bump it when the same pixels would give other measures.
MEASURE_VERSION = "1"
# Pixels of the longer side on which a picture is measured; a smaller one is measured as it is. A blur that is
# seen on half a screen is still there, and measuring takes a few milliseconds.
MEASURED_SIDE = 448
# Colours are no matter of detail.
COLOR_SIDE = 128
MEASURES = (
    "sharpness", "darkest", "brightness", "brightest", "blown",
    "contrast", "spread", "detail", "flatness", "colorfulness",
)  # fmt: skip

# An edge is higher than this, of 255, and than this share of the highest edges of its picture.
EDGE_HEIGHT, EDGE_SHARE = 10, 0.5
# A picture is as sharp as its sharpest edges: a soft background is no fault.
SHARPEST = 0.9
# Fewer edges than this share of the pixels say nothing about one direction.
MIN_EDGES = 0.002
WHITE = 250
# Of 255: pixels that differ by less are of one area.
FLAT_STEP = 3
_WINDOW_STEPS = (1, 2, 4)  # they double a window up to eight pixels
_LEAST_SIDE = 16
_BILINEAR = 2  # Pillow's number


def measure(pixels: "Image.Image") -> dict[str, float]:
    """Measure one upright RGB picture.

    Args:
        pixels: as decoded, or a thumbnail: there a strong blur is seen only, the rest is the same.

    Returns:
        `MEASURES`, finite. `sharpness`, from 0 to 1: the steepest step of the sharpest edges, as a share of
        the edge's height. `darkest`, `brightness` and `brightest`, from 0 to 1: luma's 5th, 50th and 95th
        percentile. `blown`: share of pixels that are white. `contrast`: standard deviation of luma. `spread`:
        the widest range of a channel, without a hundredth at each end. `detail`: entropy of luma in bits, of
        64 levels. `flatness`: share of pixels that hardly differ from the next: high in drawings.
        `colorfulness`: of Hasler and Süsstrunk 2003 (Human Vision and Electronic Imaging), for channels to 1.
    """
    import numpy as np

    grey = _fitted(pixels.convert("L"))
    small = pixels.reduce(max(max(pixels.size) // COLOR_SIDE, 1))
    luma = np.asarray(grey.histogram(), np.float64) / (grey.width * grey.height)
    channels = np.asarray(small.histogram(), np.float64).reshape(-1, 256) / (small.width * small.height)
    levels = np.arange(256) / 255.0
    mean, square = float(luma @ levels), float(luma @ levels**2)
    low, middle, high = _quantiles(luma, (0.05, 0.5, 0.95))
    ends = [_quantiles(channel, (0.01, 0.99)) for channel in channels]
    return {
        "sharpness": _sharpness(np.asarray(grey)),
        "darkest": low,
        "brightness": middle,
        "brightest": high,
        "blown": float(luma[WHITE:].sum()),
        "contrast": max(square - mean**2, 0.0) ** 0.5,
        "spread": max(end - start for start, end in ends),
        "detail": _entropy(luma.reshape(64, 4).sum(axis=1)),
        "flatness": _flatness(np.asarray(grey)),
        "colorfulness": _colorfulness(small),
    }


def _fitted(grey: "Image.Image") -> "Image.Image":
    """Shrink a grey picture to `MEASURED_SIDE`."""
    longer = max(grey.size)
    if longer <= MEASURED_SIDE:
        return grey
    width, height = (max(round(side * MEASURED_SIDE / longer), 1) for side in grey.size)
    return grey.resize((width, height), _BILINEAR, reducing_gap=2.0)


def _sharpness(grey: "np.ndarray") -> float:
    """Measure how steep the sharpest edges of (h, w) uint8 are; the softer direction counts (motion blur).

    Where a window of eight pixels is too small for any edge, a picture of half the size is measured.
    """
    import numpy as np

    share = 1.0
    while min(grey.shape) >= _LEAST_SIDE:
        found = [steep for axis in (0, 1) if (steep := _steepness(grey, axis)) is not None]
        if found:
            return share * min(found)
        even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
        blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
        grey = (blocks.sum(axis=(1, 3), dtype=np.uint16) // 4).astype(np.uint8)
        share /= 2.0
    return 0.0


def _steepness(grey: "np.ndarray", axis: int) -> float | None:
    """Return the steepest step of the sharpest edges along an axis, as a share of their height."""
    import numpy as np

    lines = grey if axis == 0 else np.ascontiguousarray(grey.T)
    step = np.maximum(lines[1:], lines[:-1]) - np.minimum(lines[1:], lines[:-1])
    steepest = _ends(step, np.maximum, _WINDOW_STEPS[:2])
    steepest = np.maximum(steepest[:-3], steepest[3:])  # the seven steps of a window of eight
    height = _ends(lines, np.maximum, _WINDOW_STEPS) - _ends(lines, np.minimum, _WINDOW_STEPS)
    # How many pixels have each height and step: there are few such pairs, and many pixels to sort.
    counts = np.bincount((height.astype(np.uint16) << 8 | steepest).ravel(), minlength=1 << 16)
    sampled = np.bincount(height[::3, ::3].ravel(), minlength=256)
    least = max(float(EDGE_HEIGHT), EDGE_SHARE * _quantile_of_counts(np.arange(256), sampled, 0.98))
    pairs = np.flatnonzero(counts)
    pairs = pairs[pairs >> 8 >= least]
    if counts[pairs].sum() < max(MIN_EDGES * height.size, 8):
        return None
    steps, heights = (pairs & 255).astype(np.float32), (pairs >> 8).astype(np.float32)
    return _quantile_of_counts(steps / heights, counts[pairs], SHARPEST)


def _quantile_of_counts(values: "np.ndarray", counts: "np.ndarray", share: float) -> float:
    """Return a quantile of numbers, of which each is there `counts` times; not all are there 0 times."""
    import numpy as np

    order = np.argsort(values)
    ends = np.cumsum(counts[order])
    at = int(ends[-1] - 1) * share
    below = int(at)
    pair = np.minimum([below, below + 1], ends[-1] - 1)
    return float(np.quantile(values[order][np.searchsorted(ends, pair, "right")], at - below))


def _ends(lines: "np.ndarray", end: "np.ufunc", steps: tuple[int, ...]) -> "np.ndarray":
    """Return the largest or smallest value of each window down the lines; each step doubles the window."""
    for step in steps:
        lines = end(lines[:-step], lines[step:])
    return lines


def _flatness(grey: "np.ndarray") -> float:
    import numpy as np

    across = np.maximum(grey[:, 1:], grey[:, :-1]) - np.minimum(grey[:, 1:], grey[:, :-1])
    return float((across < FLAT_STEP).mean()) if across.size else 1.0


def _quantiles(shares: "np.ndarray", wanted: tuple[float, ...]) -> list[float]:
    """Return quantiles of a histogram of 256 levels, from 0 to 1."""
    import numpy as np

    return [float(at) / 255.0 for at in np.searchsorted(np.cumsum(shares), np.array(wanted) - 1e-9)]


def _entropy(shares: "np.ndarray") -> float:
    import numpy as np

    some = shares[shares > 0]
    return float(max(-(some * np.log2(some)).sum(), 0.0))


def _colorfulness(small: "Image.Image") -> float:
    import numpy as np

    red, green, blue = np.moveaxis(np.asarray(small, np.float32) / np.float32(255), 2, 0)
    one, other = red - green, (red + green) / 2 - blue
    return float(np.hypot(one.std(), other.std()) + 0.3 * np.hypot(one.mean(), other.mean()))
