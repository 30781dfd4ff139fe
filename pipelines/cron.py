"""The home's cron line, read once when Dagster loads this code: a changed one counts from its next start.

What does not belong here: what runs by it (`automation.py`).
"""

import logging
import time
from datetime import timedelta
from itertools import islice, pairwise

from dagster._utils.schedules import cron_string_iterator, is_valid_cron_schedule

from clipper.errors import ClipperError
from clipper.settings import Settings

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
