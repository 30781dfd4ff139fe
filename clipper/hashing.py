"""Checksums of what the store holds, so that damage is noticed that still reads.

A JSON file of the store holds its own; a table's stands in the JSON beside it; a shard is named by it. What
does not belong here: looking for damage (`doctor/repair.py`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "checksum"


def file_checksum(path: Path) -> str:
    """32 hex digits of BLAKE2b over a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def folder_checksums(folder: Path, pattern: str) -> dict[str, str]:
    """The checksum of each file of a folder that matches, by its path within the folder."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): file_checksum(path) for path in files}


def json_checksum(value: Mapping[str, Any]) -> str:
    """32 hex digits over a JSON object, however it is laid out; its own checksum is left out of account."""
    rest = {key: item for key, item in value.items() if key != KEY}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_checksum(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with its checksum."""
    return {**value, KEY: json_checksum(value)}


def checksum_holds(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is as it was written; one of an earlier Clipper, without a checksum, is."""
    return KEY not in value or value[KEY] == json_checksum(value)


def digest(*parts: object) -> str:
    """A version: 16 hex digits of BLAKE2b over the parts' canonical JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def content_hash(data: bytes) -> bytes:
    """The identity of a file's bytes: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=16).digest()
