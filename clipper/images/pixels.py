"""Convert decoded pixels of any mode to upright 8-bit RGB, in little memory.

What does not belong here: files and their formats (`images/decode.py`), and a model's input
(`images/preprocess.py`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    Levels = tuple[float, float] | None
    Box = tuple[int, int, int, int]

# An image of at most so many pixels is converted at once, at up to 30 bytes each. A larger one is converted
# and shrunk tile by tile.
MAX_PIXELS_AT_ONCE = 1 << 25
TILE = 2048
# The longest side that is left of an image only a few pixels high or wide.
MAX_SIDE = 1 << 16
_SIXTEEN_BITS = (0.0, 65535.0)


def to_rgb(image: "Image.Image", *, min_side: int) -> "Image.Image":
    """Convert an image to 8-bit RGB, with transparent pixels on white.

    Args:
        image: of any of Pillow's modes.
        min_side: a larger image than `MAX_PIXELS_AT_ONCE` is shrunk; its shorter side keeps twice this.
    """
    levels = _levels(image)
    if image.width * image.height <= MAX_PIXELS_AT_ONCE:
        return _converted(image, levels)
    from PIL import Image

    factor = max(min(image.size) // (2 * min_side), 1)
    across, down = (max(factor, -(-side // MAX_SIDE)) for side in image.size)
    small = Image.new("RGB", (-(-image.width // across), -(-image.height // down)))
    for box in _tiles(image, across, down):
        tile = _converted(image.crop(box), levels).reduce((across, down))
        small.paste(tile, (box[0] // across, box[1] // down))
    return small


def upright(image: "Image.Image", orientation: Any) -> "Image.Image":
    """Turn and mirror an image as EXIF's orientation says."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _tiles(image: "Image.Image", across: int, down: int) -> "Iterator[Box]":
    """Cover an image with boxes of whole blocks of `across` x `down` pixels, cut at the far edges."""
    width, height = (max(TILE // factor, 1) * factor for factor in (across, down))
    for top in range(0, image.height, height):
        for left in range(0, image.width, width):
            yield (left, top, min(left + width, image.width), min(top + height, image.height))


def _converted(image: "Image.Image", levels: "Levels") -> "Image.Image":
    if levels:
        image = _to_8_bit(image, *levels)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        from PIL import Image

        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _levels(image: "Image.Image") -> "Levels":
    """Return which values are black and white: fixed for 16-bit greys, else the range of the values."""
    import numpy as np

    if image.mode.startswith("I;16"):
        return _SIXTEEN_BITS
    if image.mode not in ("I", "F"):
        return None
    low, high = np.inf, -np.inf
    for box in _tiles(image, 1, 1):
        values = np.asarray(image.crop(box))
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return (0.0, 1.0)
    if image.mode == "I" and low >= 0 and high <= _SIXTEEN_BITS[1]:  # a 16-bit PNG may open as I
        return _SIXTEEN_BITS
    return (low, high)


def _to_8_bit(image: "Image.Image", low: float, high: float) -> "Image.Image":
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    scaled = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    return Image.fromarray((scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8))
