"""When things run: the job `reindex`, its schedule, and the sensor that watches the images folder.

Two things try again what failed: a step itself, for a minute (`failures.py`), and the sensor, for as long
as it takes.

What does not belong here: what a run does, and what is done about runs whose process is gone (`history.py`).
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import Any

import dagster as dg

from clipper.errors import ClipperError
from clipper.indexing.objects import folder_fingerprint
from pipelines.config import LAUNCHPAD
from pipelines.failures import RETRIES, reason_of_failure
from pipelines.freshness import cron_line, stale_atlas
from pipelines.history import FINISHED, REINDEX, lost_runs, prune_history
from pipelines.resources import HomeResource

SENSOR_SECONDS = 30
# How long the sensor waits for a listing, of the 60 seconds that Dagster gives it.
PATIENCE_SECONDS = 30.0
# A failed reindex is requested again after 30 seconds, 1 minute, 2 minutes and so on, at most an hour.
FIRST_DELAY, LONGEST_DELAY = 30.0, 3_600.0
_COUNTED = 8  # after the eighth failure the delay is the longest
_ENDS = [dg.AssetKey("image_manifest"), dg.AssetKey("atlas")]
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class FolderWatch:
    """Lists a folder in a thread of its own. The next tick waits on for a listing that takes long."""

    def __init__(self) -> None:
        self._location = ""
        self._listing: Future[str] | None = None
        self._lock = threading.Lock()

    def fingerprint(
        self,
        location: str,
        look: Callable[[], str],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> str | None:
        """The fingerprint of a folder, or None while it is still being listed.

        Args:
            location: path or URL of the folder.
            look: lists it, and returns its fingerprint.
            patience: seconds to wait for the listing.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        listing = self._listing_of(location, look)
        done, _ = wait([listing], timeout=patience)
        if not done:
            return None
        with self._lock:
            if self._listing is listing:
                self._listing = None
        return listing.result()

    def _listing_of(self, location: str, look: Callable[[], str]) -> "Future[str]":
        with self._lock:
            if self._listing is None or self._location != location:
                self._location, self._listing = location, Future()
                # A daemon thread: a folder that hangs must not keep the code server from ending.
                threading.Thread(target=_list, args=(look, self._listing), daemon=True).start()
            return self._listing


def _list(look: Callable[[], str], listing: "Future[str]") -> None:
    try:
        listing.set_result(look())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
        listing.set_exception(error)


_watch = FolderWatch()

reindex = dg.define_asset_job(
    REINDEX,
    # The images folder first: `all` leaves out what Dagster does not make.
    selection=dg.AssetSelection.all() | dg.AssetSelection.assets("images_folder"),
    description="Bring the whole atlas up to date. Only what changed is done again.",
    config=LAUNCHPAD,
    # For the observation of the images folder, whose decorator takes no policy.
    op_retry_policy=RETRIES,
)


def schedules(home: HomeResource) -> list[dg.ScheduleDefinition]:
    """The schedules of a home, whose cron line Dagster needs when it loads the definitions."""
    reindexing = dg.ScheduleDefinition(
        name="scheduled_reindex",
        job=reindex,
        cron_schedule=cron_line(home),
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    pruning = dg.ScheduleDefinition(
        name="scheduled_pruning",
        job=prune_history,
        cron_schedule="0 1 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return [reindexing, pruning]


@dg.sensor(
    job=reindex,
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def folder_changes(
    context: dg.SensorEvaluationContext, home: HomeResource
) -> dg.SensorResult | dg.SkipReason:
    """Request a reindex when names, sizes or times of images, metadata or labels have changed.

    The cursor is the folder's fingerprint. A run key would ignore a folder that returns to an earlier state.
    A reindex that failed is requested again, after ever longer delays, until one succeeds or the folder
    changes.
    """
    if context.instance.get_run_records(dg.RunsFilter(job_name=REINDEX, statuses=_UNFINISHED), limit=1):
        return dg.SkipReason("a reindex is in progress; changes are looked for when it has ended")
    try:
        settings = home.settings()
        location = settings.images_location
        seen = _watch.fingerprint(location, partial(folder_fingerprint, settings))
    except ClipperError as error:
        return dg.SkipReason(str(error))
    if seen is None:
        return dg.SkipReason(f"{location} is still being listed; the next tick waits on")
    if seen == context.cursor and (reason := reason_to_wait(context.instance)):
        return dg.SkipReason(reason)
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)


def reason_to_wait(instance: dg.DagsterInstance) -> str | None:
    """Why no reindex is requested for an unchanged folder; None if a failed one is due to be tried again."""
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
    reason = reason_of_failure(instance, failed[0].dagster_run.run_id)
    return f"the reindex failed {times}, the next try is at {at}: {reason}"


def failures_in_a_row(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The reindex runs that failed since the last success, newest first, as many as the delay depends on.

    Empty if both ends of the chain were materialized after the newest one, in whatever run.
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


JOBS: list[Any] = [reindex, prune_history]
SENSORS = [folder_changes, lost_runs, stale_atlas]
