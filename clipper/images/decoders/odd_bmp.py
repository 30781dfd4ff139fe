"""Open BMPs that Pillow does not read: any bit masks, 2 bits a pixel, runs of 24 bits, a JPEG or PNG inside.

What does not belong here: BMPs that Pillow reads.
"""

import io
import struct
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from clipper.images.decoders.deferred import DeferredImage

_FILE_HEADER = 14
_OS2_OLD, _OS2_NEW, _WINDOWS, _WITH_MASKS = 12, 64, 40, 52
_PLAIN, _MASKED, _JPEG_OR_RUNS, _PNG, _MASKED_ALPHA = 0, 3, 4, 5, 6
_USUAL_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}


@dataclass(frozen=True)
class _Header:
    """What the header says; `bits` a pixel, `start` of the pixels, `masks` of red, green, blue and alpha."""

    size: int
    width: int
    height: int
    is_top_down: bool
    bits: int
    compression: int
    start: int
    colours: int
    masks: tuple[int, int, int, int]


def open_bmp(data: bytes) -> Image.Image:
    """Open a BMP.

    Raises:
        ValueError: it is of a kind that is not read here either.
        struct.error: its header ends early.
    """
    header = _header(data)
    inner = {_JPEG_OR_RUNS: "JPEG", _PNG: "PNG"}.get(header.compression)
    if inner and not (header.size == _OS2_NEW and inner == "JPEG"):
        image = Image.open(io.BytesIO(data[header.start :]), formats=(inner,))
        image.format = "DIB"  # a browser does not look inside
        return image
    return DeferredImage("BMP", (header.width, header.height), partial(_decoded, data, header))


def _header(data: bytes) -> _Header:
    start, size = struct.unpack_from("<II", data, 10)
    if size == _OS2_OLD:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = colours = 0
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        compression = struct.unpack_from("<I", data, 30)[0] if size > 16 else 0  # noqa: PLR2004 - a short one
        colours = struct.unpack_from("<I", data, 46)[0] if size >= _WINDOWS else 0
    if width < 1 or height == 0 or bits not in {0, 1, 2, 4, 8, 16, 24, 32}:
        raise ValueError("the header of this BMP is not supported")
    masks = _USUAL_MASKS.get(bits, (0, 0, 0, 0))
    if compression in {_MASKED, _MASKED_ALPHA} and size != _OS2_NEW:
        has_alpha = compression == _MASKED_ALPHA or size > _WITH_MASKS
        found = struct.unpack_from("<4I" if has_alpha else "<3I", data, _FILE_HEADER + _WINDOWS)
        masks = (*found[:3], found[3] if has_alpha else 0)
    return _Header(size, width, abs(height), height < 0, bits, compression, start, colours, masks)


def _decoded(data: bytes, header: _Header) -> Image.Image:
    if header.compression == _JPEG_OR_RUNS:
        pixels = _runs(data, header)
    elif header.compression not in {_PLAIN, _MASKED, _MASKED_ALPHA}:
        raise ValueError("the compression of this BMP is not supported")
    elif header.bits <= 8:  # noqa: PLR2004 - the pixels are numbers of colours
        pixels = _palette(data, header)[_numbers(data, header)]
    elif header.bits == 24:  # noqa: PLR2004
        pixels = _rows(data, header)[:, : 3 * header.width].reshape(header.height, header.width, 3)[
            :, :, ::-1
        ]
    else:
        pixels = _masked(data, header)
    return Image.fromarray(np.ascontiguousarray(pixels if header.is_top_down else pixels[::-1]))


def _rows(data: bytes, header: _Header) -> np.ndarray:
    """The rows as they are stored, (height, bytes a row) uint8; each is filled up to four bytes."""
    stride = (header.width * header.bits + 31) // 32 * 4
    if stride == 0 or len(data) - header.start < stride * header.height:
        raise ValueError("not enough image data")
    return np.frombuffer(data, np.uint8, stride * header.height, header.start).reshape(header.height, stride)


def _numbers(data: bytes, header: _Header) -> np.ndarray:
    rows, each = _rows(data, header), 8 // header.bits
    shifts = np.arange(each)[::-1] * header.bits
    numbers = (rows[:, :, None] >> shifts.astype(np.uint8)) & ((1 << header.bits) - 1)
    return numbers.reshape(header.height, -1)[:, : header.width]


def _palette(data: bytes, header: _Header) -> np.ndarray:
    """The colours, (2 ** bits, 3) uint8; those that the file does not have are black."""
    each = 3 if header.size == _OS2_OLD else 4
    at, most = _FILE_HEADER + header.size, 1 << header.bits
    count = max(min(header.colours or most, most, (min(header.start, len(data)) - at) // each), 0)
    colours = np.zeros((most, 3), np.uint8)
    stored = np.frombuffer(data, np.uint8, count * each, at).reshape(count, each)
    colours[:count] = stored[:, 2::-1] if each == 4 else stored[:, ::-1]  # noqa: PLR2004
    return colours


def _masked(data: bytes, header: _Header) -> np.ndarray:
    values = _rows(data, header).view("<u2" if header.bits == 16 else "<u4")[:, : header.width]  # noqa: PLR2004
    channels = [_channel(values, mask) for mask in header.masks]
    if header.masks[3] and channels[3].any():
        return np.stack(channels, axis=2)
    return np.stack(channels[:3], axis=2)


def _channel(values: np.ndarray, mask: int) -> np.ndarray:
    """One channel, stretched to 8 bits; zeros without a mask."""
    if mask == 0:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    levels = ((values & values.dtype.type(mask & ((1 << (8 * values.itemsize)) - 1))) >> shift) * (255 / most)
    made: np.ndarray = (levels + 0.5).clip(0, 255).astype(np.uint8)
    return made


def _runs(data: bytes, header: _Header) -> np.ndarray:
    """Unpack runs of 24-bit colours (OS/2's RLE24); what they leave out is black."""
    pixels = np.zeros((header.height, header.width, 3), np.uint8)
    at, x, y = header.start, 0, 0
    while at + 2 <= len(data) and y < header.height:
        count, code = data[at], data[at + 1]
        if count:
            pixels[y, x : x + count] = np.frombuffer(data, np.uint8, 3, at + 1)[::-1]
            at, x = at + 4, x + count
        elif code == 0:
            at, x, y = at + 2, 0, y + 1
        elif code == 1:
            break
        elif code == 2:  # noqa: PLR2004 - a move
            at, x, y = at + 4, x + data[at + 2], y + data[at + 3]
        else:
            part = np.frombuffer(data, np.uint8, 3 * code, at + 2).reshape(code, 3)[:, ::-1]
            pixels[y, x : x + code] = part[: max(header.width - x, 0)]
            at, x = at + 2 + 3 * code + code % 2, x + code
    return pixels
