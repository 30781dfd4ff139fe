"""Fixtures of the pipelines' tests: an instance with a folder of its own, and runs in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build_definitions
from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its history in a folder, as one of a home does."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
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
