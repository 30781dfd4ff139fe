"""Read tables of boxes: Open Images' CSV, TensorFlow's, and others with a row an object.

What does not belong here: tables with a row an image (`metadata/tables.py`), and which image is meant
(`match.py`).
"""

import codecs
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clipper.annotations.formats.labels import (
    Labels,
    Problems,
    Unit,
    below,
    category_name,
    decode_text,
    plain_path,
    unit_of,
)
from clipper.annotations.formats.table_shape import FOUR_NUMBERS, Shape, shape_of
from clipper.annotations.formats.via import region_name, shape_box
from clipper.errors import ImagesError
from clipper.metadata.csv_table import END

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_class_descriptions(data: bytes) -> dict[str, str]:
    """Read Open Images' names of classes: `/m/01g317,Person`, without a header."""
    import csv

    rows = csv.reader(data.decode("utf-8-sig", "replace").splitlines())
    # Other tables of two columns, such as RetinaNet's classes.csv, say something else.
    named = (row for row in rows if len(row) == 2 and row[0].startswith("/"))  # noqa: PLR2004 - id and name
    return {row[0].strip(): category_name(row[1], row[0]) for row in named}


def read_boxes(data: bytes, *, name: str, source: str, classes: Mapping[str, str]) -> Labels:
    """Read a table of boxes: corners, or left, top, width, height; in pixels, or in shares of the image.

    They are shares if in most rows none is far above 1, as Open Images has them. A row with confidence 0
    there says that the image has no such object: it is left out.

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
    columns = _columns(data, source, shape, problems)
    boxes, unit = _boxes(columns, shape)
    score = _numbers(columns, shape.score)
    encoded = columns[shape.image].dictionary_encode().combine_chunks()
    named, images = np.asarray(encoded.indices), encoded.dictionary.to_pylist()
    kept = np.array([bool(text.strip()) for text in images], bool)[named]
    problems.add("row(s) name no image", "left out", ["an empty cell"], count=int((~kept).sum()))
    absent = score == 0
    kept &= ~absent
    if shape.form != "whole":
        broken = kept & ~np.isfinite(boxes).all(axis=1)
        # Rows without a box and a class say that an image has no object: RetinaNet and VIA write them so.
        broken &= ~(empty := _are_empty(columns, shape))
        kept &= ~empty
        rows = [f"row {i + 1 + shape.skipped}" for i in np.flatnonzero(broken)[:3].tolist()]
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


def _are_empty(columns: "Sequence[pa.ChunkedArray]", shape: Shape) -> "np.ndarray":
    """Return which rows have neither a box nor a class: (n,) bool."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = np.ones(len(columns[0]), bool)
    for index in [*shape.box, *([] if shape.category is None else [shape.category])]:
        text = pc.utf8_trim_whitespace(columns[index])
        empty &= np.asarray(pc.is_in(text, pa.array(["", "{}"])).to_numpy(zero_copy_only=False), bool)
    return empty


def _columns(data: bytes, source: str, shape: Shape, problems: Problems) -> "list[pa.ChunkedArray]":
    """Parse all cells as text; leave out rows with another number of cells than the header."""
    import pyarrow as pa
    from pyarrow import csv

    ragged: list[str] = []
    count = 0
    ended = False

    def skip(row: "csv.InvalidRow") -> str:
        nonlocal count, ended
        if row.text.strip("\r\n") == END:
            ended = True
            return "skip"
        count += 1
        if len(ragged) < 3:  # noqa: PLR2004 - as many as a note shows
            ragged.append(str(row.text)[:60])
        return "skip"

    text = decode_text(data).encode() if data.startswith(_WIDE) else data.removeprefix(codecs.BOM_UTF8)
    names = [f"f{i}" for i in range(shape.columns)]
    try:
        table = csv.read_csv(
            pa.BufferReader(b"%b\n%b\n" % (text, END.encode())),
            read_options=csv.ReadOptions(column_names=names, skip_rows=shape.skipped, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=shape.delimiter, invalid_row_handler=skip, newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        raise ImagesError(f"{source} is not a CSV table ({words}); fix it or move it away") from error
    if not ended:
        raise ImagesError(f"{source}: a quote is opened and never closed, in row {len(table) + count}")
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
    """Return left, top, width and height, (n, 4) float64, NaN where a row has none; and what they count."""
    import numpy as np

    if shape.form == "whole":
        return np.full((len(columns[0]), 4), np.nan), "shares"
    if shape.form == "via":
        found = [shape_box(text) or (np.nan,) * 4 for text in columns[shape.box[0]].to_pylist()]
        return np.array(found, np.float64).reshape(-1, 4), "pixels"
    numbers = columns if shape.form != "text" else _four(columns[shape.box[0]])
    boxes = np.stack(
        [_numbers(numbers, index) for index in (shape.box if shape.form != "text" else range(4))], axis=1
    )
    unit = unit_of(boxes)
    if shape.form == "corners":
        one, other = boxes[:, :2], boxes[:, 2:]  # in the order in which somebody drew them
        boxes = np.concatenate([np.minimum(one, other), abs(other - one)], axis=1)
    elif shape.form == "center":
        boxes[:, :2] -= boxes[:, 2:] / 2
    return boxes, unit


def _four(texts: "pa.ChunkedArray") -> "list[pa.ChunkedArray]":
    """Return the four numbers of texts as columns of text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(texts, FOUR_NUMBERS.pattern)
    return [pc.fill_null(pc.struct_field(found, f"n{i}"), "").cast(pa.string()) for i in range(4)]


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
    naming = region_name if shape.form == "via" else str
    each = [
        codes.setdefault(classes.get(text.strip()) or category_name(naming(text), "unknown"), len(codes))
        for text in cells.dictionary.to_pylist()
    ]
    return np.array(each, np.int32)[np.asarray(cells.indices)], list(codes)
