"""Open Photoshop files of 1, 8, 16 and 32 bits a channel, large ones (PSB) too.

The picture is the one that Photoshop stores of all layers. Pillow reads 8 bits only, and takes a selection
that somebody saved for transparency. What does not belong here: layers, and palettes, which Pillow reads.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from clipper.images.decoders.deferred import DeferredImage

_HEADER = struct.Struct(">4sH6xHIIHH")
_PLAIN, _PACKED = 0, 1
_MOST_PACKED = 64  # two bytes stand for at most 128
_BITMAP, _GREYS, _RGB, _CMYK, _LAB = 0, (1, 8), 3, 4, 9
_CHANNELS = {_RGB: 3, _CMYK: 4, _LAB: 3} | dict.fromkeys((_BITMAP, *_GREYS), 1)
_DEPTHS: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    8: np.dtype(np.uint8),
    16: np.dtype(">u2"),
    32: np.dtype(">f4"),
}
_LIGHT = 32  # bits of a number that is no code, but light
_PROFILE = 1039  # the number of the resource (Adobe Photoshop File Formats Specification)
_MOST_RESOURCES = 10_000


@dataclass(frozen=True)
class _Header:
    """What the file says of its picture; `is_large` for a PSB, `start` of the pixels."""

    width: int
    height: int
    channels: int
    depth: int
    mode: int
    is_large: bool
    has_alpha: bool
    start: int


def open_photoshop(data: bytes) -> Image.Image:
    """Open a Photoshop file.

    Raises:
        ValueError: it is of a kind that is not read here either.
        struct.error: it ends early.
    """
    _, version, channels, height, width, depth, mode = _HEADER.unpack_from(data)
    is_large = version == 2  # noqa: PLR2004 - as specified
    resources = _HEADER.size + 4 + struct.unpack_from(">I", data, _HEADER.size)[0]
    layers = resources + 4 + struct.unpack_from(">I", data, resources)[0]
    start = layers + (8 if is_large else 4)
    size = struct.unpack_from(">Q" if is_large else ">I", data, layers)[0]
    is_known = mode in _CHANNELS and depth in _DEPTHS and (mode == _BITMAP) == (depth == 1)
    if not is_known or channels < _CHANNELS[mode] or not width or not height:
        raise ValueError("the mode of this Photoshop file is not supported")
    header = _Header(
        width, height, channels, depth, mode, is_large, _says_alpha(data, start, size, is_large), start + size
    )
    image = DeferredImage("PSD", (width, height), partial(_decoded, data, header))
    # The profile of 32 bits says that the numbers are light; they are encoded as sRGB when they are decoded.
    if depth != _LIGHT and (profile := _profile(data, resources + 4, layers)):
        image.info["icc_profile"] = profile
    return image


def _says_alpha(data: bytes, start: int, size: int, is_large: bool) -> bool:
    """Whether the first further channel is the transparency of the picture: the count of layers is negative.

    Otherwise it is a selection that somebody saved.
    """
    at = start + (8 if is_large else 4)
    return size >= 6 and at + 2 <= len(data) and struct.unpack_from(">h", data, at)[0] < 0  # noqa: PLR2004


def _profile(data: bytes, at: int, end: int) -> bytes | None:
    for _ in range(_MOST_RESOURCES):
        if at + 12 > min(end, len(data)) or data[at : at + 4] != b"8BIM":
            return None
        (number,) = struct.unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2  # after the name, which fills an even number of bytes
        (size,) = struct.unpack_from(">I", data, at)
        if number == _PROFILE:
            return data[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2
    return None


def _decoded(data: bytes, header: _Header) -> Image.Image:
    count = _CHANNELS[header.mode]
    used = count + 1 if header.has_alpha and header.channels > count else count
    if header.mode == _BITMAP:
        (rows,) = _channels(data, header, 1)
        return Image.fromarray(255 - 255 * np.unpackbits(rows, axis=1, count=header.width))
    levels = np.empty((header.height, header.width, used), np.uint8)
    for at, rows in enumerate(_channels(data, header, used)):
        levels[..., at] = _to_8_bit(rows.view(_DEPTHS[header.depth]))
    return _image(levels, header.mode)


def _channels(data: bytes, header: _Header, count: int) -> Iterator[np.ndarray]:
    """Unpack channels one by one, as a large picture has little room: each (height, bytes a row) uint8."""
    size = ((header.width * header.depth + 7) // 8, header.height)
    (packing,) = struct.unpack_from(">H", data, header.start)
    start = header.start + 2
    if packing not in (_PLAIN, _PACKED):
        raise ValueError("the compression of this Photoshop file is not supported")
    lengths = np.full(header.channels, size[0] * size[1], np.int64)
    if packing == _PACKED:  # a table of all rows comes first
        kind = np.dtype(">u4" if header.is_large else ">u2")
        rows = header.channels * header.height
        if start + rows * kind.itemsize > len(data):
            raise ValueError("not enough image data")
        table = np.frombuffer(data, kind, rows, start).reshape(header.channels, header.height)
        lengths = table.sum(axis=1, dtype=np.int64)
        start += table.nbytes
    for end in start + np.cumsum(lengths)[:count]:
        part = data[start:end]
        start = int(end)
        if packing == _PACKED:
            if len(part) * _MOST_PACKED < size[0] * size[1]:
                raise ValueError("not enough image data")
            part = Image.frombytes("L", size, part, "packbits", "L").tobytes()
        if len(part) < size[0] * size[1]:
            raise ValueError("not enough image data")
        yield np.frombuffer(part, np.uint8).reshape(size[1], size[0])


def _to_8_bit(channel: np.ndarray) -> np.ndarray:
    """Convert one channel; numbers of 32 bits are light, 0 to 1."""
    if channel.dtype.itemsize == 1:
        return channel
    if channel.dtype.itemsize == 2:  # noqa: PLR2004
        return (channel >> 8).astype(np.uint8)
    light = np.nan_to_num(channel.astype(np.float32)).clip(0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - sRGB
    encoded: np.ndarray = (curve * 255 + 0.5).astype(np.uint8)
    return encoded


def _image(levels: np.ndarray, mode: int) -> Image.Image:
    count = _CHANNELS[mode]
    colours, alpha = levels[..., :count], levels[..., count:]
    if mode == _CMYK:  # stored as what is left white, and no format of Pillow has alpha with inks
        return Image.frombytes("CMYK", levels.shape[1::-1], (255 - colours).tobytes())
    if mode == _LAB:  # a and b stand 128 above their value; Pillow reads them with a sign, as a TIFF has them
        signed = colours ^ np.array((0, 128, 128), np.uint8)
        return Image.frombytes("LAB", levels.shape[1::-1], signed.tobytes())
    image = Image.fromarray(np.ascontiguousarray(colours[..., 0] if count == 1 else colours))
    if alpha.size:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha[..., 0])))
    return image
