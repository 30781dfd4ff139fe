"""Read what the VGG Image Annotator writes into a cell of its CSV: a shape, and what it shows.

What does not belong here: the table around it (`tables.py`).
"""

from typing import Any

import msgspec

from clipper.annotations.formats.outlines import Bounds, around


def shape_box(text: str) -> Bounds | None:
    """Return the box around a shape: a rectangle, a circle, an ellipse, a point, or a polygon."""
    shape = _object(text)

    def numbers(*names: str) -> list[float] | None:
        try:
            return msgspec.convert([shape.get(name) for name in names], list[float])
        except msgspec.ValidationError:
            return None

    if box := numbers("x", "y", "width", "height"):
        return box[0], box[1], box[2], box[3]
    if circle := numbers("cx", "cy", "r"):
        x, y, radius = circle
        return x - radius, y - radius, 2 * radius, 2 * radius
    if ellipse := numbers("cx", "cy", "rx", "ry"):
        x, y, wide, high = ellipse
        return x - wide, y - high, 2 * wide, 2 * high
    try:
        return around(*(msgspec.convert(shape.get(f"all_points_{axis}"), list[float]) for axis in "xy"))
    except msgspec.ValidationError:
        return None


def region_name(text: str) -> str:
    """Return the class of a region: its first attribute that is a text, or the options that are chosen."""
    for value in _object(text).values():
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, dict) and (chosen := [name for name, is_chosen in value.items() if is_chosen]):
            return ", ".join(chosen)
    return ""


def _object(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
