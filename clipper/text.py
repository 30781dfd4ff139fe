"""Text as Clipper keeps it, from whatever source, and as it writes numbers."""

import codecs
from collections.abc import Callable, Sequence


def clean(text: str) -> str:
    """Replace what UTF-8 cannot hold: JSON may contain half of a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def decode_text(data: bytes) -> str:
    """Decode a text file: UTF-8, or UTF-16 if it begins with the byte order mark, as Windows saves "Unicode".

    Raises:
        UnicodeDecodeError: it is in another encoding.
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


# Zero-width characters that join or separate emoji and Persian letters: not printable in Python's sense.
_JOINERS = "\u200c\u200d"


def one_line(text: str) -> str:
    """Return what can be read of a text, in one line, without surrounding or repeated white space."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    line = " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in text).split())
    return clean(line).strip(f"{_JOINERS} ")


# Characters of an error's message that are of use to a person.
_LONGEST_REASON = 300


def reason_of(error: BaseException) -> str:
    """Return the message of a library's error in one line, cut if it is long; its kind if it has none."""
    said = one_line(str(error)[: 10 * _LONGEST_REASON])[:_LONGEST_REASON]
    # A missing key's whole message is the key.
    return f"{type(error).__name__} {said}".rstrip() if isinstance(error, KeyError) or not said else said


def short_line(text: str, *, what: str, most: int) -> str:
    """Clean a text that a person gives something: one line of at least one letter, and of `most` at most.

    Args:
        text: as it was given.
        what: it is, for the message, such as "a tag".
        most: characters.

    Raises:
        ValueError: no letter is left, or too many.
    """
    line = one_line(text)
    if not line:
        raise ValueError(f"{what} needs at least one letter")
    if len(line) > most:
        raise ValueError(f"{what} has at most {most} letters; this one has {len(line):,}")
    return line


def write_apart(values: Sequence[float], write: Callable[[float], str]) -> list[str]:
    """Write numbers that stand beside each other: by `write`, with more digits if different ones look alike.

    Integers then have all their digits, however many.
    """
    texts, count = list(map(write, values)), len(set(values))
    if len(set(texts)) == count:
        return texts
    if all(isinstance(value, int) or value.is_integer() for value in values):
        return [str(int(value)) for value in values]
    for digits in range(5, 17):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == count:
            return texts
    return list(map(repr, values))
