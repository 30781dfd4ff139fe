"""The command `clipper view`: finds what to show and becomes the server that shows it.

What does not belong here: the server (`viewer/`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from clipper.cli.homes import find_homes, name_homes, names_home
from clipper.cli.options import Home
from clipper.errors import SettingsError, require_extra
from clipper.settings import Settings
from clipper.store.home import Home as AtlasHome
from clipper.system import IS_WINDOWS


def view(
    homes: Annotated[
        list[str] | None, typer.Argument(help="Homes, or folders of homes; several begin with their cards.")
    ] = None,
    home: Home = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 5006,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes, for many people at once.")
    ] = 1,
    open_browser: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
) -> None:
    """Serve the map on this machine and print its address; Ctrl-C ends it."""
    shown, path, environment = _choose(homes or [], home)
    require_extra("viewer")
    spec = find_spec("viewer")
    if spec is None or spec.origin is None:
        raise SettingsError("the package `viewer` is not installed; install Clipper anew")
    port = _bindable(port)
    if workers > 1:
        if not hasattr(socket, "send_fds"):
            raise SettingsError("several workers need Linux or macOS; leave `--workers` out")
        command = ["-m", "viewer.server.processes.supervisor", "--workers", str(workers)]
    else:
        command = ["-m", "viewer", "--address", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "warning"]
    command += ["--show"] if open_browser else []
    typer.echo(f"Clipper shows {shown} at http://127.0.0.1:{port}/{path} (Ctrl-C ends it)")
    sys.stdout.flush()
    if IS_WINDOWS:  # there the process would end at once, and the prompt return beside the server
        sys.exit(_serve([sys.executable, *command], os.environ | environment))
    _become([sys.executable, *command], os.environ | environment)


def _become(command: list[str], environment: dict[str, str]) -> None:
    """Replace this process by the server, so that any signal to the command reaches the server.

    Ctrl-C waits until the server listens to it: while Python starts it would print a traceback.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.execve(command[0], command, environment)  # noqa: S606
    finally:  # it could not be started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _serve(command: list[str], environment: dict[str, str]) -> int:
    """Run the server as a child and return its exit status; Ctrl-C reaches both, and the child ends first."""
    with subprocess.Popen(command, env=environment) as server:  # noqa: S603 - our own command
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                continue


def _choose(homes: list[str], home: str | None) -> tuple[str, str, dict[str, str]]:
    """Return the folder or the title to show, the path of the first page, and the server's variables."""
    if homes and home:
        raise SettingsError("name the homes, or one with `--home`, but not both")
    found = find_homes(homes) if homes else []
    if len(found) > 1 or (found and not names_home(homes[0])):
        named = name_homes(found)
        told = json.dumps({name: str(folder) for name, folder in named.items()})
        return f"{len(named)} atlases", "", {"CLIPPER_HOMES": told}
    settings = Settings.load(found[0] if found else home)
    if not settings.home.is_dir():
        raise SettingsError(AtlasHome(settings.home).missing_message())
    return settings.home_name, "viewer", {"CLIPPER_HOME": settings.home_name}


def _bindable(port: int) -> int:
    """Return the port, or a free one for 0."""
    with socket.socket() as probe:
        if not IS_WINDOWS:  # there it would take a port that another server listens at
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"port {port} cannot be used ({error}); `--port 0` takes a free one"
            ) from error
        return int(probe.getsockname()[1])
