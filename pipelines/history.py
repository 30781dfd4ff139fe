"""The run history, kept in the home: runs whose process is gone are reported, old ones are deleted.

Dagster's launcher for one machine cannot tell whether a run's process lives. The code server that started it
notices when it dies alone; when all of Dagster or the machine goes down, the run would stay "started" for
ever and hold back every other. So each run, whatever it does, holds a lock file in the instance's folder
until its process ends.

What does not belong here: Dagster's ticks, which its daemon deletes (`dagster.yaml`), and when a failed
reindex is asked for again (`automation.py`).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout

from clipper.settings import Settings
from pipelines.failures import RETRIES, told

REINDEX = "reindex"
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

SENSOR_SECONDS = 30
# A run that has started takes its lock within moments; one that is starting imports for a while first.
STARTED_SECONDS = 60.0
STARTING_SECONDS = 180.0
GONE = (
    "the process of this run is gone: it was killed, ran out of memory, or the machine stopped. Nothing "
    "half-made was published, what it had embedded is kept; run it again, or leave that to the folder sensor"
)
_LIVING = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# Locks of this process's runs, freed with it and not before: a run's end is noted after its last step.
_held: list[FileLock] = []


class WatchedExecutor(dg.Executor):
    """Another executor, whose run holds its lock."""

    def __init__(self, inner: dg.Executor) -> None:
        self.inner = inner

    @property
    def retries(self) -> Any:
        """How the other one retries."""
        return self.inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """What the other one waits for."""
        return self.inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute as the other one does."""
        hold(plan_context.instance, plan_context.run_id)
        yield from self.inner.execute(plan_context, execution_plan)


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def watched_in_process(context: dg.InitExecutorContext) -> WatchedExecutor:
    """All steps in one process, as Dagster's own does it; a process that dies is noticed."""
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return WatchedExecutor(create(context))


@dg.sensor(minimum_interval_seconds=SENSOR_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Reports runs as failed whose process is gone, so that they hold back no other."""
    origin = context.code_location_origin
    lost = find_lost(context.instance, location=origin.location_name if origin else None)
    for run in lost:
        report_lost(context.instance, run)
    remove_old_locks(context.instance)
    if lost:
        return dg.SkipReason(f"reported as failed, the process is gone: {', '.join(r.run_id for r in lost)}")
    return dg.SkipReason("every run in progress has its process")


def lock_of(instance: dg.DagsterInstance, run_id: str) -> Path:
    """The file whose lock a run holds for as long as its process lives."""
    return Path(instance.root_directory) / "running" / f"{run_id}.lock"


def event_log_of(instance: dg.DagsterInstance, run_id: str) -> Path:
    """Where Dagster's default storage keeps a run's events: a file of its own in the instance's folder."""
    return Path(instance.root_directory) / "history" / "runs" / f"{run_id}.db"


def hold(instance: dg.DagsterInstance, run_id: str) -> None:
    """Take a run's lock until this process ends."""
    path = lock_of(instance, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    lock.acquire()
    _held.append(lock)


def find_lost(instance: dg.DagsterInstance, *, location: str | None) -> list[dg.DagsterRun]:
    """The runs in progress whose process is gone.

    A run of another machine is never among them: its lock lies in that one's instance folder, its events in a
    database that both share.

    Args:
        instance: whose runs.
        location: the code location whose runs take locks; of others nothing can be told.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=_LIVING))
    return [record.dagster_run for record in records if _is_lost(instance, record, location)]


def report_lost(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """End a run in Dagster's books, unless it ended by itself meanwhile."""
    latest = instance.get_run_by_id(run.run_id)
    if latest is None or latest.is_finished:
        return
    if latest.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(latest, GONE)
    else:
        instance.report_run_failed(latest, GONE)


def remove_old_locks(instance: dg.DagsterInstance) -> None:
    """Delete the lock files of runs that are over."""
    for path in lock_of(instance, "any").parent.glob("*.lock"):
        run = instance.get_run_by_id(path.stem)
        if (run is None or run.is_finished) and not _is_held(path):
            path.unlink(missing_ok=True)


def _is_lost(instance: dg.DagsterInstance, record: dg.RunRecord, location: str | None) -> bool:
    run = record.dagster_run
    path = lock_of(instance, run.run_id)
    if path.exists():
        return not _is_held(path)
    # It never came to take its lock. Events in this folder: it was of this machine.
    if location_of(run) != location or not event_log_of(instance, run.run_id).exists():
        return False
    if record.start_time is not None:
        return time.time() - record.start_time > STARTED_SECONDS
    return time.time() - record.update_timestamp.timestamp() > STARTING_SECONDS


def location_of(run: dg.DagsterRun) -> str | None:
    """The code location whose run it is; None of one that was started without any."""
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


@dg.op(retry_policy=RETRIES)
@told
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """Delete the finished runs that are older than the setting `keep_runs`."""
    days = Settings.load().keep_runs
    gone = prune(context.instance, older_than=timedelta(days=days), location=location_of(context.run))
    context.log.info("deleted %d runs that ended more than %d days ago", len(gone), days)
    context.add_output_metadata({"deleted": len(gone)})


@dg.job(description="Delete finished runs older than the setting keep_runs, with their logs.")
def prune_history() -> None:
    """Delete old runs."""
    delete_old_runs()


def prune(instance: dg.DagsterInstance, *, older_than: timedelta, location: str | None) -> list[str]:
    """Delete finished runs with all that is on disk of them.

    Kept whatever their age: the newest successful reindex, and the runs that the assets' pages show.

    Args:
        instance: whose runs.
        older_than: since they ended.
        location: the code location whose runs are meant; None for runs that were started without one.

    Returns:
        the ids of the deleted runs.
    """
    old = dg.RunsFilter(statuses=FINISHED, updated_before=datetime.now(UTC) - older_than)
    kept = _shown(instance) | _newest_success(instance)
    gone = []
    for record in instance.get_run_records(old, ascending=True):
        run = record.dagster_run
        if run.run_id not in kept and location_of(run) == location:
            _delete(instance, run.run_id)
            gone.append(run.run_id)
    return gone


def _shown(instance: dg.DagsterInstance) -> set[str]:
    """The runs of each asset's latest materialization, and the latest that were to make one."""
    entries = [record.asset_entry for record in instance.get_asset_records()]
    return {entry.last_run_id for entry in entries if entry.last_run_id} | {
        entry.last_materialization_record.run_id for entry in entries if entry.last_materialization_record
    }


def _newest_success(instance: dg.DagsterInstance) -> set[str]:
    successes = dg.RunsFilter(job_name=REINDEX, statuses=[dg.DagsterRunStatus.SUCCESS])
    return {record.dagster_run.run_id for record in instance.get_run_records(successes, limit=1)}


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    # Dagster empties a run's own event file and leaves it there.
    path = event_log_of(instance, run_id)
    for file in (path, *(Path(f"{path}{ending}") for ending in ("-wal", "-shm", "-journal"))):
        file.unlink(missing_ok=True)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
