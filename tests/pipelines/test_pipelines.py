"""The assets, materialized for real in an ephemeral instance."""

import io
import shutil
from pathlib import Path

import dagster as dg
import pytest
from homes import engine_of
from PIL import Image

import clipper
from clipper.settings import CONFIG_NAME
from pipelines.definitions import build_definitions, defs
from pipelines.presentation import MAX_FAILURES, table_of
from pipelines.resources import HomeResource

PARTS = [
    "image_manifest",
    "clip_embeddings",
    "thumbnails",
    "image_facts",
    "image_metadata",
    "image_neighbours",
    "umap_projection",
    "image_scores",
    "image_clusters",
    "cluster_names",
    "duplicates",
    "label_issues",
    "word_columns",
    "drift",
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


def drawn(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(data, "PNG")
    return data.getvalue()


def figure(made: dict[str, dg.AssetMaterialization], asset: str, name: str) -> object:
    return made[asset].metadata[name].value


def test_definitions_load_with_schedules_and_sensors_that_run_from_the_start():
    definitions = defs()
    dg.Definitions.validate_loadable(definitions)
    assert {schedule.name for schedule in definitions.schedules} == {"scheduled_reindex", "scheduled_pruning"}
    assert {sensor.name for sensor in definitions.sensors} == {"folder_changes", "lost_runs", "stale_atlas"}
    running = [*definitions.schedules, *definitions.sensors]
    assert {instigator.default_status.value for instigator in running} == {"RUNNING"}


def test_materializing_all_publishes_an_atlas_and_every_check_passes(small_home: Path):
    with (small_home / CONFIG_NAME).open("a") as settings:
        settings.write('map_url = "https://maps.example.org/viewer"\n')
    result = run(small_home)
    assert result.success
    made = results(result)
    assert sorted(made) == sorted(PARTS)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert len(result.get_asset_check_evaluations()) == 12
    assert len(clipper.open(small_home)) == 24
    assert "data:image/png;base64," in figure(made, "thumbnails", "preview")
    assert "data:image/png;base64," in figure(made, "umap_projection", "preview")
    assert figure(made, "atlas", "map") == "https://maps.example.org/viewer"
    assert_tables_are_described(made)


def assert_tables_are_described(made: dict[str, dg.AssetMaterialization]) -> None:
    """Each asset with a row an image says so, and those that are a table also which columns it has."""
    tables = {"image_manifest", "image_metadata", "umap_projection", "image_scores", "chroma_collection"}
    for name in tables | {"clip_embeddings", "thumbnails", "image_facts", "atlas"}:
        assert figure(made, name, "dagster/row_count") == 24, name
    for name in tables | {"duplicates", "drift"}:
        assert figure(made, name, "dagster/column_schema").columns, name
    columns = {c.name: c.type for c in figure(made, "umap_projection", "dagster/column_schema").columns}
    assert columns.items() >= {"id": "string", "x": "float", "y": "float"}.items()


@pytest.mark.slow
def test_of_several_models_each_is_seen_with_its_counts_and_its_map(two_models: Path, tmp_path: Path):
    home = Path(shutil.copytree(two_models, tmp_path / "home"))
    (home / "images" / "new.png").write_bytes(drawn("teal"))
    result = run(home)
    made = results(result)
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    images, models = len(clipper.open(home)), clipper.open(home).models
    for asset, counts in {
        "clip_embeddings": {"new": 1, "reused": images - 1},
        "image_neighbours": {},
        "umap_projection": {"images": images},
        "chroma_collection": {},
    }.items():
        table = figure(made, asset, "further_models")
        (row,) = (record.data for record in table.records)
        assert row.keys() == {column.name for column in table.schema.columns}
        assert row.items() >= ({"model": models[1]} | counts).items(), asset
        assert row["version"]
    shown = figure(made, "umap_projection", "preview")
    maps = [shown.split(f"`{model}`")[1].split("(data:")[1].split(")")[0] for model in models]
    assert maps[0] != maps[1]
    config = home / CONFIG_NAME
    config.write_text(config.read_text().replace(', "other"', ""))
    alone = results(run(home))
    for asset in ("clip_embeddings", "umap_projection", "chroma_collection", "atlas"):
        versions = [each[asset].tags["dagster/data_version"] for each in (made, alone)]
        assert versions[0] != versions[1], asset
        assert "further_models" not in alone[asset].metadata


def test_rows_of_a_table_may_lack_what_others_have():
    table = table_of([{"model": "a", "new": 1}, {"model": "b", "new": 2, "overlap_at_10": 0.99}])
    assert {column.name: column.type for column in table.schema.columns} == {
        "model": "string", "new": "integer", "overlap_at_10": "float",
    }  # fmt: skip
    assert [record.data["overlap_at_10"] for record in table.records] == [None, 0.99]


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


def test_of_many_broken_files_as_many_are_listed_as_a_page_holds(small_home: Path):
    for i in range(MAX_FAILURES + 50):
        (small_home / "images" / f"broken {i:03}.nef").touch()
    (small_home / "images" / "notes.txt").touch()
    made = results(run(small_home))
    files = [record.data["file"] for record in figure(made, "image_manifest", "failures").records]
    assert files[-2:] == [f"broken {MAX_FAILURES - 2:03}.nef", "and 51 more"]
    assert len(files) == MAX_FAILURES
    assert figure(made, "image_manifest", "notes") == "1 other file left alone: .txt 1"
    assert figure(made, "image_manifest", "other_files") == 1


def test_run_config_lays_the_map_out_anew(small_home: Path):
    run(small_home)
    before = engine_of(small_home).xy
    made = results(run(small_home, run_config={"ops": {"umap_projection": {"config": {"seed": 7}}}}))
    assert figure(made, "clip_embeddings", "new") == 0
    assert not (engine_of(small_home).xy == before).all()


def test_the_launchpad_can_ask_for_places_in_one_run_and_the_next_forgets_them(small_home: Path):
    photo = small_home / "images" / "photo.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 15.0, 0.0)})
    Image.new("RGB", (64, 64), "teal").save(photo, exif=exif.tobytes())
    results(run(small_home, run_config={"ops": {"image_contents": {"config": {"gps": True}}}}))
    atlas = clipper.open(small_home)
    assert atlas._engine.metadata(atlas._engine.row("photo.jpg"))["latitude"] == 52.5
    made = results(run(small_home))
    assert figure(made, "clip_embeddings", "new") == 0
    assert "latitude" not in clipper.open(small_home).columns


def test_the_columns_are_a_table_of_the_metadata_asset(small_home: Path):
    first = min((small_home / "images").iterdir()).name
    (small_home / "images" / "metadata.csv").write_text(f"file_name,mood\n{first},glad\nnobody.jpg,sad\n")
    made = results(run(small_home))
    table = figure(made, "image_metadata", "column_types")
    columns = {record.data["column"]: record.data for record in table.records}
    assert columns["mood"] == {
        "column": "mood", "type": "str", "origin": "metadata.csv", "filled": "4%", "example": "glad",
    }  # fmt: skip
    assert columns["width"]["filled"] == "100%"
    assert "no image is called 'nobody.jpg'" in figure(made, "image_metadata", "notes")


@pytest.mark.slow
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
    failed = [check.check_name for check in made.get_asset_check_evaluations() if not check.passed]
    assert failed == ["images_are_as_before"]  # squares of one colour among drawings
    assert figure(results(made), "umap_projection", "refitted") is True


def test_one_asset_can_be_materialized_alone(small_home: Path):
    run(small_home)
    made = results(run(small_home, asset_selection=[dg.AssetKey("umap_projection")]))
    assert list(made) == ["umap_projection"]


def test_an_asset_whose_inputs_are_missing_names_the_one_to_materialize(small_home: Path):
    selection = [dg.AssetKey("umap_projection")]
    with pytest.raises(dg.Failure, match="materialize the asset image_manifest first"):
        run(small_home, asset_selection=selection)


def test_two_runs_never_write_at_once(small_home: Path):
    work = HomeResource(home=str(small_home))
    with dg.build_init_resource_context() as context, work.yield_for_execution(context) as home:
        home.workspace()
        with pytest.raises(dg.Failure, match="another run is indexing"):
            run(small_home)


def test_reindex_selects_every_asset():
    selected = build_definitions().resolve_job_def("reindex").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in selected} == {"images_folder", *PARTS}


def test_every_asset_says_what_it_is_and_whose():
    graph = build_definitions().resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert len(nodes) == len(PARTS) + 1
    for node in nodes:
        assert node.owners, node.key
        assert node.kinds, node.key
        assert len(node.description.split()) > 5, node.key
