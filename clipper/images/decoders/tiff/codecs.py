"""Decode what `tifffile` leaves to `imagecodecs`: LZW, numbers of any bits, and floats stored as differences.

These are the common ones, of scanners, satellites and microscopes. What does not belong here: which TIFFs are
read so (`decoders/odd_tiff.py`).
"""

import io
import struct
from typing import Any

import numpy as np
import tifffile.tifffile
from PIL import Image

_LZW, _WIDEST = 5, 16
_SHORT, _LONG = 3, 4
_BLOCK = 1 << 24  # bits that are unpacked at once


def install() -> None:
    """Let `tifffile` decode with these functions, unless `imagecodecs` is installed."""
    codecs: Any = tifffile.tifffile.imagecodecs
    if codecs.__name__.endswith("_imagecodecs"):
        codecs.lzw_decode, codecs.floatpred_decode = lzw_decode, floatpred_decode
        codecs.packints_decode = packints_decode


def lzw_decode(data: bytes, out: int) -> bytes:
    """Unpack LZW: libtiff, by way of Pillow, takes the bytes for a grey picture of one row.

    Args:
        data: one strip or tile.
        out: how many bytes it has.
    """
    entries = (
        (256, _LONG, out), (257, _SHORT, 1), (258, _SHORT, 8), (259, _SHORT, _LZW), (262, _SHORT, 1),
        (273, _LONG, 8), (277, _SHORT, 1), (278, _SHORT, 1), (279, _LONG, len(data)),
    )  # fmt: skip
    tags = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    start = 8 + len(data) + len(data) % 2
    head = b"II*\0" + struct.pack("<I", start) + data + bytes(len(data) % 2)
    tiff = head + struct.pack("<H", len(entries)) + tags + bytes(4)
    with Image.open(io.BytesIO(tiff), formats=("TIFF",)) as image:
        return image.tobytes()


def packints_decode(data: bytes, dtype: Any, bitspersample: int, runlen: int = 0, **_: Any) -> np.ndarray:
    """Unpack whole numbers without a sign, the first in the highest bits.

    Args:
        data: rows that begin at a byte each.
        dtype: of the numbers.
        bitspersample: bits of a number, up to 16, or 32.
        runlen: numbers in a row.
    """
    if bitspersample in (8, 16, 32, 64):
        return np.frombuffer(data, dtype)
    if bitspersample > _WIDEST:
        raise ValueError("the bits of this TIFF are not supported")
    used = runlen * bitspersample
    row = (used + 7) // 8
    rows = np.frombuffer(data, np.uint8, len(data) // row * row).reshape(-1, row)
    numbers = np.empty((len(rows), runlen), dtype)
    step = max(_BLOCK // max(used, 1), 1)
    for top in range(0, len(rows), step):  # a bit takes a byte while it is unpacked
        bits = np.unpackbits(rows[top : top + step], axis=1, count=used).reshape(-1, runlen, bitspersample)
        block = np.zeros(bits.shape[:2], np.uint16)
        for bit in range(bitspersample):
            block = (block << 1) | bits[:, :, bit]
        numbers[top : top + step] = block
    return numbers.reshape(-1)


def floatpred_decode(data: np.ndarray, axis: int = -2, **_: Any) -> np.ndarray:
    """Undo predictor 3 (Adobe Photoshop TIFF Technical Note 3).

    Args:
        data: (..., width, samples), the bytes of the differences in the order of a little-endian file.
        axis: that of the width.
    """
    if axis != -2:  # noqa: PLR2004
        raise ValueError("this order of a TIFF's values is not supported")
    *rest, width, samples = data.shape
    size = data.dtype.itemsize
    changes = np.ascontiguousarray(data).view(np.uint8).reshape(*rest, width * size, samples)
    levels = np.cumsum(changes, axis=-2, dtype=np.uint8).reshape(*rest, size, width * samples)
    numbers = np.ascontiguousarray(np.moveaxis(levels, -2, -1)).view(data.dtype.newbyteorder(">"))
    return numbers.reshape(data.shape).astype(data.dtype)
