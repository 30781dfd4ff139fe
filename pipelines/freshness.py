"""Whether the atlas was brought up to date as often as the schedule says: a warning on the asset's page.

Dagster's own factory of such checks is superseded by freshness policies, which are no asset checks and give
no reason in words.

What does not belong here: whether the atlas is right (`checks.py`).
"""

import logging
import time
from datetime import timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_schedule

from clipper.errors import ClipperError
from clipper.settings import Settings
from pipelines.failures import asset_check

DEFAULT_CRON = str(Settings.model_fields["schedule"].default)
_TICKS = 500


def cron_line() -> str:
    """The setting `schedule`; the default where it cannot be used: Dagster's page is to open and tell why."""
    try:
        settings = Settings.load()
    except ClipperError:  # sensor and runs say it
        return DEFAULT_CRON
    if is_valid_cron_schedule(settings.schedule):
        return settings.schedule
    logging.getLogger("clipper").warning(
        "%s: schedule = %r never comes; reindexing by %s instead",
        settings.home / "clipper.toml",
        settings.schedule,
        DEFAULT_CRON,
    )
    return DEFAULT_CRON


def longest_gap(cron: str) -> timedelta:
    """The longest time between two of the next ticks of a cron line, in UTC."""
    ticks = islice(cron_string_iterator(time.time(), cron, "UTC"), _TICKS)
    return max(later - earlier for earlier, later in pairwise(ticks))


CRON = cron_line()
ATLAS = dg.AssetKey("atlas")
SENSOR_SECONDS = 600
# One run may fail; that two did is worth a word.
WINDOW = 2 * longest_gap(CRON)
NEVER = "Dagster has not brought the atlas up to date yet"  # `clipper index` may have: it leaves no event


@asset_check(asset="atlas")
def freshness(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The atlas was brought up to date within two periods of the schedule."""
    made = _last_made(context.instance)
    age = None if made is None else timedelta(seconds=time.time() - made)
    ago = NEVER if age is None else f"last brought up to date {str(age).split('.')[0]} ago"
    return dg.AssetCheckResult(
        passed=age is not None and age <= WINDOW,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{ago}; at most {WINDOW} are expected with the schedule {CRON}",
    )


@dg.sensor(
    asset_selection=dg.AssetSelection.checks(freshness),
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def stale_atlas(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Has the freshness checked when it must have run out; the cursor is the atlas that was told about."""
    made = _last_made(context.instance)
    if made is None:
        return dg.SkipReason(NEVER)
    if time.time() - made <= WINDOW.total_seconds():
        return dg.SkipReason("the atlas is fresh")
    if context.cursor == str(made):
        return dg.SkipReason("the atlas is not fresh; its check says so since")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(asset_check_keys=[*freshness.check_keys])], cursor=str(made)
    )


def _last_made(instance: dg.DagsterInstance) -> float | None:
    """When the atlas was last brought up to date, also with nothing to do: seconds since the epoch."""
    event = instance.get_latest_materialization_event(ATLAS)
    return event.timestamp if event else None
