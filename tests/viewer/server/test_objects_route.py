"""What the page is sent of the objects of an image: boxes, the largest first, each category in one colour."""

from typing import Any

from fakes import FakeAtlas

from viewer.server.objects_route import MAX_BOXES, boxes_of


def box(name: str, size: float | None, **more: Any) -> dict[str, Any]:
    sides = dict.fromkeys(("left", "top", "width", "height"), size)
    return {"category": name, **sides, "crowd": False, "score": None, **more}


def labelled(*boxes: dict[str, Any]) -> FakeAtlas:
    atlas = FakeAtlas(3)
    atlas.has_objects, atlas.object_categories = True, ["cat", "dog"]
    atlas.boxes = {1: list(boxes)}
    return atlas


def test_the_largest_come_first_and_one_category_has_one_colour():
    atlas = labelled(
        box("dog", 0.1), box("cat", 0.5, crowd=True), box("dog", 0.3, score=0.25), box("cat", None)
    )
    found = boxes_of(atlas, 1)
    assert found["total"] == 3  # one has no box
    assert [(one["name"], one["width"]) for one in found["boxes"]] == [
        ("cat", 0.5),
        ("dog", 0.3),
        ("dog", 0.1),
    ]
    colours = [one["color"] for one in found["boxes"]]
    assert colours[1] == colours[2] != colours[0]
    assert found["boxes"][0]["crowd"]
    assert [one.get("score") for one in found["boxes"]] == [None, 0.25, None]


def test_an_image_without_objects_has_none():
    assert boxes_of(labelled(), 0) == {"total": 0, "boxes": []}


def test_more_boxes_than_can_be_told_apart_are_counted():
    found = boxes_of(labelled(*[box("cat", 0.1)] * (MAX_BOXES + 5)), 1)
    assert (found["total"], len(found["boxes"])) == (MAX_BOXES + 5, MAX_BOXES)
