"""One image file: decode its bytes safely, collect its facts, make its thumbnail.

What does not belong here: folders of files (`images/folder.py`), and the model's input
(`images/preprocess.py`).
"""

import io
import json
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images.decoders.opening import open_image
from clipper.images.exif import camera_facts, gps_facts
from clipper.images.formats import describe_failure
from clipper.images.pixels import MAX_PIXELS_AT_ONCE, to_rgb, upright
from clipper.system import READ_FLAGS

if TYPE_CHECKING:
    from PIL import Image

# Bump it when the same bytes would give other facts, thumbnails or pixels.
DECODER_VERSION = "1"
THUMBNAIL_PIXELS = 128

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class DecodedImage:
    """One decoded image: upright RGB pixels, and facts about the file.

    `facts` has `width`, `height` (pixels, upright), `format`, and `exif.camera_facts`.
    """

    pixels: "Image.Image"
    facts: dict[str, Any]


def decode(data: bytes, *, max_pixels: int, min_side: int) -> DecodedImage:
    """Decode one image to upright RGB: the first frame of an animation, transparency on white.

    Args:
        data: the file's bytes.
        max_pixels: a larger image is refused before it is decoded.
        min_side: the shorter side, in pixels, that the caller needs. A JPEG is decoded at the next eighth
            above twice that (`draft()`), which is several times faster.

    Raises:
        BadImageError: the file cannot be decoded; the message is the reason.
        MemoryError: the file needs more memory than this process may have.
    """
    is_large = False
    try:
        with open_image(data) as image:
            width, height = image.size
            _check_pixels(width, height, max_pixels)
            is_large = width * height > MAX_PIXELS_AT_ONCE
            kind = str(image.format)
            image.draft(None, (2 * min_side, 2 * min_side))
            if is_large and kind == "JPEG2000":
                image.reduce = _levels_to_leave(data, min(width, height) // (2 * min_side))
            exif = image.getexif()
            shot = camera_facts(exif)  # before `load`: TIFF then turns the pixels and drops the orientation
            image.load()
            _check_pixels(image.width, image.height, max_pixels)  # an icon may hold a larger image
            pixels = upright(to_rgb(image, min_side=min_side), exif.get(_ORIENTATION))
            turned = exif.get(_ORIENTATION) in (5, 6, 7, 8)
            size = (height, width) if turned else (width, height)
            facts = {"width": size[0], "height": size[1], "format": kind, **shot}
    except (BadImageError, MemoryError):
        raise
    except Exception as error:
        # For hostile bytes Pillow's decoders raise a dozen unrelated errors: this is the one boundary.
        raise BadImageError(describe_failure(error, data, is_large=is_large)) from error
    return DecodedImage(pixels, facts)


def read_gps(data: bytes) -> dict[str, float]:
    """Read where a photo was taken, without decoding it: `latitude` and `longitude` in degrees, or nothing.

    Args:
        data: the bytes of a file that can be decoded.
    """
    try:
        with open_image(data) as image:
            return gps_facts(image.getexif())
    except Exception:  # noqa: BLE001 - it was decoded before: whatever is wrong now costs only its coordinates
        return {}


def shrink(pixels: "Image.Image") -> "Image.Image":
    """Return a copy of at most `THUMBNAIL_PIXELS` on its longer side: the thumbnail before it is written."""
    small = pixels.copy()
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), reducing_gap=2.0)
    return small


def thumbnail(small: "Image.Image") -> bytes:
    """Write what `shrink` made as a WebP."""
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return buffer.getvalue()


def encode_facts(facts: dict[str, Any]) -> str:
    """Write facts as one line of JSON with sorted keys, so that equal facts are equal bytes."""
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise BadImageError(
            f"has {width:,} x {height:,} pixels, more than the limit of {most:,} (max_pixels)"
        )


def _levels_to_leave(data: bytes, factor: int) -> int:
    """Return how many resolution levels of a JPEG 2000 to skip for a size of at least 1 / `factor`.

    Each level halves the size; the file says how many it has (ISO 15444-1, A.6.1).
    """
    start = data.find(b"\xff\x4f\xff\x51")
    at = data.find(b"\xff\x52", start)
    levels = data[at + 9] if 0 <= start < at and at + 9 < len(data) else 0
    return min(levels, max(factor, 1).bit_length() - 1)


def read_file(path: str, *, max_bytes: int, head: int | None = None) -> bytes:
    """Read a regular file.

    Args:
        path: of the file.
        max_bytes: a larger file is not read as a whole.
        head: read only so many bytes from the start; None reads all.

    Raises:
        BadImageError: the path is not a regular file, or the file is too large.
        OSError: the file is missing or cannot be read.
    """
    descriptor = os.open(path, READ_FLAGS)  # a FIFO with an image's name must not block the run
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadImageError("is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file")
        if head is None:
            check_size(status.st_size, max_bytes=max_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes if head is None else head)
    finally:
        os.close(descriptor)


def check_size(size: int, *, max_bytes: int) -> None:
    """Refuse a file that is too large.

    Raises:
        BadImageError: the file has more than `max_bytes`.
    """
    if size > max_bytes:
        raise BadImageError(f"has {size:,} bytes, more than the limit of {max_bytes:,} (max_bytes)")
