"""Open DDS textures that Pillow reads under another name: sRGB kinds, and those with multiplied alpha.

What does not belong here: other DDS textures.
"""

import io
import struct
from functools import partial

from PIL import Image

from clipper.images.decoders.deferred import DeferredImage

_NAME_AT, _DXGI_AT = 84, 128
_NAMES = {b"DXT2": b"DXT3", b"DXT4": b"DXT5"}
# Numbers of DXGI_FORMAT: of an sRGB kind, and of the same bytes without a name for their colours.
_KINDS = {29: 28, 72: 71, 75: 74, 78: 77, 91: 87, 93: 88, 99: 98}
_DX10 = b"DX10"


def open_dds(data: bytes) -> Image.Image | None:
    """Open a DDS; return None if it has no other name.

    Raises:
        Exception: whatever Pillow raises for bytes that it cannot open.
    """
    name = data[_NAME_AT : _NAME_AT + 4]
    changed = bytearray(data)
    if name in _NAMES:
        changed[_NAME_AT : _NAME_AT + 4] = _NAMES[name]
    elif name == _DX10 and (kind := struct.unpack_from("<I", data, _DXGI_AT)[0]) in _KINDS:
        struct.pack_into("<I", changed, _DXGI_AT, _KINDS[kind])
    else:
        return None
    image = Image.open(io.BytesIO(bytes(changed)), formats=("DDS",))
    return DeferredImage("DDS", image.size, partial(_divided, image)) if name in _NAMES else image


def _divided(image: Image.Image) -> Image.Image:
    """Decode colours that are stored multiplied by their alpha."""
    return Image.frombytes("RGBa", image.size, image.convert("RGBA").tobytes()).convert("RGBA")
