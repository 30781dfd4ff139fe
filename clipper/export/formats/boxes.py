"""The boxes of images as other tools write them: COCO's annotations, FiftyOne's detections.

What does not belong here: files and folders (`folders.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipper.export.formats.dataset import Exportable

if TYPE_CHECKING:
    import pyarrow as pa

_PIXEL_DIGITS, _SHARE_DIGITS = 2, 6


def coco_boxes(
    objects: "pa.Table", numbers: Mapping[str, int], sides: tuple[int | None, int | None]
) -> list[dict[str, Any]]:
    """Return the annotations of an image, without ids: boxes in pixels of the upright image.

    Args:
        objects: of the image.
        numbers: category -> its id.
        sides: the image's width and height; without them an annotation has no box.
    """
    width, height = sides
    found = []
    for one in objects.to_pylist():
        entry: dict[str, Any] = {"category_id": numbers[one["category"]], "iscrowd": int(one["crowd"])}
        if one["left"] is not None and width and height:
            scales = {"left": width, "top": height, "width": width, "height": height}
            box = [round(one[side] * scale, _PIXEL_DIGITS) for side, scale in scales.items()]
            entry |= {"bbox": box, "area": round(box[2] * box[3], _PIXEL_DIGITS)}
        if one["score"] is not None:
            entry["score"] = round(one["score"], _SHARE_DIGITS)
        found.append(entry)
    return found


def detections(objects: "pa.Table") -> dict[str, Any]:
    """Return the boxes of an image as FiftyOne's `Detections`, in shares of the image."""
    return {
        "_cls": "Detections",
        "detections": [
            {
                "_cls": "Detection",
                "label": one["category"],
                "bounding_box": [
                    round(one[side], _SHARE_DIGITS) for side in ("left", "top", "width", "height")
                ],
                **({} if one["score"] is None else {"confidence": round(one["score"], _SHARE_DIGITS)}),
            }
            for one in objects.to_pylist()
            if one["left"] is not None
        ],
    }


def are_exported(dataset: Exportable, label: str) -> bool:
    """Whether an export has the boxes: there are some, and no other column was named as its label."""
    return dataset.has_objects and label in ("", "objects")
