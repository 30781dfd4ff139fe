"""The run history in the home: runs whose process is gone are ended, and old runs are deleted.

Dagster's launcher for one machine does not watch the processes of its runs. The code server that started a
run notices when that process alone dies. When all of Dagster dies, or the machine, the run would stay
"started" for ever and keep every other run waiting. So each run holds a lock on a file in the instance's
folder until its process ends, when the operating system releases it.

What does not belong here: Dagster's ticks, which its daemon deletes (`dagster.yaml`), and when a failed
reindex is requested again (`automation.py`).
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from pipelines import compat
from pipelines.naming import Names, op
from pipelines.resources import HomeResource
from pipelines.running import termination

REINDEX, PRUNE = "reindex", "prune_history"
ONLY = Names()  # the one home of a Dagster
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
SENSOR_SECONDS = 30
# A run that has started takes its lock within moments; one that is starting imports libraries first.
STARTED_SECONDS = 60.0
STARTING_SECONDS = 180.0
# A run that was asked to stop ends by itself within `termination.GRACE_SECONDS`, unless it cannot hear.
DEAF_SECONDS = 2 * termination.GRACE_SECONDS
GONE = (
    "the process of this run is gone: it was killed, ran out of memory, or the machine stopped. Nothing "
    "incomplete was published, and what it embedded is kept; the sensor folder_changes runs it again"
)
_IN_PROGRESS = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# The locks of this process's runs, never released: Dagster records the end of a run after its last step.
_held: list[FileLock] = []


def lost_runs_sensor(home: HomeResource) -> dg.SensorDefinition:
    """The sensor `lost_runs` of a home."""

    @dg.sensor(
        name=home.names.called("lost_runs"),
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """End the runs whose process is gone, so that no other run waits for them; make the home's pool."""
        compat.make_pool(context.instance, home.names.pool)
        location = compat.location_of_sensor(context)
        deaf = end_deaf(context.instance, location=location, names=home.names)
        lost = find_lost(context.instance, location=location, names=home.names)
        for run in lost:
            report_lost(context.instance, run)
        remove_old_locks(context.instance)
        if deaf:
            return dg.SkipReason(f"killed, they did not stop when they were asked to: {', '.join(deaf)}")
        if lost:
            return dg.SkipReason(f"ended, their process is gone: {', '.join(run.run_id for run in lost)}")
        return dg.SkipReason("every run in progress has its process")

    return lost_runs


def end_deaf(instance: dg.DagsterInstance, *, location: str | None, names: Names = ONLY) -> list[str]:
    """Kill the processes of runs that were asked to stop long ago and have not ended.

    A computation that holds Python's lock keeps even the thread that would end the process waiting.

    Returns:
        the ids of their runs.
    """
    killed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELING])):
        run = record.dagster_run
        asked_for = time.time() - record.update_timestamp.timestamp()
        path = lock_of(instance, run.run_id)
        is_ours = compat.location_of(run) == location and names.owns(run)
        if asked_for < DEAF_SECONDS or not is_ours or not path.exists():
            continue
        number, _, machine = _read(path.with_suffix(".pid")).partition(" ")
        if number and machine == _machine() and _is_held(path):
            _end_overdue(instance, run.run_id)  # first: else Dagster records the death as a failure
            with suppress(OSError):
                os.kill(int(number), getattr(signal, "SIGKILL", signal.SIGTERM))
            killed.append(run.run_id)
    return killed


def _machine() -> str:
    """Which machine, or container, a process id belongs to."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""


def lock_of(instance: dg.DagsterInstance, run_id: str) -> Path:
    """The file whose lock a run holds for as long as its process lives."""
    return compat.instance_folder(instance) / "running" / f"{run_id}.lock"


def hold(instance: dg.DagsterInstance, run_id: str) -> None:
    """Take a run's lock until this process ends."""
    path = lock_of(instance, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    lock.acquire()
    _held.append(lock)
    path.with_suffix(".pid").write_text(f"{os.getpid()} {_machine()}", "utf-8")


@contextmanager
def running(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """What surrounds a run's steps: its lock, and an ear for the wish to stop."""
    hold(instance, run_id)
    with termination.heeding(partial(_end_overdue, instance, run_id)):
        if compat.was_terminated(instance, run_id):  # before anything here could hear of it
            termination.ask()
        yield


def _end_overdue(instance: dg.DagsterInstance, run_id: str) -> None:
    """Record the end of a run that was asked to stop and is in the middle of something."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        compat.end_run(instance, run, termination.STOPPED)
    compat.free_slots(instance, run_id)


def find_lost(
    instance: dg.DagsterInstance, *, location: str | None, names: Names = ONLY
) -> list[dg.DagsterRun]:
    """The runs in progress whose process is gone.

    A run of another machine is never among them: its lock and its events lie in the folder of that machine's
    instance, even if both instances share a database.

    Args:
        instance: whose runs.
        location: the code location whose runs take locks; nothing is known about the runs of others.
        names: of the home whose runs are looked at.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=_IN_PROGRESS))
    ours = [record for record in records if names.owns(record.dagster_run)]
    return [record.dagster_run for record in ours if _is_lost(instance, record, location)]


def report_lost(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Record the end of a run whose process is gone, unless the run has ended by itself meanwhile."""
    latest = instance.get_run_by_id(run.run_id)
    if latest is not None and not latest.is_finished:
        compat.end_run(instance, latest, GONE)


def remove_old_locks(instance: dg.DagsterInstance) -> None:
    """Delete the lock files of runs that have ended."""
    for path in lock_of(instance, "any").parent.glob("*.lock"):
        run = instance.get_run_by_id(path.stem)
        if (run is None or run.is_finished) and not _is_held(path):
            path.with_suffix(".pid").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


@op()
def delete_old_runs(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Delete the finished runs that are older than the setting `keep_runs`."""
    days = home.settings().keep_runs
    age, location = timedelta(days=days), context.location_name
    deleted = prune(context.instance, older_than=age, location=location, names=home.names)
    context.log.info("deleted %d runs that ended more than %d days ago", len(deleted), days)
    context.add_output_metadata({"deleted": len(deleted)})


def pruning_job(names: Names) -> dg.JobDefinition:
    """The job `prune_history` of a home."""
    delete = delete_old_runs(names)

    @dg.job(
        name=names.called(PRUNE),
        description="Delete finished runs older than the setting keep_runs, with their logs.",
    )
    def prune_history() -> None:
        delete()

    return prune_history


def prune(
    instance: dg.DagsterInstance, *, older_than: timedelta, location: str | None, names: Names = ONLY
) -> list[str]:
    """Delete finished runs with their files.

    The newest successful reindex and the runs that the assets' pages show are kept, whatever their age.

    Args:
        instance: whose runs.
        older_than: since they ended.
        location: the code location whose runs are deleted; None for runs that were started without one.
        names: of the home whose runs are deleted.

    Returns:
        the ids of the deleted runs.
    """
    old = dg.RunsFilter(statuses=FINISHED, updated_before=datetime.now(UTC) - older_than)
    kept = _shown(instance) | _newest_success(instance, names)
    runs = [record.dagster_run for record in instance.get_run_records(old, ascending=True)]
    ours = [run for run in runs if compat.location_of(run) == location and names.owns(run)]
    deleted = [run.run_id for run in ours if run.run_id not in kept]
    for run_id in deleted:
        compat.delete_run(instance, run_id)
    return deleted


def _is_lost(instance: dg.DagsterInstance, record: dg.RunRecord, location: str | None) -> bool:
    run = record.dagster_run
    path = lock_of(instance, run.run_id)
    # Looked for first: it is written when the lock is held, a moment after the lock's file is made.
    had_lock = path.with_suffix(".pid").exists()
    if path.exists() and _is_held(path):
        return False
    if had_lock:
        return True
    # The run has not taken its lock. A run of this machine has its events in this instance's folder.
    if compat.location_of(run) != location or not compat.event_log_file(instance, run.run_id).exists():
        return False
    if record.start_time is not None:
        return time.time() - record.start_time > STARTED_SECONDS
    return time.time() - record.update_timestamp.timestamp() > STARTING_SECONDS


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _shown(instance: dg.DagsterInstance) -> set[str]:
    """The runs of each asset's latest materialization and observation, and the newest that tried one."""
    entries = [record.asset_entry for record in instance.get_asset_records()]
    made = [entry.last_materialization_record for entry in entries if entry.last_materialization_record]
    seen = [instance.fetch_observations(entry.asset_key, limit=1).records for entry in entries]
    latest = {record.run_id for record in chain(made, *seen)}
    return latest | {entry.last_run_id for entry in entries if entry.last_run_id}


def _newest_success(instance: dg.DagsterInstance, names: Names) -> set[str]:
    successes = dg.RunsFilter(job_name=names.called(REINDEX), statuses=[dg.DagsterRunStatus.SUCCESS])
    return {record.dagster_run.run_id for record in instance.get_run_records(successes, limit=1)}
