"""Convert decoded pixels of any mode to upright 8-bit sRGB, in little memory.

What is transparent lies on a ground: white, or black where the drawing would not be seen on white. What does
not belong here: files and their formats (`images/decode.py`), what a file's colours mean
(`images/picture/colours.py`), and a model's input (`images/preprocess.py`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from clipper.images.picture.colours import Conversion

    Levels = tuple[float, float] | None
    Box = tuple[int, int, int, int]

# An image of at most so many pixels is converted at once, at up to 30 bytes each. A larger one is converted
# and shrunk tile by tile.
MAX_PIXELS_AT_ONCE = 1 << 25
TILE = 2048
# The longest side that is left of an image only a few pixels high or wide.
MAX_SIDE = 1 << 16
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_SIXTEEN_BITS = (0.0, 65535.0)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Of 255: a pixel is seen on a ground from which a channel of it differs by this, once it is laid on it. A
# drawing is seen if this share of it is.
_CONTRAST, _SEEN = 48, 0.02
# Side of the sample from which the ground is chosen; thin lines are sampled as often as they are there.
_SAMPLE = 1024


def to_rgb(
    image: "Image.Image",
    *,
    min_side: int,
    conversion: "Conversion | None" = None,
    ground: tuple[int, int, int] = WHITE,
) -> "Image.Image":
    """Convert an image to 8-bit sRGB, with transparent pixels on a ground.

    Args:
        image: of any of Pillow's modes.
        min_side: a larger image than `MAX_PIXELS_AT_ONCE` is shrunk; its shorter side keeps twice this.
        conversion: of the file's colours.
        ground: RGB; see `ground_of`.
    """
    levels = _levels(image)
    if image.width * image.height <= MAX_PIXELS_AT_ONCE:
        return _on_ground(_converted(image, levels, conversion), ground)
    from PIL import Image

    factor = max(min(image.size) // (2 * min_side), 1)
    across, down = (max(factor, -(-side // MAX_SIDE)) for side in image.size)
    small = Image.new("RGB", (-(-image.width // across), -(-image.height // down)))
    for box in _tiles(image, across, down):
        tile = _on_ground(_converted(image.crop(box), levels, conversion), ground).reduce((across, down))
        small.paste(tile, (box[0] // across, box[1] // down))
    return small


def is_transparent(image: "Image.Image") -> bool:
    """Whether an image may have pixels that are not opaque."""
    return image.mode in _WITH_ALPHA or "transparency" in image.info


def ground_of(image: "Image.Image", conversion: "Conversion | None" = None) -> tuple[int, int, int] | None:
    """Choose the ground of an image with transparent pixels; None for an opaque one.

    It is white, as on most pages, unless next to nothing of the drawing is seen there and more on black:
    white drawings would all look alike, and empty.
    """
    if not is_transparent(image):
        return None
    import numpy as np
    from PIL.Image import Resampling

    levels = _levels(image)
    size = (min(image.width, _SAMPLE), min(image.height, _SAMPLE))
    if size != image.size:  # Pillow drops neither palette nor transparency here
        image = image.resize(size, Resampling.NEAREST)
    drawn = np.asarray(_converted(image, levels, conversion).convert("RGBA"), np.uint16)
    alpha = drawn[..., 3]
    if alpha.min() == 255:  # noqa: PLR2004 - opaque
        return None
    weight = max(float(alpha.sum(dtype=np.float64)), 1.0)
    on_white = alpha * (255 - drawn[..., :3].min(axis=2)) >= 255 * _CONTRAST
    on_black = alpha * drawn[..., :3].max(axis=2) >= 255 * _CONTRAST
    white, black = (float(alpha[seen].sum(dtype=np.float64)) / weight for seen in (on_white, on_black))
    return BLACK if white < _SEEN and black > white else WHITE


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


def _converted(image: "Image.Image", levels: "Levels", conversion: "Conversion | None") -> "Image.Image":
    """Convert to RGB, or to RGBA where there is transparency."""
    alpha = image.convert("RGBA").getchannel("A") if is_transparent(image) and not levels else None
    if levels:
        alpha = _key_as_alpha(image)
        image = _to_8_bit(image, *levels)
    colours = image.convert("RGB") if conversion is None else conversion.apply(image)
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _on_ground(image: "Image.Image", ground: tuple[int, int, int]) -> "Image.Image":
    if image.mode != "RGBA":
        return image
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB")


def _key_as_alpha(image: "Image.Image") -> "Image.Image | None":
    """Return the alpha channel of a 16-bit grey whose file names one value that is transparent."""
    import numpy as np
    from PIL import Image

    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    return Image.fromarray(np.where(np.asarray(image) == key, np.uint8(0), np.uint8(255)))


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
