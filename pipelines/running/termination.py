"""Terminate: a run that is asked to stop ends within seconds, begins no further step, and tries none again.

Dagster asks by an interrupt (SIGINT; a container's SIGTERM is turned into one). Its retry policy takes that
for a failure that a second try may mend (https://github.com/dagster-io/dagster/issues/15026), and Python sees
a signal only between two of its own instructions: a long computation outside Python, or a library that
swallows the exception, would keep the run going. So a thread hears of the signal at once, steps ask it, and
it ends the process when the time for tidying up is over.

What does not belong here: how other failures are told (`failures.py`), and runs whose process is gone or
hears nothing (`history.py`).
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

# Seconds in which a step writes what it embedded: a batch of a large model on a small CPU takes about ten.
GRACE_SECONDS = 15.0
STOPPED = (
    "the run was asked to stop: nothing was published, and what was embedded is kept; the next run goes on"
)
# What Dagster raises in the main thread when it is asked to stop.
INTERRUPTS = (dg.DagsterExecutionInterruptedError, KeyboardInterrupt)
_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_asked = threading.Event()


def was_asked() -> bool:
    """Whether this process's run was asked to stop."""
    return _asked.is_set()


def ask() -> None:
    """Let no further step begin."""
    _asked.set()


def note_interrupt(error: BaseException) -> bool:
    """Whether an error comes of the wish to stop: it is an interrupt, or an interrupt came before it."""
    if isinstance(error, INTERRUPTS):
        _asked.set()
    return _asked.is_set()


@contextmanager
def heeding(end: Callable[[], None], *, grace: float = GRACE_SECONDS) -> Iterator[None]:
    """Hear of interrupts while a run's steps are executed.

    Args:
        end: records the end of the run; called from another thread `grace` seconds after the interrupt, if
            the steps have not ended by then. The process ends after it.
        grace: seconds.
    """
    _asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(heard, ended, end, grace), name="termination", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        told.close()  # the thread reads the end of its stream


def _watch(heard: socket.socket, ended: threading.Event, end: Callable[[], None], grace: float) -> None:
    with heard:
        while byte := heard.recv(1):
            if byte[0] in _SIGNALS:
                break
        else:
            return
    if ended.is_set():
        return
    _asked.set()
    if ended.wait(grace):
        return
    try:
        end()
    finally:
        os._exit(128 + signal.SIGTERM)
