"""Members of a tar, such as a shard of WebDataset: read once from start to end, then by offset.

What does not belong here: packed tars, in which no member has an offset (`places.is_packed_whole`).
"""

import io
import posixpath
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.files.places import Member

# The first bytes of gzip, bzip2, xz and zstd: some shards are packed, and called .tar.
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def members(file: BinaryIO, *, is_image: Callable[[str], bool], max_bytes: int) -> Iterator[Member]:
    """Yield the regular files of a tar, in its order.

    Args:
        file: the tar, open at its start.
        is_image: whether a file of this name is read, and its bytes hashed.
        max_bytes: a larger image is not read.

    Raises:
        tarfile.TarError, OSError: the tar is damaged from here on.
    """
    if (start := file.read(6)).startswith(_PACKED):
        raise BadImageError("is packed as a whole; unpack it, or pack its files as .tar or .zip")
    file.seek(-len(start), io.SEEK_CUR)
    linked: dict[str, Member] = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # the list would grow with every member
            if not info.isreg() or info.issparse():
                if is_image(info.name) and not info.isdir():
                    yield _other(info, linked)
                continue
            key = reason = None
            if is_image(info.name):
                if info.size > max_bytes:
                    reason = f"has {info.size:,} bytes, more than the limit of {max_bytes:,} (max_bytes)"
                else:
                    file.seek(info.offset_data)
                    data = file.read(info.size)
                    if len(data) < info.size:
                        raise tarfile.ReadError("unexpected end of data")
                    key, reason = (content_hash(data), None) if data else (None, "is empty (0 bytes)")
            member = Member(
                info.name, info.offset_data, info.size, info.size, content_hash=key, reason=reason
            )
            if key:
                linked[info.name] = member
            yield member
        # tarfile takes any end for the end; a tar that is whole ends with a block of zeros.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")


def _other(info: tarfile.TarInfo, known: Mapping[str, Member]) -> Member:
    """Return an image that is no plain file: a link to an earlier member has that one's bytes.

    GNU tar writes the second name of a file as a link.
    """
    above = posixpath.dirname(info.name) if info.issym() else ""
    meant = known.get(info.linkname) or known.get(posixpath.normpath(posixpath.join(above, info.linkname)))
    if meant and (info.islnk() or info.issym()):
        return replace(meant, name=info.name)
    what = (
        "has holes (sparse)" if info.issparse() else f"is a link to {info.linkname!r}, which is not before it"
    )
    reason = what if info.issparse() or info.islnk() or info.issym() else "is no regular file"
    return Member(info.name, 0, 0, 0, reason=f"{reason} in its archive")
