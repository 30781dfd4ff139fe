"""ETags: an object store names an object's bytes by one, so that Clipper does not read known bytes again.

S3's ETag of an object is the MD5 of its bytes, or of the MD5s of the parts in which it was uploaded. With
some encryption it is another number, and other servers may send what they like: an ETag counts only once the
bytes were read and have it. What does not belong here: which files are compared (`indexing/scan.py`).
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from hashlib import md5
from typing import Any, TypeAlias

ETag: TypeAlias = bytes
# As it is kept: the 16 bytes of an MD5, and the number of parts; 0 for an object that was uploaded whole.
ETAG_BYTES = 20
_TAG = re.compile(r'"?([0-9a-fA-F]{32})(?:-([1-9]\d{0,4}))?"?')
_MD5_BYTES = 16
# MiB of a part, as programs that upload to S3 choose them.
_PART_MIB = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128)


def etag_of(entry: Mapping[str, Any]) -> ETag | None:
    """Return the ETag of an entry of a listing: 20 bytes; None if its file system lists no MD5."""
    if found := _TAG.fullmatch(str(entry.get("ETag") or "")):
        return bytes.fromhex(found[1]) + int(found[2] or 0).to_bytes(4, "big")
    try:
        digest = b64decode(str(entry.get("md5Hash") or ""), validate=True)  # of Google Cloud Storage
    except ValueError:
        return None
    return digest + bytes(4) if len(digest) == _MD5_BYTES else None


def is_etag_of(data: bytes, etag: ETag) -> bool:
    """Whether an ETag, as `etag_of` returns it, is that of some bytes; it must not have unusual parts."""
    digest, parts = etag[:_MD5_BYTES], int.from_bytes(etag[_MD5_BYTES:], "big")
    if not parts:
        return _md5(data) == digest
    sizes = (mib << 20 for mib in _PART_MIB)
    return any(_of_parts(data, size) == digest for size in sizes if -(-len(data) // size) == parts)


def _of_parts(data: bytes, size: int) -> bytes:
    view = memoryview(data)
    return _md5(b"".join(_md5(view[start : start + size]) for start in range(0, len(data), size)))


def _md5(data: "bytes | memoryview") -> bytes:
    return md5(data, usedforsecurity=False).digest()
