"""Thumbnails of a page, many in one picture: neighbours on the map lie in one sheet, so few are loaded.

What does not belong here: which of them a browser shows (`static/map.js`).
"""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clipper.export.formats.dataset import Mapped

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

SIDE = 16  # thumbnails across and down a sheet
_QUALITY = 72
# The side of a thumbnail, by how many images there are at most: few images have large ones.
_SIZES = ((2_500, 112), (8_000, 80), (25_000, 64), (1 << 60, 56))
_BITS = 16


def cell_size(n: int) -> int:
    """Return the side of a thumbnail in pixels for so many images."""
    return next(size for most, size in _SIZES if n <= most)


def order(xy: "np.ndarray") -> "np.ndarray":
    """Return the images along a curve through the map on which neighbours are near: (n,) int64.

    Positions (n, 2) float32; the curve is that of Morton, whose place is made of the bits of both axes.
    """
    import numpy as np

    if not len(xy):
        return np.empty(0, np.int64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    scaled = ((xy - low) / np.maximum(high - low, 1e-9) * ((1 << _BITS) - 1)).astype(np.uint64)
    code = np.zeros(len(xy), np.uint64)
    for bit in range(_BITS):
        for axis in (0, 1):
            value = (scaled[:, axis] >> np.uint64(bit)) & np.uint64(1)
            code |= value << np.uint64(2 * bit + axis)
    return np.argsort(code, kind="stable")


def draw(atlas: Mapped, rows: "np.ndarray", cell: int) -> Iterator[bytes]:
    """Yield the sheets of some images (k,) in this order, WebP: each has `SIDE` x `SIDE` cells."""
    from PIL import Image

    per = SIDE * SIDE
    for start in range(0, len(rows), per):
        some = rows[start : start + per].tolist()
        down = -(-len(some) // SIDE)
        sheet = Image.new("RGBA", (SIDE * cell, down * cell))
        for at, row in enumerate(some):
            top, left = divmod(at, SIDE)
            picture = _thumbnail(atlas, row, cell)
            if picture is not None:
                width, height = picture.size
                sheet.paste(picture, (left * cell + (cell - width) // 2, top * cell + (cell - height) // 2))
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=_QUALITY, method=4)
        yield buffer.getvalue()


def _thumbnail(atlas: Mapped, row: int, cell: int) -> "Image.Image | None":
    from PIL import Image

    try:
        with Image.open(io.BytesIO(atlas.thumbnail(row))) as picture:
            shown = picture.convert("RGB")
    except (OSError, KeyError, ValueError):  # a thumbnail that was lost costs only itself
        return None
    shown.thumbnail((cell, cell), Image.Resampling.LANCZOS)
    return shown
