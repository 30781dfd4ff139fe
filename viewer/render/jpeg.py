"""A picture of the map as it is sent to a browser: JPEG, a tenth of its pixels' bytes.

Made in the thread that draws, while the server and other threads go on. `components/map/frame.js` takes it
apart again.
"""

from dataclasses import dataclass

import numpy as np
from simplejpeg import encode_jpeg

from viewer.render.painter import Picture

# JPEG's quality. In a fine one nobody sees a difference; it takes a browser twice as long to take apart.
FINE_QUALITY, QUICK_QUALITY = 92, 80


@dataclass(frozen=True)
class Frame:
    """A picture without its pixels, which only the browser needs: there they are `jpeg` (n,) uint8."""

    picture: Picture
    jpeg: np.ndarray


def encode_frame(picture: Picture, fine: bool) -> Frame:
    """A picture as it is sent: to be looked at, or to be there soon."""
    return Frame(
        picture.without_pixels(), to_jpeg(picture.pixels, quality=FINE_QUALITY if fine else QUICK_QUALITY)
    )


def to_jpeg(pixels: np.ndarray, *, quality: int = FINE_QUALITY) -> np.ndarray:
    """An opaque picture (h, w, 4) uint8 as the bytes (n,) uint8 of a JPEG, colours as fine as brightness."""
    jpeg = encode_jpeg(pixels, quality=quality, colorspace="RGBA", colorsubsampling="444")
    return np.frombuffer(jpeg, np.uint8)
