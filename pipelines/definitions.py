"""What Dagster loads, and the one place where everything is put together.

What does not belong here: any asset, check, job, schedule, sensor or resource; each kind has a module.
"""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from clipper.settings import absolute_location
from pipelines import compat, history
from pipelines.assets.atlas import ASSETS
from pipelines.assets.insights import INSIGHTS
from pipelines.automation import folder_sensor, reindex_job, schedules
from pipelines.checks import CHECKS
from pipelines.freshness import freshness, staleness_sensor
from pipelines.history import lost_runs_sensor, pruning_job
from pipelines.naming import name_of
from pipelines.resources import HomeResource

# One process for a run: torch and numba are imported once, and the home's lock is held throughout. One object
# for all homes, because merged definitions have one executor.
_EXECUTOR = compat.in_process_executor(history.running)


def build_definitions(
    home: HomeResource | str | Path | None = None, *, name: str | None = None
) -> dg.Definitions:
    """All definitions of one home: assets, checks, jobs, schedules, sensors, its resource and its pool.

    Args:
        home: the home's folder or URL; None: the one that `clipper` would find from the working folder, as
            the only one of its Dagster.
        name: what sets its definitions apart from those of other homes in the same Dagster, such as `photos`
            in the asset `photos/atlas` and the job `photos__reindex`. None: the name of the folder. Empty:
            they have plain names.

    Raises:
        ValueError: Dagster cannot have that name.
    """
    if not isinstance(home, HomeResource):
        location = absolute_location(str(home)) if home else ""
        named = name if name is not None else name_of(location) if location else ""
        home = HomeResource(home=location, name=named)
    names = home.names
    checks = [check(names) for check in CHECKS]
    assets = [asset(names) for asset in (*ASSETS, *INSIGHTS)]
    reindex = reindex_job(names, [key for made in assets for key in made.keys])
    prune = pruning_job(names)
    fresh = checks[CHECKS.index(freshness)]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[reindex, prune],
        schedules=schedules(home, reindex, prune),
        sensors=[folder_sensor(home, reindex), lost_runs_sensor(home), staleness_sensor(home, fresh)],
        resources={names.resource: home},
        executor=_EXECUTOR,
    )


def build_many(homes: Iterable[str | Path]) -> dg.Definitions:
    """The definitions of several homes in one code location, each under the name of its folder.

    A home whose folder is called like that of one before it gets a part of its path's hash behind its name:
    put new ones at the end, so that the others keep their names and their history.

    Raises:
        ValueError: there is no home, or one is there twice.
    """
    folders = [absolute_location(str(home)) for home in homes]
    if not folders or len(set(folders)) < len(folders):
        twice = sorted({folder for folder in folders if folders.count(folder) > 1})
        raise ValueError(f"homes that are there twice: {', '.join(twice)}" if twice else "there is no home")
    names: list[str] = []
    for folder in folders:
        names.append(name_of(folder, taken=names))
    built = [build_definitions(folder, name=name) for folder, name in zip(folders, names, strict=True)]
    return dg.Definitions.merge(*built)


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions, built when Dagster loads them and not when Python imports this module."""
    return build_definitions()
