"""An atlas of images in archives is the atlas of the same images as files: vectors, originals, changes."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archive_files import WRITERS, Files, rows_of, write_tar, write_zip
from homes import engine_of

from clipper.atlas.engine import SearchEngine
from clipper.indexing.run import Step
from clipper.settings import CONFIG_NAME


def originals(engine: SearchEngine) -> dict[str, bytes]:
    """The bytes of each original, by id."""
    return {image_id: engine.image(row) for row, image_id in enumerate(engine.ids)}


Index = Callable[[Path], dict[str, Step]]


@pytest.fixture
def files(small_home: Path) -> Files:
    return {file.name: file.read_bytes() for file in sorted((small_home / "images").iterdir())}


@pytest.fixture
def archived(small_home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a home whose images are those of a pattern below its folder `shards`."""

    def make(pattern: str) -> Path:
        home = tmp_path / "archived"
        (home / "shards").mkdir(parents=True)
        model = (small_home / CONFIG_NAME).read_text().splitlines()[1]
        (home / CONFIG_NAME).write_text(f'images = "shards/{pattern}"\n{model}\n')
        return home

    return make


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_gives_the_vectors_of_its_files(
    name: str,
    files: Files,
    indexed_home: Path,
    archived: Callable[[str], Path],
    run_index: Index,
):
    home = archived(name)
    WRITERS[name](home / "shards" / name, files)
    run_index(home)
    made, loose = engine_of(home), engine_of(indexed_home)
    assert made.ids == loose.ids
    assert made.vectors.tobytes() == loose.vectors.tobytes()
    assert originals(made) == dict(files)
    again = run_index(home)
    assert again["image_manifest"].counts["unchanged"] == len(files)
    assert again["clip_embeddings"].counts["new"] == 0
    assert not again["atlas"].counts["published"]


def test_a_new_shard_adds_its_images_and_a_removed_one_takes_them_along(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home, names = archived("*.tar"), list(files)
    for number in range(3):
        part = {name: files[name] for name in names[number * 7 : number * 7 + 7]}
        write_tar(home / "shards" / f"{number}.tar", part)
    shutil.move(home / "shards" / "2.tar", home / "2.tar")
    assert run_index(home)["image_manifest"].counts["images"] == 14
    shutil.move(home / "2.tar", home / "shards" / "2.tar")
    counts = run_index(home)["image_manifest"].counts
    assert (counts["added"], counts["unchanged"]) == (7, 14)
    (home / "shards" / "0.tar").unlink()
    counts = run_index(home)["image_manifest"].counts
    assert (counts["removed"], counts["unchanged"]) == (7, 14)


def test_shards_that_are_packed_anew_embed_nothing(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home = archived("*.tar")
    write_tar(home / "shards" / "a.tar", files)
    run_index(home)
    (home / "shards" / "a.tar").unlink()
    write_tar(home / "shards" / "b.tar", dict(reversed(files.items())))
    steps = run_index(home)
    assert steps["image_manifest"].counts["unchanged"] == len(files)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert originals(engine_of(home)) == dict(files)


def test_damage_in_a_shard_is_told_and_costs_only_what_lies_there(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home, names = archived("*.tar"), list(files)
    write_tar(home / "shards" / "a.tar", {name: files[name] for name in names[:12]})
    write_tar(home / "shards" / "b.tar", {name: files[name] for name in names[12:]})
    run_index(home)
    shard = home / "shards" / "b.tar"
    os.truncate(shard, shard.stat().st_size // 2)
    step = run_index(home)["image_manifest"]
    assert 12 < step.counts["images"] < len(files)
    assert "is damaged after" in step.failures["b.tar"]
    assert run_index(home)["image_manifest"].failures == step.failures


def test_the_other_columns_of_a_table_of_images_are_metadata(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home = archived("*.parquet")
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    for number, part in enumerate((list(files)[:10], list(files)[10:])):
        table = rows_of({name: files[name] for name in part})
        ids = pa.array([10**16 + 2 * row + 1 for row in range(len(part))])
        table = table.set_column(0, "label", pa.array([row % 2 for row in range(len(part))]))
        table = table.append_column("batch", ids).replace_schema_metadata(
            {"huggingface": json.dumps(features)}
        )
        pq.write_table(table, home / "shards" / f"{number}.parquet")
    run_index(home)
    engine = engine_of(home)
    names = list(files)
    for row, image_id in enumerate(engine.ids):
        at = names.index(image_id) % 10 if names.index(image_id) < 10 else names.index(image_id) - 10
        assert engine.metadata(row)["label"] == ("cat", "dog")[at % 2]
        assert engine.metadata(row)["batch"] == 10**16 + 2 * at + 1
    assert not run_index(home)["atlas"].counts["published"]


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_files_beside_images_in_an_archive_describe_them(
    write: Callable[[Path, Files], None], files: Files, archived: Callable[[str], Path], run_index: Index
):
    home, names = archived("*"), list(files)
    suffix = ".tar" if write is write_tar else ".zip"
    for number, part in enumerate((names[:10], names[10:])):
        held = {name: files[name] for name in part}
        held |= {f"{Path(name).stem}.txt": f"a picture of {name}".encode() for name in part}
        held |= {f"{Path(name).stem}.json": json.dumps({"batch": number}).encode() for name in part}
        write(home / "shards" / f"{number}{suffix}", held)
    (home / "shards" / "metadata.csv").write_text(f"file_name,group\n{names[0]},first\n{names[-1]},last\n")
    run_index(home)
    engine = engine_of(home)
    for row, image_id in enumerate(engine.ids):
        said = engine.metadata(row)
        assert said["caption"] == f"a picture of {image_id}"
        assert said["batch"] == int(names.index(image_id) >= 10)
    assert engine.metadata(engine.ids.index(names[0]))["group"] == "first"
    assert not run_index(home)["atlas"].counts["published"]


def test_a_table_within_a_zip_describes_its_images(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home, names = archived("a.zip"), list(files)
    lines = "".join(f"{name},{number}\n" for number, name in enumerate(names))
    held = {f"train/{name}": data for name, data in files.items()}
    write_zip(
        home / "shards" / "a.zip", {**held, "train/metadata.csv": f"file_name,number\n{lines}".encode()}
    )
    run_index(home)
    engine = engine_of(home)
    for row, image_id in enumerate(engine.ids):
        assert engine.metadata(row)["number"] == names.index(image_id.removeprefix("train/"))


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_labels_in_an_archive_are_those_of_its_images(
    write: Callable[[Path, Files], None], files: Files, archived: Callable[[str], Path], run_index: Index
):
    suffix = ".tar" if write is write_tar else ".zip"
    home, names = archived(f"a{suffix}"), list(files)[:10]
    coco = {
        "images": [{"id": i, "file_name": name, "width": 160, "height": 160} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": i % 2, "bbox": [0, 0, 80, 80]} for i in range(len(names))
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    held = {f"train/{name}": data for name, data in files.items()}
    held["train/_annotations.coco.json"] = json.dumps(coco).encode()
    write(home / "shards" / f"a{suffix}", held)
    run_index(home)
    engine = engine_of(home)
    for i, name in enumerate(names):
        assert engine.metadata(engine.ids.index(f"train/{name}"))["objects"] == [("cat", "dog")[i % 2]]
    assert not run_index(home)["atlas"].counts["published"]


def test_boxes_in_a_table_of_images_are_its_objects(
    files: Files, archived: Callable[[str], Path], run_index: Index
):
    home, names = archived("*.parquet"), list(files)
    table = rows_of(files)
    cells = [{"bbox": [[0, 0, 2, 2]] * (row % 2), "category": [1] * (row % 2)} for row in range(len(names))]
    described = {"feature": {"category": {"names": ["cat", "dog"]}}}
    table = table.append_column("objects", pa.array(cells)).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"objects": described}}})}
    )
    pq.write_table(table, home / "shards" / "a.parquet")
    step = run_index(home)["image_metadata"]
    assert "boxes in the column `objects` of 'a.parquet'" in step.notes
    engine = engine_of(home)
    for row, image_id in enumerate(engine.ids):
        has_object = bool(names.index(image_id) % 2)
        assert engine.metadata(row).get("objects", []) == (["dog"] if has_object else [])
        assert engine.metadata(row)["object_count"] == len(engine.objects(row)) == has_object
    assert not run_index(home)["atlas"].counts["published"]
    (home / "others.csv").write_text("file_name,xmin,ymin,xmax,ymax,label\n" + f"{names[0]},0,0,1,1,fox\n")
    with (home / "clipper.toml").open("a") as config:
        config.write('labels = "others.csv"\n')
    step = run_index(home)["image_metadata"]
    assert "a.parquet: its column `objects` is not read, because `labels` names other files" in step.notes
