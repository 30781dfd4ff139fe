"""Why a file cannot be decoded, in words for its owner: what decoders say, translated.

What does not belong here: files of other kinds (`images/formats.py`), and limits (`images/decode.py`).
"""

import re
import struct

from clipper.images.formats import unidentified

LONGEST = 160
_ENDS_EARLY = "is damaged: its data ends early"
_BROKEN = "is damaged: its data cannot be decoded"
_NONSENSE = "is damaged: its header makes no sense"
_UNREAD_KIND = "is of a rare kind of its format, which Clipper does not read"
# What Pillow and the libraries below it say. The first that fits counts.
_WORDS = (
    (r"MAX_TEXT|too large for|decompressed data", "holds a text too large to be one, as bombs do"),
    (r"truncated|only got|end of file|unexpected end|buffer of \d+ bytes|not enough", _ENDS_EARLY),
    (
        r"unsupported|not supported|not implemented|unknown (raw mode|compression)|bits/pixel",
        _UNREAD_KIND,
    ),
    (r"data stream|decoder (error|object)|buffer overrun|next frame|cannot load|failed to decode", _BROKEN),
    (r"checksum|broken|^-?\d+$", _BROKEN),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), words) for pattern, words in _WORDS)


def reason(error: Exception, data: bytes, *, is_large: bool) -> str:
    """What to tell the owner of a file that Pillow cannot decode.

    Args:
        error: what decoding raised.
        data: the file's bytes.
        is_large: libraries that are refused memory call the image broken: say that it may be either.
    """
    said = re.sub(r"[^ -~]+", " ", str(error)).strip()[:LONGEST]
    if "cannot identify image file" in said:
        return unidentified(data)
    if isinstance(error, struct.error):
        words = _ENDS_EARLY
    else:
        words = next((words for pattern, words in _PATTERNS if pattern.search(said)), _NONSENSE)
    if is_large and words == _BROKEN:
        words = "is damaged, or needs more memory to decode than one file may have"
    return f"{words} ({said or type(error).__name__})"
