"""One image file: decode its bytes safely, collect its facts, make its thumbnail.

What does not belong here: folders of files (`images/folder.py`), and the model's input
(`images/preprocess.py`).
"""

import json
import os
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images import damage
from clipper.images.decoders.deferred import DeferredImage
from clipper.images.decoders.loading import load, without_empty_alpha
from clipper.images.decoders.opening import open_image
from clipper.images.decoders.segments import PNG_BEGINNING, bare, is_rare_jpeg
from clipper.images.exif import camera_facts, gps_facts
from clipper.images.formats import ENDS_EARLY, describe_failure
from clipper.images.picture.colours import conversion_of
from clipper.images.picture.pixels import MAX_PIXELS_AT_ONCE, WHITE, ground_of, to_rgb, upright
from clipper.system import READ_FLAGS

if TYPE_CHECKING:
    from PIL import Image

# Bump it when the same bytes would give other facts, thumbnails or pixels.
DECODER_VERSION = "3"
# Bump it when the same bytes would give other pixels, and let the note `_remade` say of which: their vectors
# are made again, and no others.
PIXELS_VERSION = "3"
THUMBNAIL_PIXELS = 128
# Formats of which Pillow, by which they were read before `PIXELS_VERSION`, gives other pixels than now.
_OTHERWISE_BEFORE = ("PSD", "ICO", "CUR", "TIFF")

_ORIENTATION, _SHORT = 0x0112, 3


# Names of facts that are Clipper's own notes and no columns: see `DecodedImage`.
NOTES = ("_converted", "_reason", "_remade")


@dataclass(frozen=True)
class DecodedImage:
    """One decoded image: upright sRGB pixels, and facts about the file.

    `facts` has `width`, `height` (pixels, upright), `format`, and `exif.camera_facts`; of a damaged file
    `damage`, in the words of `damage.py`, and the note `_reason`, a sentence. The note `_converted` is true
    if a browser would show the original otherwise: not turned, on another ground, or with less of a damaged
    file. The note `_remade` is true if decoders before `PIXELS_VERSION` gave other pixels.

    `min_side` is what `decode` was asked for. `scaled` is the size in the file, in pixels, if that is decoded
    at a scale which depends on `min_side`; `is_shrunk` is true if the size depends on it otherwise.
    """

    pixels: "Image.Image"
    facts: dict[str, Any]
    min_side: int = 0
    scaled: tuple[int, int] | None = None
    is_shrunk: bool = False

    def serves(self, min_side: int) -> bool:
        """Whether `decode` with this `min_side` would give the same pixels."""
        if min_side == self.min_side:
            return True
        scales = [_scale(self.scaled, side) for side in (self.min_side, min_side)] if self.scaled else [1]
        return not self.is_shrunk and len({*scales}) == 1


class _DamagedError(BadImageError):
    """The file cannot be decoded as a whole."""


def decode(data: bytes, *, max_pixels: int, min_side: int) -> DecodedImage:
    """Decode one image to upright sRGB: the first frame of an animation, transparency on `pixels.ground_of`.

    A damaged file is decoded as far as it goes, if a tenth of it is there.

    Args:
        data: the file's bytes.
        max_pixels: a larger image is refused before it is decoded.
        min_side: the shorter side, in pixels, that the caller needs. A JPEG is decoded at the next eighth
            above twice that (`draft()`), which is several times faster.

    Raises:
        BadImageError: the file cannot be decoded; the message is the reason.
        MemoryError: the file needs more memory than this process may have.
    """
    if damage.ends_in_zeros(data):
        return _decode_part(data, f"{ENDS_EARLY} (in zeros)", max_pixels=max_pixels, min_side=min_side)
    try:
        return _decode(data, max_pixels=max_pixels, min_side=min_side)
    except BadImageError as error:
        if whole := _decode_bare_png(data, max_pixels=max_pixels, min_side=min_side):
            return whole
        if not isinstance(error, _DamagedError):
            raise
        return _decode_part(data, str(error), max_pixels=max_pixels, min_side=min_side)


def _decode_bare_png(data: bytes, *, max_pixels: int, min_side: int) -> DecodedImage | None:
    """Decode a PNG without its texts, which may be broken or bombs; return None if that fails too."""
    if not data.startswith(PNG_BEGINNING) or (rest := bare(data)) is None or len(rest) == len(data):
        return None
    try:
        return _decode(rest, max_pixels=max_pixels, min_side=min_side)
    except BadImageError:
        return None


def _decode_part(data: bytes, reason: str, *, max_pixels: int, min_side: int) -> DecodedImage:
    """Decode what there is of a damaged file; if that is too little, raise `reason`."""
    try:
        with damage.tolerance():
            return _decode(damage.with_an_end(data), max_pixels=max_pixels, min_side=min_side, damaged=reason)
    except BadImageError as error:
        raise BadImageError(reason) from error


def _decode(data: bytes, *, max_pixels: int, min_side: int, damaged: str = "") -> DecodedImage:
    """Decode a whole file, or within `damage.tolerance` a damaged one; `damaged` says why it is one."""
    is_large = False
    try:
        with open_image(data) as image:
            width, height = image.size
            _check_pixels(width, height, max_pixels)
            is_large = width * height > MAX_PIXELS_AT_ONCE
            scaled = (width, height) if image.draft(None, (2 * min_side, 2 * min_side)) else None
            if is_large and image.format == "JPEG2000":
                image.reduce = _levels_to_leave(data, min(width, height) // (2 * min_side))
            browsers_turn = _turn_of_browsers(image)
            exif = image.getexif()
            shot = camera_facts(exif)  # before `load`: TIFF then turns the pixels and drops the orientation
            part = damage.load_part(image, partial(open_image, data), reason=damaged) if damaged else None
            loaded, is_other = without_empty_alpha(image) if damaged else load(image, data)
            _check_pixels(loaded.width, loaded.height, max_pixels)  # an icon may hold a larger image
            turn = shot.get("orientation", 1) if _ORIENTATION in exif else 1  # as a loaded TIFF has none
            pixels, notes = _shown(loaded, data, min_side=min_side, part=part)
            if is_other:
                notes["_remade"] = True
            if browsers_turn != turn:
                notes["_converted"] = True
            size = (height, width) if turn in (5, 6, 7, 8) else (width, height)
            facts = {"width": size[0], "height": size[1], "format": str(image.format), **shot}
            facts |= damage.facts_of(str(image.format), data, reason=damaged) | notes
            is_shrunk = (
                is_large and scaled is None
            ) or loaded.width * loaded.height > MAX_PIXELS_AT_ONCE  # by `to_rgb`, or as a JPEG 2000
            return DecodedImage(
                upright(pixels, turn), facts, min_side=min_side, scaled=scaled, is_shrunk=is_shrunk
            )
    except (BadImageError, MemoryError):
        raise
    except Exception as error:
        # For hostile bytes Pillow's decoders raise a dozen unrelated errors: this is the one boundary.
        reason = describe_failure(error, data, is_large=is_large)
        raise (_DamagedError if damage.words_of(reason) else BadImageError)(reason) from error


def _shown(
    image: "Image.Image", data: bytes, *, min_side: int, part: "damage.Part | None"
) -> "tuple[Image.Image, dict[str, bool]]":
    """Return a loaded image as sRGB on its ground, not turned yet, and notes on what is done to it."""
    conversion = conversion_of(image, data)
    ground = ground_of(image, conversion)
    pixels = to_rgb(image, min_side=min_side, conversion=conversion, ground=ground or WHITE)
    if part is not None:
        pixels = part.blank(pixels)
    grey_key = image.mode.startswith("I;16") and ground is not None
    notes = {
        "_converted": part is not None
        or ground is not None
        or (image.format in ("JPEG", "MPO") and is_rare_jpeg(data))
        or (conversion is not None and not conversion.exact),
        "_remade": part is not None
        or conversion is not None
        or ground not in (None, WHITE)
        or grey_key
        or (isinstance(image, DeferredImage) and image.format in _OTHERWISE_BEFORE),
    }
    return pixels, {name: True for name, holds in notes.items() if holds}


def _turn_of_browsers(image: Any) -> int:
    """Return by which orientation browsers turn an image, 1 to 8; 0 if that is not sure.

    They read a JPEG's EXIF, if the orientation is a short number as specified, and what an AVIF's boxes say,
    which Pillow makes EXIF. They read no XMP, and no EXIF in a WebP; in a PNG it depends on where it is.
    """
    given = image.info.get("exif")
    if not given:
        return 1
    if image.format not in ("JPEG", "MPO", "AVIF"):
        return 0 if image.getexif().get(_ORIENTATION, 1) != 1 else 1
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(given)
        types: Any = exif._info  # noqa: SLF001 - Pillow tells a value's type nowhere else
        is_short = types.tagtype.get(_ORIENTATION) == _SHORT
        turn = exif.get(_ORIENTATION, 1) if is_short or image.format == "AVIF" else 1
    except Exception:  # noqa: BLE001 - broken EXIF turns nothing
        return 1
    return turn if type(turn) is int and 1 <= turn <= 8 else 1  # noqa: PLR2004 - EXIF's eight turns


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


def encode_facts(facts: dict[str, Any]) -> str:
    """Write facts as one line of JSON with sorted keys, so that equal facts are equal bytes."""
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise BadImageError(
            f"has {width:,} x {height:,} pixels, more than the limit of {most:,} (max_pixels)"
        )


def _scale(size: tuple[int, int], min_side: int) -> int:
    """Return by how much Pillow's `draft` divides the size of a JPEG, which `_decode` asks for `min_side`."""
    most = min(side // (2 * min_side) for side in size)
    return next((scale for scale in (8, 4, 2) if scale <= most), 1)


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
