"""Members of a zip: its directory says where each lies; one that is packed is unpacked when it is read.

What does not belong here: methods that hardly any zip of images has; a member packed so is named as failed.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.files.places import Member, Packing

_HEADER_BYTES = 30  # of the local header before a member, without its two texts
_ENCRYPTED = 0x1
_READ = {zipfile.ZIP_STORED: Packing.PLAIN, zipfile.ZIP_DEFLATED: Packing.DEFLATED}


def members(file: BinaryIO, *, is_image: Callable[[str], bool], max_bytes: int) -> Iterator[Member]:
    """Yield the files of a zip, in the order in which they lie there; see `tar.members`.

    Raises:
        zipfile.BadZipFile, OSError: the zip is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in sorted(infos, key=lambda info: info.header_offset):
        start, key, reason = 0, None, None
        packing = _READ.get(info.compress_type, Packing.PLAIN)
        try:
            start = _start(file, info)
            key = _hash(file, info, start, max_bytes) if is_image(info.filename) else None
        except BadImageError as error:
            reason = str(error) if is_image(info.filename) else None
        yield Member(info.filename, start, info.compress_size, info.file_size, packing, key, reason)


def unpack(data: bytes, *, max_bytes: int) -> bytes:
    """Unpack a deflated member.

    Raises:
        BadImageError: the data are damaged, or hold more than `max_bytes`, as bombs do.
    """
    try:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacked = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise BadImageError(f"is damaged in its archive ({error})") from error
    if len(unpacked) > max_bytes:
        raise BadImageError(f"has more bytes than the limit of {max_bytes:,} (max_bytes)")
    return unpacked


def _start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where a member's bytes begin in the zip."""
    if info.flag_bits & _ENCRYPTED:
        raise BadImageError("is encrypted in its archive; unpack it with its password")
    if info.compress_type not in _READ:
        raise BadImageError("is packed by a rare method; pack the zip again with the usual one (deflate)")
    file.seek(info.header_offset)
    head = file.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not head.startswith(b"PK\x03\x04"):
        raise BadImageError("is damaged in its archive: its header is missing")
    return info.header_offset + _HEADER_BYTES + int(sum(struct.unpack("<HH", head[26:30])))


def _hash(file: BinaryIO, info: zipfile.ZipInfo, start: int, max_bytes: int) -> bytes:
    """Return the content hash of a member."""
    if max(info.file_size, info.compress_size) > max_bytes:
        raise BadImageError(f"has {info.file_size:,} bytes, more than the limit of {max_bytes:,} (max_bytes)")
    file.seek(start)
    data = file.read(info.compress_size)
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = unpack(data, max_bytes=info.file_size)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise BadImageError("is damaged in its archive: its checksum does not hold")
    if not data:
        raise BadImageError("is empty (0 bytes)")
    return content_hash(data)
