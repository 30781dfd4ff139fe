"""The viewer's server as a child process of a notebook's kernel, or of a script: start it, ask it, stop it.

The child answers the page while a cell computes, loads nothing of Panel into the kernel, and gives all of its
memory back when it ends. It listens on this machine only, below a path with a token that nobody can guess:
other people on the machine reach the port, but nothing behind it. It ends with the process that started it.
What does not belong here: the messages of the page (`viewer/server/explorer_route.py`), and the tables that
are made of them (`explorer.py`).
"""

import json
import secrets
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any

from clipper.errors import ClipperError, require_extra

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 120.0  # until an answer: the first search loads the model
STOP_SECONDS = 5.0  # until a server that does not end is killed
# `-P`: a file of the working folder that is named like a library is not imported instead of it.
COMMAND = ("-P", "-c", "from viewer.server.embed import main; main()")

_lock = threading.Lock()
_servers: "dict[Path, ViewerServer]" = {}


class ViewerServer:
    """A server that shows one home. `port` and `token` are parts of its address."""

    def __init__(self, home: Path) -> None:
        """Start the server and wait until it answers.

        Raises:
            MissingExtraError: the packages of the viewer are not installed.
            ClipperError: the server did not start; the message has what it said last.
        """
        require_extra("viewer")
        self.home = home
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # interrupting a cell does not end it
        )
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    @property
    def path(self) -> str:
        """The path of the page on the server, without a slash before it."""
        return f"{self.token}/viewer"

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, path: str, *, told: object = None) -> Any:
        """Send a request to a route below the page, and return the JSON of the answer.

        Args:
            path: the route.
            told: what to send as JSON; None: only ask.

        Raises:
            ClipperError: the server has ended, does not answer or refuses.
        """
        if not self.is_running:
            raise ClipperError("the server of this page has ended; call `atlas.explore()` again")
        connection = HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_SECONDS)
        try:
            body = None if told is None else json.dumps(told)
            connection.request("GET" if body is None else "POST", f"/{self.path}/{path}", body)
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise ClipperError(f"the viewer's server answered with the error {answer.status}")
            return json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise ClipperError(f"the viewer's server does not answer ({error!r})") from error
        finally:
            connection.close()

    def stop(self) -> None:
        """End the server; its port and its memory are free afterwards. A second call does nothing."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()  # it ends when its input does
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._log.close()

    def _begin(self) -> None:
        """Hand over the secret by a pipe, which nobody else can read, and learn the port."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):  # it has ended already; the next line of it is empty
            stdin.write(json.dumps({"home": str(self.home), "token": self.token}).encode() + b"\n")
            stdin.flush()
        try:
            self.port = int(json.loads(stdout.readline() or b"{}")["port"])
            self.ask("explorer/none")
        except (KeyError, ValueError, ClipperError) as error:
            raise ClipperError(f"the viewer did not start: {self._last_words()}") from error

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        return said.splitlines()[-1] if said else "it said nothing"


def server_of(home: Path) -> ViewerServer:
    """Return the server that shows a home; start one if none runs. There is one for each home.

    Raises:
        ClipperError: it cannot be started.
    """
    with _lock:
        server = _servers.get(home)
        if server is None or not server.is_running:
            if server is not None:
                server.stop()
            server = _servers[home] = ViewerServer(home)
        return server


def stop_server(server: ViewerServer) -> None:
    """End a server, and forget it."""
    with _lock:
        if _servers.get(server.home) is server:
            del _servers[server.home]
        server.stop()
