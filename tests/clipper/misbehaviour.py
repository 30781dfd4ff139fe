"""Functions for a sandbox's child that do what decoders of hostile files may do.

Nothing heavy is imported: a child loads this module.
"""

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

Answer = tuple[dict[str, Any], list[bytes]]


def behave(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Do what the request says, and tell about this process."""
    act = ACTS.get(request.get("act", ""))
    if act:
        act(request)
    return {"pid": os.getpid(), "modules": sorted(sys.modules), "request": request}, blobs


def crash(_request: dict[str, Any]) -> None:
    ctypes.string_at(0)


def hang(request: dict[str, Any]) -> None:
    if mark := request.get("mark"):
        Path(mark).touch()
    time.sleep(request.get("seconds", 600))


def grow(request: dict[str, Any]) -> None:
    bytearray(request["bytes"])


def chatter(_request: dict[str, Any]) -> None:
    os.write(2, b"noise of a native library\n")
    os.write(1, b"noise of a native library\n")


def leave(request: dict[str, Any]) -> None:
    os._exit(request["code"])


def fail(_request: dict[str, Any]) -> None:
    raise ValueError("no such thing")


def kill_itself(request: dict[str, Any]) -> None:
    os.kill(os.getpid(), request["signal"])


def answer_too_much(request: dict[str, Any]) -> None:
    request["padding"] = "x" * request["bytes"]


ACTS = {
    "crash": crash,
    "hang": hang,
    "grow": grow,
    "chatter": chatter,
    "leave": leave,
    "fail": fail,
    "kill itself": kill_itself,
    "answer too much": answer_too_much,
}


def decode_badly(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Decode a file as `decode_file` does, unless it begins with what it does to its decoder."""
    from clipper.images.child_tasks import decode_file

    path = request["path"]
    data = blobs[0] if blobs else Path(path).read_bytes()
    if data.startswith(b"CRASH"):
        crash(request)
    if data.startswith(b"HANG"):
        hang({})
    if data.startswith(b"GROW"):
        grow({"bytes": 3 << 30})
    if data.startswith(b"SLOW"):
        hang({"seconds": 6})
    if data.startswith(b"ONCE"):  # the first child that sees it dies
        seen = Path(f"{path}.seen")
        if not seen.exists():
            seen.touch()
            crash(request)
    if data.startswith((b"ONCE", b"SLOW")):
        return decode_file(request | {"path": None, "hash": None}, [data[4:]])
    return decode_file(request, blobs)


def refuse(_request: dict[str, Any], _blobs: list[bytes]) -> Answer:
    """Decode no file."""
    return {"reason": "is damaged"}, []
