"""The column `objects` of Hugging Face's datasets, in the forms that datasets have it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clipper.annotations.formats.rows import read_rows

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
