"""The column `objects` of Hugging Face's datasets, in the forms that datasets have it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from label_folders import boxes, entries, notes, objects_in, write

from clipper.annotations.combine import combine
from clipper.annotations.formats.rows import read_lines, read_rows

BOXES = [[[1, 2, 30, 40], [5, 5, 10, 10]], [], [[0, 0, 20, 20]]]
NAMES = ["a.jpg", "b.jpg", "c.jpg"]
CLASS = {"names": ["cat", "dog"], "_type": "ClassLabel"}


def column(classes: list[Any], name: str = "category", **more: Any) -> pa.Array:
    cells = zip(BOXES, classes, strict=True)
    return pa.array([{"bbox": box, name: words, **more} for box, words in cells])


@pytest.mark.parametrize(
    ("cells", "described"),
    [
        (column([[0, 1], [], [1]]), {"feature": {"bbox": {}, "category": CLASS}, "_type": "Sequence"}),
        (column([[0, 1], [], [1]], "categories"), {"categories": {"feature": CLASS}, "bbox": {}}),
        (column([["cat", "dog"], [], ["dog"]], "label"), {}),
        (
            pa.array([
                [{"bbox": box, "category": number} for box, number in zip(boxes, numbers, strict=True)]
                for boxes, numbers in zip(BOXES, [[0, 1], [], [1]], strict=True)
            ]),
            [{"bbox": {}, "category": CLASS}],
        ),
    ],
)  # fmt: skip
def test_boxes_and_classes_of_every_form(cells: pa.Array, described: Any):
    labels = read_rows(pa.chunked_array([cells]), described, NAMES, source="t")
    assert labels.image.tolist() == [0, 0, 2]
    assert labels.boxes.tolist() == [[1, 2, 30, 40], [5, 5, 10, 10], [0, 0, 20, 20]]
    assert [labels.categories[code] for code in labels.category] == ["cat", "dog", "dog"]
    assert labels.unit == "pixels"
    assert labels.problems.lines("t") == []


def test_a_slice_of_rows_in_another_order_keeps_each_images_objects():
    cells = pa.chunked_array([column([[0, 1], [], [1]])]).take(pa.array([2, 0]))
    labels = read_rows(cells, {}, ["c.jpg", "a.jpg"], source="t")
    assert labels.image.tolist() == [0, 1, 1]
    assert labels.boxes[0].tolist() == [0, 0, 20, 20]
    assert [labels.categories[code] for code in labels.category] == ["category 1", "category 0", "category 1"]


def test_what_is_odd_is_left_out_and_said():
    cells = pa.array([
        {"bbox": [[1, 2, 3], None], "category": [0], "score": [0.5, None]},
        None,
        {"bbox": None, "category": None, "score": None},
    ])  # fmt: skip
    labels = read_rows(cells, None, NAMES, source="t")
    assert labels.image.tolist() == [0, 0]
    assert np.isnan(labels.boxes).all()
    assert labels.categories == ["object"]
    assert [round(float(one), 2) for one in labels.score[:1]] == [0.5]
    said = "\n".join(labels.problems.lines("t"))
    assert "1 image(s) have other numbers of boxes and of 'category'" in said
    assert "2 box(es) are no list of four numbers" in said


def test_lines_of_an_image_folder_have_boxes(tmp_path: Path):
    lines = [
        {"file_name": "a.jpg", "objects": {"bbox": [[20, 10, 100, 50.0]], "categories": [0]}},
        {"file_name": "sub/b.jpg", "objects": {"bbox": [], "categories": []}},
        {"file_name": "gone.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [1]}},
    ]
    text = "\n".join(map(json.dumps, lines))
    write(tmp_path, {"train/a.jpg": None, "train/sub/b.jpg": None, "train/metadata.jsonl": text + "\n{"})
    labels = read_lines((tmp_path / "train/metadata.jsonl").read_bytes(), name="train/metadata.jsonl")
    sizes = np.tile([200.0, 100.0], (2, 1))
    found = combine([labels], ["train/a.jpg", "train/sub/b.jpg"], sizes, np.zeros(2))
    assert boxes(found) == [(0, "category 0", (0.1, 0.1, 0.5, 0.5))]
    assert entries(found, tmp_path)["train/sub/b.jpg"]["object_count"] == 0
    assert "'gone.jpg'" in notes(found)


def test_lines_that_name_no_file_are_left_to_the_metadata(tmp_path: Path):
    line = {"image": "a.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "category": ["cat"]}}
    found = objects_in(write(tmp_path, {"a.jpg": None, "metadata.jsonl": json.dumps(line)}))
    assert (boxes(found), notes(found)) == ([], "")


def test_lines_with_what_only_python_writes_have_boxes():
    line = '{"file_name": "a.jpg", "v": NaN, "objects": {"bbox": [[1, 2, 3, 4]], "category": ["\\ud800x"]}}'
    labels = read_lines(line.encode(), name="metadata.jsonl")
    assert (labels.names, labels.categories) == ([("a.jpg",)], ["?x"])


def test_objects_of_several_kinds_are_said():
    lines = b'{"file_name": "a", "objects": [1]}\n{"file_name": "b", "objects": {"bbox": 1}}'
    labels = read_lines(lines, name="metadata.jsonl")
    assert "have values of several kinds" in labels.problems.lines("")[0]
