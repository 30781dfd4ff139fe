"""Open three plain formats that Pillow does not read: farbfeld, PAM and Radiance HDR.

What does not belong here: formats that a library reads.
"""

import re
import struct
from functools import partial

import numpy as np
from PIL import Image

from clipper.images.decoders.deferred import DeferredImage

FARBFELD, PAM, RADIANCE = (b"farbfeld",), (b"P7\n",), (b"#?RADIANCE", b"#?RGBE")
_PAM_END = b"ENDHDR\n"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SIZE = re.compile(rb"\n([-+])([XY]) (\d{1,9}) ([-+])([XY]) (\d{1,9})\n")
_HEAD = 1 << 16  # bytes in which a header must end
_BYTE, _WORD = 255, 65_535
_RUN_SIDES = range(8, 32_768)  # widths whose rows are packed by channel
_WHITE_SHARE = 99.0  # percent of the values that stay below white


def open_plain(data: bytes) -> Image.Image | None:
    """Open a file that begins as one of the formats does; None if it begins otherwise.

    Raises:
        ValueError: its header makes no sense.
    """
    for beginnings, opening in ((FARBFELD, _farbfeld), (PAM, _pam), (RADIANCE, _radiance)):
        if data.startswith(beginnings):
            return opening(data)
    return None


def _farbfeld(data: bytes) -> Image.Image:
    """Open farbfeld (tools.suckless.org/farbfeld): RGBA of 16 bits, the high byte first."""
    width, height = struct.unpack_from(">II", data, 8)
    return DeferredImage("FARBFELD", (width, height), partial(_words, data, 16, width, height, 4))


def _pam(data: bytes) -> Image.Image:
    """Open PAM (netpbm.sourceforge.net/doc/pam.html): 1 to 4 channels of 8 or 16 bits."""
    end = data.find(_PAM_END, 0, _HEAD)
    lines = [line.split(None, 1) for line in data[3 : max(end, 3)].splitlines()]
    tags = {line[0]: line[1] for line in lines if len(line) == 2 and line[0][:1] != b"#"}  # noqa: PLR2004
    width, height, depth, most = (int(tags[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    if end < 0 or depth not in _MODES or not 0 < most <= _WORD:
        raise ValueError("the header of this PAM is not supported")
    start = end + len(_PAM_END)
    make = partial(_words, data, start, width, height, depth, most=most)
    return DeferredImage("PAM", (width, height), make)


def _words(data: bytes, start: int, width: int, height: int, depth: int, *, most: int = _WORD) -> Image.Image:
    kind = np.dtype(np.uint8) if most <= _BYTE else np.dtype(">u2")
    count = width * height * depth
    if count == 0 or len(data) - start < count * kind.itemsize:
        raise ValueError("not enough image data")
    values = np.frombuffer(data, kind, count, start).astype(np.float32)
    levels = (values * (_BYTE / most) + 0.5).clip(0, _BYTE).astype(np.uint8)
    return Image.frombytes(_MODES[depth], (width, height), levels.tobytes())


def _radiance(data: bytes) -> Image.Image:
    """Open Radiance HDR (floating-point colours that share an exponent), rows from the top."""
    match = _SIZE.search(data, 0, _HEAD)
    if match is None or match[2] != b"Y" or match[5] != b"X":
        raise ValueError("the size of this Radiance HDR is not supported")
    height, width = int(match[3]), int(match[6])
    make = partial(_light, data, match.end(), width, height, is_flipped=match[1] == b"+")
    return DeferredImage("HDR", (width, height), make)


def _light(data: bytes, at: int, width: int, height: int, *, is_flipped: bool) -> Image.Image:
    rows = np.empty((height, width, 4), np.uint8)
    for y in range(height):
        at = _row(data, at, rows[y])
    scale = np.ldexp(np.float32(1), rows[:, :, 3].astype(np.int32) - 136)
    light = rows[:, :, :3] * scale[:, :, None]
    white = max(float(np.percentile(light, _WHITE_SHARE)), 1e-6)
    levels = ((light / white).clip(0, 1) ** (1 / 2.2) * _BYTE + 0.5).astype(np.uint8)
    return Image.fromarray(levels[::-1] if is_flipped else levels)


def _row(data: bytes, at: int, row: np.ndarray) -> int:
    """Read one row of (width, 4) bytes; return where the next begins."""
    width = len(row)
    is_packed = data[at : at + 2] == b"\x02\x02" and int.from_bytes(data[at + 2 : at + 4]) == width
    if not is_packed or width not in _RUN_SIDES:
        return _old_row(data, at, row)
    at += 4
    for channel in range(4):
        x = 0
        while x < width:
            count = data[at]
            if count > 128:  # noqa: PLR2004 - a run of one value
                count -= 128
                row[x : x + count, channel] = data[at + 1]
                at += 2
            elif count == 0:
                raise ValueError("a run of nothing in the data stream")
            else:
                part = np.frombuffer(data, np.uint8, count, at + 1)
                row[x : x + count, channel] = part[: width - x]
                at += 1 + count
            x += count
    return at


def _old_row(data: bytes, at: int, row: np.ndarray) -> int:
    """Read pixels one by one; a pixel 1, 1, 1, n repeats the one before n times, the next such 256 n."""
    x = shift = 0
    while x < len(row):
        pixel = np.frombuffer(data, np.uint8, 4, at)
        at += 4
        if x and not (pixel[:3] != 1).any():
            count = min(int(pixel[3]) << shift, len(row) - x)
            if count == 0 and shift:
                raise ValueError("a run of nothing in the data stream")
            row[x : x + count] = row[x - 1]
            x, shift = x + count, min(shift + 8, 24)
        else:
            row[x], shift = pixel, 0
            x += 1
    return at
