"""Open JPEG XL by libjxl, with its EXIF at once and its pixels when they are asked for.

The plugin that `pylibjxl` has for Pillow knows a file's EXIF only after it has decoded the pixels, and starts
a thread for each core. What does not belong here: which files are JPEG XL (`opening.py`).
"""

import struct
from collections.abc import Iterator
from functools import partial

import pylibjxl
from PIL import Image

from clipper.images.decoders.deferred import DeferredImage

_MAX_BOXES = 1_000
_ORIENTATION = 0x0112


def open_jpeg_xl(data: bytes) -> Image.Image:
    """Open a JPEG XL file; it is decoded to 8 bits, and of an animation the first frame.

    libjxl turns the pixels upright, as the codestream says. The orientation in the EXIF is a leftover then
    (ISO 18181-2), and is dropped.

    Raises:
        Exception: whatever libjxl's binding raises for bytes that it cannot read.
    """
    about = pylibjxl.probe(data)
    image = _JpegXLImage("JXL", (int(about["width"]), int(about["height"])), partial(_decoded, data))
    for kind, content in _boxes(data):
        if kind == b"Exif" and "exif" not in image.info:
            image.info["exif"] = _without_orientation(content[4:])  # after the offset of the TIFF header
        elif kind == b"xml " and "xmp" not in image.info:
            image.info["xmp"] = content
        elif kind == b"brob":
            image.is_packed = True
    return image


class _JpegXLImage(DeferredImage):
    """With `is_packed`, Brotli has compressed the EXIF, and only libjxl's decoding gives it."""

    is_packed = False

    def getexif(self) -> Image.Exif:
        """Read the EXIF; if it is packed, after the pixels."""
        if self.is_packed:
            self.load()
        return super().getexif()


def _decoded(data: bytes) -> Image.Image:
    with pylibjxl.JXL(threads=1) as codec:
        pixels, beside = codec.decode(data, metadata=True)
    if pixels.ndim == 3 and pixels.shape[2] == 1:  # noqa: PLR2004 - an axis of one channel
        pixels = pixels[:, :, 0]
    image = Image.fromarray(pixels)
    if profile := beside.get("icc"):
        image.info["icc_profile"] = profile
    if exif := beside.get("exif"):
        image.info["exif"] = _without_orientation(exif)
    if xmp := beside.get("xmp"):
        image.info["xmp"] = xmp
    return image


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """List the boxes of a container, as ISO 14496-12 lays them out; a bare codestream has none."""
    at = 0 if data[4:8] == b"JXL " else len(data)
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            start = at + 16
        end = len(data) if size == 0 else at + size
        if end < start or end > len(data):
            return
        if kind in {b"Exif", b"xml ", b"brob"}:
            yield kind, data[start:end]
        at = end


def _without_orientation(tiff: bytes) -> bytes:
    exif = Image.Exif()
    try:
        exif.load(b"Exif\x00\x00" + tiff.removeprefix(b"Exif\x00\x00"))
        exif.pop(_ORIENTATION, None)
        return exif.tobytes()
    except Exception:  # noqa: BLE001 - hostile EXIF may raise anything; only it is lost
        return b""
