"""Whether the atlas is brought up to date as often as the schedule says: a warning on the asset's page.

A freshness policy of Dagster's would say that the atlas is overdue, but not since when, nor against which
schedule; and its window would be the one of the schedule at the time when Dagster started.

What does not belong here: whether the atlas is correct (`checks.py`).
"""

import time
from datetime import timedelta
from itertools import islice, pairwise

import dagster as dg

from clipper.errors import ClipperError
from clipper.settings import Settings
from pipelines import compat
from pipelines.naming import asset_check
from pipelines.resources import HomeResource

DEFAULT_CRON = str(Settings.model_fields["schedule"].default)
SENSOR_SECONDS = 600
NEVER = "Dagster has not brought the atlas up to date yet"  # `clipper index` may have: it records no event
_TICKS = 500


def cron_line(home: HomeResource) -> str:
    """The setting `schedule`, or its default if the settings are wrong; sensors and runs say what is."""
    try:
        return home.settings().schedule
    except ClipperError:
        return DEFAULT_CRON


def longest_gap(cron: str) -> timedelta:
    """The longest time between two of the next ticks of a cron line, in UTC."""
    ticks = islice(compat.cron_ticks(cron, start=time.time()), _TICKS)
    return max(later - earlier for earlier, later in pairwise(ticks))


def window(cron: str) -> timedelta:
    """The age up to which the atlas counts as fresh: one run may fail, a second one is worth a warning."""
    return 2 * longest_gap(cron)


@asset_check(asset="atlas")
def freshness(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """The atlas was brought up to date within two periods of the schedule."""
    cron = home.settings().schedule
    made = _last_made(context.instance, home)
    age = None if made is None else timedelta(seconds=time.time() - made)
    last = NEVER if age is None else f"last brought up to date {str(age).split('.')[0]} ago"
    return dg.AssetCheckResult(
        passed=age is not None and age <= window(cron),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{last}; at most {window(cron)} are expected with the schedule {cron}",
        metadata={} if age is None else {"hours": round(age / timedelta(hours=1), 2)},
    )


def staleness_sensor(home: HomeResource, check: dg.AssetChecksDefinition) -> dg.SensorDefinition:
    """The sensor `stale_atlas` of a home, whose `freshness` is that check."""

    @dg.sensor(
        name=home.names.called("stale_atlas"),
        asset_selection=dg.AssetSelection.checks(check),
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def stale_atlas(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Request the check `freshness` when the atlas has become too old, once for each atlas."""
        made = _last_made(context.instance, home)
        if made is None:
            return dg.SkipReason(NEVER)
        if time.time() - made <= window(cron_line(home)).total_seconds():
            return dg.SkipReason("the atlas is fresh")
        if context.cursor == str(made):
            return dg.SkipReason("the atlas is not fresh, and its check has said so")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(asset_check_keys=[*check.check_keys])], cursor=str(made)
        )

    return stale_atlas


def _last_made(instance: dg.DagsterInstance, home: HomeResource) -> float | None:
    """When a run last brought the atlas up to date, even if nothing had changed: seconds since the epoch."""
    event = instance.get_latest_materialization_event(home.names.key("atlas"))
    return event.timestamp if event else None
