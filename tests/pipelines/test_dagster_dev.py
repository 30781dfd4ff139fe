"""`dagster dev` as a person starts it: real processes, one instance folder, asked over its own page's API."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import clipper

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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


def wait_for(happens, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if happens():
            return
        time.sleep(1)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


def runs(url: str) -> list[str]:
    found = ask(url, "{ runsOrError { ... on Runs { results { status } } } }")
    return [run["status"] for run in found["runsOrError"]["results"]]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    folder = tmp_path / "dagster"
    folder.mkdir()
    shutil.copy(ROOT / "pipelines" / "dagster.yaml", folder)
    return folder


def test_dagster_dev_indexes_what_is_dropped_into_the_folder_and_keeps_its_history(
    small_home: Path, instance: Path
):
    with dagster_dev(small_home, instance) as url:
        nodes = ask(url, "{ assetNodes { assetKey { path } } }")["assetNodes"]
        assert ["atlas"] in [node["assetKey"]["path"] for node in nodes]
        wait_for(lambda: clipper.published_version(small_home), "the first atlas")
        wait_for(lambda: runs(url) == ["SUCCESS"], "the end of the first run")
        first = min((small_home / "images").iterdir())
        shutil.copy(first, small_home / "images" / "dropped.jpg")
        wait_for(lambda: "dropped.jpg" in clipper.open(small_home).ids, "the dropped image")
        wait_for(lambda: runs(url) == ["SUCCESS", "SUCCESS"], "the end of the second run")
    with dagster_dev(small_home, instance) as url:
        assert runs(url)[-2:] == ["SUCCESS", "SUCCESS"]
