"""Read the boxes of Hugging Face's datasets: a column `objects` with `bbox`, `category` and others.

A box is left, top, width, height in pixels, as in COCO. What does not belong here: reading the table
(`images/archives/tables.py`).
"""

import codecs
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from clipper.annotations.formats.coco_json import decode_json
from clipper.annotations.formats.labels import (
    Gathered,
    Labels,
    Problems,
    below,
    category_name,
    plain_path,
    unit_of,
)
from clipper.errors import ImagesError
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# How the fields with the class are called.
_CATEGORIES = ("category", "categories", "label", "labels", "class", "classes", "category_id", "name")
_SCORES = ("score", "scores", "confidence")
_CROWDS = ("iscrowd", "is_crowd")


class _Line(msgspec.Struct, gc=False):
    file_name: str | None = None
    objects: Any = None


def read_rows(
    column: "pa.Array | pa.ChunkedArray", described: Any, names: Sequence[str], *, source: str
) -> Labels:
    """Read the objects of images.

    Args:
        column: of each image a struct of lists, or a list of structs, (n,).
        described: what Hugging Face's datasets say of the column: the names of its classes.
        names: of the images, (n,).
        source: of the table, for notes.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    fields = _fields(whole)
    counts = np.asarray(pc.fill_null(pc.list_value_length(fields["bbox"]), 0))
    image = np.repeat(np.arange(len(names)), counts)
    problems = Problems()

    def flat(wanted: Sequence[str]) -> "pa.Array | None":
        """Return the values of all objects of the first of these fields that there is."""
        name = next((name for name in wanted if name in fields), None)
        if name is None or not _is_list(fields[name].type):
            return None
        lengths = np.asarray(pc.fill_null(pc.list_value_length(fields[name]), 0))
        if (lengths == counts).all():
            return pc.list_flatten(fields[name])
        odd = np.flatnonzero(lengths != counts)
        problems.add(
            f"image(s) have other numbers of boxes and of {name!r}",
            f"{name!r} is not used",
            (names[i] for i in odd[:3].tolist()),
            count=len(odd),
        )
        return None

    boxes = _boxes(flat(["bbox"]), problems)
    given = next((name for name in _CATEGORIES if name in fields), "")
    category, categories = _categories(flat(_CATEGORIES), _names_in(described, given), len(image))
    score, crowd = flat(_SCORES), flat(_CROWDS)
    return Labels(
        source=source,
        names=[(name,) for name in names],
        sizes=np.full((len(names), 2), np.nan),
        image=image,
        category=category,
        categories=categories,
        boxes=boxes,
        unit=unit_of(boxes),
        crowd=np.zeros(len(image), bool) if crowd is None else _numbers(crowd) > 0,
        score=np.full(len(image), np.nan, np.float32)
        if score is None
        else _numbers(score).astype(np.float32),
        problems=problems,
    )


def read_lines(data: bytes, *, name: str) -> Labels:
    """Read the objects in a metadata.jsonl; lines that are damaged are left to those who read the metadata.

    Args:
        data: the file's bytes.
        name: of the file below the images folder.
    """
    import pyarrow as pa

    folder = name.rpartition("/")[0]
    paths: list[str] = []
    cells: list[Any] = []
    for line in data.removeprefix(codecs.BOM_UTF8).splitlines():
        try:
            record: _Line | None = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, RecursionError):
            record = _odd_line(line, name)
        if record and record.file_name and isinstance(record.objects, dict | list):
            paths.append(plain_path(clean(record.file_name)))
            cells.append(record.objects)
    try:
        labels = read_rows(pa.array(cells), None, paths, source=name)
    except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError) as error:
        labels = Gathered(name, "pixels").labels()
        said = " ".join(str(error).split())
        labels.problems.add("column(s) `objects` have values of several kinds", "left out", [said])
        return labels
    labels.names = [(below(folder, path), path) if folder else (path,) for path in paths]
    return labels


def _odd_line(line: bytes, source: str) -> _Line | None:
    """Read a line with what others write and JSON does not have, such as NaN; None for any other line."""
    try:
        return msgspec.convert(decode_json(line, source), type=_Line)
    except (ImagesError, msgspec.ValidationError):
        return None


def _fields(column: "pa.Array") -> "dict[str, pa.Array]":
    """Return the fields of objects by name: of each image a list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_struct(column.type.value_type if _is_list(column.type) else column.type):
        raise TypeError(f"{column.type} is no list of objects")
    if not _is_list(column.type):
        return {field.name: pc.struct_field(column, field.name) for field in column.type}
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int64()))
    starts = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    inner = pc.list_flatten(column)
    return {
        field.name: pa.LargeListArray.from_arrays(starts, pc.struct_field(inner, field.name))
        for field in inner.type
    }


def _boxes(given: "pa.Array | None", problems: Problems) -> "np.ndarray":
    """Return boxes, (m, 4) float64; NaN for one that is no list of four numbers."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if given is None or not _is_list(given.type):
        return np.full((0 if given is None else len(given), 4), np.nan)
    good = np.asarray(pc.fill_null(pc.list_value_length(given), 0)) == 4  # noqa: PLR2004 - sides
    boxes = np.full((len(given), 4), np.nan)
    boxes[good] = _numbers(pc.list_flatten(given.filter(pa.array(good)))).reshape(-1, 4)
    problems.add("box(es) are no list of four numbers", "the category is kept", [], count=int((~good).sum()))
    return boxes


def _categories(given: "pa.Array | None", words: Sequence[str], count: int) -> "tuple[np.ndarray, list[str]]":
    """Return the category of each object, and the names of categories."""
    import numpy as np
    import pyarrow as pa

    if given is None or pa.types.is_nested(given.type):
        return np.zeros(count, np.int32), ["object"]
    encoded = given.dictionary_encode()
    codes: dict[str, int] = {}

    def name(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return category_name(words[value] if 0 <= value < len(words) else f"category {value}", "unknown")
        return category_name(value, "unknown")

    each = [codes.setdefault(name(value), len(codes)) for value in encoded.dictionary.to_pylist()]
    places = encoded.indices.fill_null(len(each)).to_numpy()
    if len(places) and int(places.max()) == len(each):
        each.append(codes.setdefault("unknown", len(codes)))
    return np.array(each, np.int32)[places] if each else np.zeros(0, np.int32), list(codes)


def _names_in(described: Any, name: str, depth: int = 0) -> list[str]:
    """Return the names of classes that a description of columns has for one field."""
    if isinstance(described, list):
        described = {"feature": described[0] if described else None}
    if not isinstance(described, dict) or depth > 8:  # noqa: PLR2004 - deeper than any dataset
        return []
    own = described.get(name)
    found = own.get("names") if isinstance(own, dict) else None
    if isinstance(found, list):
        return [str(word) for word in found]
    inner = (own, described.get("feature")) if own is not None else (described.get("feature"),)
    if isinstance(described.get("names"), list) and own is None:
        return [str(word) for word in described["names"]]
    return next((words for one in inner if (words := _names_in(one, name, depth + 1))), [])


def _numbers(values: "pa.Array") -> "np.ndarray":
    import numpy as np
    import pyarrow as pa

    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
