"""Load an opened image as browsers do: the first frame of an animation, and no alpha where it is empty.

What does not belong here: damaged files (`images/damage.py`), and pixels of any mode as sRGB
(`images/picture/pixels.py`).
"""

from typing import Any

from clipper.images.decoders.opening import open_image

# Formats in which programs leave the fourth channel empty: it is zero in all pixels of an opaque picture.
_EMPTY_ALPHA = ("BMP", "DIB", "TGA", "DDS")


def load(image: Any, data: bytes) -> tuple[Any, bool]:
    """Load an image.

    Args:
        image: opened, not loaded.
        data: the file's bytes.

    Returns:
        the loaded image; and whether it is another than Pillow's. It is where an animated PNG begins with a
        stand-in, a GIF's first frame leaves a part of the canvas free, or a fourth channel is empty.

    Raises:
        Exception: whatever Pillow raises for bytes that it cannot decode.
    """
    if image.format == "PNG" and image.info.get("default_image"):
        return _after_stand_in(image, data)
    box = image.tile[0].extents if image.format == "GIF" and image.tile else None
    image.load()
    if box is not None and tuple(box) != (0, 0, *image.size):
        return _on_free_canvas(image, box), True
    return without_empty_alpha(image)


def without_empty_alpha(image: Any) -> tuple[Any, bool]:
    """Return a loaded image opaque if its fourth channel is empty; and whether it was."""
    if image.format in _EMPTY_ALPHA and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        return _as(image, image.convert("RGB")), True
    return image, False


def _after_stand_in(image: Any, data: bytes) -> tuple[Any, bool]:
    """Load the first frame of an animation; the stand-in is for programs that show no animations."""
    try:
        image.seek(1)
        image.load()
    except Exception:  # noqa: BLE001 - Pillow raises anything for broken frames
        image = open_image(data)
        image.load()
        return image, False
    return image, True


def _on_free_canvas(image: Any, box: tuple[int, int, int, int]) -> Any:
    """Make transparent what the first frame leaves free: Pillow paints it in the background's colour."""
    from PIL import Image

    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(box), box[:2])
    return _as(image, canvas)


def _as(image: Any, made: Any) -> Any:
    """Return another image made of the same file's."""
    made.format = image.format
    return made
