"""Each format holds what its tool reads, and what Clipper exported, Clipper reads as metadata."""

import csv
import io
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from clipper.atlas import Atlas
from clipper.errors import ClipperError, UnknownImageError
from clipper.export.formats.folders import csv_text
from clipper.export.formats.tables import escape_formula
from clipper.indexing import run
from clipper.metadata import sources
from clipper.metadata.keys.match import ImageKeys
from clipper.settings import CONFIG_NAME, Settings

HOSTILE = '<img src=x onerror="alert(1)"> & Co.jpg'
KINDS = {"group": "str", "year": "int", "score": "float", "done": "bool", "words": "list[str]"}


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", ["imagefolder", "coco", "fiftyone"])
def test_what_clipper_exported_it_indexes_with_the_same_columns_types_and_tags(
    atlas: Atlas, tmp_path: Path, name: str
):
    done = atlas.export(tmp_path / "out", format=name)
    assert (done.images, done.lost) == (23, {})
    home = tmp_path / "home"
    home.mkdir()
    model = atlas.home / CONFIG_NAME
    (home / CONFIG_NAME).write_text(model.read_text().replace('"images"', json.dumps(str(tmp_path / "out"))))
    run.index(Settings.load(home))
    with Atlas(Settings.load(home)) as again:
        assert {key: again.columns[key].type for key in KINDS} == KINDS
        assert again.columns["tags"].type == "list[str]"
        names = {row["file_name"]: row for row in read_lines(tmp_path / "out" / "metadata.jsonl")}
        assert set(again.ids) == set(names)
        own = {"images/": "coco", "data/": "fiftyone"}
        prefix = next((one for one, of in own.items() if of == name), "")
        for image_id in again.ids:
            before = image_id.removeprefix(prefix)
            before = HOSTILE if "onerror" in before else before
            row, old = again._engine.metadata(again._engine.row(image_id)), atlas._engine
            known = {key: value for key, value in old.metadata(old.row(before)).items() if key in KINDS}
            assert {key: value for key, value in row.items() if key in KINDS} == known
            assert again.image(image_id).tobytes() == atlas.image(before).tobytes()
            assert row.get("tags", []) == atlas.tags.of(before)


def test_an_imagefolder_names_its_label_and_has_no_image_to_test_with(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "out", label="group")
    lines = read_lines(tmp_path / "out" / "metadata.jsonl")
    assert all(line.get("label") == line.get("group") for line in lines)
    assert {line["file_name"] for line in lines} >= {"a/same.jpg", "test-tube.jpg"}
    assert 'path: "**"' in (tmp_path / "out" / "README.md").read_text()
    atlas.export(tmp_path / "csv", metadata="csv")
    rows = list(csv.DictReader((tmp_path / "csv" / "metadata.csv").open(encoding="utf-8", newline="")))
    assert len(rows) == 23
    assert {json.loads(row["words"] or "[]")[0] for row in rows if row["words"]} == {"red"}


def test_parquet_has_the_images_and_the_features_that_datasets_reads(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "x.parquet", format="parquet", label="group")
    table = pq.read_table(tmp_path / "x.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {
        "names": sorted({"Fruit/Veg", "</script><b>Tools", "été"}),
        "_type": "ClassLabel",
    }
    assert features["words"] == {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}
    assert set(features) == set(table.column_names)
    for row in table.to_pylist():
        with Image.open(io.BytesIO(row["image"]["bytes"])) as picture:
            assert picture.size == atlas.image(row["file_name"]).size
        assert row["label"] is None or features["label"]["names"][row["label"]] == row["group"]
        assert row["tags"] == atlas.tags.of(row["file_name"])


def test_coco_annotates_whole_images_with_every_label_of_a_list(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "out", format="coco", label="words")
    coco = json.loads((tmp_path / "out" / "annotations.json").read_text("utf-8"))
    names = {one["id"]: one["name"] for one in coco["categories"]}
    for image in coco["images"]:
        labels = [names[a["category_id"]] for a in coco["annotations"] if a["image_id"] == image["id"]]
        assert labels == image["attributes"].get("words", [])
        with Image.open(tmp_path / "out" / "images" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
    assert len({a["id"] for a in coco["annotations"]}) == len(coco["annotations"]) == 44


def test_yolo_has_a_folder_for_each_class_and_leaves_out_what_has_none(atlas: Atlas, tmp_path: Path):
    done = atlas.export(tmp_path / "out", format="yolo", label="group")
    assert list(done.lost.values()) == ["has no value of group"]
    folders = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    assert folders == {"Fruit_Veg", "__script__b_Tools", "été"}
    files = list((tmp_path / "out" / "train").rglob("*.jpg"))
    assert len(files) == done.images == 22
    text = (tmp_path / "out" / "data.yaml").read_text("utf-8")
    assert text.startswith("path: .\ntrain: train\nval: train\nnames:\n  0: ")
    assert next(iter(done.lost)) in (tmp_path / "out" / "missing.txt").read_text()
    atlas.export(tmp_path / "split", format="yolo", label="group", split="done")
    assert {path.name for path in (tmp_path / "split").iterdir() if path.is_dir()} == {"yes", "no"}


def test_fiftyone_reads_tags_and_labels_as_its_own(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "out", format="fiftyone", label="group", images="paths")
    samples = json.loads((tmp_path / "out" / "samples.json").read_text("utf-8"))["samples"]
    about = json.loads((tmp_path / "out" / "metadata.json").read_text("utf-8"))
    assert about["media_type"] == "image"
    assert "version" not in about  # with one, FiftyOne expects a dump of its database
    for sample in samples:
        assert Path(sample["filepath"]).is_file()
        label = sample["ground_truth"]
        assert label is None or label == {"_cls": "Classification", "label": sample["group"]}
    assert sorted(tag for sample in samples for tag in sample["tags"]) == ["keep", "keep"]
    assert not (tmp_path / "out" / "data").exists()


def test_a_list_of_paths_and_a_table_hold_what_is_asked_for(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "x.txt", format="paths", where={"group": "été"})
    lines = (tmp_path / "x.txt").read_text("utf-8").splitlines()
    assert len(lines) == len(set(lines)) == 6
    assert all(Path(line).is_file() for line in lines)
    atlas.export(tmp_path / "x.csv", format="csv", every_column=True, excluded=True)
    rows = list(csv.DictReader((tmp_path / "x.csv").open(encoding="utf-8", newline="")))
    assert len(rows) == 24
    assert {"bytes", "width", "folder", "outlier"} <= rows[0].keys()


def test_chosen_ids_keep_their_order(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "out", ids=["test-tube.jpg", HOSTILE, "a/same.jpg"])
    names = [line["file_name"] for line in read_lines(tmp_path / "out" / "metadata.jsonl")]
    assert names[::2] == ["test-tube.jpg", "a/same.jpg"]
    assert names[1] == "_img src=x onerror=_alert(1)__ & Co.jpg"
    with pytest.raises(UnknownImageError):
        atlas.export(tmp_path / "none", ids=["nobody.jpg"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "tar"}, "no format"),
        ({"format": "yolo"}, "needs labels"),
        ({"format": "yolo", "label": "words"}, "several values"),
        ({"format": "yolo", "label": "tags"}, "several values"),
        ({"format": "coco", "label": "nothing"}, "no column 'nothing'"),
        ({"images": "paths"}, "holds its images"),
        ({"split": "done"}, "only yolo"),
        ({"where": {"year": 1}}, "no image is left"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(
    atlas: Atlas, tmp_path: Path, options: dict, words: str
):
    with pytest.raises(ClipperError, match=words):
        atlas.export(tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_images_that_are_gone_or_have_changed_are_named_and_the_others_exported(
    changed_home: Path, tmp_path: Path
):
    (changed_home / "images" / "a" / "same.jpg").unlink()
    shutil.copy(changed_home / "images" / "b" / "same.jpg", changed_home / "images" / "test-tube.jpg")
    with Atlas(Settings.load(changed_home)) as atlas:
        done = atlas.export(tmp_path / "out", format="coco")
        assert done.images == 21
        assert "test-tube.jpg" in done.lost
        assert "a/same.jpg" in done.lost
        assert len(json.loads((tmp_path / "out" / "annotations.json").read_text("utf-8"))["images"]) == 21
        assert atlas.export(tmp_path / "x.txt", format="paths").lost == {"a/same.jpg": "is gone"}
        with pytest.raises(ClipperError, match="not one image"):
            atlas.export(tmp_path / "one", ids=["a/same.jpg"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed", "out", "x.txt"]


def read_beside(name: str, data: bytes, ids: list[str]) -> tuple[set[str], list[str]]:
    """The images that a file describes which lies beside them, and the notes about its keys."""
    source = sources.read(name, data, location=name, max_bytes=1 << 28, images=ImageKeys(ids))
    assert source.matches is not None
    named = {ids[row] for row in source.matches.rows.tolist()}
    return named, source.matches.problems(name, source.keys)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("metadata.csv", {"format": "csv"}),
        ("metadata.parquet", {"format": "parquet"}),
        ("metadata.csv", {"format": "csv", "images": "paths"}),
        ("metadata.parquet", {"format": "parquet", "images": "paths"}),
    ],
)
def test_a_table_that_clipper_exported_names_the_images_it_was_made_of(
    atlas: Atlas, tmp_path: Path, name: str, options: dict[str, str]
):
    done = atlas.export(tmp_path / name, **options)
    named, notes = read_beside(name, (tmp_path / name).read_bytes(), list(atlas.ids))
    assert len(named) == done.images == 23
    assert all("by the end of a longer path" in note for note in notes)


def test_columns_that_python_wrote_name_the_images_too(atlas: Atlas):
    frame = atlas.metadata
    for name, data in (("metadata.csv", frame.to_csv()), ("metadata.json", frame.to_json(orient="index"))):
        assert read_beside(name, data.encode(), list(atlas.ids)) == (set(atlas.ids), [])


@pytest.mark.parametrize("name", ["=1+1.jpg", "-1.jpg", "@x.jpg", "'q'.jpg"])
def test_a_name_that_a_spreadsheet_would_take_for_a_formula_names_its_image_again(name: str):
    text = csv_text([["file_name", "v"], [escape_formula(name), 1]])
    assert read_beside("metadata.csv", text.encode(), [name, "b.jpg"])[0] == {name}
