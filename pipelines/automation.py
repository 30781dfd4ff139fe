"""When things run: the job `reindex`, its schedule, and the sensor that watches the images folder.

Two things try again what failed: a step itself, for a minute (`failures.py`), and the sensor, for as long
as it takes.

What does not belong here: what a run does, and what is done about runs whose process is gone (`history.py`).
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import Any

import dagster as dg

from clipper.errors import ClipperError
from clipper.indexing.objects import folder_fingerprint
from pipelines import compat
from pipelines.config import launchpad
from pipelines.failures import RETRIES, reason_of_failure
from pipelines.freshness import cron_line
from pipelines.history import FINISHED, ONLY, REINDEX
from pipelines.naming import Names
from pipelines.resources import HomeResource

SENSOR_SECONDS = 30
# How long the sensor waits for a listing, of the 60 seconds that Dagster gives it.
PATIENCE_SECONDS = 30.0
# The share of a core's time that listing a folder may take: a folder of ten million files costs minutes.
MAX_SHARE = 0.1
# What a second of waiting for a server or a disk counts of that: an object store's listing costs money.
WAITING_SHARE = 1 / 30
# A failed reindex is requested again after 30 seconds, 1 minute, 2 minutes and so on, at most an hour.
FIRST_DELAY, LONGEST_DELAY = 30.0, 3_600.0
_COUNTED = 8  # after the eighth failure the delay is the longest
_ENDS = ["image_manifest", "atlas"]
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass
class _Listing:
    """A listing under way, or the last one: what it found, and when to begin the next."""

    location: str
    found: "Future[str]" = field(default_factory=Future)
    ended: float = 0.0
    seconds: float = 0.0  # of one core; waiting counts a little
    taken: bool = False

    @property
    def next_at(self) -> float:
        """When the next one may begin: no more than MAX_SHARE of a core's time goes into listing."""
        pause = self.seconds * (1 / MAX_SHARE - 1)
        return self.ended + (pause if pause > SENSOR_SECONDS else 0.0)  # ticks are that far apart anyway


class FolderWatch:
    """Lists a folder in a thread of its own, at a rate that follows what a listing costs.

    The next tick waits on for a listing that takes long, and none begins before its turn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: _Listing | None = None
        self._lock = threading.Lock()

    def fingerprint(
        self,
        location: str,
        look: Callable[[], str],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> str | float | None:
        """The fingerprint of a folder; None while it is being listed; the seconds until it will be again.

        Args:
            location: path or URL of the folder.
            look: lists it, and returns its fingerprint.
            patience: seconds to wait for the listing.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        with self._lock:
            listing = self._last
            if listing is None or listing.location != location:
                listing = self._begin(location, look)
            elif listing.taken:
                if (rest := listing.next_at - self._clock()) > 0:
                    return rest
                listing = self._begin(location, look)
        done, _ = wait([listing.found], timeout=patience)
        if not done:
            return None
        listing.taken = True
        return listing.found.result()

    def _begin(self, location: str, look: Callable[[], str]) -> _Listing:
        self._last = listing = _Listing(location)
        # A daemon thread: a folder that hangs must not keep the code server from ending.
        threading.Thread(target=self._list, args=(look, listing), daemon=True).start()
        return listing

    def _list(self, look: Callable[[], str], listing: _Listing) -> None:
        began, before = self._clock(), time.thread_time()
        found, failed = "", None
        try:
            found = look()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            failed = error
        listing.ended = self._clock()
        listing.seconds = max(time.thread_time() - before, (listing.ended - began) * WAITING_SHARE)
        if failed is None:
            listing.found.set_result(found)
        else:
            listing.found.set_exception(failed)


def _rest_of(seconds: float, location: str) -> str:
    return (
        f"{location} is large: to list it costs so much that it is done again only in {seconds:.0f} s, "
        f"for at most {MAX_SHARE:.0%} of a core's time"
    )


def reindex_job(names: Names, keys: Iterable[dg.AssetKey]) -> Any:
    """The job `reindex` of a home, which makes all its assets."""
    return dg.define_asset_job(
        names.called(REINDEX),
        selection=dg.AssetSelection.assets(*keys),
        description="Bring the whole atlas up to date. Only what changed is done again.",
        config=launchpad(names),
        # For the observation of the images folder, whose decorator takes no policy.
        op_retry_policy=RETRIES,
    )


def schedules(home: HomeResource, reindex: Any, prune: Any) -> list[dg.ScheduleDefinition]:
    """The schedules of a home, whose cron line Dagster needs when it loads the definitions."""
    reindexing = dg.ScheduleDefinition(
        name=home.names.called("scheduled_reindex"),
        job=reindex,
        cron_schedule=cron_line(home),
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    pruning = dg.ScheduleDefinition(
        name=home.names.called("scheduled_pruning"),
        job=prune,
        cron_schedule="0 1 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return [reindexing, pruning]


def folder_sensor(home: HomeResource, reindex: Any) -> dg.SensorDefinition:
    """The sensor `folder_changes` of a home."""
    watch, names = FolderWatch(), home.names

    @dg.sensor(
        name=names.called("folder_changes"),
        job=reindex,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def folder_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Request a reindex when names, sizes or times of images, metadata or labels have changed.

        The cursor is the folder's fingerprint. A run key would ignore a folder that returns to an earlier
        state. A reindex that failed is requested again, after ever longer delays, until one succeeds or the
        folder changes.
        """
        under_way = dg.RunsFilter(job_name=names.called(REINDEX), statuses=_UNFINISHED)
        if context.instance.get_run_records(under_way, limit=1):
            return dg.SkipReason("a reindex is in progress; changes are looked for when it has ended")
        try:
            settings = home.settings()
            location = settings.images_location
            seen = watch.fingerprint(location, partial(folder_fingerprint, settings))
        except ClipperError as error:
            return dg.SkipReason(str(error))
        if isinstance(seen, str):
            return _request(context, seen, names)
        if seen is None:
            return dg.SkipReason(f"{location} is still being listed; the next tick waits on")
        return dg.SkipReason(_rest_of(seen, location))

    return folder_changes


def _request(context: dg.SensorEvaluationContext, seen: str, names: Names) -> dg.SensorResult | dg.SkipReason:
    if seen == context.cursor and (reason := reason_to_wait(context.instance, names)):
        return dg.SkipReason(reason)
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)


def reason_to_wait(instance: dg.DagsterInstance, names: Names = ONLY) -> str | None:
    """Why no reindex is requested for an unchanged folder; None if a failed one is due to be tried again."""
    failed = failures_in_a_row(instance, names)
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


def failures_in_a_row(instance: dg.DagsterInstance, names: Names = ONLY) -> list[dg.RunRecord]:
    """The reindex runs that failed since the last success, newest first, as many as the delay depends on.

    One that a person terminated is not tried again.

    Empty if both ends of the chain were materialized after the newest one, in whatever run.
    """
    finished = dg.RunsFilter(job_name=names.called(REINDEX), statuses=FINISHED)
    records = instance.get_run_records(finished, limit=_COUNTED)
    failed = list(takewhile(partial(_failed_by_itself, instance), records))
    if failed and all(_made(instance, names.key(end)) > _ended(failed[0]) for end in _ENDS):
        return []
    return failed


def _failed_by_itself(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    run = record.dagster_run
    if run.status != dg.DagsterRunStatus.FAILURE:
        return False
    return not compat.was_terminated(instance, run.run_id)


def delay(failures: int) -> float:
    """Seconds from the end of a failed reindex to the next try, after so many failures in a row."""
    return float(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _made(instance: dg.DagsterInstance, key: dg.AssetKey) -> float:
    event = instance.get_latest_materialization_event(key)
    return event.timestamp if event else 0.0
