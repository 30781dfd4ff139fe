"""COCO's JSON as datasets have it, and as tools, people and crashes leave it."""

import json
from pathlib import Path
from typing import Any

import pytest
from label_folders import boxes, coco, entries, notes, objects_in, write

from clipper.annotations.formats.coco import read_coco
from clipper.errors import ImagesError

IMAGES = {"a.jpg": None, "b.jpg": None}


def box(image: Any = 1, category: Any = 1, bbox: Any = (20, 10, 100, 50), **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": bbox, **more}


def read(folder: Path, document: Any, name: str = "annotations/instances_all.json") -> Any:
    return objects_in(write(folder, {**IMAGES, name: document}))


def test_instances_become_objects_and_columns(tmp_path: Path):
    found = read(tmp_path, coco([box(), box(1, 2, [0, 0, 20, 10]), box(1, 2, [50, 50, 20, 10], iscrowd=1)]))
    assert boxes(found) == [
        (0, "cat", (0.1, 0.1, 0.5, 0.5)),
        (0, "dog", (0.0, 0.0, 0.1, 0.1)),
        (0, "dog", (0.25, 0.5, 0.1, 0.1)),
    ]
    assert found.table["crowd"].to_pylist() == [False, False, True]
    assert entries(found, tmp_path) == {
        "a.jpg": {
            "objects": ["cat", "dog"],
            "object_count": 3,
            "largest_object": 0.25,
            "smallest_object": 0.01,
        },
        "b.jpg": {"objects": [], "object_count": 0},  # labelled, and nothing is on it
    }
    assert notes(found) == ""


def test_captions_are_text_and_say_nothing_of_objects(tmp_path: Path):
    captions = [
        {"image_id": 1, "caption": " A cat sits. "},
        {"image_id": 1, "caption": "Grey."},
        {"image_id": 1, "caption": "Grey."},
    ]
    found = read(tmp_path, {**coco(captions), "categories": []})
    assert entries(found, tmp_path) == {"a.jpg": {"caption": "A cat sits.\nGrey."}}


@pytest.mark.parametrize(
    ("annotations", "kept", "said"),
    [
        ([box(9), box()], 1, "1 annotation(s) name an image id that the file does not have (9); left out"),
        ([box(category=77)], 1, "category id that the file does not have (77); they are kept"),
        ([box(bbox=[20, 10, 0, 5])], 1, "1 box(es) have no area inside their image ('a.jpg')"),
        ([box(bbox=[20, 10, -3, 5])], 1, "have no area inside their image"),
        ([box(bbox=[900, 900, 5, 5])], 1, "have no area inside their image"),
        ([box(bbox=[-50, -50, 500, 500])], 1, "reach beyond their image ('a.jpg'); cut at its edge"),
        ([box(bbox=[1, 2, 3])], 1, "1 box(es) are no list of four numbers"),
        ([box(bbox="here")], 1, "no list of four numbers"),
        ([box(bbox=[1, 2, None, 4]), box()], 2, "no list of four numbers"),
        ([box(bbox=[1, 2, float("nan"), 4])], 1, "no list of four numbers"),
        ([box(bbox=[1, 2, 1e400, 4])], 1, "no list of four numbers"),
        (["odd", box()], 1, "1 annotation(s) are no JSON objects"),
        ([box(image=[1]), box()], 1, "name an image id that the file does not have"),
        ([box(), box()], 1, "1 object(s) are there twice"),
    ],
)
def test_what_cannot_be_kept_is_said_and_the_rest_is_kept(
    tmp_path: Path, annotations: list[Any], kept: int, said: str
):
    found = read(tmp_path, coco(annotations))
    assert found.table.num_rows == kept
    assert said in notes(found)
    assert len(notes(found).splitlines()) == 1


def test_boxes_beyond_the_edge_end_at_it(tmp_path: Path):
    assert boxes(read(tmp_path, coco([box(bbox=[-50, -50, 100, 500])]))) == [
        (0, "cat", (0.0, 0.0, 0.25, 1.0))
    ]


def test_one_id_may_be_written_in_several_ways(tmp_path: Path):
    found = read(tmp_path, coco([box("1", 1.0), box(2, "2")]))
    assert [(row, name) for row, name, _ in boxes(found)] == [(0, "cat"), (1, "dog")]
    assert notes(found) == ""


def test_a_polygon_or_mask_without_box_gets_the_box_around_it(tmp_path: Path):
    polygon = {
        "image_id": 1,
        "category_id": 1,
        "segmentation": [[20, 10, 60, 10, 60, 30], [100, 50, 80, 20, 90, 20]],
    }
    # Columns 20 and 21 of the image, rows 30 to 39; then the same as pycocotools packs it.
    runs: list[Any] = [[2030, 10, 90, 10, 17860], "^o1:j20Z[a0"]
    masks = [
        {"image_id": 2, "category_id": i, "segmentation": {"counts": counts, "size": [100, 200]}}
        for i, counts in enumerate(runs, 1)
    ]
    found = read(tmp_path, coco([polygon, *masks]))
    assert boxes(found) == [
        (0, "cat", (0.1, 0.1, 0.4, 0.4)),
        (1, "cat", (0.1, 0.3, 0.01, 0.1)),
        (1, "dog", (0.1, 0.3, 0.01, 0.1)),
    ]


@pytest.mark.parametrize(
    "mask",
    [
        {},
        {"counts": [1, 2]},
        {"counts": "\x07", "size": [9, 9]},
        {"counts": [99, 9], "size": [2, 2]},
        {"counts": [0, 5], "size": [10**30, 1]},
        {"counts": [2**62] * 4 + [5], "size": [9, 9]},
        {"counts": "p" * 400_000, "size": [9, 9]},
        7,
        [[]],
    ],
)
def test_an_outline_that_is_none_leaves_the_category(tmp_path: Path, mask: Any):
    found = read(tmp_path, coco([{"image_id": 1, "category_id": 1, "segmentation": mask}]))
    assert boxes(found) == [(0, "cat", None)]


def test_the_segments_of_a_panoptic_file_are_objects(tmp_path: Path):
    segments = [{"id": 9, "category_id": 2, "bbox": [20, 10, 100, 50], "iscrowd": 0}, "none"]
    found = read(tmp_path, coco([{"image_id": 1, "file_name": "a.png", "segments_info": segments}]))
    assert boxes(found) == [(0, "dog", (0.1, 0.1, 0.5, 0.5))]
    assert entries(found, tmp_path)["b.jpg"]["object_count"] == 0


def test_images_of_a_file_without_annotations_are_not_labelled(tmp_path: Path):
    without = {key: value for key, value in coco([]).items() if key != "annotations"}
    for document in (without, without | {"annotations": None}):
        found = read(tmp_path, document, "annotations/image_info_test.json")
        assert entries(found, tmp_path) == {}
        assert "2 image(s) are listed in a file that has no" in notes(found)


def test_thousands_of_categories_before_the_images_hide_no_coco_file(tmp_path: Path):
    names = [{"id": i, "name": f"category of a long name {i:09}"} for i in range(1, 3000)]
    document = {"info": {}, "categories": names, **coco([box()])} | {"categories": names}
    assert len(boxes(read(tmp_path, document))) == 1


def test_results_of_a_detector_are_read_if_they_are_named(tmp_path: Path):
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}]
    result = [{"image_id": 8, "category_id": 2, "bbox": [20, 10, 100, 50], "score": 0.5}]
    files = {
        **IMAGES,
        "instances.json": coco([], images),
        "other.json": coco([], [{"id": 8, "file_name": "x.jpg"}, {"id": 9, "file_name": "a.jpg"}]),
        "results.json": [*result, {"image_id": 7, "category_id": 1, "bbox": [0, 0, 200, 100], "score": 1}],
    }
    write(tmp_path, files)
    assert boxes(objects_in(tmp_path)) == []
    found = objects_in(tmp_path, "results.json")
    assert boxes(found) == [(0, "cat", (0, 0, 1, 1)), (1, "dog", (0.1, 0.1, 0.5, 0.5))]
    assert found.table["score"].to_pylist() == [1, 0.5]
    write(tmp_path / "numbered", {"000000000008.jpg": None, "results.json": result})
    alone = objects_in(tmp_path / "numbered", "results.json")
    assert boxes(alone) == [(0, "category 2", (0.1, 0.1, 0.5, 0.5))]


def test_an_image_that_is_missing_twice_or_unnamed_is_said(tmp_path: Path):
    images = [
        {"id": 1, "file_name": "a.jpg"},
        {"id": 1, "file_name": "b.jpg"},
        {"id": 3, "file_name": "gone.jpg"},
        {"id": 4},
        {"file_name": "b.jpg"},
    ]
    found = read(tmp_path, coco([box(), box(3), box(4)], images))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]
    for said in (
        "1 image id(s) are there twice (1); the first one is used",
        "2 image(s) have no id or no file_name",
        "1 image(s) are not in the images folder ('gone.jpg'); their labels are left out",
        "1 annotation(s) name an image id that the file does not have (4)",
    ):
        assert said in notes(found)


def test_a_size_of_another_copy_of_the_image_scales_its_boxes(tmp_path: Path):
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 400, "height": 200},
        {"id": 2, "file_name": "b.jpg", "width": 300, "height": 300},
    ]
    found = read(tmp_path, coco([box(), box(2)], images))
    assert boxes(found)[0] == (0, "cat", (0.05, 0.05, 0.25, 0.25))
    assert "another shape than their labels say; the boxes may be off ('b.jpg')" in notes(found)


@pytest.mark.parametrize(
    ("turn", "stated", "there"),
    [
        (6, (100, 200), (0.4, 0.1, 0.4, 0.2)),  # as stored: 100 x 200 pixels
        (8, (100, 200), (0.2, 0.7, 0.4, 0.2)),
        (5, (100, 200), (0.2, 0.1, 0.4, 0.2)),
        (7, (100, 200), (0.4, 0.7, 0.4, 0.2)),
        (6, (200, 100), (0.05, 0.4, 0.1, 0.6)),  # as shown
        (3, (200, 100), (0.05, 0.4, 0.1, 0.6)),
    ],
)
def test_boxes_of_stored_pixels_are_turned_as_the_photo_is(
    tmp_path: Path, turn: int, stated: tuple[int, int], there: tuple[float, ...]
):
    # (0.1, 0.2) and (0.2, 0.4) of the stored pixels
    bbox = [10, 40, 20, 80]
    images = [{"id": 1, "file_name": "a.jpg", "width": stated[0], "height": stated[1]}]
    write(tmp_path, {**IMAGES, "c.json": coco([box(bbox=bbox)], images)})
    ((_, _, found),) = boxes(objects_in(tmp_path, orientation=turn))
    assert found == pytest.approx(there, abs=0.002)


def test_splits_with_the_same_file_names_stay_apart(tmp_path: Path):
    one = [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}]
    files = {
        "train2017/1.jpg": None,
        "val2017/1.jpg": None,
        "val2017/2.jpg": None,
        "annotations/instances_train2017.json": coco([box(1, 1), box(2, 1)], one),
        "annotations/instances_val2017.json": coco([box(1, 2)], one),
    }
    found = objects_in(write(tmp_path, files))
    assert [(row, name) for row, name, _ in boxes(found)] == [(0, "cat"), (1, "dog")]
    assert "instances_train2017.json: 1 image(s) are not in the images folder ('2.jpg')" in notes(found)


def test_labels_of_a_part_that_is_not_there_go_to_no_image_of_another(tmp_path: Path):
    one = [{"id": 1, "file_name": "1.jpg"}]
    files = {"validation/1.jpg": None, "annotations/instances_train.json": coco([box(1, 1)], one)}
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == []
    assert "1 image(s) are not in the images folder ('1.jpg')" in notes(found)
    write(tmp_path, {"annotations/instances_val.json": coco([box(1, 2)], one)})
    assert [name for _, name, _ in boxes(objects_in(tmp_path))] == ["dog"]


def test_roboflow_has_a_file_in_each_split(tmp_path: Path):
    one = [{"id": 0, "file_name": "x_jpg.rf.1.jpg"}]
    files = {
        "train/x_jpg.rf.1.jpg": None,
        "valid/x_jpg.rf.1.jpg": None,
        "train/_annotations.coco.json": coco([box(0, 1)], one),
        "valid/_annotations.coco.json": coco([box(0, 2)], one),
        "test/_annotations.coco.json": coco([box(0, 2)], one),
    }
    found = objects_in(write(tmp_path, files))
    assert [(row, name) for row, name, _ in boxes(found)] == [(0, "cat"), (1, "dog")]


def test_paths_of_another_machine_are_found_by_their_end(tmp_path: Path):
    images = [
        {"id": 1, "file_name": "C:\\data\\set\\a.jpg"},
        {"id": 2, "file_name": "/home/someone/images/b.jpg"},
    ]
    assert [row for row, _, _ in boxes(read(tmp_path, coco([box(1), box(2)], images)))] == [0, 1]


def test_lvis_names_its_images_by_url(tmp_path: Path):
    images = [{"id": 1, "coco_url": "http://images.cocodataset.org/train2017/a.jpg"}]
    found = objects_in(
        write(tmp_path, {"train2017/a.jpg": None, "lvis_v1_train.json": coco([box()], images)})
    )
    assert [row for row, _, _ in boxes(found)] == [0]


def test_two_files_that_hold_the_same_objects_count_once(tmp_path: Path):
    write(tmp_path, {**IMAGES, "annotations/instances.json": coco([box()])})
    found = read(tmp_path, coco([box(), box(2)]), "annotations/person_keypoints.json")
    assert found.table.num_rows == 2


@pytest.mark.parametrize("text", ["", "{", '{"images": [}', "[1, 2]", '{"images": 7}', '{"annotations": []}'])
def test_a_damaged_file_names_itself_and_the_way_out(text: str):
    with pytest.raises(ImagesError, match=r"where/it\.json .*"):
        read_coco(text.encode(), name="it.json", source="where/it.json")


def test_json_that_only_python_writes_is_read(tmp_path: Path):
    text = json.dumps(coco([box(), box(2, score=float("nan"))])).encode()
    assert len(boxes(objects_in(write(tmp_path, {**IMAGES, "c.json": b"\xef\xbb\xbf" + text})))) == 2


def test_other_json_files_are_left_alone(tmp_path: Path):
    files = {**IMAGES, "a.json": coco([box()]), "notes.json": {"hello": [1]}, "list.json": [1, 2]}
    assert boxes(objects_in(write(tmp_path, files))) == []  # a.json belongs to a.jpg


def test_categories_of_odd_names_are_kept(tmp_path: Path):
    document = coco([box(1, 1), box(1, 2), box(2, 3)])
    document["categories"] = [
        {"id": 1, "name": None},
        {"id": 2, "name": "a\nb  \u200b" + "x" * 900},
        {"id": 3, "name": 3},
    ]
    names = [name for _, name, _ in boxes(read(tmp_path, document))]
    assert names[0] == "category 1"
    assert names[1].startswith("a b x")
    assert len(names[1]) <= 200
    assert names[2] == "3"


def test_boxes_in_shares_and_confidences_in_percent_are_seen(tmp_path: Path):
    found = read(
        tmp_path, coco([box(bbox=[0.1, 0.1, 0.5, 0.5], score=95), box(2, bbox=[0, 0, 1, 1], score=50)])
    )
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5)), (1, "cat", (0, 0, 1, 1))]
    assert [round(score, 2) for score in found.table["score"].to_pylist()] == [0.95, 0.5]
    assert "1 confidence(s) are above 1" not in notes(found)
    assert "2 confidence(s) are above 1" in notes(found)


def test_keypoints_without_a_box_get_the_box_around_those_that_are_labelled(tmp_path: Path):
    points = {"image_id": 1, "category_id": 1, "keypoints": [20, 10, 2, 0, 0, 0, 120, 60, 1]}
    assert boxes(read(tmp_path, coco([points]))) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]


@pytest.mark.parametrize(
    "annotations",
    ["[" * 5000 + "]" * 5000, '[{"image_id": 1, "segmentation": ' + "[" * 5000 + "]" * 5000 + "}]"],
)
def test_deep_nesting_is_an_error_that_names_the_file(annotations: str):
    text = f'{{"images": [{{"id": 1, "file_name": "a.jpg"}}], "annotations": {annotations}}}'
    with pytest.raises(ImagesError, match=r"c\.json is not valid JSON"):
        read_coco(text.encode(), name="c.json", source="/data/c.json")
