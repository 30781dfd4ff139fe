"""Open Windows icons and cursors: the largest picture, of these the one with the most colours.

Pillow takes the one with the fewest colours, trusts what the list says of a picture's bits, and reads neither
PNGs nor transparency in cursors. What does not belong here: Apple's icons, which Pillow reads.
"""

import io
import struct
from functools import partial

from PIL import IcoImagePlugin, Image

from clipper.images.decoders.deferred import DeferredImage

_ENTRY, _HEADER = 16, 6
_TRUE_COLOUR = 32
_MOST_PIXELS = 1 << 24
_BITS_AT = 14  # in the header of a bitmap


def open_icon(data: bytes) -> DeferredImage | None:
    """Open an icon or a cursor; return None if what follows its beginning is none.

    Raises:
        Exception: whatever Pillow raises for bytes that it cannot open.
    """
    _, kind, count = struct.unpack_from("<3H", data)
    if count == 0 or len(data) < _HEADER + _ENTRY * count:
        return None
    icon = bytearray(data)
    icon[2] = 1
    for at in range(_HEADER, _HEADER + _ENTRY * count, _ENTRY):
        (start,) = struct.unpack_from("<I", data, at + 12)
        if start + 40 > len(data) or start < _HEADER + _ENTRY * count:
            return None
        is_png = data[start : start + 4] == b"\x89PNG"
        listed = _listed_bits(data, at) if kind == 1 else 0
        bits = listed or _TRUE_COLOUR if is_png else struct.unpack_from("<H", data, start + _BITS_AT)[0]
        struct.pack_into("<HH", icon, at + 4, 1, bits)  # in a cursor, the place of its hot spot
    entries = IcoImagePlugin.IcoFile(io.BytesIO(bytes(icon)))
    entries.entry.sort(key=lambda entry: (entry.square, entry.bpp), reverse=True)
    size = _size(data, entries.entry[0].offset)
    return DeferredImage("ICO" if kind == 1 else "CUR", size, partial(_largest, entries))


def _size(data: bytes, start: int) -> tuple[int, int]:
    """Return the size by the picture itself: the list has one byte for a side."""
    if data[start : start + 4] == b"\x89PNG":
        width, height = struct.unpack_from(">II", data, start + 16)
    else:
        width, height = struct.unpack_from("<Ii", data, start + 4)
        height = abs(height) // 2  # the mask lies above the colours
    return width, height


def _listed_bits(data: bytes, at: int) -> int:
    """Return the bits of a pixel by the list; 0 if it leaves them out."""
    bits: int = struct.unpack_from("<H", data, at + 6)[0]
    return bits


def _largest(entries: IcoImagePlugin.IcoFile) -> Image.Image:
    picture = entries.frame(0)
    if picture.width * picture.height > _MOST_PIXELS:  # the list says at most 256 for a side
        raise ValueError("the picture is larger than its icon")
    picture.load()
    return picture
