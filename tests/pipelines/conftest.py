"""Fixtures of the pipelines' tests: an instance with a folder of its own, and runs in it."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import automation
from pipelines.definitions import build_definitions
from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]
Tick = Callable[..., dg.SensorResult | dg.SkipReason]


@pytest.fixture(scope="session")
def no_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance that has run nothing: to copy its databases is quicker than to make them."""
    folder = tmp_path_factory.mktemp("no-history")
    with dg.DagsterInstance.local_temp(str(folder)) as made:
        assert made.get_runs_count() == 0
    return folder


@pytest.fixture
def instance(no_history: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its history in a folder, as one of a home does."""
    folder = shutil.copytree(no_history, tmp_path / "dagster")
    with dg.DagsterInstance.local_temp(str(folder)) as made:
        yield made


@pytest.fixture
def reindex_in(instance: dg.DagsterInstance) -> Reindex:
    """Run the job reindex, or some assets, on a home, with config by op; a failure is in the result."""

    def run(
        home: Path, *assets: str, wait: float = 0.0, config: dict[str, dict[str, object]] | None = None
    ) -> dg.ExecuteInProcessResult:
        job = build_definitions(home=HomeResource(home=str(home), wait=wait)).resolve_job_def("reindex")
        selection = [dg.AssetKey(asset) for asset in assets] or None
        return job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=selection,
            run_config={"ops": {op: {"config": given} for op, given in (config or {}).items()}},
        )

    return run


@pytest.fixture
def tick(small_home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """A tick of the sensor that watches the small home's folder, some seconds from now."""
    sensors = {made.name: made for made in build_definitions(HomeResource(home=str(small_home))).sensors}
    now = time.time

    def evaluate(cursor: str | None = None, *, after: float = 0.0) -> dg.SensorResult | dg.SkipReason:
        with monkeypatch.context() as patch:
            patch.setattr(automation.time, "time", lambda: now() + after)
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                return sensors["folder_changes"](context)

    return evaluate
