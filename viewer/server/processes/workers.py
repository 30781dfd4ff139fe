"""Lets several servers with one listening socket answer a visitor as one: each request reaches the right one.

The system gives a connection to whichever worker takes it first. A session lives in one worker, which its id
tells. A worker that gets a request for another one's session hands the connection over: it sends the other
the socket and the head of the request, and keeps nothing. A page without a session yet goes to the worker
with the fewest sessions. What does not belong here: starting and ending workers (`supervisor.py`).
"""

import asyncio
import json
import mmap
import os
import random
import socket
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from bokeh.util.token import get_session_id
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.web import RequestHandler

from viewer.server.processes.supervisor import HEAD_BYTES, SLOT, UNREADY, VARIABLE

HOPS = "Clipper-Hops"  # the header that says how often a request was handed over
RECENT = 1.0  # seconds after which a page that was handed over is among the other's sessions
PATIENCE = 20.0  # seconds that a request waits for a worker that is started again
PAUSE = 0.05


class HandedStream(IOStream):
    """A connection of which another worker has read the beginning."""

    def __init__(self, connection: socket.socket, head: bytes) -> None:
        super().__init__(connection)
        self._head = memoryview(head)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read the beginning first, then the socket."""
        if not self._head:
            return super().read_from_fd(buf)
        count = min(len(buf), len(self._head))
        memoryview(buf)[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


class Worker:
    """This process, as one of several."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.number: int = told["number"]
        self.count = len(told["outboxes"])
        self._listening = socket.socket(fileno=told["listening"])
        self._inbox = socket.socket(fileno=told["inbox"])
        self._outboxes = [socket.socket(fileno=number) for number in told["outboxes"]]
        for box in (self._inbox, *self._outboxes):
            box.setblocking(False)
        self._sessions = mmap.mmap(told["sessions"], SLOT * self.count)
        self._lifeline: int = told["lifeline"]
        self._handed: deque[tuple[float, int]] = deque()  # pages: when, and to whom

    # -- as a server

    def sockets(self, port: int) -> tuple[list[socket.socket], int]:
        """Return the listening socket, in the place of one that the server would open."""
        return [self._listening], port

    def serve(self, server: HTTPServer) -> None:
        """Take part: receive connections, and end when the supervisor has ended."""
        loop = IOLoop.current()
        loop.add_handler(self._inbox.fileno(), lambda *_: self._receive(server), IOLoop.READ)
        loop.add_handler(self._lifeline, lambda *_: loop.stop(), IOLoop.READ)
        self._write(0)

    def count_session(self, by: int) -> None:
        """Count a session that begins (1) or ends (-1)."""
        self._write(max(0, self.session_counts()[self.number]) + by)

    def session_counts(self) -> list[int]:
        """Return the number of sessions of each worker; `UNREADY` for one that does not answer."""
        return [struct.unpack_from("=i", self._sessions, SLOT * number)[0] for number in range(self.count)]

    def _write(self, sessions: int) -> None:
        struct.pack_into("=i", self._sessions, SLOT * self.number, max(0, sessions))

    def _receive(self, server: HTTPServer) -> None:
        while True:
            try:
                head, descriptors, _, _ = socket.recv_fds(self._inbox, HEAD_BYTES, 1)
            except BlockingIOError:
                return
            for descriptor in descriptors:
                connection = socket.socket(fileno=descriptor)
                connection.setblocking(False)
                try:
                    address = connection.getpeername()
                except OSError:  # the visitor has left
                    connection.close()
                    continue
                server.handle_stream(HandedStream(connection, head), address)

    # -- who answers

    def owner(self, key: str) -> int:
        """Return the worker that has a session, or what else has this key."""
        return zlib.crc32(key.encode()) % self.count

    def own(self, make: Callable[[], str]) -> str:
        """Make keys until this worker is the owner of one."""
        while self.owner(key := make()) != self.number:
            pass
        return key

    def least_busy(self) -> int:
        """Return a worker with the fewest sessions; this one, if it is one of them."""
        now = time.monotonic()
        while self._handed and now - self._handed[0][0] > RECENT:
            self._handed.popleft()
        loads = {
            number: sessions + sum(to == number for _, to in self._handed)
            for number, sessions in enumerate(self.session_counts())
            if sessions != UNREADY
        }
        least = [number for number, load in loads.items() if load == min(loads.values())]
        return self.number if self.number in least or not least else random.choice(least)  # noqa: S311

    def remember_page(self, to: int) -> None:
        """Count a page that is handed to a worker as one of its sessions until it counts it itself."""
        self._handed.append((time.monotonic(), to))

    # -- handing over

    async def hand_over(self, handler: RequestHandler, to: int) -> bool:
        """Give the request of a handler to a worker, and return True; False: it stays here.

        A worker that is being started again takes it when it is ready.
        """
        request = handler.request
        head = head_of(request)
        if to == self.number or request.body or len(head) > HEAD_BYTES:
            return False
        ends = time.monotonic() + PATIENCE
        stream = handler.detach()
        while not stream.closed():
            try:
                socket.send_fds(self._outboxes[to], [head], [stream.socket.fileno()])
                break
            except OSError:  # its inbox is full
                if time.monotonic() > ends:
                    break
                await asyncio.sleep(PAUSE)
        stream.close()
        return True


@cache
def this_worker() -> Worker | None:
    """Return what this process is among several; None if it serves alone."""
    told = os.environ.get(VARIABLE)
    return Worker(json.loads(told)) if told else None


def head_of(request: HTTPServerRequest) -> bytes:
    """Write the head of a request once more, with one more hop."""
    lines = [f"{request.method} {request.uri} {request.version}"]
    lines += [f"{name}: {value}" for name, value in request.headers.get_all() if name != HOPS]
    return ("\r\n".join([*lines, f"{HOPS}: {hops_of(request) + 1}"]) + "\r\n\r\n").encode("latin-1")


def hops_of(request: HTTPServerRequest) -> int:
    """Return how often a request was handed over."""
    told = request.headers.get(HOPS, "")
    return min(int(told), 1 << 20) if told.isascii() and told.isdigit() and len(told) < 8 else 0  # noqa: PLR2004


async def hand_page(handler: RequestHandler) -> bool:
    """Have the page of a session made where it lives, and a new one where there is most room."""
    worker = this_worker()
    if worker is None or handler.request.method != "GET":
        return False
    headers = handler.request.headers
    known = handler.get_argument("bokeh-session-id", "") or headers.get("Bokeh-Session-Id", "")
    if token := handler.get_argument("bokeh-token", ""):
        known = _session_of(token)
    if known:
        return await worker.hand_over(handler, worker.owner(known))
    if hops_of(handler.request):
        return False
    to = worker.least_busy()
    if to != worker.number:
        worker.remember_page(to)
    return await worker.hand_over(handler, to)


async def hand_websocket(handler: RequestHandler) -> bool:
    """Have the messages of a session reach the worker where it lives."""
    worker = this_worker()
    told = handler.request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2].strip()
    known = _session_of(told) if worker else ""
    return bool(worker and known) and await worker.hand_over(handler, worker.owner(known))  # type: ignore[union-attr]


async def hand_on(handler: RequestHandler) -> bool:
    """Have the next worker look for what this one has not; False: all have looked."""
    worker = this_worker()
    if worker is None or hops_of(handler.request) >= worker.count - 1:
        return False
    return await worker.hand_over(handler, (worker.number + 1) % worker.count)


def _session_of(token: str) -> str:
    """Return the session of a token; "" for what is none, which the server refuses itself."""
    try:
        return str(get_session_id(token))
    except Exception:  # noqa: BLE001 - whatever a stranger sends
        return ""
