"""Parts of a home: which belong together, and what happens when they move or are lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from homes import HEAVY, draw, engine_of, images, opened, positions, written

from clipper.atlas import Atlas
from clipper.errors import StoreError
from clipper.indexing import metadata, publish, run, scan
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]


def test_parts_of_different_manifests_are_not_published(indexed_home: Path):
    version = opened(indexed_home).version
    draw(indexed_home / "images" / "new.png", "red")
    work = Workspace(Settings.load(indexed_home))
    scan.scan_images(work)
    with pytest.raises(StoreError, match="image_metadata was made from another manifest"):
        publish.publish(work)
    run.embed_images(work)
    metadata.join_metadata(work)
    with pytest.raises(StoreError, match="image_neighbours was made from another manifest"):
        publish.publish(work)
    with pytest.raises(StoreError, match="image_neighbours was made from other images; materialize image_n"):
        run.project_images(work)
    run.find_neighbours(work)
    with pytest.raises(StoreError, match="umap_projection was made from another manifest"):
        publish.publish(work)
    run.project_images(work)
    with pytest.raises(StoreError, match="chroma_collection is older"):
        publish.publish(work)
    assert opened(indexed_home).version == version
    for make, next_part in (
        (run.collect, "image_scores"),
        (run.score_images, "image_clusters"),
        (run.cluster_images, "cluster_names"),
        (run.name_clusters, "duplicates"),
        (run.find_duplicates, "label_issues"),
        (run.find_label_issues, "drift"),
    ):
        make(work)
        with pytest.raises(StoreError, match=f"{next_part} is older than its inputs"):
            publish.publish(work)
    run.measure_drift(work)
    assert publish.publish(work).counts["published"]


def test_a_step_without_the_one_before_it_names_the_asset(small_home: Path):
    work = Workspace(Settings.load(small_home))
    with pytest.raises(StoreError, match="materialize the asset image_manifest first"):
        metadata.join_metadata(work)
    scan.scan_images(work)
    with pytest.raises(StoreError, match="materialize image_facts first"):
        metadata.join_metadata(work)


def test_thumbnails_alone_need_no_model(small_home: Path, python: Run):
    code = f"""
import sys
from clipper.indexing import scan
from clipper.indexing import embed
from clipper.settings import Settings
from clipper.indexing.staging.workspace import Workspace
work = Workspace(Settings.load(sys.argv[1]))
scan.scan_images(work)
print(embed.embed_images(work, wanted=("thumbnails", "image_facts"))["thumbnails"].counts["new"])
print(*[name for name in {HEAVY} if name in sys.modules])
"""
    result = python(code, str(small_home))
    assert result.stdout.splitlines() == ["24", ""], result.stderr


def test_another_model_embeds_all_and_back_again_none(
    indexed_home: Path, run_index: Index, model_folder: Path
):
    first = opened(indexed_home)
    other = Path(shutil.copytree(model_folder, indexed_home / "other"))
    config = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(config | {"image_mean": [0.5, 0.5, 0.5]}))
    settings = Settings.load(indexed_home, model="other")
    steps = {step.name: step for step in run.index(settings)}
    assert steps["clip_embeddings"].counts["new"] == 24
    second = opened(indexed_home)
    assert second.version != first.version
    assert second.search("cat", k=1).shape[0] == 1
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 0
    second.close()


def test_a_model_that_was_moved_embeds_nothing_again(indexed_home: Path, model_folder: Path):
    moved = shutil.copytree(model_folder, indexed_home / "elsewhere" / model_folder.name)
    steps = {step.name: step for step in run.index(Settings.load(indexed_home, model=str(moved)))}
    assert steps["clip_embeddings"].counts["new"] == 0


def test_an_images_folder_that_was_moved_is_published_at_its_new_place(indexed_home: Path, run_index: Index):
    (indexed_home / "images").rename(indexed_home / "pictures")
    config = indexed_home / "clipper.toml"
    config.write_text(config.read_text().replace('images = "images"', 'images = "pictures"'))
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    atlas = opened(indexed_home)
    assert Path(atlas._engine.path(0)).exists()
    assert len(atlas._engine.image(0)) > 0


def test_a_home_that_was_moved_works_on(indexed_home: Path, run_index: Index):
    moved = indexed_home.rename(indexed_home.with_name("moved"))
    before = written(moved)
    assert run_index(moved)["clip_embeddings"].counts["new"] == 0
    assert written(moved) == before
    atlas = opened(moved)
    assert Path(atlas._engine.path(0)).exists()
    assert len(atlas.search("cat", k=2)) == 2
    atlas.close()


@pytest.mark.parametrize(
    "pattern",
    [
        "manifest/*.parquet",
        "metadata/*.parquet",
        "metadata/*.json",
        "projection/*.parquet",
        "projection/*.json",
        "collection/*.parquet",
        "collection/*.json",
        "current.json",
        "staged.json",
        "facts/*.arrow",
        "thumbnails/*.arrow",
        "embeddings/*/*.arrow",
        "embeddings/*/*.parquet",
    ],
)
def test_a_lost_or_damaged_file_can_be_made_again_by_its_own_remedy(
    indexed_home: Path, run_index: Index, pattern: str
):
    before = positions(indexed_home)
    (path,) = (indexed_home / "store").glob(pattern)
    path.write_bytes(b"damaged")
    message = ""
    try:
        run_index(indexed_home)
        opened(indexed_home).info()
        engine_of(indexed_home).thumbnail(0)
        opened(indexed_home).search("cat")
    except StoreError as error:
        message = str(error)
        path.unlink()
    assert not message or str(path) in message
    run_index(indexed_home)
    atlas = opened(indexed_home)
    assert len(atlas.search("cat", k=24)) == 24
    assert len(atlas._engine.thumbnail(0)) > 0
    assert atlas.vectors.shape[0] == atlas.info()["images"] == 24
    assert positions(indexed_home) == before
    atlas.close()


def test_the_same_folder_gives_the_same_map_in_another_home(
    small_home: Path, run_index: Index, tmp_path: Path
):
    other = shutil.copytree(small_home, tmp_path / "other")
    run_index(small_home)
    run_index(other)
    assert positions(small_home) == positions(other)


def test_a_folder_in_memory_is_indexed_like_another(
    small_home: Path, memory_folder: str, model_folder: Path, tmp_path: Path
):
    import fsspec

    files = fsspec.filesystem("memory")
    for path in images(small_home)[:6]:
        files.pipe(f"/pictures/sub/{path.name}", path.read_bytes())
    files.pipe("/pictures/broken.jpg", b"broken")
    files.pipe("/pictures/metadata.json", json.dumps({images(small_home)[0].stem: {"v": 1}}).encode())
    settings = Settings.load(tmp_path, images=memory_folder, model=str(model_folder))
    steps = {step.name: step for step in run.index(settings)}
    assert steps["clip_embeddings"].counts["new"] == 6
    assert set(steps["image_facts"].failures) == {"broken.jpg"}
    atlas = Atlas(settings)
    assert atlas._engine.path(0).startswith("memory://pictures/sub/")
    assert atlas._engine.metadata(0)["v"] == 1
    assert atlas._engine.image(0) == images(small_home)[0].read_bytes()
    assert {step.name: step for step in run.index(settings)}["clip_embeddings"].counts["new"] == 0
