"""The assets, materialized for real in an ephemeral instance."""

from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

import clipper
from pipelines.automation import images_folder, reindex
from pipelines.definitions import build_definitions, defs
from pipelines.resources import HomeResource

PARTS = [
    "image_manifest",
    "clip_embeddings",
    "thumbnails",
    "image_facts",
    "image_metadata",
    "umap_projection",
    "chroma_collection",
    "atlas",
]


def run(home: Path, **options: object) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(home=HomeResource(home=str(home), wait=0))
    job = definitions.resolve_job_def("reindex")
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), **options)


def results(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    return {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
    }


def figure(made: dict[str, dg.AssetMaterialization], asset: str, name: str) -> object:
    return made[asset].metadata[name].value


def test_definitions_load_with_a_job_a_schedule_and_a_sensor():
    dg.Definitions.validate_loadable(defs)
    assert {schedule.name for schedule in defs.schedules} == {"scheduled_reindex"}
    assert {sensor.name for sensor in defs.sensors} == {"images_folder"}


def test_materializing_all_publishes_an_atlas_and_every_check_passes(small_home: Path):
    result = run(small_home)
    assert result.success
    made = results(result)
    assert sorted(made) == sorted(PARTS)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert len(result.get_asset_check_evaluations()) == 4
    assert len(clipper.open(small_home)) == 24
    assert "data:image/png;base64," in figure(made, "thumbnails", "preview")
    assert "data:image/png;base64," in figure(made, "umap_projection", "preview")


def test_a_second_run_embeds_nothing_and_keeps_every_data_version(small_home: Path):
    def versions(made: dict[str, dg.AssetMaterialization]) -> dict[str, str]:
        return {name: m.tags["dagster/data_version"] for name, m in made.items()}

    first, second = results(run(small_home)), results(run(small_home))
    assert versions(first) == versions(second)
    assert figure(first, "clip_embeddings", "new") == 24
    assert figure(second, "clip_embeddings", "new") == 0
    assert figure(second, "chroma_collection", "written") == 0


def test_adding_changing_and_deleting_files_touches_only_those(small_home: Path):
    run(small_home)
    files = sorted((small_home / "images").iterdir())
    Image.new("RGB", (64, 64), "teal").save(small_home / "images" / "new.png")
    Image.new("RGB", (64, 64), "red").save(files[0])
    files[1].unlink()
    made = results(run(small_home))
    counts = {name: figure(made, "image_manifest", name) for name in ("added", "changed", "removed")}
    assert counts == {"added": 1, "changed": 1, "removed": 1}
    assert figure(made, "clip_embeddings", "new") == 2
    assert set(clipper.open(small_home).ids) >= {"new.png", files[0].name}
    assert files[1].name not in clipper.open(small_home).ids


def test_a_broken_file_is_listed_and_does_not_end_the_run(small_home: Path):
    (small_home / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff not really")
    result = run(small_home)
    assert result.success
    table = figure(results(result), "image_facts", "failures")
    assert [record.data["file"] for record in table.records] == ["broken.jpg"]


def test_run_config_lays_the_map_out_anew(small_home: Path):
    run(small_home)
    before = clipper.open(small_home).xy
    made = results(run(small_home, run_config={"ops": {"umap_projection": {"config": {"seed": 7}}}}))
    assert figure(made, "clip_embeddings", "new") == 0
    assert not (clipper.open(small_home).xy == before).all()


def test_a_map_that_no_longer_serves_warns_and_the_run_goes_on(small_home: Path):
    run(small_home)
    for i in range(12):
        Image.new("RGB", (64, 64), (20 * i, 255 - 20 * i, 90)).save(small_home / "images" / f"{i}.png")
    never = {"ops": {"umap_projection": {"config": {"refit": "never"}}}}
    result = run(small_home, run_config=never)
    assert result.success
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "map_quality"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert not check.blocking
    assert "33% of the map was placed" in (check.description or "")
    assert check.metadata["placed_share"].value == pytest.approx(1 / 3, abs=1e-3)
    assert figure(results(result), "umap_projection", "refitted") is False
    made = run(small_home)
    assert all(check.passed for check in made.get_asset_check_evaluations())
    assert figure(results(made), "umap_projection", "refitted") is True


def test_one_asset_can_be_materialized_alone(small_home: Path):
    run(small_home)
    made = results(run(small_home, asset_selection=[dg.AssetKey("umap_projection")]))
    assert list(made) == ["umap_projection"]


def test_an_asset_whose_inputs_are_missing_names_the_one_to_materialize(small_home: Path):
    selection = [dg.AssetKey("umap_projection")]
    with pytest.raises(clipper.ClipperError, match="materialize the asset image_manifest first"):
        run(small_home, asset_selection=selection)


def test_two_runs_never_write_at_once(small_home: Path):
    work = HomeResource(home=str(small_home))
    with (
        dg.build_init_resource_context() as context,
        work.yield_for_execution(context),
        pytest.raises(dg.DagsterResourceFunctionError) as failure,
    ):
        run(small_home)
    assert "another run is indexing" in str(failure.value.__cause__)


def test_the_sensor_asks_once_for_each_state_of_the_folder(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(cursor: str | None) -> dg.SensorResult | dg.SkipReason:
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, definitions=build_definitions()
            )
            return images_folder(context)

        first = tick(None)
        assert len(first.run_requests) == 1
        assert isinstance(tick(first.cursor), dg.SkipReason)
        new = small_home / "images" / "new.png"
        Image.new("RGB", (8, 8)).save(new)
        second = tick(first.cursor)
        assert second.cursor != first.cursor
        new.unlink()
        assert tick(second.cursor).cursor == first.cursor


def test_the_sensor_skips_with_the_reason_when_the_folder_is_gone(
    small_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    (small_home / "images").rename(small_home / "elsewhere")
    with dg.DagsterInstance.ephemeral() as instance:
        skipped = images_folder(dg.build_sensor_context(instance=instance))
    assert "does not exist" in skipped.skip_message


def test_reindex_selects_every_asset():
    assert reindex.name == "reindex"
    job = defs.resolve_job_def("reindex")
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert keys == set(PARTS)
