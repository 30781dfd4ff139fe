"""The box around an outline: around polygons, and around COCO's masks, which are lengths of runs.

What does not belong here: which objects need it (`coco.py`).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

# Left, top, width and height, in the unit of the outline.
Bounds = tuple[float, float, float, float]

_MAX_CODE = 1 << 22  # characters of a packed mask
_MAX_SIDE = 1 << 20  # pixels of a mask's side
_MAX_BITS = 60  # of a length in a packed mask


def bounds_of(segmentation: "msgspec.Raw | bytes") -> Bounds | None:
    """Return the box around an outline as COCO writes it; None if it is none.

    It is a list of polygons, each x, y, x, y, ...; or a mask: the lengths of runs outside and inside by
    turns, down the columns of the image, as a list or packed into a text.

    Args:
        segmentation: JSON.
    """
    try:
        value = msgspec.json.decode(segmentation) if segmentation else None
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(value, dict):
        return _of_mask(value)
    flat = isinstance(value, list) and value and not any(isinstance(one, list) for one in value)
    return _of_polygons([value] if flat else value)


def around(x: Sequence[float], y: Sequence[float]) -> Bounds | None:
    """Return the box around points; None without points."""
    return (min(x), min(y), max(x) - min(x), max(y) - min(y)) if x and y else None


def _of_polygons(value: Any) -> Bounds | None:
    try:
        polygons = msgspec.convert(value, list[list[float]])
    except msgspec.ValidationError:
        return None
    x = [number for polygon in polygons for number in polygon[0::2]]
    y = [number for polygon in polygons for number in polygon[1::2]]
    return around(x, y)


def _of_mask(mask: dict[str, Any]) -> Bounds | None:
    import numpy as np

    size, counts = mask.get("size"), mask.get("counts")
    if isinstance(counts, str):
        counts = _unpacked(counts)
    try:
        height, width = (int(side) for side in size or ())
        runs = np.array(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        return None
    if runs.ndim != 1 or not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE):
        return None
    if ((runs < 0) | (runs > height * width)).any() or runs.sum() > height * width:
        return None
    ends = np.cumsum(runs)
    first, last = (ends - runs)[1::2], ends[1::2] - 1
    first, last = first[first <= last], last[first <= last]
    if not len(first):
        return None
    left, right = int(first[0] // height), int(last[-1] // height)
    top, bottom = int((first % height).min()), int((last % height).max())
    if (first // height != last // height).any():  # a run goes on in the next column, from the top
        top, bottom = 0, height - 1
    return left, top, right - left + 1, bottom - top + 1


def _unpacked(code: str) -> list[int] | None:
    """Unpack COCO's text of lengths: five bits a character, each the difference to the one before last."""
    counts: list[int] = []
    value = shift = 0
    if len(code) > _MAX_CODE:
        return None
    for character in code:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > _MAX_BITS:  # noqa: PLR2004 - six bits
            return None
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (1 << shift) if bits & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))  # noqa: PLR2004 - the first three are whole
            value = shift = 0
    return counts
