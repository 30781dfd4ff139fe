"""Messages between a process and its child: JSON and bytes over a socket.

No pickle: the answer of a process that reads hostile files is data, never code. What does not belong here:
processes (`sandbox/process.py`), and what a message means.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

# A JSON object, and byte strings that go with it.
Message = tuple[dict[str, Any], list[bytes]]

_LENGTH = struct.Struct(">I")
# Windows refuses it for a socket with a time limit.
_WAIT_ALL = 0 if os.name == "nt" else getattr(socket, "MSG_WAITALL", 0)


class MessageError(Exception):
    """The bytes that arrived are no message, or a message over the limit."""


def send(connection: socket.socket, head: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone, or the socket timed out.
    """
    text = json.dumps([head, [len(blob) for blob in blobs]]).encode()
    connection.sendall(_LENGTH.pack(len(text)) + text)
    for blob in blobs:
        connection.sendall(blob)


def receive(
    connection: socket.socket, *, deadline: float | None = None, max_bytes: int | None = None
) -> Message:
    """Receive one message.

    Args:
        connection: its own timeout is replaced.
        deadline: when the whole message must have arrived, by `time.monotonic`.
        max_bytes: a longer message is refused before it is read.

    Raises:
        EOFError: the other side is gone.
        TimeoutError: the deadline has passed.
        MessageError: the bytes are no message, or too many.
    """
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, deadline))
    if max_bytes is not None and length > max_bytes:
        raise MessageError(f"a message of {length:,} bytes")
    try:
        head, lengths = json.loads(_exactly(connection, length, deadline))
        sizes = [int(size) for size in lengths]
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise MessageError("not a message") from error
    if not isinstance(head, dict) or any(size < 0 for size in sizes):
        raise MessageError("not a message")
    if max_bytes is not None and length + sum(sizes) > max_bytes:
        raise MessageError(f"a message of {length + sum(sizes):,} bytes")
    return head, [_exactly(connection, size, deadline) for size in sizes]


def _exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        part = connection.recv(missing, _WAIT_ALL)
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
