"""Runs that lost their process are seen and reported; all others are left alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from pipelines import history
from pipelines.compat import event_log_file
from pipelines.definitions import build_definitions
from pipelines.history import GONE, find_lost, lock_of, lost_runs_sensor, report_lost
from pipelines.resources import HomeResource

pytestmark = pytest.mark.linux  # kills by a signal

lost_runs = lost_runs_sensor(HomeResource())
HOLD = """
import sys, time
import dagster as dg
from pipelines.history import hold
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    hold(instance, sys.argv[2])
    print("held", flush=True)
    time.sleep(600)
"""


def begin(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    """A run that is in progress in the books."""
    run = instance.create_run_for_job(
        build_definitions().resolve_job_def("reindex"), status=dg.DagsterRunStatus.STARTING
    )
    kinds = {
        dg.DagsterRunStatus.STARTED: dg.DagsterEventType.RUN_START,
        dg.DagsterRunStatus.CANCELING: dg.DagsterEventType.RUN_CANCELING,
        dg.DagsterRunStatus.STARTING: dg.DagsterEventType.RUN_STARTING,
    }
    event = dg.DagsterEvent(event_type_value=kinds[status].value, job_name="reindex", message="")
    instance.report_dagster_event(event, run_id=run.run_id)
    assert instance.get_run_by_id(run.run_id).status == status
    return run.run_id


@contextmanager
def process_of(instance: dg.DagsterInstance, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a run's lock, as the run's own does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, instance.root_directory, run_id], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait(10)


def lost(instance: dg.DagsterInstance, location: str | None = None) -> list[str]:
    return [run.run_id for run in find_lost(instance, location=location)]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass."""
    now = time.time
    return lambda seconds: monkeypatch.setattr(history.time, "time", lambda: now() + seconds)


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_a_run_is_lost_once_its_process_is_killed_and_then_its_end_is_reported(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, end: dg.DagsterRunStatus
):
    run_id = begin(instance, status)
    with process_of(instance, run_id) as process:
        assert lost(instance) == []
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert lost(instance) == [run_id]
    lost_runs(dg.build_sensor_context(instance=instance))
    assert instance.get_run_by_id(run_id).status == end
    assert GONE in [entry.get_dagster_event().message for entry in instance.all_logs(run_id)]
    assert not lock_of(instance, run_id).exists()
    assert lost(instance) == []


def test_a_run_that_waits_or_works_for_days_is_not_lost(
    instance: dg.DagsterInstance, later: Callable[[float], None]
):
    run_id = begin(instance)
    with process_of(instance, run_id):
        later(90 * 86_400)
        skipped = lost_runs(dg.build_sensor_context(instance=instance))
        assert skipped.skip_message == "every run in progress has its process"
        assert lock_of(instance, run_id).exists()
    assert not instance.get_run_by_id(run_id).is_finished


def test_a_run_whose_lock_is_made_and_not_yet_taken_is_not_lost(
    instance: dg.DagsterInstance, later: Callable[[float], None]
):
    run_id = begin(instance)
    lock_of(instance, run_id).parent.mkdir()
    lock_of(instance, run_id).touch()
    assert lost(instance) == []
    later(history.STARTED_SECONDS + 1)
    assert lost(instance) == [run_id]


@pytest.mark.parametrize(
    ("status", "seconds"),
    [
        (dg.DagsterRunStatus.STARTED, history.STARTED_SECONDS),
        (dg.DagsterRunStatus.STARTING, history.STARTING_SECONDS),
    ],
)
def test_a_run_that_never_took_its_lock_is_lost_after_a_while(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
    seconds: float,
):
    before = time.time()
    run_id = begin(instance, status)
    after = time.time()
    monkeypatch.setattr(history, "time", SimpleNamespace(time=lambda: before + seconds - 5))
    assert lost(instance) == []
    monkeypatch.setattr(history, "time", SimpleNamespace(time=lambda: after + seconds + 1))
    assert lost(instance) == [run_id]


def test_runs_of_other_projects_and_of_other_machines_are_nobodys_to_judge(
    instance: dg.DagsterInstance, later: Callable[[float], None]
):
    run_id = begin(instance)
    later(90 * 86_400)
    assert lost(instance, location="another project's") == []
    event_log_file(instance, run_id).rename(
        event_log_file(instance, "elsewhere")
    )  # as with a shared database
    assert lost(instance) == []


def test_a_run_that_ended_meanwhile_keeps_its_end(instance: dg.DagsterInstance):
    run = instance.get_run_by_id(begin(instance))
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name="reindex", message=""
    )
    instance.report_dagster_event(event, run_id=run.run_id)
    report_lost(instance, run)
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.SUCCESS


def test_every_run_holds_its_lock_from_its_first_step_to_the_end_of_its_process(
    small_home: Path, instance: dg.DagsterInstance, tmp_path: Path
):
    environment = os.environ | {
        "CLIPPER_HOME": str(small_home),
        "DAGSTER_HOME": instance.root_directory,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    (Path(instance.root_directory) / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "pipelines.definitions"]
    process = subprocess.Popen(
        [*command, "-j", "prune_history"],
        env=environment,
        cwd=tmp_path,  # in the clone its `.env`, which names the clone's own history, would count first
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    held: set[str] = set()
    while process.poll() is None:
        held |= {
            path.stem for path in lock_of(instance, "any").parent.glob("*.lock") if history._is_held(path)
        }
        time.sleep(0.02)
    assert process.returncode == 0
    assert held
    assert held == {run.run_id for run in instance.get_runs()}
    assert lost(instance) == []
    history.remove_old_locks(instance)
    assert not list(lock_of(instance, "any").parent.glob("*.lock"))
