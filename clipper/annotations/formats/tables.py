"""Read tables of boxes: Open Images' CSV, TensorFlow's, and others with a row an object.

What does not belong here: tables with a row an image (`metadata/tables.py`), and which image is meant
(`match.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from clipper.annotations.formats.labels import Labels, Problems, Unit, below, category_name, plain_path
from clipper.errors import ImagesError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The names of columns, in lower case: the first one that a table has.
_IMAGE = ("imageid", "image_id", "file_name", "filename", "image", "image_path", "img_path", "path", "file")
_CATEGORY = ("labelname", "class", "class_name", "label", "category", "category_name", "name", "class_id")
_SCORE = ("confidence", "score")
_CROWD = ("isgroupof", "iscrowd")
_CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("x_min", "y_min", "x_max", "y_max"))
_SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_SIZE = (("width", "height"), ("image_width", "image_height"), ("img_width", "img_height"))
# A row appended to each file: if it does not come back, a quote before it was never closed.
_HEAD = 65_536


class Shape(NamedTuple):
    """Which columns of a table say what; `sides`: the last two are width and height, not a corner."""

    image: int
    category: int | None
    box: tuple[int, int, int, int] | None
    sides: bool
    size: tuple[int, int] | None
    score: int | None
    crowd: int | None


def shape_of(data: bytes) -> Shape | None:
    """Return which columns a CSV table's header names; None if it is no table of boxes or of labels."""
    line = data[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    names = [cell.strip().strip('"').strip().lower() for cell in line.decode("utf-8", "replace").split(",")]

    def first(wanted: Sequence[str]) -> int | None:
        return next((names.index(name) for name in wanted if name in names), None)

    def all_of(choices: Sequence[tuple[str, ...]]) -> tuple[int, ...] | None:
        found = next((choice for choice in choices if set(choice) <= set(names)), None)
        return tuple(names.index(name) for name in found) if found else None

    if {"id", "path", "x", "y"} <= set(names):  # an export of Clipper: a place on the map is no box
        return None
    image, category = first(_IMAGE), first(_CATEGORY)
    corners, sides = all_of(_CORNERS), all_of(_SIDES)
    # Open Images' labels of whole images have no box; any other table without one is metadata.
    whole = {"imageid", "labelname", "confidence"} <= set(names)
    if image is None or not (corners or sides or whole):
        return None
    box = corners or sides
    size = all_of(_SIZE)
    if size and box and set(size) & set(box):
        size = None
    return Shape(
        image,
        category,
        (box[0], box[1], box[2], box[3]) if box else None,
        corners is None,
        (size[0], size[1]) if size else None,
        first(_SCORE),
        first(_CROWD),
    )


def read_class_descriptions(data: bytes) -> dict[str, str]:
    """Read Open Images' names of classes: `/m/01g317,Person`, without a header."""
    import csv

    rows = csv.reader(data.decode("utf-8-sig", "replace").splitlines())
    return {row[0].strip(): category_name(row[1], row[0]) for row in rows if len(row) == 2}  # noqa: PLR2004 - id and name


def read_boxes(data: bytes, *, name: str, source: str, classes: Mapping[str, str]) -> Labels:
    """Read a table of boxes: corners, or left, top, width, height; in pixels, or in shares of the image.

    They are shares if none is above 1, or as Open Images has them. A row with confidence 0 there says that
    the image has no such object: it is left out.

    Args:
        data: the file's bytes.
        name: of the file below the images folder, for notes and for images that lie beside it.
        source: the file's path, for errors.
        classes: names of classes by the id in the table.

    Raises:
        ImagesError: the file is no CSV table of boxes.
    """
    import numpy as np

    shape = shape_of(data)
    if shape is None:
        raise ImagesError(f"{source} is no table of boxes: it needs columns for the image and the corners")
    problems = Problems()
    columns = _columns(data, source, problems)
    boxes, unit = _boxes(columns, shape)
    score = _numbers(columns, shape.score)
    named = np.asarray(columns[shape.image].dictionary_encode().combine_chunks().indices)
    images = columns[shape.image].dictionary_encode().combine_chunks().dictionary.to_pylist()
    kept = np.array([bool(text.strip()) for text in images], bool)[named]
    problems.add("row(s) name no image", "left out", ["an empty cell"], count=int((~kept).sum()))
    absent = score == 0
    kept &= ~absent
    if shape.box is not None:
        broken = kept & ~np.isfinite(boxes).all(axis=1)
        rows = [f"row {i + 2}" for i in np.flatnonzero(broken)[:3].tolist()]
        problems.add("row(s) have no box of four numbers", "left out", rows, count=int(broken.sum()))
        kept &= ~broken
    category, categories = _categories(columns, shape, classes)
    folder = name.rpartition("/")[0]
    paths = [plain_path(text.strip()) for text in images]
    crowd = _numbers(columns, shape.crowd) > 0
    return Labels(
        source=name,
        names=[(below(folder, path), path) if folder else (path,) for path in paths],
        sizes=_sizes(columns, shape, named, len(images)),
        image=named[kept].astype(np.int64),
        category=category[kept],
        categories=categories,
        boxes=boxes[kept],
        unit=unit,
        crowd=crowd[kept],
        score=score[kept].astype(np.float32),
        problems=problems,
    )


def _columns(data: bytes, source: str, problems: Problems) -> "list[pa.ChunkedArray]":
    """Parse all cells as text; leave out rows with another number of cells than the header."""
    import pyarrow as pa
    from pyarrow import csv

    ragged: list[str] = []
    count = 0

    def skip(row: "csv.InvalidRow") -> str:
        nonlocal count
        count += 1
        if len(ragged) < 3:  # noqa: PLR2004 - as many as a note shows
            ragged.append(str(row.text)[:60])
        return "skip"

    text = data.removeprefix(b"\xef\xbb\xbf")
    columns = text.split(b"\n", 1)[0].count(b",") + 1
    names = [f"f{i}" for i in range(columns)]
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        raise ImagesError(f"{source} is not a CSV table ({words}); fix it or move it away") from error
    problems.add("row(s) lack or exceed the header's cells", "left out", ragged, count=count)
    return list(table.columns)


def _numbers(columns: "Sequence[pa.ChunkedArray]", index: int | None) -> "np.ndarray":
    """Return a column as (n,) float64; NaN where it has no number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if index is None:
        return np.full(len(columns[0]), np.nan)
    text = pc.utf8_trim_whitespace(columns[index])
    try:
        numbers = text.cast(pa.float64())
    except pa.ArrowInvalid:
        good = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        numbers = pc.if_else(good, text, pa.scalar(None, pa.string())).cast(pa.float64())
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _boxes(columns: "Sequence[pa.ChunkedArray]", shape: Shape) -> "tuple[np.ndarray, Unit]":
    import numpy as np

    if shape.box is None:
        return np.full((len(columns[0]), 4), np.nan), "shares"
    boxes = np.stack([_numbers(columns, index) for index in shape.box], axis=1)
    good = boxes[np.isfinite(boxes).all(axis=1)]
    unit: Unit = "shares" if len(good) and float(good.max()) <= 1 else "pixels"
    if not shape.sides:
        boxes[:, 2:] -= boxes[:, :2]
    return boxes, unit


def _sizes(
    columns: "Sequence[pa.ChunkedArray]", shape: Shape, image: "np.ndarray", count: int
) -> "np.ndarray":
    """Return the size of each image as its rows say: (count, 2) float64."""
    import numpy as np

    sizes = np.full((count, 2), np.nan)
    if shape.size is not None:
        sizes[image] = np.stack([_numbers(columns, index) for index in shape.size], axis=1)
        sizes[~(sizes > 0).all(axis=1)] = np.nan
    return sizes


def _categories(
    columns: "Sequence[pa.ChunkedArray]", shape: Shape, classes: Mapping[str, str]
) -> "tuple[np.ndarray, list[str]]":
    import numpy as np

    if shape.category is None:
        return np.zeros(len(columns[0]), np.int32), ["object"]
    cells = columns[shape.category].dictionary_encode().combine_chunks()
    codes: dict[str, int] = {}
    each = [
        codes.setdefault(classes.get(text.strip()) or category_name(text, "unknown"), len(codes))
        for text in cells.dictionary.to_pylist()
    ]
    return np.array(each, np.int32)[np.asarray(cells.indices)], list(codes)
