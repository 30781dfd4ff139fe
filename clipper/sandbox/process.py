"""Run a function in a child process: if it crashes, hangs or runs out of memory, only that request fails.

Decoders are native code that reads hostile bytes; and native code that keeps the interpreter's lock runs at
the same time only in several interpreters. A child is an interpreter of its own, not a process of
`multiprocessing`: it does not run the caller's main module again, a daemonic process (a Dask worker) may have
one too, and it loads only what the function imports. It protects against accidents and is no jail: it has its
user's rights.

What does not belong here: the function, and how a caller treats a failure.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Self

from clipper.errors import SandboxError
from clipper.sandbox.child import OUT_OF_MEMORY, OUT_OF_TIME
from clipper.sandbox.connection import offer
from clipper.sandbox.messages import Message, MessageError, receive, send

# Bytes of address space: the most that one file can ever take.
MAX_MEMORY = 2 << 30
# Enough for a crop, a thumbnail, or an image of a few megapixels.
MAX_ANSWER_BYTES = 64 << 20
START_SECONDS = 60
_START = (
    "import json, sys; options = json.loads(sys.argv[1]); sys.path[:] = options['path']; "
    "from clipper.sandbox.child import main; main(options)"
)
# The exit codes of a child that a signal ended. By number: Windows has neither.
_KILLED, _ALARMED = -9, -14
_ENDED = "was ended"
# The terminal's Ctrl-C never reaches a child: on Windows by this flag.
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
# A child does one thing at a time: threads of a matrix library would only take address space.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # glibc would give the pages of each image back, and get them again for the next: a tenth of its time.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}

# From a JSON object and byte strings to the same. A child must be able to import it by its name.
Function = Callable[[dict[str, Any], list[bytes]], tuple[dict[str, Any], list[bytes]]]


class ChildDied(Exception):  # noqa: N818 - an event, nobody's error
    """The child gave no answer; the message says why, in words for the owner of the file.

    `crashed` is true if the work itself ended the child: not its limits, and nobody else.
    """

    def __init__(self, why: str, *, crashed: bool = False) -> None:
        super().__init__(why)
        self.crashed = crashed


class Sandbox:
    """One child process for one function: started by the first request, replaced after it died.

    Only one thread may use it at a time. On Linux the child ends with the thread that made the first request.
    """

    def __init__(self, function: Function, *, seconds: float, memory: int | None = MAX_MEMORY) -> None:
        """Prepare a sandbox; the child starts with the first request.

        Args:
            function: at the top level of a module; the child imports it.
            seconds: the longest that a request may take.
            memory: bytes of address space that the child may use, if the system can limit it; None: any.
        """
        self._function = f"{function.__module__}:{function.__qualname__}"
        self.seconds, self.memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is no child."""
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        """Whether there is a child, and it runs."""
        return self._process is not None and self._process.poll() is None

    def ask(self, request: dict[str, Any], blobs: Sequence[bytes] = ()) -> Message:
        """Return the function's answer to a request; `{"error": ...}` if it raised.

        Raises:
            ChildDied: the child crashed, took too long or ran out of memory.
            SandboxError: no child can be started here.
        """
        connection = self._connection or self._start()
        deadline = time.monotonic() + self.seconds
        try:
            connection.settimeout(self.seconds)
            send(connection, {"seconds": self.seconds, "request": request}, blobs)
            return receive(connection, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)
        except TimeoutError:
            self.close()
            raise ChildDied(f"took longer than {self.seconds:g} s (max_seconds)") from None
        except (EOFError, OSError):
            raise self._cause() from None
        except MessageError as error:
            self.close()
            raise ChildDied(f"crashed the decoder (it answered {error})", crashed=True) from error
        except BaseException:  # such as Ctrl-C: a late answer would be taken for that to the next request
            self.close()
            raise

    def end(self) -> None:
        """End the child for good, from any thread: this request and all later ones raise `ChildDied`."""
        self._ended = True
        if process := self._process:
            process.kill()

    def close(self) -> None:
        """End the child; the next request starts a new one."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection:
            connection.close()
        if process:
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, by a dead network disk for one
                process.wait(START_SECONDS)

    def _start(self) -> socket.socket:
        if self._ended:
            raise ChildDied(_ENDED)
        offered = offer()
        options = {
            **offered.told,
            "function": self._function,
            "memory": self.memory,
            "parent": os.getpid(),
            "path": sys.path,
        }
        deadline = time.monotonic() + START_SECONDS
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with our own arguments
                [sys.executable, "-c", _START, json.dumps(options)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=offered.descriptors,
                env=os.environ | _ENVIRONMENT | offered.environment,
                process_group=0,
                creationflags=_OWN_GROUP,
            )
        except OSError as error:
            offered.close()
            raise SandboxError(f"no child process can be started: {error}") from error
        if self._ended:  # while it was started
            self.close()
            raise ChildDied(_ENDED)
        try:
            self._connection = offered.accept(self._process, deadline=deadline)
            receive(self._connection, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)
        except (EOFError, OSError, MessageError) as error:
            why = "did not start in time" if isinstance(error, TimeoutError) else str(self._cause())
            self.close()
            if self._ended:
                raise ChildDied(_ENDED) from None
            raise SandboxError(f"a child process {why}; the lines above may say more") from error
        return self._connection

    def _cause(self) -> ChildDied:
        """Return why the child died."""
        process = self._process
        code: int | None = None
        if process:
            # It ends a moment after its socket has closed; on a busy machine that takes seconds.
            with suppress(subprocess.TimeoutExpired):  # it is alive, and has closed its socket
                code = process.wait(10)
        self.close()
        if code == OUT_OF_MEMORY and self.memory is not None:
            return ChildDied(f"needs more memory than {self.memory / (1 << 30):g} GiB to decode")
        if code == _KILLED:
            return ChildDied("made the system end the decoder (signal 9), probably for want of memory")
        if code in {_ALARMED, OUT_OF_TIME}:
            return ChildDied(f"took longer than {self.seconds:g} s (max_seconds)")
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return ChildDied(f"crashed the decoder ({how})", crashed=True)


class SandboxPool:
    """As many sandboxes for one function as are in use at once; `stopped` is set once they are ended."""

    def __init__(self, function: Function, *, seconds: float, memory: int | None = MAX_MEMORY) -> None:
        """Prepare them; `seconds` and `memory` are those of each."""
        self._make = partial(Sandbox, function, seconds=seconds, memory=memory)
        self._lock = threading.Lock()
        self._all: list[Sandbox] = []
        self._free: list[Sandbox] = []
        self.stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._all:
            sandbox.close()

    def end(self) -> None:
        """End all children for good: their requests and all later ones raise `ChildDied`."""
        with self._lock:
            self.stopped.set()
            for sandbox in self._all:
                sandbox.end()

    @contextmanager
    def borrow(self) -> Iterator[Sandbox]:
        """Lend this thread a sandbox of its own, the one used last: its child is running already."""
        with self._lock:
            if self.stopped.is_set():
                raise ChildDied(_ENDED)
            if not self._free:
                self._all.append(self._make())
                self._free.append(self._all[-1])
            sandbox = self._free.pop()
        try:
            yield sandbox
        finally:
            with self._lock:
                self._free.append(sandbox)
