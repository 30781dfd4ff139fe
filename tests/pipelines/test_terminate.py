"""The button Terminate: whatever a run is doing, it ends as canceled within seconds and publishes nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_dev import dagster_dev, launch, make_instance, terminate, wait_for

import clipper
from clipper.settings import CONFIG_NAME
from clipper.store.home import Home
from pipelines import history
from pipelines.definitions import build_definitions
from pipelines.failures import RETRIES, asset
from pipelines.history import lock_of, lost_runs_sensor
from pipelines.resources import HomeResource
from pipelines.running import termination
from pipelines.running.termination import GRACE_SECONDS, STOPPED, heeding

pytestmark = [pytest.mark.linux, pytest.mark.timeout(900)]
CANCELED = dg.DagsterRunStatus.CANCELED
# Beside the time for tidying up: the button's way to the run's process, and the end of that.
MARGIN = 60.0
HOLD_LOCK = """
import sys, time, filelock
lock = filelock.FileLock(sys.argv[1])  # let go of when nothing names it
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def stuck(
    tmp_path_factory: pytest.TempPathFactory, home_at: Callable[[Path, int], Path]
) -> Iterator[tuple[Path, str, dg.DagsterInstance]]:
    """A home, and Dagster's page and history for it."""
    folder = tmp_path_factory.mktemp("stuck")
    home, instance = home_at(folder / "home", 48), make_instance(folder / "dagster")
    with (home / CONFIG_NAME).open("a") as settings:
        settings.write("batch_size = 2\n")
    load = ("-f", str(Path(__file__).with_name("stuck_home.py")))
    with (
        dagster_dev(home, instance, load=load, STUCK_HOME=str(home)) as url,
        dg.DagsterInstance.from_config(str(instance)) as history_of,
    ):
        yield home, url, history_of


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    termination._asked.clear()


def stop_in(phase: str, stuck: tuple[Path, str, dg.DagsterInstance]) -> dg.RunRecord:
    home, url, instance = stuck
    (home / "phase").write_text(phase)
    (home / "reached").unlink(missing_ok=True)
    run_id = launch(url)
    wait_for((home / "reached").exists, f"the run's {phase}")
    asked = time.time()
    terminate(url, run_id)
    wait_for(lambda: instance.get_run_by_id(run_id).is_finished, "the end of the run")
    record = instance.get_run_record_by_id(run_id)
    assert record.dagster_run.status == CANCELED
    assert record.end_time - asked < GRACE_SECONDS + MARGIN
    assert clipper.published_version(home) is None
    time.sleep(1)
    with Home(home).writing(timeout=60):  # its process let go of the home
        pass
    return record


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["scan", "embed", "map", "retry"])
def test_a_run_ends_canceled_in_seconds_whatever_it_is_doing(
    phase: str, stuck: tuple[Path, str, dg.DagsterInstance]
):
    record = stop_in(phase, stuck)
    if phase in {"scan", "embed"}:
        assert_stopped_at_once(stuck[2], record)
    if phase == "embed":
        kept = [*(stuck[0] / "store" / "embeddings").glob("*/*.arrow")]
        assert kept


def assert_stopped_at_once(instance: dg.DagsterInstance, record: dg.RunRecord) -> None:
    """The step that was interrupted failed with the reason, and no later step did any work."""
    logs = instance.all_logs(record.dagster_run.run_id)
    events = [entry.get_dagster_event() for entry in logs if entry.is_dagster_event]
    assert not [event for event in events if event.is_step_up_for_retry]
    said = [e.step_failure_data.user_failure_data.description for e in events if e.is_step_failure]
    assert set(said) == {STOPPED}


def begun(instance: dg.DagsterInstance, run_id: str) -> set[str | None]:
    return {entry.step_key for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)}


@pytest.mark.slow
def test_a_run_that_waits_for_the_home_ends_canceled(stuck: tuple[Path, str, dg.DagsterInstance]):
    home = stuck[0]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(home / "store" / "lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        (home / "phase").write_text("lock")
        run_id = launch(stuck[1])
        wait_for(lambda: "image_manifest" in begun(stuck[2], run_id), "the step that waits")
        time.sleep(1)
        terminate(stuck[1], run_id)
        wait_for(lambda: stuck[2].get_run_by_id(run_id).is_finished, "the end of the run")
        assert_stopped_at_once(stuck[2], stuck[2].get_run_record_by_id(run_id))
        assert stuck[2].get_run_by_id(run_id).status == CANCELED
    finally:
        holder.kill()
        holder.communicate(timeout=10)


DEAF = """
import os, signal, sys, time
import dagster as dg
from pipelines.history import hold
signal.signal(signal.SIGINT, signal.SIG_IGN)
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    hold(instance, sys.argv[2])
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_the_process_of_a_run_that_hears_nothing_is_killed_and_the_run_is_canceled(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    job = build_definitions().resolve_job_def("reindex")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF, instance.root_directory, run.run_id], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        instance.report_run_canceling(run)
        lost_runs = lost_runs_sensor(HomeResource())
        tick = lambda: lost_runs(dg.build_sensor_context(instance=instance))  # noqa: E731
        tick()
        assert process.poll() is None, "it had time left to end by itself"
        now = time.time
        monkeypatch.setattr(history.time, "time", lambda: now() + history.DEAF_SECONDS + 1)
        assert "did not stop when they were asked to" in tick().skip_message
        assert instance.get_run_by_id(run.run_id).status == CANCELED
        process.wait(10)
        tick()
        assert not [*lock_of(instance, "any").parent.iterdir()]
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_an_interrupt_that_something_swallows_still_ends_the_steps_that_follow():
    begun = []

    @asset()
    def careless() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except BaseException:  # noqa: BLE001 - as code that is imported, or called from outside Python, does
            begun.append("careless")
        deadline = time.monotonic() + 10
        while not termination.was_asked() and time.monotonic() < deadline:
            time.sleep(0.01)

    @asset()
    def later() -> None:
        begun.append("later")

    with heeding(lambda: None, grace=600):
        result = dg.materialize([careless, later], raise_on_error=False)
    assert begun == ["careless"]
    assert not result.success


def test_a_run_that_was_terminated_before_it_began_does_nothing(instance: dg.DagsterInstance):
    begun = []

    @asset()
    def part() -> None:
        begun.append("part")

    run = instance.create_run_for_job(
        build_definitions().resolve_job_def("reindex"), status=dg.DagsterRunStatus.STARTING
    )
    instance.report_run_canceling(run)
    with history.running(instance, run.run_id):
        result = dg.materialize([part], raise_on_error=False)
    assert not result.success
    assert not begun


def test_an_error_that_follows_the_interrupt_is_not_tried_again():
    assert RETRIES.max_retries
    calls = []

    @asset()
    def part() -> None:
        calls.append(1)
        termination.note_interrupt(KeyboardInterrupt())
        raise OSError(5, "Input/output error")

    result = dg.materialize([part], raise_on_error=False)
    assert len(calls) == 1
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.user_failure_data.description == STOPPED


def test_a_process_that_is_deep_in_native_code_ends_and_its_end_is_recorded(tmp_path: Path):
    code = """
import ctypes, pathlib, signal, sys
from pipelines.running.termination import heeding
mutex = ctypes.create_string_buffer(128)
library = ctypes.CDLL(None)
library.pthread_mutex_lock(mutex)
signal.signal(signal.SIGINT, lambda *_: None)  # an exception is of no use there, wherever it comes
with heeding(pathlib.Path(sys.argv[1]).touch, grace=0.2):
    print("there", flush=True)
    library.pthread_mutex_lock(mutex)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "recorded")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(280) == 128 + signal.SIGTERM
        assert (tmp_path / "recorded").exists()
    finally:
        process.kill()
        process.communicate(timeout=10)
