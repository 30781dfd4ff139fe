"""What Dagster loads, and the one place where everything is put together.

What does not belong here: any asset, check, job, schedule, sensor or resource; each kind has a module.
"""

import dagster as dg

from pipelines import compat, history
from pipelines.assets.atlas import ASSETS
from pipelines.assets.insights import INSIGHTS
from pipelines.automation import JOBS, SENSORS, schedules
from pipelines.checks import CHECKS
from pipelines.resources import HomeResource


def build_definitions(*, home: HomeResource | None = None) -> dg.Definitions:
    """All definitions.

    Args:
        home: another home than the one that `clipper` would find from the working folder, for tests.
    """
    home = home or HomeResource()
    return dg.Definitions(
        assets=[*ASSETS, *INSIGHTS],
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=schedules(home),
        sensors=SENSORS,
        resources={"home": home},
        # One process for a run: torch and numba are imported once, and the home's lock is held throughout.
        executor=compat.in_process_executor(at_start=history.hold),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions, built when Dagster loads them and not when Python imports this module."""
    return build_definitions()
