"""Encodes a picture of the map for the browser as JPEG, a tenth of the bytes of its pixels.

It runs in the thread that draws. What does not belong here: decoding, which the browser does
(`components/map/frame.js`).
"""

from dataclasses import dataclass

import numpy as np
from simplejpeg import encode_jpeg

from viewer.render.painter import Picture

# JPEG qualities. The fine one is visually lossless; a browser takes twice as long to decode it.
FINE_QUALITY, QUICK_QUALITY = 92, 80


@dataclass(frozen=True)
class Frame:
    """A picture without its pixels, and the pixels as `jpeg` (n,) uint8 for the browser."""

    picture: Picture
    jpeg: np.ndarray


def encode_frame(picture: Picture, fine: bool) -> Frame:
    """Encode a picture: in fine quality, or quickly."""
    return Frame(
        picture.without_pixels(), to_jpeg(picture.pixels, quality=FINE_QUALITY if fine else QUICK_QUALITY)
    )


def to_jpeg(pixels: np.ndarray, *, quality: int = FINE_QUALITY) -> np.ndarray:
    """Encode an opaque picture (h, w, 4) uint8 as JPEG (n,) uint8, without colour subsampling."""
    jpeg = encode_jpeg(pixels, quality=quality, colorspace="RGBA", colorsubsampling="444")
    return np.frombuffer(jpeg, np.uint8)
