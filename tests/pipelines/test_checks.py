"""The asset checks: what is wrong is not published, what could be better is a warning."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import clipper
from clipper.chroma import self_search
from clipper.chroma.collection import Collection, address_of
from clipper.indexing import checks
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.staged import Staged
from pipelines import freshness
from pipelines.failures import reason_of_failure
from pipelines.freshness import longest_gap
from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def staged(home: Path, part: str) -> Path:
    store = Home(home)
    return store.part(part, getattr(Staged.read(store), part))


def lose_a_point(home: Path) -> None:
    path = staged(home, "projection")
    table = pq.read_table(path)
    x = np.array(table["x"].to_numpy())
    x[0] = np.nan
    pq.write_table(table.set_column(table.schema.get_field_index("x"), "x", pa.array(x)), path)


def spoil_a_vector(home: Path) -> None:
    """What a damaged index gives: a row that is there, and is found by another picture."""
    store = Home(home)
    collection = Collection(address_of(store, Staged.read(store).collection))
    first, other = collection.get()["ids"][:2]
    rows = collection.get([first, other], vectors=True)
    vectors = dict(zip(rows["ids"], rows["embeddings"], strict=True))
    metadata = dict(zip(rows["ids"], rows["metadatas"], strict=True))
    collection.write([first], np.asarray([-vectors[other]], np.float32), [metadata[first]])
    collection.close()


def lose_a_row(home: Path) -> None:
    store = Home(home)
    collection = Collection(address_of(store, Staged.read(store).collection))
    collection.delete(collection.get()["ids"][:1])
    collection.close()


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        pytest.param(lose_a_point, "every_point_is_finite", marks=pytest.mark.slow),
        pytest.param(spoil_a_vector, "search_finds_itself", marks=pytest.mark.slow),
        (lose_a_row, "counts_agree"),
    ],
)
def test_what_is_wrong_keeps_the_new_atlas_from_being_published(
    damage: Callable[[Path], None],
    check: str,
    indexed_home: Path,
    reindex_in: Reindex,
    instance: dg.DagsterInstance,
):
    before = clipper.published_version(indexed_home)
    Image.new("RGB", (64, 64), "teal").save(indexed_home / "images" / "new.png")
    *steps, _ = [
        "image_manifest", "clip_embeddings", "thumbnails", "image_facts", "image_metadata",
        "image_neighbours", "umap_projection", "image_scores", "image_clusters", "cluster_names",
        "duplicates", "label_issues", "word_columns", "drift", "chroma_collection", "atlas",
    ]  # fmt: skip
    assert reindex_in(indexed_home, *steps).success
    damage(indexed_home)
    result = reindex_in(indexed_home)
    assert not result.success
    assert not evaluations(result)[check].passed
    assert "atlas" not in made(result)
    assert clipper.published_version(indexed_home) == before
    assert f"the check {check} of " in reason_of_failure(instance, result.run_id)


@pytest.mark.slow
def test_many_broken_files_are_a_warning_and_the_atlas_is_published(small_home: Path, reindex_in: Reindex):
    for number in range(3):
        (small_home / "images" / f"broken-{number}.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * number)
    (small_home / "images" / "empty.png").write_bytes(b"")
    result = reindex_in(small_home)
    assert result.success
    assert len(clipper.open(small_home)) == 24
    found = evaluations(result)["failures_are_few"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.description == "4 of 28 files could not be used (14.3%, 5% pass)"
    kinds = [record.data for record in found.metadata["reasons"].value.records]
    assert sum(kind["files"] for kind in kinds) == 4
    assert {"reason": "is empty (N bytes)", "files": 1} in kinds


@pytest.mark.slow
def test_copies_are_counted_and_listed_and_never_a_warning(small_home: Path, reindex_in: Reindex):
    files = sorted((small_home / "images").iterdir())
    for name in ("copy-1.jpg", "copy-2.jpg"):
        shutil.copy(files[0], small_home / "images" / name)
    found = evaluations(reindex_in(small_home))["duplicates"]
    assert found.passed
    assert found.description == "2 of 26 files are copies of another"
    names = {files[0].name, "copy-1.jpg", "copy-2.jpg"}
    (record,) = found.metadata["groups"].value.records
    assert record.data["files"] == 3
    assert set(record.data["names"].split(", ")) == names


def test_copies_find_each_other_and_that_is_right(small_home: Path, run_index: Callable):
    first = min((small_home / "images").iterdir())
    for number in range(5):
        shutil.copy(first, small_home / "images" / f"copy-{number}.jpg")
    run_index(small_home)
    found = checks.search(Workspace(Settings.load(small_home)))
    assert found.passed
    assert found.figures == {"images": 29, "sampled": 29, "share": 1.0}


def test_a_large_dataset_is_sampled_and_no_wrong_vector_passes(
    sample_copy: Path, monkeypatch: pytest.MonkeyPatch
):
    work = Workspace(Settings.load(sample_copy))
    found = checks.search(work)
    assert found.passed
    assert found.figures == {"images": 1870, "sampled": 935, "share": 1.0}
    spoil_a_vector(sample_copy)
    monkeypatch.setattr(self_search, "SAMPLE", 1870)
    missed = checks.search(work)
    assert not missed.passed
    assert missed.figures["share"] == pytest.approx(0.9995, abs=1e-4)
    assert "find themselves first; not " in missed.description


def test_an_atlas_is_fresh_for_two_periods_of_the_schedule(
    small_home: Path, reindex_in: Reindex, monkeypatch: pytest.MonkeyPatch
):
    assert freshness.window("0 2 * * *") == timedelta(days=2)
    assert evaluations(reindex_in(small_home))["freshness"].passed
    monkeypatch.setattr(freshness, "window", lambda _: timedelta(0))
    found = evaluations(reindex_in(small_home, "image_manifest", "atlas"))["freshness"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN


def test_the_longest_gap_of_a_schedule_is_what_counts():
    assert longest_gap("0 2 * * *") == timedelta(days=1)
    assert longest_gap("*/10 * * * *") == timedelta(minutes=10)
    assert longest_gap("0 6 * * mon-fri") == timedelta(days=3)
    assert longest_gap("30 9-17 * * *") == timedelta(hours=16)


def test_a_stale_atlas_is_checked_once(
    small_home: Path,
    reindex_in: Reindex,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
):
    home = HomeResource(home=str(small_home))
    stale_atlas = freshness.staleness_sensor(home, freshness.freshness(home.names))

    def tick(cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            return stale_atlas(context)

    assert tick().skip_message == "Dagster has not brought the atlas up to date yet"
    reindex_in(small_home)
    assert tick().skip_message == "the atlas is fresh"
    monkeypatch.setattr(freshness, "window", lambda _: timedelta(0))
    asked = tick()
    (request,) = asked.run_requests
    assert [key.name for key in request.asset_check_keys] == ["freshness"]
    assert "its check has said so" in tick(asked.cursor).skip_message
