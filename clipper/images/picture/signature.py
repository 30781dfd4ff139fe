"""A picture's signature: a tiny copy of fixed size, by which copies of the picture are found.

What does not belong here: the hash of a signature (`insight/doubles/perceptual_hash.py`), and comparing two
(`insight/doubles/picture_match.py`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Bump it when the same picture would give another signature.
SIGNATURE_VERSION = "2"
# Side of the tiny copy in pixels. 32 pixels still show the hands of a clock and the emblem of a flag. With 24
# pixels, or fewer colours, one more in ten large crops looks like another picture.
SIDE = 32
SIGNATURE_BYTES = SIDE * SIDE * 3


def signature(small: "Image.Image") -> bytes:
    """Make the signature of a picture: its pixels stretched to a square, RGB, `SIGNATURE_BYTES` long.

    Args:
        small: upright RGB, `decode.shrink` made it. Pillow first averages blocks of pixels, then resizes,
            which saves a quarter of the time. With larger blocks than a gap of 2 leaves, one more in a
            hundred crops is not found.
    """
    from PIL.Image import Resampling

    return small.resize((SIDE, SIDE), Resampling.BILINEAR, reducing_gap=2.0).tobytes()
