"""A cache of decoded thumbnails for pictures of the map.

What does not belong here: which thumbnails appear, and where (`render/tiles.py`).
"""

import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
from PIL import Image

CAPACITY = 1500  # decoded thumbnails kept, 16 kB each or, where they are shown large, 64 kB
FORMATS = ("WEBP", "JPEG", "PNG")  # of a thumbnail: Pillow tries these alone, in this order
LEAST_HALVED = 4  # pixels of the shorter side
ENOUGH = 0.9  # of the pixels that are asked for: half of a thumbnail is sharp enough then
MIN_ASPECT = 0.45  # an image whose shorter side is a smaller part of the longer one is cropped


class Thumbnails:
    """The most recently used thumbnails, decoded, shared by all sessions."""

    def __init__(self, read: Callable[[int], bytes], *, capacity: int = CAPACITY) -> None:
        self._read = read
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, bool], _Decoded] = OrderedDict()  # by row, and whether it is half
        self._lock = Lock()

    def get(
        self, rows: Sequence[int], *, pixels: float, pool: Executor | None = None
    ) -> dict[int, np.ndarray]:
        """Return thumbnails (h, w, 4) uint8 by row, about `pixels` long; unreadable ones are left out."""
        least = pixels * ENOUGH
        found = {row: made for row in rows if (made := self._find(row, least)) is not None}
        missing = [row for row in rows if row not in found]
        decode = pool.map if pool else map
        for row, made in zip(missing, decode(partial(self._decode, least=least), missing), strict=True):
            if made is not None:
                found[row] = made
                self._keep(row, made)
        return {row: made.pixels for row, made in found.items()}

    def _find(self, row: int, least: float) -> "_Decoded | None":
        with self._lock:
            for half in (True, False):
                made = self._kept.get((row, half))
                if made is not None and made.fits(least):
                    self._kept.move_to_end((row, half))
                    return made
        return None

    def _keep(self, row: int, made: "_Decoded") -> None:
        with self._lock:
            self._kept[row, made.half] = made
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def _decode(self, row: int, *, least: float) -> "_Decoded | None":
        """Decode a thumbnail: half of it in each direction, if that is `least` pixels long."""
        try:
            with Image.open(io.BytesIO(self._read(row)), formats=FORMATS) as opened:
                image, opaque = _cropped(opened.convert("RGBA")), not opened.has_transparency_data
        except Exception:  # noqa: BLE001 - Pillow raises nearly everything; the image then stays a point
            return None
        if not opaque:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        whole = _Decoded(np.array(image), half=False)
        return whole if whole.fits(least) else _Decoded(np.array(image.reduce(2)), half=True)


class _Decoded(NamedTuple):
    """A decoded thumbnail (h, w, 4) uint8, or half of it in each direction, which looks better when small."""

    pixels: np.ndarray
    half: bool

    def fits(self, least: float) -> bool:
        """Whether it is the one to draw with `least` pixels along the longer side."""
        height, width = self.pixels.shape[:2]
        if self.half:
            return max(height, width) >= least
        return min(height, width) < LEAST_HALVED or max(height, width) / 2 < least


def _cropped(image: Image.Image) -> Image.Image:
    """Crop an image that is too long or too wide to its middle."""
    width, height = image.size
    kept_w, kept_h = min(width, round(height / MIN_ASPECT)), min(height, round(width / MIN_ASPECT))
    left, top = (width - kept_w) // 2, (height - kept_h) // 2
    return image.crop((left, top, left + max(kept_w, 1), top + max(kept_h, 1)))
