"""Boxes in exports: what other tools read, and what Clipper reads again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import images, opened
from PIL import Image

from clipper.indexing.run import Step

Index = Callable[[Path], dict[str, Step]]
BOX = (0.1, 0.25, 0.5, 0.5)


@pytest.fixture
def labelled_home(indexed_home: Path, run_index: Index) -> Path:
    """An indexed home whose first image has two cats, one of them without a box."""
    path = images(indexed_home)[0]
    width, height = Image.open(path).size
    bbox = [BOX[0] * width, BOX[1] * height, BOX[2] * width, BOX[3] * height]
    document = {
        "images": [{"id": 5, "file_name": path.name, "width": width, "height": height}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [
            {"image_id": 5, "category_id": 7, "bbox": bbox, "iscrowd": 1, "score": 0.5},
            {"image_id": 5, "category_id": 7},
        ],
    }
    (indexed_home / "images" / "coco.json").write_text(json.dumps(document))
    run_index(indexed_home)
    return indexed_home


def test_objects_are_a_table_in_python(labelled_home: Path):
    with opened(labelled_home) as atlas:
        first = images(labelled_home)[0].name
        found = atlas.objects()
        assert found["id"].to_list() == [first, first]
        assert found["category"].to_list() == ["cat", "cat"]
        assert found.loc[0, ["left", "top", "width", "height"]].to_list() == pytest.approx(BOX)
        assert found["crowd"].to_list() == [True, False]
        assert found["width"].isna().to_list() == [False, True]
        assert atlas.objects(first).equals(found)
        assert len(atlas.objects(images(labelled_home)[1].name)) == 0


def test_a_coco_export_has_the_boxes_and_clipper_reads_them_again(
    labelled_home: Path, tmp_path: Path, run_index: Index
):
    with opened(labelled_home) as atlas:
        atlas.export(tmp_path / "out", format="coco")
        before = atlas.objects()
    document = json.loads((tmp_path / "out" / "annotations.json").read_text("utf-8"))
    assert [one["name"] for one in document["categories"]] == ["cat"]
    first, second = document["annotations"]
    assert first["iscrowd"] == 1
    assert first["area"] == pytest.approx(first["bbox"][2] * first["bbox"][3], abs=0.01)
    assert "bbox" not in second
    again = tmp_path / "again"
    again.mkdir()
    model = (labelled_home / "clipper.toml").read_text().splitlines()[1]
    (again / "clipper.toml").write_text(f'images = "{tmp_path / "out"}"\n{model}\n')
    run_index(again)
    with opened(again) as atlas:
        after = atlas.objects()
        assert after["id"].to_list() == [f"images/{image_id}" for image_id in before["id"]]
        assert after["left"].to_list()[0] == pytest.approx(before["left"].to_list()[0], abs=0.001)
        assert after["category"].equals(before["category"])


def test_fiftyone_gets_detections(labelled_home: Path, tmp_path: Path):
    with opened(labelled_home) as atlas:
        atlas.export(tmp_path / "out", format="fiftyone", images="paths")
    samples = json.loads((tmp_path / "out" / "samples.json").read_text("utf-8"))["samples"]
    (one,) = samples[0]["ground_truth"]["detections"]
    assert one["label"] == "cat"
    assert one["bounding_box"] == pytest.approx(BOX, abs=1e-5)
    assert one["confidence"] == 0.5
    assert samples[1]["ground_truth"]["detections"] == []
