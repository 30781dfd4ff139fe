"""Read a file that describes the one image beside it: `x.json`, `x.txt`, `x.caption`, `x.cls` for `x.jpg`.

img2dataset and gallery downloaders write such files, and trainers of image generators read them. What does
not belong here: which files there are (`images/listing.py`), and joining them (`join.py`).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from clipper.metadata.sources import decode_json
from clipper.text import clean, decode_text

SIDECAR_VERSION = "2"
CAPTION, LABEL = "caption", "label"
# A larger file is none that describes an image: it may hold an image.
MAX_BYTES = 1 << 20
MAX_LABEL = 200  # characters of a class
# A row of a label file: a class or a polygon in numbers, as YOLO writes boxes.
_NUMBERS = re.compile(r"\s*[0-9.eE+-]++(\s++[0-9.eE+-]++){4,}+\s*")
# The keys of a file in which LabelMe keeps shapes, and of COCO's and other tools' labels.
_OF_LABELS = ({"shapes", "imagePath"}, {"annotations", "images"}, {"objects", "size"})
# Names of values that say where an image was taken.
_PLACES = r"gps|geo_?(data|tag|loc|point|coord)|(?<!p)latitude|longitude"
_COORDINATES = re.compile(rf"{_PLACES}|^(lat|lon|lng|coordinates)$", re.IGNORECASE)
_HOLDS_PLACES = re.compile(rf'{_PLACES}|"(lat|lon|lng|coordinates)"', re.IGNORECASE)


def parse_sidecar(name: str, data: bytes, *, coordinates: bool) -> tuple[dict[str, Any], str]:
    """Read the values of one image.

    Args:
        name: of the file.
        data: its bytes.
        coordinates: whether to keep values that say where the image was taken.

    Returns:
        the values by name, as JSON has them; and what was left out, "" for nothing.
    """
    if len(data) > MAX_BYTES:
        return {}, f"is larger than {MAX_BYTES:,} bytes"
    try:
        text = decode_text(data).strip()
    except UnicodeDecodeError:
        return {}, "is not UTF-8"
    if name.lower().endswith(".json"):
        return _values(text, coordinates=coordinates)
    return _label(text) if name.lower().endswith(".cls") else _caption(text)


def _values(text: str, *, coordinates: bool) -> tuple[dict[str, Any], str]:
    repeated: list[str] = []
    odd_numbers: list[str] = []
    try:
        value = decode_json(text, repeated, odd_numbers)
        if not isinstance(value, dict):
            return {}, "is no JSON object"
        if any(value.keys() >= keys for keys in _OF_LABELS):
            return {}, "holds labels of another tool"
        kept = value if coordinates else _without_coordinates(value)
        json.dumps(kept)
    except (ValueError, RecursionError):
        return {}, "is no JSON"
    lost = ["coordinates, which need gps = true"] if kept != value else []
    lost += ["numbers that no column can hold"] if odd_numbers else []
    kept = {name: _time_of(inner) for name, inner in kept.items()}
    return kept, f"holds {' and '.join(lost)}" if lost else ""


def _time_of(value: Any) -> Any:
    """Return the seconds since 1970 of a time as Google's Takeout writes it; any other value as it is."""
    is_time = isinstance(value, dict) and "timestamp" in value and value.keys() <= {"timestamp", "formatted"}
    return value["timestamp"] if is_time else value


def _label(text: str) -> tuple[dict[str, Any], str]:
    """Return the class of a sample of WebDataset: a number, or a word."""
    if not text or len(text.splitlines()) > 1 or len(text) > MAX_LABEL:
        return {}, "holds no class"
    is_number = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 19  # noqa: PLR2004 - digits of an int64
    return {LABEL: int(text) if is_number else clean(text)}, ""


def _caption(text: str) -> tuple[dict[str, Any], str]:
    if text and all(_NUMBERS.fullmatch(line) for line in text.splitlines() if line.strip()):
        return {}, "holds numbers, no caption"
    return ({CAPTION: clean(text)} if text else {}), ""


def _without_coordinates(value: Any) -> Any:
    """Return a value without the parts that say where the image was taken, in JSON within text too."""
    if isinstance(value, Mapping):
        kept = {name: inner for name, inner in value.items() if not _COORDINATES.search(name)}
        return {name: _without_coordinates(inner) for name, inner in kept.items()}
    if isinstance(value, list):
        return [_without_coordinates(inner) for inner in value]
    if isinstance(value, str) and value.lstrip().startswith("{") and _HOLDS_PLACES.search(value):
        try:
            inner = json.loads(value)
        except (ValueError, RecursionError):
            return None
        cleaned = _without_coordinates(inner)
        return value if cleaned == inner else json.dumps(cleaned, ensure_ascii=False)
    return value
