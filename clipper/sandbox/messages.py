"""Messages between a process and its child: JSON and bytes over a socket.

No pickle: what a process that reads hostile files answers is data and never code. What does not belong here:
processes (`sandbox/process.py`), and what a message means.
"""

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

# What JSON can hold, and the bytes that go with it.
Message = tuple[dict[str, Any], list[bytes]]

_LENGTH = struct.Struct(">I")


class MessageError(Exception):
    """What arrived is no message, or a longer one than agreed."""


def send(connection: socket.socket, told: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Send one message.

    Raises:
        OSError: nobody listens any more, or a time-out of the socket's.
    """
    head = json.dumps([told, [len(blob) for blob in blobs]]).encode()
    connection.sendall(_LENGTH.pack(len(head)) + head)
    for blob in blobs:
        connection.sendall(blob)


def receive(connection: socket.socket, *, deadline: float | None = None, most: int | None = None) -> Message:
    """Receive one message.

    Args:
        connection: its own time-out is replaced.
        deadline: of `time.monotonic`; by then the whole message must be there.
        most: bytes; a longer message is refused before it is read.

    Raises:
        EOFError: the other side has gone.
        TimeoutError: the deadline has passed.
        MessageError: it is no message, or too long.
    """
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, deadline))
    if most is not None and length > most:
        raise MessageError(f"a message of {length:,} bytes")
    try:
        told, lengths = json.loads(_exactly(connection, length, deadline))
        sizes = [int(size) for size in lengths]
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise MessageError("not a message") from error
    if not isinstance(told, dict) or any(size < 0 for size in sizes):
        raise MessageError("not a message")
    if most is not None and length + sum(sizes) > most:
        raise MessageError(f"a message of {length + sum(sizes):,} bytes")
    return told, [_exactly(connection, size, deadline) for size in sizes]


def _exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        part = connection.recv(missing, socket.MSG_WAITALL)
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
