"""Keep one child ready, for requests that come one by one: each gets a child that has seen no other request.

A new child costs a quarter of a second, nearly all of it for starting Python and importing. So the next one
is started ahead, after a request, and answers one request that is known to be harmless. No child answers
two requests of people: what a hostile file does to its child ends with the file. What does not belong here:
one child (`process.py`), and a pass over many files (`SandboxPool`).
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from clipper.errors import SandboxError
from clipper.sandbox.messages import Message
from clipper.sandbox.process import ChildDied, Function, Sandbox

# Seconds after the last request until the spare child is ended.
IDLE_SECONDS = 300.0
# Seconds between a request and the start of the next child, which shall not slow down its answer.
PAUSE_SECONDS = 0.3
# Seconds until the next try if no child could be started.
_RETRY_SECONDS = 30.0


class SpareSandbox:
    """Answers each request in a child of its own; one is started ahead while requests keep coming.

    Any number of threads may ask at once: the first gets the child that is ready, the others start their own.
    The children end with this process.
    """

    def __init__(
        self,
        function: Function,
        *,
        warm_up: Callable[[], tuple[dict[str, Any], Sequence[bytes]]],
        idle: float = IDLE_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """Prepare; nothing is started before the first request.

        Args:
            function: at the top level of a module; a child imports it.
            warm_up: returns a harmless request, which loads what the function needs.
            idle: seconds after which a child that nobody needed ends.
            pause: seconds after a request until the next child is started.
        """
        self._function, self._warm_up = function, warm_up
        self._idle, self._pause = idle, pause
        self._changed = threading.Condition()
        self._ready: Sandbox | None = None
        self._lent = 0
        self._used_at = self._not_before = 0.0
        self._keeper: threading.Thread | None = None
        self._closing = False

    @property
    def ready_pid(self) -> int | None:
        """The process id of the child that is ready; None if none is."""
        with self._changed:
            return self._ready.pid if self._ready else None

    def ask(self, request: dict[str, Any], blobs: Sequence[bytes] = (), *, seconds: float) -> Message:
        """Return the function's answer to a request; `{"error": ...}` if it raised.

        Args:
            request: a JSON object.
            blobs: byte strings that go with it.
            seconds: the longest that the request may take.

        Raises:
            ChildDied: the child crashed, took too long or ran out of memory.
            SandboxError: no child can be started here.
        """
        with self._changed:
            self._lent += 1
            sandbox, self._ready = self._ready, None
        if sandbox is not None and not sandbox.is_alive:  # somebody ended it meanwhile
            sandbox.close()
            sandbox = None
        sandbox = sandbox or Sandbox(self._function, seconds=seconds)
        sandbox.seconds = seconds
        try:
            return sandbox.ask(request, blobs)
        finally:
            sandbox.close()
            self._keep_one()

    def close(self) -> None:
        """End the child that is ready, and start none until the next request."""
        with self._changed:
            keeper, self._closing = self._keeper, True
            self._changed.notify_all()
        if keeper:
            keeper.join()
        with self._changed:
            self._closing = False

    def _keep_one(self) -> None:
        """Have the keeper start the next child soon."""
        with self._changed:
            self._lent -= 1
            self._used_at = time.monotonic()
            if self._keeper is None and not self._closing:
                # A thread of its own: on Linux a child ends with the thread that started it.
                self._keeper = threading.Thread(target=self._keep, name="spare-sandbox", daemon=True)
                self._keeper.start()
            self._changed.notify_all()

    def _keep(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                unused = now - self._used_at
                # While a child is lent, this thread must not end: the child would end with it.
                if not self._lent and (self._closing or unused >= self._idle):
                    spare, self._ready, self._keeper = self._ready, None, None
                    break
                wait = self._idle - unused
                if self._ready is None and not self._closing:
                    wait = min(wait, max(self._pause - unused, self._not_before - now))
                if wait > 0 or self._ready is not None or self._closing:
                    self._changed.wait(max(wait, 0.05))
                    continue
            made = self._start()
            with self._changed:
                self._ready = made
        if spare:
            spare.close()

    def _start(self) -> Sandbox | None:
        """Start a child and let it load what it needs; None if that fails: the next request says why."""
        sandbox = Sandbox(self._function, seconds=_RETRY_SECONDS)
        try:
            sandbox.ask(*self._warm_up())
        except (ChildDied, SandboxError):
            sandbox.close()
            self._not_before = time.monotonic() + _RETRY_SECONDS
            return None
        return sandbox
