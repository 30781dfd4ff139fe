"""Members of a tar, such as a shard of WebDataset: read once from start to end, then by offset.

What does not belong here: packed tars, in which no member has an offset (`places.is_packed_whole`).
"""

import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from clipper.hashing import content_hash
from clipper.images.places import Member


def members(file: BinaryIO, *, is_image: Callable[[str], bool], max_bytes: int) -> Iterator[Member]:
    """Yield the regular files of a tar, in its order.

    Args:
        file: the tar, open at its start.
        is_image: whether a file of this name is read, and its bytes hashed.
        max_bytes: a larger image is not read.

    Raises:
        tarfile.TarError, OSError: the tar is damaged from here on.
    """
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # the list would grow with every member
            if not info.isreg() or info.issparse():
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
            yield Member(info.name, info.offset_data, info.size, info.size, content_hash=key, reason=reason)
        # tarfile takes any end for the end; a tar that is whole ends with a block of zeros.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")
