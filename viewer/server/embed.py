"""The server of a notebook: `panel serve` below a secret path, for a frame in a page of this machine.

The process that starts it writes a line {"home": ..., "token": ...} to its input, and reads {"port": ...}
from its output. It ends when its input does: with that process, however that ends. What does not belong here:
the other side of the pipe (`clipper/notebook/server.py`).
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel.command
from bokeh.settings import settings
from panel.io.server import per_app_patterns

import viewer
from viewer.compat import embed_in_frames, wrap_bind_sockets
from viewer.server import explorer_route
from viewer.server.access import LOOPBACK, guard_bind

INPUT, OUTPUT, ERRORS = 0, 1, 2  # file descriptors
MAX_LINE = 100_000  # bytes
# Pages that may show the frame: Jupyter and marimo on this machine, VS Code; through a proxy, the same host.
FRAMED_BY = (
    "'self' http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:* "
    "vscode-webview: vscode-file:"
)


def main() -> None:
    """Serve a home until the input ends."""
    order = json.loads(read_line())
    os.environ["CLIPPER_HOME"] = order["home"]
    threading.Thread(target=end_with_input, name="end", daemon=True).start()
    wrap_bind_sockets(lambda bind: reporting(guard_bind(bind)))
    # The secret path says who may ask, and the socket's own rule where from: a proxy has any host's name.
    settings.allowed_ws_origin.set_value(["*"])
    embed_in_frames(FRAMED_BY)
    per_app_patterns.append((explorer_route.ROUTE, explorer_route.ExplorerHandler))
    folder = Path(str(viewer.__file__)).parent
    sys.argv = ["panel", "serve", str(folder), "--address", LOOPBACK, "--port", "0"]
    sys.argv += [f"--prefix=/{order['token']}", "--log-level", "warning"]
    panel.command.main()


def read_line() -> bytes:
    """Read the first line of the input, and nothing after it."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_LINE:
        more = os.read(INPUT, 1)
        if not more:
            break
        line += more
    return line


def end_with_input() -> None:
    """Wait for the end of the input, then end this process as a signal would."""
    while os.read(INPUT, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def reporting(bind: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `bind(address, port)`: write the port to the output, which prints nothing else from then on."""

    def bind_sockets(address: str | None, port: int) -> Any:
        sockets, bound = bind(address, port)
        os.write(OUTPUT, json.dumps({"port": bound}).encode() + b"\n")
        os.dup2(ERRORS, OUTPUT)
        return sockets, bound

    return bind_sockets
