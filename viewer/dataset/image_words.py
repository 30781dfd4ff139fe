"""An image's metadata as words: on a card, in the detail table, and in one line about its file.

What does not belong here: where the values come from (`dataset.py`), and what shows them (`components/`).
"""

from collections.abc import Sequence
from typing import Any

from clipper.errors import StoreError
from viewer.dataset.dataset import Dataset
from viewer.dataset.summary import format_bytes

CARD_VALUES = 3  # metadata values on a card
MAX_VALUE_LENGTH = 60
MAX_EXACT_FLOAT = 1e15  # below it, a float holds every whole number


def card(dataset: Dataset, row: int, *, colour: str = "", tags: Sequence[str] = ()) -> dict[str, Any]:
    """Return an image's card: id, label and its first values, the one that colours the map in front."""
    values = {**dataset.metadata(row), **({dataset.tag_column_name: list(tags)} if tags else {})}
    names = [name for name in [colour, *values] if name in values and name != "name"]
    unique = list(dict.fromkeys(names))
    plain_first = sorted(unique, key=lambda name: isinstance(values[name], list) and name != colour)
    return {
        **dataset.image_ref(row),
        "values": [
            [dataset.title_of(name), format_short(values[name])] for name in plain_first[:CARD_VALUES]
        ],
    }


def detail(dataset: Dataset, row: int) -> dict[str, Any]:
    """Return all metadata of one image as text, without its tags, which may have changed."""
    values = dataset.metadata(row)
    return {
        **dataset.image_ref(row),
        "boxes": _has_boxes(dataset, row),
        "values": [
            *([name, format_value(value)] for name, value in values.items()),
            *([dataset.title_of(name), format_value(value)] for name, value in dataset.found(row).items()),
        ],
    }


def _has_boxes(dataset: Dataset, row: int) -> bool:
    """Whether there are boxes to show and hide on this image; others may have some."""
    if not dataset.atlas.has_objects:
        return False
    try:
        objects = dataset.atlas.objects(row)
    except StoreError:  # the image is there without its boxes
        return False
    return len(objects) > 0 and objects["left"].null_count < len(objects)


def describe_file(dataset: Dataset, row: int) -> str:
    """Return an image's size, format and bytes, those that are known: "640 x 480 · JPEG · 23 kB"."""
    values = dataset.metadata(row)
    sides = [values.get(side) for side in ("width", "height")]
    known = [
        f"{sides[0]} x {sides[1]}" if all(isinstance(side, int) for side in sides) else "",
        str(values.get("format") or ""),
        format_bytes(values["bytes"]) if isinstance(values.get("bytes"), int) else "",
    ]
    return " · ".join(part for part in known if part)


def format_value(value: object) -> object:
    """Write a metadata value for the detail table: a text, or a list of texts."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else f"{value:,.6g}"
    return str(value)


def format_short(value: object) -> str:
    """Write a metadata value for a card: one short line."""
    known = format_value(value)
    text = ", ".join(known) if isinstance(known, list) else str(known)
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
