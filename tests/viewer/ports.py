"""A port for a server that a test starts, which binds it itself some seconds later."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """A port that nobody uses, below those that systems give to connections: these may take one meanwhile."""
    for port in secrets.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
