"""Runs several servers at one address: starts them, restarts one that ends, and ends all of them together.

    python -m viewer.server.processes.supervisor --port PORT --workers N [OPTION ...]

The options are those of `panel serve`. Each worker is a `panel serve viewer` of its own with the same
listening socket. What does not belong here: which worker answers a visitor (`workers.py`), and any work of a
worker: this process only waits.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from viewer.pools import MOST_RENDER_THREADS, RENDER_THREADS
from viewer.server.processes.interrupts import hear_interrupts

VARIABLE = "CLIPPER_WORKER"  # what a worker is told: see `Worker` in `workers.py`
UNREADY = -1  # the number of sessions of a worker that does not answer yet
SLOT = 4  # bytes of each worker's number of sessions, an int32
HEAD_BYTES = 1 << 18  # of the head of a request that a worker hands to another: four times what Tornado reads
BACKLOG = 128  # connections that wait for a worker
GRACE = 5.0  # seconds until a worker that does not end is killed
SHORT_LIFE = 10.0  # seconds: a worker that ends sooner after its start, again and again, will not get better
MOST_SHORT = 3


class Stopped(BaseException):
    """A signal to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class FailedError(RuntimeError):
    """The workers cannot run; the message says why."""


class Supervisor:
    """The workers, and what they share: the listening socket, a way to each of them, numbers of sessions."""

    def __init__(self, listening: socket.socket, count: int, options: list[str]) -> None:
        self._listening, self._options = listening, options
        self._ways = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for way in self._ways:
            for end in way:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HEAD_BYTES)
        # Workers see its end when this process is gone, however it ended.
        self._lifeline, self._held = os.pipe()
        self._sessions = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this process
        self._sessions.write(UNREADY.to_bytes(SLOT, sys.byteorder, signed=True) * count)
        self._sessions.flush()
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}  # by number of worker
        self._short = 0

    def run(self) -> NoReturn:
        """Start the workers and wait; an end comes as an exception.

        Raises:
            Stopped: a signal came.
            FailedError: a worker did not start, or several ended soon after their start.
        """
        for number in range(len(self._ways)):
            self._start(number)
        while True:
            ended, status = os.wait()
            for number, (process, started) in list(self._running.items()):
                if process.pid == ended:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    self._replace(number, process.returncode, time.monotonic() - started)

    def stop(self) -> None:
        """End the workers: politely, then at once."""
        os.close(self._held)
        for number, (process, _) in self._running.items():
            if self._count(number) == UNREADY:  # it does not look at the lifeline yet
                process.terminate()
        ends = time.monotonic() + GRACE
        for process, _ in self._running.values():
            try:
                process.wait(max(0.0, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, number: int) -> None:
        files = {
            "listening": self._listening.fileno(), "inbox": self._ways[number][1].fileno(),
            "sessions": self._sessions.fileno(), "lifeline": self._lifeline,
        }  # fmt: skip
        outboxes = [way[0].fileno() for way in self._ways]
        told = {"number": number, "outboxes": outboxes, **files}
        threads = max(1, (os.cpu_count() or 1) // len(self._ways))  # of all workers, as many as cores
        drawing = min(threads, MOST_RENDER_THREADS)
        environment = {
            "OMP_NUM_THREADS": str(threads), **os.environ,
            RENDER_THREADS: str(drawing), VARIABLE: json.dumps(told),
        }  # fmt: skip
        package = str(Path(__file__).parents[2])
        server = ["viewer.server.several"] if os.environ.get("CLIPPER_HOMES") else ["panel", "serve", package]
        command = [sys.executable, "-m", *server]
        command += ["--address", "127.0.0.1", "--port", str(self._listening.getsockname()[1])]
        shown = [option for option in self._options if option != "--show" or number == 0]
        # In a group of its own, a worker does not get the Ctrl-C of the terminal: this process ends it.
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, *shown], env=environment, process_group=0, pass_fds=[*files.values(), *outboxes]
        )
        self._running[number] = (process, time.monotonic())

    def _replace(self, number: int, code: int, lived: float) -> None:
        """Start a worker again that ended, unless that is no use."""
        del self._running[number]
        ready = self._count(number) != UNREADY
        how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with the exit status {code}"
        if not ready:
            raise FailedError(f"worker {number + 1} ended before it was ready, {how}; its message is above")
        self._short = self._short + 1 if lived < SHORT_LIFE else 0
        if self._short >= MOST_SHORT:
            raise FailedError(f"workers end again and again, the last one {how}; fewer need less memory")
        say(f"worker {number + 1} ended {how}; it is started again, and its pages have to be loaded again")
        os.pwrite(self._sessions.fileno(), UNREADY.to_bytes(SLOT, sys.byteorder, signed=True), number * SLOT)
        self._start(number)

    def _count(self, number: int) -> int:
        read = os.pread(self._sessions.fileno(), SLOT, number * SLOT)
        return int.from_bytes(read, sys.byteorder, signed=True)


def say(text: str) -> None:
    """Print a line beside the workers' messages."""
    sys.stderr.write(f"clipper: {text}\n")
    sys.stderr.flush()


def listen(port: int) -> socket.socket:
    """Open the socket that all workers listen at.

    Raises:
        FailedError: another program uses the port.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        raise FailedError(f"port {port} cannot be used ({error}); `--port 0` takes a free one") from error
    listening.setblocking(False)
    return listening


def _interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it ends already
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def main(arguments: list[str] | None = None) -> int:
    """Run the workers until a signal comes; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    asked, options = parser.parse_known_args(arguments)
    supervisor = None
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupted)
        hear_interrupts()
        supervisor = Supervisor(listen(asked.port), asked.workers, options)
        supervisor.run()
    except FailedError as error:
        say(str(error))
        return 1
    except Stopped as stopped:
        return 0 if stopped.number == signal.SIGINT else 128 + stopped.number
    finally:
        if supervisor is not None:
            supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
