"""Hashes: checksums of files, which show damage; versions of parts; the identity of a file's bytes.

A JSON file of the store holds its own checksum, the JSON beside a table that of the table, and a shard's name
is its checksum. What does not belong here: looking for damage (`doctor/`).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

KEY = "checksum"
ContentHash: TypeAlias = bytes


def file_checksum(path: Path) -> str:
    """Return 32 hex digits of BLAKE2b over a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def folder_checksums(folder: Path, pattern: str) -> dict[str, str]:
    """Return the checksum of each file of a folder that matches `pattern`, by its path within the folder."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): file_checksum(path) for path in files}


def json_checksum(value: Mapping[str, Any]) -> str:
    """Return 32 hex digits over a JSON object, in any layout, without the checksum that it may hold."""
    rest = {key: item for key, item in value.items() if key != KEY}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_checksum(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with its checksum added."""
    return {**value, KEY: json_checksum(value)}


def checksum_holds(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is as it was written; an earlier Clipper's has no checksum, and passes."""
    return KEY not in value or value[KEY] == json_checksum(value)


@dataclass(frozen=True)
class JsonPieces:
    """A JSON value that is too large to hold: `pieces` returns its canonical text, in ASCII, in pieces."""

    pieces: Callable[[], Iterator[bytes]]


def json_object(members: Mapping[str, JsonPieces]) -> JsonPieces:
    """Return a JSON object with these members."""

    def pieces() -> Iterator[bytes]:
        yield b"{"
        for position, name in enumerate(sorted(members)):
            yield f"{',' if position else ''}{json.dumps(name)}:".encode()
            yield from members[name].pieces()
        yield b"}"

    return JsonPieces(pieces)


def digest(*parts: object) -> str:
    """Return a version: 16 hex digits of BLAKE2b over the canonical JSON of `parts`.

    A part may be `JsonPieces`; the version is that of the same part as a list.
    """
    hashed = hashlib.blake2b(digest_size=8)
    for position, part in enumerate(parts):
        hashed.update(b"," if position else b"[")
        if isinstance(part, JsonPieces):
            for piece in part.pieces():
                hashed.update(piece)
        else:
            text = json.dumps(part, sort_keys=True, separators=(",", ":"), default=str)
            hashed.update(text.encode())
    hashed.update(b"]" if parts else b"[]")
    return hashed.hexdigest()


def content_hash(data: bytes) -> bytes:
    """Return the identity of a file's bytes: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=16).digest()
