"""A cache of decoded thumbnails for pictures of the map.

What does not belong here: which thumbnails appear, and where (`render/tiles.py`).
"""

import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock

import numpy as np
from PIL import Image

CAPACITY = 1500  # decoded thumbnails kept, about 80 kB each
MIN_ASPECT = 0.45  # an image whose shorter side is a smaller part of the longer one is cropped


class Thumbnails:
    """The most recently used thumbnails, decoded, shared by all sessions."""

    def __init__(self, read: Callable[[int], bytes], *, capacity: int = CAPACITY) -> None:
        self._read = read
        self._capacity = capacity
        self._kept: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._lock = Lock()

    def get(
        self, rows: Sequence[int], *, pixels: float, pool: Executor | None = None
    ) -> dict[int, np.ndarray]:
        """Return thumbnails (h, w, 4) uint8 by row, about `pixels` long; unreadable ones are left out."""
        missing = [row for row in rows if row not in self._kept]
        decode = pool.map if pool else map
        for row, pair in zip(missing, decode(self._decode, missing), strict=True):
            if pair is not None:
                self._keep(row, pair)
        found = {}
        with self._lock:
            for row in rows:
                if row in self._kept:
                    self._kept.move_to_end(row)
                    whole, half = self._kept[row]
                    found[row] = half if max(half.shape) >= pixels * 0.9 else whole
        return found

    def _keep(self, row: int, pair: tuple[np.ndarray, np.ndarray]) -> None:
        with self._lock:
            self._kept[row] = pair
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def _decode(self, row: int) -> tuple[np.ndarray, np.ndarray] | None:
        try:
            with Image.open(io.BytesIO(self._read(row))) as opened:
                image, opaque = _cropped(opened.convert("RGBA")), not opened.has_transparency_data
        except Exception:  # noqa: BLE001 - Pillow raises nearly everything; the image then stays a point
            return None
        if not opaque:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        half = image.reduce(2) if min(image.size) >= 4 else image  # noqa: PLR2004 - nothing to halve
        return np.array(image), np.array(half)


def _cropped(image: Image.Image) -> Image.Image:
    """Crop an image that is too long or too wide to its middle."""
    width, height = image.size
    kept_w, kept_h = min(width, round(height / MIN_ASPECT)), min(height, round(width / MIN_ASPECT))
    left, top = (width - kept_w) // 2, (height - kept_h) // 2
    return image.crop((left, top, left + max(kept_w, 1), top + max(kept_h, 1)))
