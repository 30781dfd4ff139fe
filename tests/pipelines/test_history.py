"""The run history is pruned, and what the pages show is not."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build_definitions
from pipelines.history import prune
from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]
AT_ONCE = timedelta(0)


def on_disk(instance: dg.DagsterInstance) -> set[str]:
    """The ids of the runs of which anything is in the instance's folder."""
    root = Path(instance.root_directory)
    logs = {path.name.split(".")[0] for path in (root / "history" / "runs").iterdir()}
    return (logs | {path.name for path in (root / "storage").iterdir()}) - {"index"}


def recorded(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


@pytest.mark.slow
def test_old_runs_go_with_their_logs_and_the_assets_keep_their_latest_materialization(
    small_home: Path, reindex_in: Reindex, instance: dg.DagsterInstance
):
    old = [reindex_in(small_home, "image_manifest").run_id for _ in range(2)]
    shown = reindex_in(small_home).run_id
    (small_home / "images").rename(small_home / "elsewhere")
    failed, latest = [reindex_in(small_home).run_id for _ in range(2)]
    assert on_disk(instance) == {*old, shown, failed, latest}
    assert sorted(prune(instance, older_than=AT_ONCE, location=None)) == sorted([*old, failed])
    assert recorded(instance) == on_disk(instance) == {shown, latest}
    assert prune(instance, older_than=AT_ONCE, location=None) == []
    for key in build_definitions().resolve_asset_graph().materializable_asset_keys:
        event = instance.get_latest_materialization_event(key)
        assert event is not None, key
        assert event.run_id == shown
    assert len(instance.all_logs(shown)) > 20


@pytest.mark.slow
def test_an_asset_materialized_alone_long_ago_keeps_its_run(
    small_home: Path, reindex_in: Reindex, instance: dg.DagsterInstance
):
    whole = reindex_in(small_home).run_id
    alone = reindex_in(small_home, "image_metadata").run_id
    assert prune(instance, older_than=AT_ONCE, location=None) == []
    assert recorded(instance) == {whole, alone}


def test_the_latest_observation_of_the_images_folder_keeps_its_run(
    small_home: Path, reindex_in: Reindex, instance: dg.DagsterInstance
):
    older, latest = [reindex_in(small_home, "images_folder").run_id for _ in range(2)]
    reindex_in(small_home, "image_manifest")
    assert prune(instance, older_than=AT_ONCE, location=None) == [older]
    (observation,) = instance.fetch_observations(dg.AssetKey("images_folder"), limit=1).records
    assert observation.run_id == latest


def test_young_runs_runs_in_progress_and_those_of_others_stay(
    small_home: Path, reindex_in: Reindex, instance: dg.DagsterInstance
):
    reindex_in(small_home, "image_manifest")
    reindex_in(small_home, "image_manifest")
    under_way = instance.create_run_for_job(
        build_definitions().resolve_job_def("reindex"), status=dg.DagsterRunStatus.STARTED
    ).run_id
    assert prune(instance, older_than=timedelta(days=1), location=None) == []
    assert prune(instance, older_than=AT_ONCE, location="another project's") == []
    assert len(prune(instance, older_than=AT_ONCE, location=None)) == 1
    assert under_way in recorded(instance)


def test_the_job_takes_its_days_from_the_settings(
    small_home: Path,
    reindex_in: Reindex,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("CLIPPER_KEEP_RUNS", "3")
    runs = [reindex_in(small_home, "image_manifest").run_id for _ in range(2)]
    job = build_definitions(home=HomeResource(home=str(small_home))).resolve_job_def("prune_history")
    result = job.execute_in_process(instance=instance)
    assert result.success
    assert recorded(instance) == {*runs, result.run_id}
    messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert "deleted 0 runs that ended more than 3 days ago" in messages


@pytest.mark.slow
def test_the_newest_successful_reindex_is_kept(
    small_home: Path, reindex_in: Reindex, instance: dg.DagsterInstance
):
    succeeded = reindex_in(small_home).run_id
    for _ in range(2):
        reindex_in(small_home)
    newest = instance.get_run_records(limit=1)[0].dagster_run.run_id
    gone = prune(instance, older_than=AT_ONCE, location=None)
    assert succeeded in gone
    assert recorded(instance) == {newest}
