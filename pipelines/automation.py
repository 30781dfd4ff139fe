"""When things run: the `reindex` job, its schedule, the sensor that watches the images folder; the pruning.

What does not belong here: what is done in a run, and runs that were lost (`recovery.py`).
"""

from typing import Any

import dagster as dg

from clipper.errors import ClipperError
from clipper.settings import Settings
from pipelines.cron import CRON
from pipelines.freshness import stale_atlas
from pipelines.history import REINDEX, prune_history
from pipelines.recovery import lost_runs
from pipelines.retrying import reason_to_wait
from pipelines.watching import FolderWatch

SENSOR_SECONDS = 30
BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_watch = FolderWatch()

reindex = dg.define_asset_job(
    REINDEX,
    selection=dg.AssetSelection.all(),
    description="Bring the whole atlas up to date; only what changed is done.",
    # After a crash from its first step: the folder may have changed, and what is done costs seconds.
    tags={"dagster/retry_strategy": "ALL_STEPS"},
)

nightly = dg.ScheduleDefinition(
    name="scheduled_reindex",
    job=reindex,
    cron_schedule=CRON,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

daily_pruning = dg.ScheduleDefinition(
    name="scheduled_pruning",
    job=prune_history,
    cron_schedule="0 1 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.sensor(
    job=reindex,
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def images_folder(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for a reindex when names, sizes or times in the images folder differ from the last look.

    Nothing is hashed. The cursor is what was seen, so a folder that returns to an earlier state counts. A
    reindex that failed is asked for again, ever less often, until one succeeds or the folder changes.
    """
    if context.instance.get_runs_count(dg.RunsFilter(job_name=REINDEX, statuses=BUSY)):
        return dg.SkipReason("a reindex is under way; what changed is taken up after it")
    try:
        location = Settings.load().images_location
        seen = _watch.fingerprint(location)
    except ClipperError as error:
        return dg.SkipReason(str(error))
    if seen is None:
        return dg.SkipReason(f"{location} is still being listed; the next look goes on with it")
    if seen != context.cursor:
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)
    if reason := reason_to_wait(context.instance):
        return dg.SkipReason(reason)
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)


JOBS: list[Any] = [reindex, prune_history]
SCHEDULES = [nightly, daily_pruning]
SENSORS = [images_folder, lost_runs, stale_atlas]
