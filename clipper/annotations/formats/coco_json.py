"""COCO's JSON, field by field: only those that are read, and what other tools write in other ways.

What does not belong here: the meaning of the fields (`coco.py`).
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from clipper.annotations.formats.labels import Problems
from clipper.errors import ImagesError
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np

BOM = b"\xef\xbb\xbf"
_Record = TypeVar("_Record")


class NoCocoError(ImagesError):
    """A JSON file is none of COCO's."""


# Any value is taken, and None where a field is missing: each is looked at on its own.
class CocoImage(msgspec.Struct, gc=False):
    """An image: its id, and where its file lies."""

    id: Any = None
    file_name: Any = None
    path: Any = None
    coco_url: Any = None
    width: Any = None
    height: Any = None


class CocoCategory(msgspec.Struct, gc=False):
    """A category of objects."""

    id: Any = None
    name: Any = None


class CocoObject(msgspec.Struct, gc=False):
    """An annotation: an object, a caption, or all segments of an image."""

    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    iscrowd: Any = None
    score: Any = None
    caption: Any = None
    segments_info: Any = None
    segmentation: msgspec.Raw = msgspec.Raw()
    keypoints: msgspec.Raw = msgspec.Raw()


def decode_document(data: bytes, source: str) -> dict[str, Any]:
    """Decode the document down to its three lists, which stay raw until they are read field by field."""
    text = data.removeprefix(BOM)
    try:
        document: dict[str, Any] = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        whole = decode_json(text, source)
        document = whole if isinstance(whole, dict) else {}
    document = {key: value for key, value in document.items() if value not in (None, msgspec.Raw(b"null"))}
    images = document.get("images")
    if not (isinstance(images, list) or (isinstance(images, msgspec.Raw) and bytes(images)[:1] == b"[")):
        raise NoCocoError(f'{source} has no "images": it is no COCO file')
    return document


def decode_json(text: bytes, source: str) -> Any:
    """Decode JSON in which others write what JSON does not have: NaN, which becomes None; half a surrogate.

    Raises:
        ImagesError: it is no JSON, or nested too deeply.
    """
    try:
        return _without_odd(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ImagesError(
            f'{source} is not valid JSON: {error}; fix it or move it away, or set labels = "off"'
        ) from error


def decode_records(value: Any, record: type[_Record], what: str, problems: Problems) -> list[_Record]:
    """Read a list of records; leave out what is none."""
    if value is None:
        return []
    raw = value if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    try:
        return msgspec.json.decode(raw, type=list[record])  # type: ignore[valid-type]
    except (msgspec.DecodeError, RecursionError):
        pass
    found: list[_Record] = []
    odd: list[str] = []
    try:
        each = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        each = [raw if isinstance(raw, msgspec.Raw) else msgspec.Raw(raw)]
    for one in each:
        try:
            found.append(msgspec.json.decode(one, type=record))
        except (msgspec.DecodeError, RecursionError):
            odd.append(bytes(one)[:60].decode("utf-8", "replace"))
    problems.add(f"{what} are no JSON objects", "left out", odd, count=len(odd))
    return found


def _without_odd(value: Any) -> Any:
    """Return a JSON value with None for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, list):
        return [_without_odd(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _without_odd(item) for key, item in value.items()}
    return clean(value) if isinstance(value, str) else value


def id_key(value: Any) -> Any:
    """Return an id as a key: 7, 7.0 and "7" are the same, as tools write one id in several ways."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if value.isdecimal() and value.isascii() and len(value) < 19 else value  # noqa: PLR2004 - digits of an int64
    return None if value is None else repr(value)


def to_numbers(values: Sequence[Any]) -> "np.ndarray":
    """Return numbers, or texts of numbers, as (n,) float64; NaN for anything else."""
    import numpy as np

    found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is None or isinstance(value, bool):
            continue
        try:
            found[i] = value if type(value) in (int, float) else float(value)
        except (ValueError, TypeError, OverflowError):
            continue
    return found
