"""Open a file's bytes as a Pillow image: by Pillow itself, another library, or the preview of a camera raw.

A decoder is imported only when a file begins as its format does, so that a child process starts as fast as
without it. What does not belong here: pixels and facts (`images/decode.py`), and words for a file that is not
read (`images/formats.py`).
"""

import io
from importlib.util import find_spec
from typing import Any

from clipper.errors import BadImageError
from clipper.images.decoders import camera_raw
from clipper.images.decoders.segments import bare
from clipper.images.decoders.tiff.tags import BIG, LITTLE

# Pillow's own decoders (JPEG opens MPO too), in the order in which they are tried; those come last that
# recognise a file by little. Left out: EPS and WMF, which start another program; IPTC, which opens what it
# holds as any format; IMT, which takes almost any bytes for an image; MPEG, GRIB, BUFR and HDF5, which
# decode nothing.
PILLOW_FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "PPM", "JPEG2000", "ICO", "PSD", "DDS", "QOI",
    "ICNS", "BLP", "FTEX", "FITS", "SGI", "SUN", "PIXAR", "MSP", "GBR", "CUR", "DCX", "PCX", "FLI", "XBM",
    "XPM", "XVTHUMB", "MCIDAS", "PCD", "IM", "SPIDER", "TGA",
)  # fmt: skip
HEVC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
HEIF_BRANDS = (*HEVC_BRANDS, b"mif1", b"msf1")
PLAIN_BEGINNINGS = (b"farbfeld", b"P7\n", b"#?RADIANCE", b"#?RGBE")
JPEG_XL_BEGINNINGS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
_OPTIONAL = "and the package that decodes it is not installed; `pip install {}`, or convert it to JPEG or PNG"
# Windows icons and cursors; TGAs begin so too.
ICON_BEGINNINGS = (b"\0\0\1\0", b"\0\0\2\0")
# Bytes of one text in a PNG: programs keep their whole work in it. The sandbox limits the memory of all.
_MOST_TEXT = 1 << 26
_TIFF = (LITTLE, BIG, b"II+\x00", b"MM\x00+")


def open_image(data: bytes) -> Any:
    """Open an image without decoding its pixels, as far as its library allows.

    Args:
        data: the file's bytes.

    Returns:
        a Pillow image, not loaded yet. `format` is Pillow's name of the format; of a camera raw it is the
        camera's, such as "NEF".

    Raises:
        BadImageError: what decodes this format is not installed; or a camera raw holds no preview.
        Exception: whatever Pillow raises for bytes that it cannot open.
    """
    if kind := camera_raw.format_of(data):
        return camera_raw.open_preview(data, kind)
    if opened := _open_first(data):
        return opened
    try:
        image = _pillow().open(io.BytesIO(data), formats=PILLOW_FORMATS)
        return (_open_otherwise(data) if _is_misread_tiff(image) else None) or image
    except Exception as error:
        if other := _open_otherwise(data):
            return other
        raise error from None


def _open_first(data: bytes) -> Any:
    """Open what Pillow does not read, or another picture of it; return None for all else."""
    if data.startswith(JPEG_XL_BEGINNINGS):
        return _open_jpeg_xl(data)
    if data.startswith(PLAIN_BEGINNINGS):
        from clipper.images.decoders.plain import open_plain

        return open_plain(data)
    if is_heif(data):
        return _open_heif(data)
    return _open_better(data)


def _open_better(data: bytes) -> Any:
    """Open a format of which Pillow reads some files wrong; None if that fails, and for all others."""
    try:
        if data.startswith(ICON_BEGINNINGS):
            from clipper.images.decoders.icons import open_icon

            _pillow()
            return open_icon(data)
        if data.startswith(b"BM") and _has_short_alpha(data):
            from clipper.images.decoders.odd_bmp import open_bmp

            return open_bmp(data)
        if data.startswith(b"8BPS"):
            from clipper.images.decoders.photoshop import open_photoshop

            return open_photoshop(data)
    except Exception:  # noqa: BLE001 - Pillow's own reader, or that of TGA, may do better
        return None
    return None


def _is_misread_tiff(image: Any) -> bool:
    """Whether Pillow opens a TIFF and takes its numbers for others.

    It takes the white of 12 bits for a sixteenth of it, large numbers of 32 bits without a sign for negative
    ones, and reads neither planes of 16 bits nor greys of 16 bits whose zero is white.
    """
    if image.format != "TIFF":
        return False
    tags = image.tag_v2
    bits, signs = tags.get(258, (1,)), tags.get(339, (1,))
    if bits[0] == 16:  # noqa: PLR2004
        return bool(tags.get(262) == 0 or (len(bits) > 1 and tags.get(284) == 2))  # noqa: PLR2004 - as specified
    return bool(bits == (12,) or (bits == (32,) and signs[0] == 1))


def _has_short_alpha(data: bytes) -> bool:
    """Whether a BMP of 16 bits a pixel names a mask for alpha, which Pillow leaves out."""
    return data[14:18] in (b"\x6c\0\0\0", b"\x7c\0\0\0") and data[28:30] == b"\x10\0" and any(data[66:70])


def is_heif(head: bytes) -> bool:
    """Whether a file begins as HEIF does; some AVIF files do too."""
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def _open_otherwise(data: bytes) -> Any:
    """Open a file of a common format that Pillow does not read; return None if nothing reads it."""
    try:
        if rest := bare(data):
            return _pillow().open(io.BytesIO(rest), formats=("JPEG", "PNG"))
        if data.startswith(b"BM"):
            from clipper.images.decoders.odd_bmp import open_bmp

            return open_bmp(data)
        if data.startswith(_TIFF):
            from clipper.images.decoders.odd_tiff import open_tiff

            return open_tiff(data)
        if data.startswith(b"DDS "):
            from clipper.images.decoders.odd_dds import open_dds

            return open_dds(data)
    except Exception:  # noqa: BLE001 - hostile bytes raise anything, and Pillow's error says more
        return None
    return None


def _open_jpeg_xl(data: bytes) -> Any:
    if find_spec("pylibjxl"):
        from clipper.images.decoders.jpeg_xl import open_jpeg_xl

        return open_jpeg_xl(data)
    if find_spec("pillow_jxl"):  # a plugin that somebody installed where `pylibjxl` has no wheel
        __import__("pillow_jxl")
        return _pillow().open(io.BytesIO(data), formats=("JXL",))
    raise BadImageError(f"is JPEG XL, {_OPTIONAL.format('pylibjxl')}")


def _open_heif(data: bytes) -> Any:
    pillow = _pillow()
    formats = ["AVIF"]  # the general brands (mif1, msf1) are of either
    if find_spec("pi_heif"):
        import pi_heif

        # One file at a time: threads would only take address space. What else a file holds is not shown.
        pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
        formats.append("HEIF")
    elif data[8:12] in HEVC_BRANDS:
        raise BadImageError(f"is HEIF, {_OPTIONAL.format('pi-heif')}")
    return pillow.open(io.BytesIO(data), formats=formats)


def _pillow() -> Any:
    from PIL import Image, PngImagePlugin

    # Clipper checks its own limit, a setting, before it decodes a pixel; Pillow's limit would only warn.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = _MOST_TEXT
    return Image
