"""Open TIFFs that Pillow does not read, or wrong: floats of several channels, wide integers, many bands.

They come from microscopes, satellites and simulations. `tifffile` reads them; with `imagecodecs` beside it,
it reads more compressions. What does not belong here: TIFFs that Pillow reads.
"""

import io
from functools import partial

import numpy as np
import tifffile
from PIL import Image

from clipper.images.decoders.deferred import DeferredImage
from clipper.images.decoders.tiff import codecs

_COLOURS, _INKS = 3, 4
_AXES = {2, 3}
_UNCOMPRESSED, _FLOATS = 1, 3
_PROFILE = 34675  # the tag of an ICC profile
_MAX_RATIO = 1_032  # of deflate; what claims to unpack to more would only take memory
_WHOLE = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 8, np.dtype(np.uint32): 24, np.dtype(np.uint64): 56}
_SIXTEEN = _WHOLE[np.dtype(np.uint16)]


def open_tiff(data: bytes) -> Image.Image:
    """Open the first page of a TIFF.

    Raises:
        Exception: whatever tifffile raises for bytes that it cannot read.
    """
    codecs.install()
    file = tifffile.TiffFile(io.BytesIO(data))
    page = file.pages[0]
    size = (int(page.imagewidth), int(page.imagelength))
    if min(size) < 1 or page.imagedepth > 1:
        raise ValueError("the first page holds no picture")
    if page.predictor == _FLOATS and file.byteorder == ">":
        raise ValueError("this order of a TIFF's values is not supported")
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8 * page.dtype.itemsize
    if page.size * bits > 8 * len(data) * (1 if page.compression == _UNCOMPRESSED else _MAX_RATIO):
        raise ValueError("not enough image data")
    image = DeferredImage("TIFF", size, partial(_decoded, page))
    image.info["exif"] = _camera(page)
    if isinstance(profile := page.tags.valueof(_PROFILE), bytes):
        image.info["icc_profile"] = profile
    return image


def _camera(page: "tifffile.TiffPage") -> bytes:
    """Return as EXIF which way up the page is, and which camera it is of."""
    exif = Image.Exif()
    for tag, kind in ((0x010F, str), (0x0110, str), (0x0112, int)):
        if isinstance(value := page.tags.valueof(tag), kind):
            exif[tag] = int(value) if kind is int else value
    return exif.tobytes()


def _decoded(page: "tifffile.TiffPage") -> Image.Image:
    pixels = page.asarray()
    planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == max(_AXES)
    if planar:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim not in _AXES or pixels.shape[:2] != (page.imagelength, page.imagewidth):
        raise ValueError("the values of the first page are no picture")
    name = getattr(page.photometric, "name", "")
    palette = name == "PALETTE" and page.colormap is not None
    if palette:
        pixels = np.moveaxis(page.colormap, 0, -1)[np.minimum(pixels, page.colormap.shape[1] - 1)]
    bits = page.bitspersample
    if (
        isinstance(bits, int)
        and pixels.dtype.kind == "u"
        and bits < 8 * pixels.dtype.itemsize
        and not palette
    ):
        pixels = (pixels.astype(np.uint32) * 255 // ((1 << bits) - 1)).astype(np.uint8)
    image = to_image(pixels, as_lab=name == "CIELAB", as_inks=name == "SEPARATED")
    if name == "MINISWHITE":
        return Image.fromarray(255 - np.asarray(image))
    if name == "YCBCR" and image.mode == "RGB":
        return Image.frombytes("YCbCr", image.size, image.tobytes())
    return image


def to_image(pixels: np.ndarray, *, as_lab: bool = False, as_inks: bool = False) -> Image.Image:
    """Convert numbers of any type, (h, w) or (h, w, c), to an 8-bit image: of many bands the first three.

    Whole numbers without a sign keep their brightness. Others are stretched over the range they have, and so
    are those of 32 and 64 bits that use a small part of them: counts, whose picture would be black.
    """
    if pixels.ndim == 3 and pixels.shape[2] < _COLOURS:  # noqa: PLR2004 - rows, columns, channels
        pixels = pixels[:, :, 0]
    elif pixels.ndim == 3:  # noqa: PLR2004
        pixels = pixels[:, :, : _INKS if as_inks else _COLOURS]
    if (shift := _shift_of(pixels)) is not None:
        levels = (pixels >> shift).astype(np.uint8)
    else:
        levels = _stretched(pixels)
    if as_inks and levels.ndim == 3 and levels.shape[2] == _INKS:  # noqa: PLR2004
        return Image.frombytes("CMYK", levels.shape[1::-1], np.ascontiguousarray(levels).tobytes())
    if as_lab and levels.ndim == 3:  # noqa: PLR2004
        return Image.frombytes("LAB", levels.shape[1::-1], np.ascontiguousarray(levels).tobytes())
    return Image.fromarray(np.ascontiguousarray(levels))


def _shift_of(pixels: np.ndarray) -> int | None:
    """Return how many low bits of each value do not count; None if the values are stretched."""
    shift = _WHOLE.get(pixels.dtype.newbyteorder("="))
    if shift is None or shift <= _SIXTEEN or not pixels.size:
        return shift
    highest = int(pixels.max())
    if highest >> (shift + 4):  # a sixteenth of the range
        return shift
    return _SIXTEEN if highest >> 16 == 0 else None


def _stretched(pixels: np.ndarray) -> np.ndarray:
    # Of complex numbers, as radar has them, the length is the brightness.
    values = (np.abs(pixels) if pixels.dtype.kind == "c" else pixels).astype(np.float32)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / max(high - low, 1e-12)
    return (scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8)
