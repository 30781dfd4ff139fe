"""Starts `dagster dev` as a person does, asks its page's API, waits for what it does."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 150


def make_instance(folder: Path) -> Path:
    """A folder for the history of runs, with the project's own settings."""
    folder.mkdir()
    shutil.copy(ROOT / "pipelines" / "dagster.yaml", folder)
    return folder


@contextmanager
def dagster_dev(home: Path, instance: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"CLIPPER_HOME": str(home), "DAGSTER_HOME": str(instance)}
    log = (instance / "log.txt").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url), "the page")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "{ version }"))
    except OSError:
        return False


def ask(url: str, query: str) -> dict:
    request = urllib.request.Request(  # noqa: S310 - a server of this test
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        return json.load(response)["data"]


def wait_for(happens: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if happens():
            return
        time.sleep(1)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


def runs(url: str) -> list[str]:
    found = ask(url, "{ runsOrError { ... on Runs { results { status } } } }")
    return [run["status"] for run in found["runsOrError"]["results"]]
