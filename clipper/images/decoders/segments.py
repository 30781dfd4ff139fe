"""Walk the parts of a JPEG or a PNG: which kind it is of, and the file without what is no picture.

What does not belong here: decoding.
"""

import struct
import zlib
from collections.abc import Iterator

PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"
JPEG_BEGINNING = b"\xff\xd8"
# JPEG markers (ITU-T T.81, table B.1).
_SCAN, _COMMENT, _ADOBE, _PROFILE, _EXIF = 0xDA, 0xFE, 0xEE, 0xE2, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APPLICATIONS = range(0xE0, 0xF0)
_ALONE = (0x01, *range(0xD0, 0xD9))
# Frames that browsers decode: baseline, extended and progressive, with Huffman codes.
_COMMON_FRAMES = (0xC0, 0xC1, 0xC2)
# Chunks of a PNG that make its picture.
_PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
# And those that say how its numbers are meant.
_MEANING_CHUNKS = frozenset((b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf"))
# Bytes of a colour profile; what unpacks to more is a bomb.
_MOST_PROFILE = 1 << 24
# Segments and chunks before a file is taken for hostile.
_MOST = 100_000


def is_rare_jpeg(data: bytes) -> bool:
    """Whether a JPEG is of a kind that browsers do not decode: lossless, or with arithmetic codes."""
    frame = next((marker for marker, _, _ in _segments(data) if marker in _FRAMES), None)
    return frame is not None and frame not in _COMMON_FRAMES


def bare(data: bytes) -> bytes | None:
    """Return a JPEG or a PNG without texts, previews and frames of an animation; None for another format.

    What says how the pixels are meant stays. A reader that stops at a broken text reads the rest.
    """
    if data.startswith(PNG_BEGINNING):
        return PNG_BEGINNING + b"".join(data[start:end] for _, start, end in _picture_chunks(data))
    if data.startswith(JPEG_BEGINNING):
        kept = [
            data[start:end]
            for marker, start, end in _segments(data)
            if not (marker in _APPLICATIONS or marker == _COMMENT) or _says_how(marker, data[start + 4 : end])
        ]
        return JPEG_BEGINNING + b"".join(kept)
    return None


def _says_how(marker: int, content: bytes) -> bool:
    """Whether a segment says which colours the pixels have, or (EXIF) which way up they are."""
    return (
        (marker == _ADOBE and content.startswith(b"Adobe") and len(content) >= 12)  # noqa: PLR2004
        or (marker == _PROFILE and content.startswith(b"ICC_PROFILE\0"))
        or (marker == _EXIF and content.startswith(b"Exif\0\0"))
    )


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """List the segments of a JPEG: marker, start and end. The last is the first scan, with all behind it."""
    at = 2
    for _ in range(_MOST):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker == _SCAN:
            yield marker, at, len(data)
            return
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004 - bytes that fill up
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield marker, at, min(at + 2 + size, len(data))
        at += 2 + size


def _picture_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = len(PNG_BEGINNING)
    seen: set[bytes] = set()  # of what says how pixels are meant, the first counts, sound or not
    for _ in range(_MOST):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        end = min(at + 12 + size, len(data))
        if kind in _PIXEL_CHUNKS:
            yield kind, at, end
        elif kind in _MEANING_CHUNKS and kind not in seen:
            seen.add(kind)
            if _is_sound(data[at:end], kind):
                yield kind, at, end
        at = end


def _is_sound(chunk: bytes, kind: bytes) -> bool:
    """Whether a chunk that says how pixels are meant is as it was written; browsers leave it out if not."""
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    if kind != b"iCCP":
        return True
    end = chunk.find(b"\0", 8)
    return chunk[end + 1 : end + 2] == b"\0" and _unpacks(chunk[end + 2 : -4])  # in the one way there is


def _unpacks(profile: bytes) -> bool:
    packed = zlib.decompressobj()
    try:
        packed.decompress(profile, _MOST_PROFILE)
    except zlib.error:
        return False
    return not packed.unconsumed_tail
