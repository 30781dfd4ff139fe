"""A function run in a child process that may crash, hang or run out of memory, and costs only its request.

Decoders are native code that reads hostile bytes. A child is an interpreter of its own and no process of
`multiprocessing`: so it does not run the caller's main module again, a daemonic process (a Dask worker) may
have one too, and it holds only what the function imports. It is a fence against accidents and no jail: it has
the rights of its user.

What does not belong here: what the function does (`images/child_tasks.py`), and what becomes of a failure.
"""

import json
import os
import signal
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
from clipper.sandbox.child import OUT_OF_MEMORY
from clipper.sandbox.messages import Message, MessageError, receive, send

# Bytes of address space: so much, and no more, one file can ever take.
MEMORY = 2 << 30
# Bytes of an answer: a crop, a thumbnail, an image of a few megapixels.
MAX_ANSWER_BYTES = 64 << 20
START_SECONDS = 60
_START = (
    "import json, sys; told = json.loads(sys.argv[1]); sys.path[:] = told['path']; "
    "from clipper.sandbox.child import main; main(told)"
)
# One child works on one file: threads of a matrix library would only take address space.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}

# Takes what JSON can hold and bytes, gives the same. It must be importable by its name.
Function = Callable[[dict[str, Any], list[bytes]], tuple[dict[str, Any], list[bytes]]]


class ChildDied(Exception):  # noqa: N818 - what happened, not a mistake of anybody's
    """The child gave no answer; the message is why, in words for the owner of a file.

    `crashed` is whether what it worked on ended it, rather than time, memory or somebody else.
    """

    def __init__(self, why: str, *, crashed: bool = False) -> None:
        super().__init__(why)
        self.crashed = crashed


class Sandbox:
    """One child process for one function: started when first asked, replaced when it died.

    To be used by one thread at a time. On Linux the child ends with the thread that first asked.
    """

    def __init__(self, function: Function, *, seconds: float, memory: int = MEMORY) -> None:
        """Start nothing yet.

        Args:
            function: a module's function; it is imported in the child.
            seconds: a request may take no longer.
            memory: bytes of address space the child may use, where the system can limit it.
        """
        self._function = f"{function.__module__}:{function.__qualname__}"
        self.seconds, self.memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process else None

    def ask(self, told: dict[str, Any], blobs: Sequence[bytes] = ()) -> Message:
        """What the function makes of a request; `{"error": ...}` where it raised.

        Raises:
            ChildDied: it crashed, took too long or ran out of memory.
            SandboxError: no child can be started here.
        """
        connection = self._connection or self._start()
        deadline = time.monotonic() + self.seconds
        try:
            connection.settimeout(self.seconds)
            send(connection, {"seconds": self.seconds, "told": told}, blobs)
            return receive(connection, deadline=deadline, most=MAX_ANSWER_BYTES)
        except TimeoutError:
            self.close()
            raise ChildDied(f"took longer than {self.seconds:g} s (max_seconds)") from None
        except (EOFError, OSError):
            raise self._cause() from None
        except MessageError as error:
            self.close()
            raise ChildDied(f"crashed the decoder (it answered {error})", crashed=True) from error
        except BaseException:  # as Ctrl-C: its answer to this would be taken for one to the next request
            self.close()
            raise

    def kill(self) -> None:
        """End the child at once, from any thread: who waits for its answer gets `ChildDied`."""
        if process := self._process:
            process.kill()

    def close(self) -> None:
        """End the child; another request would start a new one."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection:
            connection.close()
        if process:
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, as by a dead network disk
                process.wait(START_SECONDS)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            told = {
                "socket": theirs.fileno(),
                "function": self._function,
                "memory": self.memory,
                "parent": os.getpid(),
                "path": sys.path,
            }
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and words of our own
                    [sys.executable, "-c", _START, json.dumps(told)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=os.environ | _ENVIRONMENT,
                    process_group=0,  # the terminal's Ctrl-C is not for it, from its first moment
                )
            except OSError as error:
                ours.close()
                raise SandboxError(f"no process can be started for decoding: {error}") from error
        self._connection = ours
        try:
            receive(ours, deadline=time.monotonic() + START_SECONDS, most=MAX_ANSWER_BYTES)
        except (EOFError, OSError, MessageError) as error:
            why = "did not start in time" if isinstance(error, TimeoutError) else str(self._cause())
            self.close()
            raise SandboxError(f"the process for decoding {why}; the lines above may say more") from error
        return ours

    def _cause(self) -> ChildDied:
        """Why the child is no more."""
        process = self._process
        code: int | None = None
        if process:
            with suppress(subprocess.TimeoutExpired):  # it lives, and closed its socket
                code = process.wait(1)
        self.close()
        if code == OUT_OF_MEMORY:
            return ChildDied(f"needs more memory than {self.memory / (1 << 30):g} GiB to decode")
        if code == -signal.SIGKILL:
            return ChildDied("made the system end the decoder (signal 9), probably for want of memory")
        if code == -signal.SIGALRM:
            return ChildDied(f"took longer than {self.seconds:g} s (max_seconds)")
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return ChildDied(f"crashed the decoder ({how})", crashed=True)


class SandboxPool:
    """As many sandboxes of one function as are used at the same time."""

    def __init__(self, function: Function, *, seconds: float) -> None:
        self._make = partial(Sandbox, function, seconds=seconds)
        self._lock = threading.Lock()
        self._all: list[Sandbox] = []
        self._free: list[Sandbox] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._all:
            sandbox.close()

    def kill(self) -> None:
        """End all children at once; threads that wait for an answer get `ChildDied`."""
        with self._lock:
            for sandbox in self._all:
                sandbox.kill()

    @contextmanager
    def borrow(self) -> Iterator[Sandbox]:
        """A sandbox for this thread alone: the one used last, whose child is there already."""
        with self._lock:
            if not self._free:
                self._all.append(self._make())
                self._free.append(self._all[-1])
            sandbox = self._free.pop()
        try:
            yield sandbox
        finally:
            with self._lock:
                self._free.append(sandbox)
