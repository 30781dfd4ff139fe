"""Starts the server of one home or of several, which Ctrl-C ends without a word from its first moment on.

To import its libraries takes seconds; Python would answer a Ctrl-C meanwhile with a page of traceback. Once
the server runs, Panel ends it in its own way. What does not belong here: several processes
(`supervisor.py`), and the page of several homes (`viewer/server/several.py`).
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).parents[2]


def main() -> None:
    """Serve with the options of `panel serve` until a signal comes."""
    signal.signal(signal.SIGINT, _end)
    hear_interrupts()
    if os.environ.get("CLIPPER_HOMES"):
        from viewer.server.several import main as serve

        serve(sys.argv[1:])
    else:
        from panel.command import main as panel

        sys.argv[:1] = ["panel", "serve", str(PACKAGE)]
        panel()


def hear_interrupts() -> None:
    """Let Ctrl-C reach this process: `clipper view` holds it back until a server listens to it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once; a server that runs ends in its own way, which closes what is open."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        os._exit(0)
    raise KeyboardInterrupt
