"""Write small pictures as WebP whose colours are near the picture's, in few bytes.

WebP keeps colour at half the size: thin lines and edges of strong colours fade. So a picture that suffers is
written finer, or without loss, as far as its bytes allow. What does not belong here: which pictures are small
(`images/decode.py`).
"""

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Mean difference of a channel, of 255, from which a picture is written finer, and what "finer" must reach.
_NEAR, MOST = 2.7, 3.0
_QUALITY = 82
# A finer quality, about how much larger a picture is then, and which part of the difference remains.
_FINER = ((90, 1.35, 0.8), (96, 1.9, 0.62))
_EXACT_GROWTH = 3
# Drawings take few bytes without loss: those of few colours, or that fade more than photos do.
_FEW, _FADED = 256, 8.0
# So many bytes may a picture of `_FULL` pixels take to come so near. Most photos take about 4,000 as they are
# and stay so: their difference is grain, and the thumbnails of millions would be half as large again.
_BYTES, _FULL = 6_144, 128 * 128


def write_webp(picture: "Image.Image") -> bytes:
    """Write an RGB picture as a WebP."""
    import numpy as np

    most = _BYTES * max(picture.width * picture.height / _FULL, 1)
    pixels = np.asarray(picture, np.int16)
    written = _written(picture, quality=_QUALITY, method=2)
    size = len(written)
    loss = _loss(written, pixels)
    if loss <= _NEAR:
        return written
    is_drawing = loss > _FADED or picture.getcolors(_FEW) is not None
    if is_drawing or size * _EXACT_GROWTH <= most:
        exact = _written(picture, lossless=True, quality=20, method=0)
        if len(exact) <= (2 * most if is_drawing else most):
            return exact
    for quality, growth, rest in _FINER:
        if size * growth <= most and loss * rest <= MOST:
            finer = _written(picture, quality=quality, method=2)
            if len(finer) <= most and _loss(finer, pixels) <= MOST:
                return finer
    return written


def _written(picture: "Image.Image", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **options)
    return buffer.getvalue()


def _loss(written: bytes, pixels: "np.ndarray") -> float:
    """Return the mean difference, of 255, between a WebP and (h, w, 3) int16."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(written), formats=("WEBP",)) as picture:
        return float(np.abs(np.asarray(picture.convert("RGB"), np.int16) - pixels).mean())
