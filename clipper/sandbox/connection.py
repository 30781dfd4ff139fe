"""The socket between a process and its child: inherited where a child can inherit one, else a port.

What does not belong here: what is sent (`sandbox/messages.py`).
"""

import hmac
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

LOOPBACK = "127.0.0.1"
# A child of Windows inherits no socket.
CAN_INHERIT = os.name == "posix"
TOKEN = "CLIPPER_SANDBOX_TOKEN"  # noqa: S105 - the variable's name
_TOKEN_BYTES = 32
_LOOK_SECONDS = 0.2  # between two looks whether the child is still there


class Inherited:
    """One end for each, of which the child inherits its own."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.told: dict[str, Any] = {"socket": self._theirs.fileno()}
        self.environment: dict[str, str] = {}
        self.descriptors = (self._theirs.fileno(),)

    def accept(self, _process: "subprocess.Popen[bytes]", *, deadline: float) -> socket.socket:
        """Return this process's end."""
        del deadline
        self._theirs.close()
        return self._ours

    def close(self) -> None:
        """Close both ends: there will be no child."""
        self._ours.close()
        self._theirs.close()


class Loopback:
    """A port of this machine. Others reach it too, so the child shows a token that its environment has."""

    def __init__(self) -> None:
        self._listening = socket.create_server((LOOPBACK, 0))
        self._token = secrets.token_hex(_TOKEN_BYTES // 2)
        self.told: dict[str, Any] = {"port": self._listening.getsockname()[1]}
        self.environment = {TOKEN: self._token}
        self.descriptors: tuple[int, ...] = ()

    def accept(self, process: "subprocess.Popen[bytes]", *, deadline: float) -> socket.socket:
        """Wait for the child, and return the connection with it.

        Raises:
            TimeoutError: it does not come in time.
            EOFError: it ended.
        """
        self._listening.settimeout(_LOOK_SECONDS)
        with self._listening:
            while time.monotonic() < deadline:
                try:
                    connection, _ = self._listening.accept()
                except TimeoutError:
                    if process.poll() is not None:
                        raise EOFError from None
                    continue
                if self._is_child(connection):
                    return connection
                connection.close()
        raise TimeoutError

    def close(self) -> None:
        """Close the port: there will be no child."""
        self._listening.close()

    def _is_child(self, connection: socket.socket) -> bool:
        connection.settimeout(1.0)
        shown = b""
        try:
            while len(shown) < _TOKEN_BYTES and (more := connection.recv(_TOKEN_BYTES - len(shown))):
                shown += more
        except OSError:
            return False
        return hmac.compare_digest(shown, self._token.encode())


def offer() -> Inherited | Loopback:
    """Make what this system's children can connect to."""
    return Inherited() if CAN_INHERIT else Loopback()


def connect(told: dict[str, Any]) -> socket.socket:
    """Connect with the parent, in the child.

    Args:
        told: `socket` (a file descriptor), or `port`.

    Raises:
        OSError: the parent is gone.
    """
    if "socket" in told:
        return socket.socket(fileno=int(told["socket"]))
    connection = socket.create_connection((LOOPBACK, int(told["port"])))
    connection.sendall(os.environ.pop(TOKEN, "").encode())
    return connection
