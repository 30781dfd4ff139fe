"""When things run: the `reindex` job, its schedule, the sensor that watches the images folder; the pruning.

What does not belong here: what is done in a run, and runs that were lost (`history.py`).
"""

import threading
import time
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import dagster as dg

from clipper.errors import ClipperError
from clipper.images.folder import ImageFolder
from clipper.settings import Settings
from pipelines.failures import failure_of
from pipelines.freshness import CRON, stale_atlas
from pipelines.history import FINISHED, REINDEX, lost_runs, prune_history

# Of the 60 seconds that Dagster gives a sensor.
PATIENCE_SECONDS = 30.0


class FolderWatch:
    """Lists a folder in a thread of its own; a look that is not over is waited for by the next tick."""

    def __init__(self) -> None:
        self._location = ""
        self._look: Future[str] | None = None
        self._lock = threading.Lock()

    def fingerprint(self, location: str, *, patience: float = PATIENCE_SECONDS) -> str | None:
        """What the folder looks like; None while the look is not over.

        Args:
            location: path or URL of the folder.
            patience: seconds to wait for the look that is under way.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        look = self._looking(location)
        done, _ = wait([look], timeout=patience)
        if not done:
            return None
        with self._lock:
            if self._look is look:
                self._look = None
        return look.result()

    def _looking(self, location: str) -> "Future[str]":
        with self._lock:
            if self._look is None or self._location != location:
                self._location, self._look = location, Future()
                # A daemon: a folder that hangs must not keep the code server from ending.
                threading.Thread(target=_look_at, args=(location, self._look), daemon=True).start()
            return self._look


def _look_at(location: str, look: "Future[str]") -> None:
    try:
        look.set_result(ImageFolder(location).fingerprint())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
        look.set_exception(error)


# After 30 seconds, 1 minute, 2 minutes and so on, at most an hour.
FIRST_DELAY, LONGEST_DELAY = 30.0, 3_600.0
_COUNTED = 8  # the eighth failure makes the delay the longest
_ENDS = [dg.AssetKey("image_manifest"), dg.AssetKey("atlas")]


def reason_to_wait(instance: dg.DagsterInstance) -> str | None:
    """Why no reindex is to be asked for while the folder stays as it is; None when a try is due."""
    failed = failures_in_a_row(instance)
    if not failed:
        return "nothing changed in the images folder"
    again = _ended(failed[0]) + delay(len(failed))
    if time.time() >= again:
        return None
    times = "once" if len(failed) == 1 else f"{len(failed)} times in a row"
    if len(failed) == _COUNTED:
        times = f"at least {times}"
    at = datetime.fromtimestamp(again, UTC).strftime("%H:%M:%S UTC")
    reason = failure_of(instance, failed[0].dagster_run.run_id)
    return f"the reindex failed {times}, the next try is at {at}: {reason}"


def failures_in_a_row(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The reindex runs that failed since one succeeded, the newest first; as many as decide on the delay.

    None, once both ends of the chain were materialized after them, in whatever run.
    """
    finished = dg.RunsFilter(job_name=REINDEX, statuses=FINISHED)
    records = instance.get_run_records(finished, limit=_COUNTED)
    failed = list(takewhile(lambda r: r.dagster_run.status == dg.DagsterRunStatus.FAILURE, records))
    if failed and all(_made(instance, key) > _ended(failed[0]) for key in _ENDS):
        return []
    return failed


def delay(failures: int) -> float:
    """Seconds from the end of a failed reindex to the next try, after so many failures in a row."""
    return float(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _made(instance: dg.DagsterInstance, key: dg.AssetKey) -> float:
    event = instance.get_latest_materialization_event(key)
    return event.timestamp if event else 0.0


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
