"""YOLO's labels: Ultralytics' and Roboflow's folders, darknet's lists, poses, polygons, and faults."""

from pathlib import Path

import pytest
from label_folders import boxes, entries, notes, objects_in, write

from clipper.annotations.formats.yolo import ClassNames, read_yaml
from clipper.annotations.kinds import Search
from clipper.errors import ImagesError
from clipper.images.folder import ImageFolder

BOX = "0 0.5 0.5 0.2 0.4\n"
THERE = (0.4, 0.3, 0.2, 0.4)
YAML = "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['cat', 'dog']\n"


def test_images_and_labels_side_by_side(tmp_path: Path):
    files = {
        "images/train/x.jpg": None,
        "images/val/x.jpg": None,
        "labels/train/x.txt": BOX,
        "labels/val/x.txt": "",
        "data.yaml": "names:\n  0: cat\n  1: dog\n",
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [(0, "cat", THERE)]
    assert entries(found, tmp_path)["images/val/x.jpg"] == {"objects": [], "object_count": 0}
    assert notes(found) == ""


@pytest.mark.parametrize("images", ["images", "images/train", "train/images"])
def test_labels_beside_the_images_folder_are_found(tmp_path: Path, images: str):
    labels = images.replace("images", "labels")
    write(tmp_path, {f"{images}/x.jpg": None, f"{labels}/x.txt": "1 0.5 0.5 0.2 0.4", "data.yaml": YAML})
    folder = tmp_path / ("images" if images != "train/images" else "train/images")
    found = objects_in(folder)
    assert [box for _, _, box in boxes(found)] == [THERE]
    assert boxes(found)[0][1] == "dog"


def test_roboflows_splits(tmp_path: Path):
    files = {
        "train/images/x.jpg": None,
        "valid/images/x.jpg": None,
        "valid/images/y.jpg": None,
        "train/labels/x.txt": BOX,
        "train/labels/y.txt": BOX,
        "valid/labels/x.txt": "1 0.5 0.5 0.2 0.4",
        "data.yaml": YAML,
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [(0, "cat", THERE), (1, "dog", THERE)]
    assert "1 image(s) are not in the images folder" in notes(found)


def test_darknet_has_labels_beside_each_image(tmp_path: Path):
    files = {
        "x.jpg": None,
        "x.txt": BOX,
        "classes.txt": "cat\ndog\n\n",
        "readme.txt": "hello",
        "y.jpg": None,
        "y.txt": "",
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [(0, "cat", THERE)]
    assert entries(found, tmp_path)["y.jpg"]["object_count"] == 0


def test_texts_that_are_no_labels_are_left_alone(tmp_path: Path):
    files = {
        "x.jpg": None,
        "x.txt": "a cat on a mat",
        "labels/x.txt": "five words are not it",
        "train.txt": "x.jpg",
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == []
    assert entries(found, tmp_path) == {}
    assert notes(found) == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 x 0.2 0.4", "1 line(s) are no class and box ('labels/x.txt line 2: 0 0.5 x 0.2 0.4')"),
        ("0 0.5 0.5 0.2", "no class and box"),
        ("0.5 0.5 0.5 0.2 0.4", "no class and box"),
        ("-1 0.5 0.5 0.2 0.4", "no class and box"),
        ("0 0.5 0.5 nan 0.4", "no class and box"),
        ("0 320 240 100 100", "numbers beyond 1"),
        ("0 0.5 0.5 0 0.4", "no area inside their image"),
        ("7 0.1 0.1 0.1 0.1", "that data.yaml or classes.txt do not name ('labels/x.txt line 2: 7')"),
        ("\x00\xff garbage", "no class and box"),
        ("1e300 0.1 0.1 0.1 0.1", "no class and box"),
    ],
)
def test_a_line_that_cannot_be_kept_is_said(tmp_path: Path, line: str, said: str):
    files = {"images/x.jpg": None, "labels/x.txt": BOX.encode() + line.encode("latin-1"), "data.yaml": YAML}
    found = objects_in(write(tmp_path, files))
    assert (0, "cat", THERE) in boxes(found)
    assert said in notes(found)


def test_polygons_get_the_box_around_them(tmp_path: Path):
    files = {"images/x.jpg": None, "labels/x.txt": "1 0.1 0.2 0.5 0.2 0.3 0.6", "data.yaml": YAML}
    assert boxes(objects_in(write(tmp_path, files))) == [(0, "dog", (0.1, 0.2, 0.4, 0.4))]


def test_poses_keep_their_box(tmp_path: Path):
    files = {
        "images/x.jpg": None,
        "labels/x.txt": "0 0.5 0.5 0.2 0.4 0.9 0.9 2 0.1 0.1 1",
        "data.yaml": YAML + "kpt_shape: [2, 3]\n",
    }
    assert boxes(objects_in(write(tmp_path, files))) == [(0, "cat", THERE)]


def test_a_detectors_confidence_is_kept(tmp_path: Path):
    files = {"images/x.jpg": None, "labels/x.txt": "0 0.5 0.5 0.2 0.4 0.75", "data.yaml": YAML}
    assert objects_in(write(tmp_path, files)).table["score"].to_pylist() == [0.75]


def test_the_nearest_names_hold(tmp_path: Path):
    files = {
        "one/images/x.jpg": None, "one/labels/x.txt": BOX, "one/data.yaml": "names: [apple]",
        "two/images/y.jpg": None, "two/labels/y.txt": BOX, "two/labels/classes.txt": "pear",
    }  # fmt: skip
    assert [name for _, name, _ in boxes(objects_in(write(tmp_path, files)))] == ["apple", "pear"]


def test_each_of_many_folders_with_names_of_its_own_reads_only_these(tmp_path: Path):
    for i in range(4):
        write(tmp_path, {f"{i}/a.jpg": None, f"{i}/a.txt": "0 .5 .5 .2 .4", f"{i}/classes.txt": f"thing {i}"})
    folder = ImageFolder(str(tmp_path))
    stems = frozenset(f"{i}/a" for i in range(4))
    found = list(Search(folder, folder.list_files().beside, stems=lambda: stems).found())
    assert [[file.id for file in files.helpers] for files in found] == [
        [f"{i}/classes.txt"] for i in range(4)
    ]
    assert [name for _, name, _ in boxes(objects_in(tmp_path))] == [f"thing {i}" for i in range(4)]


@pytest.mark.parametrize(
    "text",
    [
        "names: [",
        "\t- x: :",
        "names: !!bool x",
        'names: !!int ""',
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_yaml_that_is_damaged_or_hostile_ends_with_its_name(text: str):
    with pytest.raises(ImagesError, match=r"data\.yaml is not valid YAML"):
        read_yaml(text.encode(), "data.yaml")


def test_other_yaml_names_no_classes():
    assert read_yaml(b"services: {a: 1}", "x.yaml") is None
    assert read_yaml(b"- names", "x.yaml") is None
    assert read_yaml(b"names: 7", "x.yaml") is None
    assert read_yaml(b"names: {? '" + b"9" * 5000 + b"' : a, 1: b}", "x.yaml") == ClassNames({1: "b"})


@pytest.mark.parametrize(
    ("line", "box", "score"),
    [
        ("0 0.1 0.1 0.3 0.1 0.3 0.4 0.5", (0.1, 0.1, 0.2, 0.3), 0.5),  # a polygon and its confidence
        ("0 0.5 0.5 0.2 0.4 0.9 0.9 2 0.1 0.1 0 0.3 0.3 1", THERE, None),  # a pose without kpt_shape
        ("0 0.5 0.5 0.2 0.4 0.5 17", THERE, 0.5),  # a tracker's confidence and track
        ("0 0.5 0.5 0.2 0.4 17", THERE, None),  # a track alone
        ("0.000e+00 5.0e-01 0.5 0.2 0.4", THERE, None),  # as numpy writes it
    ],
)
def test_lines_of_trackers_segmenters_and_poses(
    tmp_path: Path, line: str, box: tuple[float, ...], score: float | None
):
    found = objects_in(write(tmp_path, {"images/x.jpg": None, "labels/x.txt": line, "data.yaml": YAML}))
    assert boxes(found) == [(0, "cat", box)]
    assert found.table["score"].to_pylist() == [score]


@pytest.mark.parametrize(
    "data", [BOX.encode("utf-8-sig"), BOX.encode("utf-16"), b"0 nan 1 1 1\r\n" + BOX.encode()]
)
def test_texts_of_windows_and_a_bad_first_line_hide_no_labels(tmp_path: Path, data: bytes):
    files = {"images/x.jpg": None, "labels/x.txt": data, "labels/classes.txt": "café".encode("cp1252")}
    assert boxes(objects_in(write(tmp_path, files))) == [(0, "café", THERE)]


def test_folders_in_capitals_are_found(tmp_path: Path):
    files = {"Images/x.jpg": None, "x.jpg": None, "Labels/x.txt": BOX, "Data.YAML": YAML}
    assert boxes(objects_in(write(tmp_path, files))) == [(0, "cat", THERE)]


def test_of_two_yaml_files_data_yaml_counts_and_the_other_is_said(tmp_path: Path):
    files = {
        "images/x.jpg": None, "labels/x.txt": BOX, "data.yaml": YAML, "zoo.yaml": "names: [ape]",
        "compose.yaml": "a: b: c",
    }  # fmt: skip
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [(0, "cat", THERE)]
    assert "name other classes than one beside them ('zoo.yaml in .')" in notes(found)
    assert "1 file(s) are not valid YAML" in notes(found)


@pytest.mark.parametrize("images", ["images/train", "train/images"])
def test_a_part_of_a_split_as_images_folder_has_its_own_labels(tmp_path: Path, images: str):
    files: dict[str, object] = {"data.yaml": YAML}
    for part in ("train", "val"):
        folder = images.replace("train", part)
        files[f"{folder}/x.jpg"] = None
        files[f"{folder.replace('images', 'labels')}/x.txt"] = BOX if part == "train" else ""
    write(tmp_path, files)
    assert boxes(objects_in(tmp_path / images)) == [(0, "cat", THERE)]
    assert notes(objects_in(tmp_path / images)) == ""
