"""What Dagster loads. One process a run: torch and numba are imported once, and the lock spans the run."""

import dagster as dg

from pipelines.assets import ASSETS
from pipelines.automation import JOBS, SCHEDULES, SENSORS
from pipelines.checks import CHECKS
from pipelines.history import watched_in_process
from pipelines.resources import HomeResource


def build_definitions(*, home: HomeResource | None = None) -> dg.Definitions:
    """All definitions, on the home found from here or on another one."""
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={"home": home or HomeResource()},
        executor=watched_in_process,
    )


defs = build_definitions()
