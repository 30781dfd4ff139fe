"""Read the tags of a TIFF, and of the camera raws that are TIFFs, without trusting a number in it.

What does not belong here: what the tags mean (`decoders/camera_raw.py`).
"""

import struct
from collections import deque
from collections.abc import Iterator

LITTLE, BIG = b"II*\x00", b"MM\x00*"
_SUB_DIRECTORIES = 330
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 1_000
_MAX_VALUES = 1 << 16
_BYTES = {1: ("B", 1), 2: ("s", 1), 3: ("H", 2), 4: ("I", 4), 7: ("B", 1), 13: ("I", 4)}
_HEADER = 8
_INLINE = 4  # bytes of a value that stand in the entry itself


class Directory:
    """One directory of a TIFF: its tags, whose values are read when they are asked for."""

    def __init__(self, data: bytes, order: str, entries: dict[int, tuple[int, int, int]]) -> None:
        """Keep the entries: tag -> (type, count, where the value stands)."""
        self._data, self._order, self._entries = data, order, entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the whole numbers of a tag; () if it is missing, of another type or outside the file."""
        kind, count, at = self._entries.get(tag, (0, 0, 0))
        letter, size = _BYTES.get(kind, ("", 0))
        if not letter or letter == "s" or count > _MAX_VALUES or at + count * size > len(self._data):
            return ()
        return struct.unpack_from(f"{self._order}{count}{letter}", self._data, at)

    def number(self, tag: int) -> int | None:
        """Return the first number of a tag; None if it has none."""
        return next(iter(self.numbers(tag)), None)

    def text(self, tag: int) -> str:
        """Return the text of a tag, 64 characters at most; "" if it is none."""
        kind, count, at = self._entries.get(tag, (0, 0, 0))
        if _BYTES.get(kind, ("", 0))[0] != "s":
            return ""
        return self._data[at : at + min(count, 64)].split(b"\x00")[0].decode("latin-1").strip()


def directories(data: bytes) -> Iterator[Directory]:
    """List the directories of a TIFF, the sub-directories of each among them; the first is the main one.

    Bytes that are no TIFF have none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < _HEADER:
        return
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    waiting, seen = deque([first]), set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.popleft()
        if at in seen or not _HEADER <= at <= len(data) - 2:
            continue
        seen.add(at)
        directory, following = _directory(data, order, at)
        yield directory
        waiting.extend(directory.numbers(_SUB_DIRECTORIES)[:_MAX_DIRECTORIES])
        waiting.append(following)


def _directory(data: bytes, order: str, at: int) -> tuple[Directory, int]:
    (count,) = struct.unpack_from(f"{order}H", data, at)
    entries: dict[int, tuple[int, int, int]] = {}
    at += 2
    for _ in range(min(count, _MAX_ENTRIES)):
        if at + 12 > len(data):
            return Directory(data, order, entries), 0
        tag, kind, values, offset = struct.unpack_from(f"{order}HHII", data, at)
        size = _BYTES.get(kind, ("", 0))[1] * values
        entries[tag] = (kind, values, at + 8 if size <= _INLINE else offset)
        at += 12
    following = struct.unpack_from(f"{order}I", data, at)[0] if at + 4 <= len(data) else 0
    return Directory(data, order, entries), following
