"""`dagster dev` for tests: a real one, with an instance folder of its own, asked over its page's own API."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 1200  # seconds: a busy machine is no failure


def make_instance(folder: Path) -> Path:
    """An instance's folder as `make setup` leaves it."""
    folder.mkdir()
    shutil.copy(ROOT / "pipelines" / "dagster.yaml", folder)
    return folder


@contextmanager
def dagster_dev(
    home: Path, instance: Path, *, end: int = signal.SIGINT, load: tuple[str, ...] = (), **more: str
) -> Iterator[str]:
    """Its address; at the end its processes get the signal `end`, all of them.

    `load`: options that name what it loads instead of the clone's workspace.yaml; `more`: its environment.
    """
    port = free_port()
    environment = os.environ | {"CLIPPER_HOME": str(home), "DAGSTER_HOME": str(instance)} | more
    environment["CLIPPER_SCHEDULE"] = "0 0 1 1 *"  # a test that runs at two in the morning makes no other run
    log = (instance / "log.txt").open("a")
    load = load or ("-w", str(ROOT / "workspace.yaml"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "--port", str(port), *load],
        # Not the clone's root: the .env there names another DAGSTER_HOME, and counts before the environment.
        cwd=instance,
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
        os.killpg(process.pid, end)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "{ version }"))
    except OSError:
        return False


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(  # noqa: S310 - a server of this test
        f"{url}/graphql", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
        return json.load(response)["data"]


def wait_for(happens: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if happens():
            return
        time.sleep(1)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


def runs(url: str) -> list[str]:
    """The statuses of the runs that index, the newest first."""
    wanted = '(filter: {pipelineName: "reindex"})'
    found = ask(url, f"{{ runsOrError{wanted} {{ ... on Runs {{ results {{ status }} }} }} }}")
    return [run["status"] for run in found["runsOrError"]["results"]]


_LAUNCH = """mutation($job: String!, $repository: String!, $location: String!) {
  launchRun(executionParams: {selector: {
    jobName: $job, repositoryName: $repository, repositoryLocationName: $location
  }, runConfigData: {}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_TERMINATE = """mutation($run: String!) { terminateRun(runId: $run) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message }
} }"""
_WHERE = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  name location { name } jobs { name }
} } } }"""


def launch(url: str, job: str = "reindex") -> str:
    """Start a run as the page's button does; its id."""
    nodes = ask(url, _WHERE)["repositoriesOrError"]["nodes"]
    (node,) = [node for node in nodes if any(found["name"] == job for found in node["jobs"])]
    where = {"repository": node["name"], "location": node["location"]["name"]}
    answer = ask(url, _LAUNCH, job=job, **where)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def terminate(url: str, run_id: str) -> None:
    """Stop a run as the page's button does."""
    answer = ask(url, _TERMINATE, run=run_id)["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
