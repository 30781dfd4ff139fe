"""When things run: the `reindex` job, its schedule, and the sensor that watches the images folder.

What does not belong here: what is done in a run.
"""

import dagster as dg

from clipper.errors import ClipperError
from clipper.folder import ImageFolder
from clipper.settings import Settings

SENSOR_SECONDS = 30
DEFAULT_CRON = str(Settings.model_fields["schedule"].default)
BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]

reindex = dg.define_asset_job(
    "reindex",
    selection=dg.AssetSelection.all(),
    description="Bring the whole atlas up to date; only what changed is done.",
)


def _cron() -> str:
    try:
        return Settings.load().schedule
    except ClipperError:
        return DEFAULT_CRON


nightly = dg.ScheduleDefinition(
    name="scheduled_reindex",
    job=reindex,
    cron_schedule=_cron(),
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.sensor(
    job=reindex,
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def images_folder(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for a reindex when names, sizes or times in the images folder differ from the last look.

    Nothing is hashed. The cursor is what was seen, so a folder that returns to an earlier state counts.
    """
    try:
        settings = Settings.load()
        seen = ImageFolder(settings.images_location).fingerprint()
    except ClipperError as error:
        return dg.SkipReason(str(error))
    if seen == context.cursor:
        return dg.SkipReason("nothing changed in the images folder")
    ours = dg.RunsFilter(job_name=reindex.name, statuses=BUSY)
    if context.instance.get_runs_count(ours):
        return dg.SkipReason("a reindex is under way; what changed is taken up after it")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)


JOBS = [reindex]
SCHEDULES = [nightly]
SENSORS = [images_folder]
