"""ONE image file: decode its bytes safely, tell its facts, make its thumbnail.

What does not belong here: folders of files (`folder.py`), and what the model wants to see (`model.py`).
"""

import io
import json
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from clipper.exif import place_facts, shot_facts

if TYPE_CHECKING:
    from PIL import Image

# Bumped when the same bytes would give other facts, other thumbnails or other pixels.
DECODER_VERSION = "1"
THUMBNAIL_PIXELS = 128
# Decoders of Pillow itself (JPEG opens MPO too). EPS and PDF are left out: they start an interpreter.
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "PPM", "JPEG2000", "ICO", "TGA",
)  # fmt: skip

_ORIENTATION = 0x0112


class BadImageError(Exception):
    """One file cannot be used; the message is the reason, in words for its owner."""


@dataclass(frozen=True)
class Decoded:
    """One decoded image: upright RGB pixels and what was told about the file.

    `facts` has `width`, `height` (pixels, upright), `format` and what EXIF tells of the shot.
    """

    pixels: "Image.Image"
    facts: dict[str, Any]


def content_hash(data: bytes) -> bytes:
    """The identity of a file's bytes: 16 bytes of BLAKE2b."""
    return blake2b(data, digest_size=16).digest()


def decode(data: bytes, *, max_pixels: int, smallest: int) -> Decoded:
    """Decode one image to upright RGB, the first frame of an animation, transparency on white.

    Args:
        data: the file's bytes.
        max_pixels: a larger image is refused before it is decoded.
        smallest: what the pixels are for needs no more than this shorter side; a JPEG is decoded at
            the next eighth above twice that (`draft()`), which is several times faster.

    Raises:
        BadImageError: with the reason.
    """
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            _check_pixels(width, height, max_pixels)
            kind = str(image.format)
            image.draft(None, (2 * smallest, 2 * smallest))
            exif = image.getexif()
            told = shot_facts(exif)  # before TIFF turns itself, and forgets that
            pixels = _upright(_to_rgb(image), exif.get(_ORIENTATION))
            turned = exif.get(_ORIENTATION) in (5, 6, 7, 8)
            size = (height, width) if turned else (width, height)
            facts = {"width": size[0], "height": size[1], "format": kind, **told}
    except BadImageError:
        raise
    except Exception as error:
        # Pillow's decoders raise a dozen unrelated kinds for hostile bytes: this is the one boundary.
        raise BadImageError(_reason(error, data)) from error
    return Decoded(pixels, facts)


def place_of(data: bytes) -> dict[str, float]:
    """Where a photo was taken: `latitude` and `longitude` in degrees, or nothing; no pixel is looked at.

    Args:
        data: the bytes of a file that can be decoded.
    """
    try:
        with _pillow().open(io.BytesIO(data), formats=FORMATS) as image:
            return place_facts(image.getexif())
    except Exception:  # noqa: BLE001 - it was decoded before: whatever is odd now costs only its place
        return {}


def thumbnail(pixels: "Image.Image", *, side: int = THUMBNAIL_PIXELS) -> bytes:
    """A WebP of at most `side` pixels on its longer side."""
    small = pixels.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return buffer.getvalue()


def encode_facts(facts: dict[str, Any]) -> str:
    """Facts as one line of JSON, keys sorted, so that equal facts are equal bytes."""
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise BadImageError(
            f"has {width:,} x {height:,} pixels, more than the limit of {most:,} (max_pixels)"
        )


def _pillow() -> Any:
    from PIL import Image

    # Our own limit is checked before any pixel is decoded, and is a setting; Pillow's would only warn.
    Image.MAX_IMAGE_PIXELS = None
    return Image


def _to_rgb(image: "Image.Image") -> "Image.Image":
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        from PIL import Image

        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: "Image.Image") -> "Image.Image":
    """16-bit greys by their type's range; 32-bit integers and floats by their own."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if image.mode == "I" and low >= 0 and high <= 65535:  # noqa: PLR2004 - a 16-bit PNG opens as I
            low, high = 0.0, 65535.0
    scaled = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    return Image.fromarray((scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _upright(image: "Image.Image", orientation: Any) -> "Image.Image":
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


def _reason(error: Exception, data: bytes) -> str:
    if b"ftyphei" in data[:32] or b"ftypmif1" in data[:32]:
        return "is HEIF, which Clipper does not read; convert it to JPEG or AVIF"
    if "cannot identify image file" in str(error):
        return "is not an image of a format Clipper reads"
    return f"cannot be decoded: {re.sub(chr(10), ' ', str(error))[:200] or type(error).__name__}"
