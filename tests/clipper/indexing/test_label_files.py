"""Label files of other tools through real runs: into the part, the columns and the notes of an atlas."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from homes import engine_of, images, opened, written
from label_folders import coco
from PIL import Image

from clipper.annotations import read as label_readers
from clipper.doctor.repair import diagnose
from clipper.errors import ImagesError, SettingsError
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.indexing import scan
from clipper.indexing.objects import folder_fingerprint
from clipper.indexing.run import Step
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
from clipper.store.home import Home, read_json

Index = Callable[[Path], dict[str, Step]]


def label(home: Path, annotations: list[dict[str, Any]], *, name: str = "annotations/instances.json") -> Path:
    """Write a COCO file about the first two images of a home, whose sizes it states, and date it long ago."""
    first = images(home)[:2]
    sizes = [Image.open(path).size for path in first]
    entries = [
        {"id": i + 1, "file_name": path.name, "width": size[0], "height": size[1]}
        for i, (path, size) in enumerate(zip(first, sizes, strict=True))
    ]
    path = home / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(coco(annotations, entries)))
    os.utime(path, ns=(10**18, 10**18))
    return path


def box(image: int = 1, category: int = 1, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": [0, 0, 10, 20], **more}


def test_labels_become_columns_objects_and_notes(indexed_home: Path, run_index: Index):
    label(indexed_home, [box(), box(1, 2), box(77)])
    step = run_index(indexed_home)["image_metadata"]
    assert step.counts["objects"] == 2
    assert step.counts["labelled"] == 2
    assert step.notes[0] == "labels of COCO in annotations/instances.json"
    assert any("name an image id that the file does not have (77)" in note for note in step.notes)
    atlas = engine_of(indexed_home)
    first, second, third = (atlas.row(path.name) for path in images(indexed_home)[:3])
    found = atlas.objects(first).to_pylist()
    assert [one["category"] for one in found] == ["cat", "dog"]
    assert found[0]["width"] == pytest.approx(10 / atlas.metadata(first)["width"])
    assert atlas.metadata(first)["objects"] == ["cat", "dog"]
    assert atlas.metadata(first)["object_count"] == 2
    assert atlas.metadata(second)["object_count"] == 0
    assert "object_count" not in atlas.metadata(third)
    assert len(atlas.objects(second)) == len(atlas.objects(third)) == 0
    assert atlas.columns["objects"].origin == "annotations/instances.json"
    assert atlas.columns["objects"].role == "list"
    atlas.close()


def test_yolos_files_beside_images_are_labels_and_no_captions(indexed_home: Path, run_index: Index):
    first, second = images(indexed_home)[:2]
    first.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n")
    second.with_suffix(".txt").write_text("")
    (indexed_home / "images" / "classes.txt").write_text("cat\n")
    steps = run_index(indexed_home)
    atlas = engine_of(indexed_home)
    assert atlas.metadata(atlas.row(first.name))["objects"] == ["cat"]
    assert atlas.metadata(atlas.row(second.name))["object_count"] == 0
    assert "caption" not in atlas.columns
    assert steps["image_metadata"].notes == ["labels of YOLO in images: 2 files"]
    assert steps["image_manifest"].notes == []
    atlas.close()


def test_label_files_are_not_counted_as_left_alone(indexed_home: Path, run_index: Index):
    label(indexed_home, [box()])
    (indexed_home / "images" / "notes.txt").write_text("hello")
    step = run_index(indexed_home)["image_manifest"]
    assert step.notes == ["1 other file left alone: .txt 1"]


def test_a_run_without_changes_reads_no_label_file_and_writes_nothing(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    label(indexed_home, [box()])
    run_index(indexed_home)
    before = written(indexed_home)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a label file was read")

    monkeypatch.setattr(label_readers, "read_coco", refuse)
    run_index(indexed_home)
    assert written(indexed_home) == before


def test_labels_that_changed_or_went_are_followed(indexed_home: Path, run_index: Index):
    path = label(indexed_home, [box()])
    run_index(indexed_home)
    label(indexed_home, [box(), box(2, 2)])
    run_index(indexed_home)
    with_two = engine_of(indexed_home)
    assert with_two.metadata(with_two.row(images(indexed_home)[1].name))["objects"] == ["dog"]
    with_two.close()
    path.unlink()
    run_index(indexed_home)
    assert "objects" not in opened(indexed_home).columns
    assert "objects" not in read_json(Home(indexed_home).current)["parts"]


def test_an_image_that_came_leaves_the_objects_of_others_in_place(indexed_home: Path, run_index: Index):
    label(indexed_home, [box(2, 2)])
    run_index(indexed_home)
    Image.new("RGB", (40, 30), "teal").save(indexed_home / "images" / "0000.jpg")
    run_index(indexed_home)
    atlas = engine_of(indexed_home)
    there = [image_id for row, image_id in enumerate(atlas.ids) if len(atlas.objects(row))]
    assert there == [images(indexed_home)[2].name]
    atlas.close()


def test_a_damaged_label_file_changes_nothing(indexed_home: Path, run_index: Index):
    path = label(indexed_home, [box()])
    run_index(indexed_home)
    before = written(indexed_home)
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ImagesError, match=r"instances\.json is not valid JSON"):
        run_index(indexed_home)
    assert {name: at for name, at in written(indexed_home).items() if "staged" not in name} == {
        name: at for name, at in before.items() if "staged" not in name
    }
    assert "objects" in opened(indexed_home).columns


def test_the_setting_names_label_files_or_switches_them_off(indexed_home: Path, run_index: Index):
    label(indexed_home, [box()])
    (indexed_home / "images" / "annotations").rename(indexed_home / "given")
    config = (indexed_home / "clipper.toml").read_text()
    for setting, found in (('"given/instances.json"', True), ('"off"', False), ('["given"]', True)):
        (indexed_home / "clipper.toml").write_text(f"{config}labels = {setting}\n")
        run_index(indexed_home)
        assert ("objects" in opened(indexed_home).columns) is found
    (indexed_home / "clipper.toml").write_text(f'{config}labels = "nowhere"\n')
    with pytest.raises(SettingsError, match="'nowhere' is neither in the home nor in the images folder"):
        run_index(indexed_home)


def test_a_lost_or_damaged_part_is_found_and_made_again(indexed_home: Path, run_index: Index):
    label(indexed_home, [box()])
    run_index(indexed_home)
    version = read_json(Home(indexed_home).current)["parts"]["objects"]
    part = Home(indexed_home).part("objects", version)
    for file in (part, part.with_suffix(".images.parquet"), part.with_suffix(".json")):
        kept = file.read_bytes()
        file.write_bytes(kept[: len(kept) // 2])
        assert diagnose(Settings.load(indexed_home)).before
        file.write_bytes(kept)
    assert not diagnose(Settings.load(indexed_home)).before
    part.unlink()
    run_index(indexed_home)
    assert part.exists()


def test_a_change_of_labels_is_seen_from_outside(indexed_home: Path):
    settings = Settings.load(indexed_home)
    without = folder_fingerprint(settings)
    path = label(indexed_home, [box()])
    one = folder_fingerprint(settings)
    os.utime(path, ns=(2 * 10**18, 2 * 10**18))
    other = folder_fingerprint(settings)
    (indexed_home / "images" / "notes.txt").write_text("hello")
    assert len({without, one, other}) == 3
    assert folder_fingerprint(settings) == other


def test_a_run_looks_at_the_head_of_a_label_file_once(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    label(indexed_home, [box()])
    looked: list[str] = []
    read_head = ImageFolder.read_head

    def note(self: ImageFolder, file: FoundImage, count: int) -> bytes:
        looked.append(file.id)
        return read_head(self, file, count)

    monkeypatch.setattr(ImageFolder, "read_head", note)
    run_index(indexed_home)
    assert looked == ["annotations/instances.json"]


def test_a_table_of_metadata_with_boxes_has_both(indexed_home: Path, run_index: Index):
    first = images(indexed_home)[0]
    width, height = Image.open(first).size
    rows = f"{first.name},0,0,{width // 2},{height},cat,7\n"
    (indexed_home / "images" / "metadata.csv").write_text(
        f"file_name,xmin,ymin,xmax,ymax,class,grade\n{rows}"
    )
    steps = run_index(indexed_home)
    atlas = engine_of(indexed_home)
    known = atlas.metadata(atlas.row(first.name))
    assert (known["grade"], known["objects"], known["object_count"]) == (7, ["cat"], 1)
    assert steps["image_manifest"].counts["other_files"] == 0


def test_boxes_in_metadata_are_objects_and_no_text(indexed_home: Path, run_index: Index):
    first = images(indexed_home)[0].name
    said = {"file_name": first, "grade": 7, "objects": {"bbox": [[0, 0, 9, 9]], "category": ["cat"]}}
    (indexed_home / "images" / "metadata.jsonl").write_text(json.dumps(said) + "\n")
    run_index(indexed_home)
    atlas = engine_of(indexed_home)
    known = atlas.metadata(atlas.row(first))
    assert (known["grade"], known["objects"], known["object_count"]) == (7, ["cat"], 1)
    assert len(atlas.objects(atlas.row(first))) == 1


def test_an_image_that_came_opens_no_label_file_of_others(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    folder = indexed_home / "images"
    for path in images(indexed_home)[:3]:
        text = path.with_suffix(".txt")
        text.write_text("0 0.5 0.5 0.2 0.4")
        os.utime(text, ns=(10**18, 10**18))
    run_index(indexed_home)
    opened_files: list[str] = []
    read_each = ImageFolder.read_each

    def note(self: ImageFolder, found: Sequence[FoundImage]) -> Iterator[tuple[str, bytes | str]]:
        opened_files.extend(file.id for file in found)
        return read_each(self, found)

    monkeypatch.setattr(ImageFolder, "read_each", note)
    (folder / "new.jpg").write_bytes(images(indexed_home)[0].read_bytes())
    (folder / "new.txt").write_text("1 0.5 0.5 0.2 0.4")
    run_index(indexed_home)
    assert opened_files == ["new.txt"]
    atlas = engine_of(indexed_home)
    assert sum(len(atlas.objects(row)) for row in range(len(atlas.ids))) == 4
    for text in folder.glob("*.txt"):
        text.unlink()
    run_index(indexed_home)
    assert not (indexed_home / "store" / "label_texts.parquet").exists()


def test_a_folder_of_labels_that_nobody_reads_is_named_once(indexed_home: Path):
    folder = indexed_home / "images"
    for name in ("label_2/a.txt", "label_2/b.txt", "labels/c.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("0 0.5 0.5 0.2 0.4" if name == "labels/c.txt" else "Car 0.0 0 1.5 587 173")
    notes = scan.scan_images(Workspace(Settings.load(indexed_home))).notes
    (note,) = [note for note in notes if note.startswith("not read")]
    assert "describe images: label_2/;" in note
