"""Ctrl-C ends a server without a word, also in the seconds in which its libraries are imported.

Python would answer with a page of traceback then. Once the server runs, Panel ends it in its own way. What
does not belong here: the servers (`viewer/__main__.py`, `supervisor.py`).
"""

import asyncio
import os
import signal
from types import FrameType


def end_quietly() -> None:
    """From now on, Ctrl-C ends this process at once, or its server once that runs."""
    signal.signal(signal.SIGINT, _end)
    hear_interrupts()


def hear_interrupts() -> None:
    """Let Ctrl-C reach this process: `clipper view` holds it back until a server listens to it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end(_number: int, _frame: FrameType | None) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        os._exit(0)
    raise KeyboardInterrupt  # Panel's server closes what is open
