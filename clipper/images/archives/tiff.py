"""Pages of a TIFF: each becomes a TIFF of one page, made of the bytes that belong to it.

The directories are walked as TIFF 6.0 and BigTIFF define them. Pixels are not decoded here: a page's strips
or tiles are copied as they are. What does not belong here: decoding (`images/decode.py`).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.files.places import Member, Packing

MAX_PAGES = 1_000_000
_MAX_ENTRIES = 4096  # of a directory; real ones have some dozens
# Bytes of each type of value, by its number, and how struct reads the types of whole numbers.
_TYPE_BYTES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip
_LONG8 = 16
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", _LONG8: "Q", 18: "Q"}
_CLASSIC, _BIG = 42, 43
# A BigTIFF's header, and the longest value that lies in its entry.
_HEADER_BYTES, _INLINE = 16, 8
_NONSENSE = "is damaged: its header makes no sense"
_ENDS_EARLY = "is damaged: its data ends early"
# Tags that say where strips or tiles lie, and the tags with their sizes.
_PIXELS = {273: 279, 324: 325}
# Tags that point to further directories (EXIF, GPS, other sizes), which do not move along.
_POINTERS = frozenset({330, 34665, 34853, 40965})


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


class Pages:
    """The pages of a TIFF that is open for reading."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the header.

        Raises:
            BadImageError: the file is no TIFF.
        """
        self._file = file
        self._order = ""
        head = self._read(0, 8)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
        if order is None or version not in (_CLASSIC, _BIG):
            raise BadImageError("is no TIFF")
        self._order, self._big = order, version == _BIG
        self._offset = "Q" if self._big else "I"
        self._first = self._unpack(self._offset, self._read(8, 8) if self._big else head[4:], 0)

    def offsets(self) -> Iterator[int]:
        """Yield where each page's directory begins.

        Raises:
            BadImageError: the directories lead in a circle, or out of the file.
        """
        at, seen = self._first, set[int]()
        while at:
            if at in seen or len(seen) >= MAX_PAGES:
                raise BadImageError("is damaged: its pages lead in a circle")
            seen.add(at)
            yield at
            count, start = self._count(at)
            end = start + count * self._entry_bytes
            at = self._unpack(self._offset, self._read(end, 8 if self._big else 4), 0)

    def page(self, offset: int, *, max_bytes: int) -> bytes:
        """Return the page whose directory begins at `offset`, as a TIFF of its own.

        Raises:
            BadImageError: the page is damaged, or larger than `max_bytes`.
        """
        entries = {entry.tag: entry for entry in self._entries(offset, max_bytes)}
        parts: list[bytes] = []
        end = _HEADER_BYTES
        for tag, sizes_tag in _PIXELS.items():
            if tag not in entries or sizes_tag not in entries:
                continue
            starts, lengths = self._numbers(entries[tag]), self._numbers(entries[sizes_tag])
            if len(starts) != len(lengths) or sum(lengths) > max_bytes:
                raise BadImageError(_NONSENSE)
            moved = []
            for start, length in zip(starts, lengths, strict=True):
                moved.append(end)
                parts.append(self._read(start, length))
                end += length
            value = struct.pack(f"{self._order}{len(moved)}Q", *moved)
            entries[tag] = _Entry(tag, _LONG8, len(moved), value)
        if not parts:
            raise BadImageError(_NONSENSE)
        return self._written([*entries.values()], parts, end)

    def _entries(self, offset: int, max_bytes: int) -> Iterator[_Entry]:
        """Yield the entries of a directory with their values, wherever these lie in the file."""
        count, start = self._count(offset)
        table = self._read(start, count * self._entry_bytes)
        inline = 8 if self._big else 4
        for number in range(count):
            at = number * self._entry_bytes
            tag, kind = struct.unpack(f"{self._order}HH", table[at : at + 4])
            values = self._unpack(self._offset, table, at + 4)
            size = _TYPE_BYTES.get(kind, 0) * values
            if tag in _POINTERS or not size:
                continue
            if size > max_bytes:
                raise BadImageError(_NONSENSE)
            value_at = at + 4 + inline
            if size <= inline:
                value = table[value_at : value_at + size]
            else:
                value = self._read(self._unpack(self._offset, table, value_at), size)
            yield _Entry(tag, kind, values, value)

    def _written(self, entries: list[_Entry], parts: list[bytes], end: int) -> bytes:
        """Write a BigTIFF of one page: the header, the pixels up to `end`, long values, the directory."""
        order, table = self._order, []
        for entry in sorted(entries, key=lambda entry: entry.tag):
            value = entry.value
            if len(value) > _INLINE:
                parts.append(value)
                value = struct.pack(f"{order}Q", end)
                end += len(entry.value)
            head = struct.pack(f"{order}HHQ", entry.tag, entry.kind, entry.count)
            table.append(head + value.ljust(_INLINE, b"\0"))
        mark = b"II" if order == "<" else b"MM"
        header = mark + struct.pack(f"{order}HHHQ", _BIG, 8, 0, end)
        directory = struct.pack(f"{order}Q", len(table)) + b"".join(table) + bytes(8)
        return b"".join([header, *parts, directory])

    def _count(self, offset: int) -> tuple[int, int]:
        """Return how many entries a directory has, and where they begin."""
        kind, size = ("Q", 8) if self._big else ("H", 2)
        count = self._unpack(kind, self._read(offset, size), 0)
        if not 0 < count <= _MAX_ENTRIES:
            raise BadImageError(_NONSENSE)
        return count, offset + size

    def _numbers(self, entry: _Entry) -> tuple[int, ...]:
        if entry.kind not in _NUMBERS:
            raise BadImageError(_NONSENSE)
        return struct.unpack(f"{self._order}{entry.count}{_NUMBERS[entry.kind]}", entry.value)

    @property
    def _entry_bytes(self) -> int:
        return 20 if self._big else 12

    def _unpack(self, kind: str, data: bytes, at: int) -> int:
        try:
            return int(struct.unpack_from(f"{self._order}{kind}", data, at)[0])
        except struct.error as error:
            raise BadImageError(_ENDS_EARLY) from error

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) < size:
            raise BadImageError(_ENDS_EARLY)
        return data


def members(file: BinaryIO, *, stem: str, ending: str, max_bytes: int) -> Iterator[Member]:
    """Yield the pages of a TIFF, named `<stem>/<page from 1><ending>`.

    Raises:
        BadImageError: the file is no TIFF, or is damaged from here on.
    """
    pages = Pages(file)
    for number, offset in enumerate(pages.offsets(), 1):
        name = f"{stem}/{number:04d}{ending}"
        try:
            data = pages.page(offset, max_bytes=max_bytes)
        except BadImageError as error:
            yield Member(name, offset, 0, 0, Packing.PAGE, reason=str(error))
        else:
            yield Member(name, offset, len(data), len(data), Packing.PAGE, content_hash(data))
