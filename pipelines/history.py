"""The run history, kept in the home: what is old is deleted, with event logs and compute logs.

What does not belong here: Dagster's ticks, which its daemon deletes (`dagster.yaml`).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from clipper.settings import Settings
from pipelines.failures import RETRIES, told
from pipelines.recovery import event_log_of, location_of

REINDEX = "reindex"
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


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
