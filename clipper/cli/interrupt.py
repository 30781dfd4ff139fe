"""Ctrl-C and SIGTERM: one line that says what is kept, and an end within seconds, whenever they come.

Python raises an exception between two instructions of the main thread. A library that is being imported may
swallow it, and a long computation outside Python delays it. So a thread watches: it raises the exception
again as long as an import goes on, and ends the process once the time for tidying up is over. That loses no
more than a killed process does. What does not belong here: heavy imports, because this module comes first.
"""

import _weakrefset
import atexit
import os
import signal
import sys
import threading
import time
import weakref
from contextlib import suppress
from types import FrameType
from typing import NoReturn

# Seconds for tidying up: writing what was embedded, and deleting what is incomplete.
GRACE = 5.0
# Seconds after which a second signal ends the process at once; a shell may send one signal twice.
AGAIN = 1.0
_TICK = 0.25
_IMPORTS = "<frozen importlib._bootstrap>"
# The files of what a weak reference calls once its object is gone.
_TELLS_OF_GONE = frozenset({weakref.__file__, _weakrefset.__file__})
INTERRUPTED = 128 + signal.SIGINT
_KEPT = {
    "index": "what was embedded is kept, and a published atlas is as it was; run again to go on",
    "doctor": "what was made again is kept; run again to go on",
    "export": "an earlier export is as it was; run again to export",
}


class _Interrupted(KeyboardInterrupt):
    """A class of its own: Python kills itself by a signal in the end if a plain one passes an `exec`."""


class _Stop:
    """The first signal of this process: its number and time, and whether its line is printed.

    `missed` says that it came where an exception would have been printed and forgotten.
    """

    number = 0
    at = 0.0
    said = False
    missed = False


_stop = _Stop()


def is_program() -> bool:
    """Whether this process runs the command, and does not only import it."""
    named = os.path.basename(sys.argv[0] if sys.argv else "").partition(".")[0]  # noqa: PTH119 - light
    return named == "clipper" or (sys.argv[:1] == ["-m"] and "clipper.cli" in sys.orig_argv)


def open_streams() -> None:
    """Open standard input, output and errors if a service or `>&-` closed them; what goes there is lost.

    The system gives the lowest free number to the next file. Without this, what a library prints would be
    written into a file of the home.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def watch_signals() -> None:
    """From now on, end this process on SIGINT and SIGTERM in the way of this module."""
    numbers = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) != signal.SIG_IGN]
    for number in numbers:  # `nohup` and a background job of a script ignore some
        signal.signal(number, _interrupt)
    atexit.register(_ignore)
    if os.name == "posix" and numbers:
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        watcher = threading.Thread(target=_watch, args=(heard, numbers), name="interrupt", daemon=True)
        # The main thread gets all signals: one that the watcher got just before an `exec` would be lost.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        watcher.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)


def exit_code() -> int:
    """Print the line of an interrupted command, once; return the exit code: 130, or 143 after SIGTERM."""
    if not _stop.said:
        _stop.said = True
        if _stop.number and threading.current_thread() is threading.main_thread():
            _ignore()
            with suppress(OSError, ValueError):  # a reader that is gone
                sys.stdout.flush()
        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        kept = f"; {_KEPT[command]}" if command in _KEPT else ""
        # Not `print`: the main thread may hold the lock of the stream in which it was stopped.
        echoed = "\n" if os.isatty(2) else ""  # a terminal shows ^C
        os.write(2, f"{echoed}clipper: stopped{kept}\n".encode())
    return 128 + (_stop.number or signal.SIGINT)


def leave() -> NoReturn:
    """End an interrupted command: with its exit code, or by the signal where a terminal sent that.

    bash goes on with the next line of a script if a command ends by itself after Ctrl-C. Its exit code is
    130 in a shell either way.
    """
    code = exit_code()
    if code == INTERRUPTED and _is_in_terminal():
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt  # Python tidies up, and then kills itself by the signal
    sys.exit(code)


def was_stopped() -> bool:
    """Whether a signal came."""
    return _stop.number != 0


def finish(code: int) -> None:
    """Note that the command is done: a signal from now on ends the process at once, with this exit code."""
    if signal.getsignal(signal.SIGINT) is _interrupt:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: os._exit(code))
        with suppress(OSError, ValueError):
            sys.stdout.flush()


def _ignore() -> None:
    """Ignore further signals: Python takes its handlers away while it ends, and would die of one."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _stop.said:
        return
    if not _stop.number:
        _stop.number, _stop.at = number, time.monotonic()
    elif not (_stop.missed or _imports(frame)):
        if time.monotonic() - _stop.at > AGAIN:
            _end()
        return
    _stop.missed = _is_deaf(frame)
    if not _stop.missed:
        raise _Interrupted


def _watch(heard: int, numbers: list[signal.Signals]) -> None:
    """Wait for the first signal, which may not have reached the main thread yet; see to it that it ends."""
    main = threading.main_thread().ident or 0
    while (number := os.read(heard, 1)[0]) not in numbers:
        pass
    until = time.monotonic() + GRACE
    while time.monotonic() < until:
        time.sleep(_TICK)
        frame = sys._current_frames().get(main)  # noqa: SLF001 - documented
        if not _stop.said and (_stop.missed or _imports(frame)):
            signal.pthread_kill(main, number)  # nothing was raised yet, or a library swallowed it
    if signal.getsignal(number) is _interrupt or _stop.number:
        _stop.number = _stop.number or number
        _end()


def _is_in_terminal() -> bool:
    """Whether a terminal sends its signals to this process."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except (OSError, AttributeError):  # none, or Windows
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported in a stack."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


def _is_deaf(frame: FrameType | None) -> bool:
    """Whether a stack is within a call that prints an exception and goes on: `_watch` tries again soon.

    Such a call deletes an object, tells that one is gone, or lets go of the lock of an imported module.
    """
    while frame is not None:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        if name == "__del__" or file in _TELLS_OF_GONE or (name, file) == ("cb", _IMPORTS):
            return True
        frame = frame.f_back
    return False


def _end() -> NoReturn:
    code = exit_code()
    if os.isatty(2) and os.environ.get("TERM") != "dumb":
        os.write(2, b"\x1b[?25h")  # the cursor, which a progress bar hides
    library = sys.modules.get("ctypes")  # numpy has imported it where a computation takes long
    if code == INTERRUPTED and library is not None and _is_in_terminal():  # see `leave`
        with suppress(AttributeError, OSError):
            library.CDLL(None).signal(signal.SIGINT, None)  # Python lets only the main thread do it
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1.0)
    os._exit(code)
