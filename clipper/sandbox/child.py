"""The child's side of `sandbox/process.py`: confine this process, then answer requests with one function.

Only the standard library is imported here, so that a child loads nothing but what its function needs. What
does not belong here: images, or whatever else a function works on.
"""

import ctypes
import importlib
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clipper.sandbox.connection import connect
from clipper.sandbox.messages import receive, send

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# The exit code of a child that ran out of its memory; any other code is a crash.
OUT_OF_MEMORY = 101
# And of one that ended itself, where there is no alarm of the system.
OUT_OF_TIME = 102
# Seconds beyond a request's own limit after which the child ends itself, if its parent does not.
GRACE_SECONDS = 5
# Seconds between looks for the parent, where the kernel does not tell of its end.
PARENT_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


def main(options: dict[str, Any]) -> None:
    """Answer requests until the parent is gone.

    Args:
        options: `socket` (a file descriptor) or `port`, `function` ("module:name"), `memory` (bytes; None: no
            limit) and `parent` (its process id).
    """
    _end_with_parent(int(options["parent"]))
    _limit("RLIMIT_CORE", 0)
    if options["memory"] is not None:
        _limit("RLIMIT_AS", int(options["memory"]))
    connection = connect(options)
    module, _, name = str(options["function"]).partition(":")
    function = getattr(importlib.import_module(module), name)
    _silence()  # only now: an error until here is no file's fault and belongs on standard error
    try:
        send(connection, {"ready": os.getpid()})
        while True:
            _answer(connection, function)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except (EOFError, OSError):  # the parent is gone, or has closed the connection
        os._exit(0)


def _answer(connection: socket.socket, function: Any) -> None:
    request, blobs = receive(connection)
    with _ending_after(math.ceil(request["seconds"]) + GRACE_SECONDS):
        try:
            answer, made = function(request["request"], blobs)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the parent decides what an error means
            answer, made = {"error": f"{type(error).__name__}: {error}"}, []
        del blobs
    send(connection, answer, made)


@contextmanager
def _ending_after(seconds: int) -> Iterator[None]:
    """End this process if the block takes longer.

    No handler for the alarm's signal: it ends native code too, and a child whose parent is gone. Where there
    is no alarm, a thread does it, unless native code holds the interpreter's lock.
    """
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
        yield
        signal.alarm(0)
        return
    timer = threading.Timer(seconds, os._exit, [OUT_OF_TIME])
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def _end_with_parent(parent: int) -> None:
    """Make this process end with its parent: on Linux the kernel does it, on macOS a thread.

    On Windows it ends with its next answer, and everywhere by the alarm at the latest.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent was gone before the kernel was asked. On Windows an environment's interpreter starts another,
    # which is this process.
    if sys.platform != "win32" and os.getppid() != parent:
        os._exit(0)
    if sys.platform not in {"linux", "win32"}:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    """End this process soon after its parent."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)


def _limit(name: str, most: int) -> None:
    """Lower one limit of this process, if the system has it; never raise it."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):  # macOS has RLIMIT_AS by name, and refuses it
        return


def _silence() -> None:
    """Drop all output: native libraries and Pillow write much about broken files, and name none of them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    logging.disable()
