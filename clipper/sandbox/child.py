"""The child's side of `sandbox/process.py`: confine this process, then answer requests with one function.

Nothing is imported here but the standard library, so that what the function needs is all that is loaded. What
does not belong here: images, or anything else a function may be about.
"""

import ctypes
import importlib
import logging
import math
import os
import resource
import signal
import socket
import sys
import warnings
from typing import Any

from clipper.sandbox.messages import receive, send

# The exit code of a child that ran out of the memory it may use; any other is a crash.
OUT_OF_MEMORY = 101
# Seconds past a request's own limit after which the child ends by itself, should its parent not do it.
GRACE = 5
_PR_SET_PDEATHSIG = 1


def main(told: dict[str, Any]) -> None:
    """Serve requests until the other side is gone.

    Args:
        told: `socket` (a file descriptor), `function` ("module:name"), `memory` (bytes) and `parent` (its
            process id).
    """
    _end_with_parent(int(told["parent"]))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, int(told["memory"]))
    connection = socket.socket(fileno=int(told["socket"]))
    module, _, name = str(told["function"]).partition(":")
    function = getattr(importlib.import_module(module), name)
    _be_silent()  # what went wrong before is told on standard error: it was no file's fault
    try:
        send(connection, {"ready": os.getpid()})
        while True:
            _answer(connection, function)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except (EOFError, OSError):  # the parent has gone, or wants no more
        os._exit(0)


def _answer(connection: socket.socket, function: Any) -> None:
    request, blobs = receive(connection)
    # Nothing handles the alarm's signal: it ends native code too, and a child whose parent is no more.
    signal.alarm(math.ceil(request["seconds"]) + GRACE)
    try:
        told, made = function(request["told"], blobs)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - an answer like another; the parent decides what it means
        told, made = {"error": f"{type(error).__name__}: {error}"}, []
    del blobs
    signal.alarm(0)
    send(connection, told, made)


def _end_with_parent(parent: int) -> None:
    """On Linux the kernel ends this process with the thread that started it; elsewhere the alarm does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before the kernel was asked
        os._exit(0)


def _limit(kind: int, most: int) -> None:
    """Lower one limit of this process, where the system knows it; never above what it was."""
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):  # macOS has the name of RLIMIT_AS, and refuses it
        return


def _be_silent() -> None:
    """Native libraries and Pillow have much to say about broken files, and name none of them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    logging.disable()
