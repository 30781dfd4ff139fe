"""Find out which columns of a table of boxes say what: by its header, or by its first row if it has none.

What does not belong here: reading the rows (`tables.py`).
"""

import csv
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from clipper.annotations.formats.labels import decode_text
from clipper.images.listing import has_image_ending
from clipper.metadata.csv_table import SEPARATOR

# Names of columns in lower case, without anything but letters and digits: the first one that a table has.
_IMAGE = (
    "imageid", "filename", "filepath", "image", "imagename", "imagepath", "imagefilename", "imagefile",
    "imgpath", "imgname", "img", "path", "file", "name",
)  # fmt: skip
_CATEGORY = (
    "labelname", "class", "classname", "label", "category", "categoryname", "objectname", "name", "classid",
    "categoryid", "labelid",
)  # fmt: skip
_SCORE = ("confidence", "score", "conf")
_CROWD = ("isgroupof", "iscrowd")
_CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("bboxx1", "bboxy1", "bboxx2", "bboxy2"),
    ("bboxxmin", "bboxymin", "bboxxmax", "bboxymax"), ("roix1", "roiy1", "roix2", "roiy2"),
    ("xtl", "ytl", "xbr", "ybr"), ("left", "top", "right", "bottom"), ("x0", "y0", "x1", "y1"),
)  # fmt: skip
# Where a table has both `w` and `width`, the latter is the image's.
_SIDES = (
    ("x", "y", "w", "h"), ("xmin", "ymin", "w", "h"), ("bboxx", "bboxy", "bboxw", "bboxh"),
    ("bboxx", "bboxy", "bboxwidth", "bboxheight"), ("x", "y", "width", "height"),
    ("left", "top", "width", "height"), ("x1", "y1", "width", "height"), ("xmin", "ymin", "width", "height"),
)  # fmt: skip
_CENTERS = (
    ("xcenter", "ycenter", "w", "h"), ("cx", "cy", "w", "h"), ("xcenter", "ycenter", "width", "height"),
    ("centerx", "centery", "width", "height"),
)  # fmt: skip
_TEXT = ("bbox", "boundingbox", "box")
_SIZE = (("width", "height"), ("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("imgw", "imgh"))
_VIA = ("regionshapeattributes", "regionattributes")
# Such a column is an image's property as often as a box's.
_PLAIN_SIDES = frozenset(
    {("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height")}
)

DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(rf"{SEPARATOR}\r?\n", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_HEAD = 65_536
_ROWS = 100  # of a table that show whether texts are boxes
_MAX_BOX = 200  # characters of such a text
# What a text of a box has: four numbers, in brackets or not, such as `[20.0, 10, 100, 50]`.
FOUR_NUMBERS = re.compile(
    r"^[^\d+.-]*" + r"[,;\s]+".join(rf"(?P<n{i}>[-+.\deE]+)" for i in range(4)) + r"[^\d]*$"
)

Form = Literal["corners", "sides", "center", "text", "via", "whole"]


class Shape(NamedTuple):
    """Which columns of a table say what.

    Attributes:
        form: how a box is written: as two corners; as a corner, or the center, and sides; as a text of
            corner and sides; as VIA's JSON; or not at all, because a row is about the whole image.
        image: the column that names the image.
        category: the column that names the class.
        box: the columns of the box; of VIA that of the shape; none for whole images.
        size: the columns of the image's width and height.
        score: the column of a detector's confidence.
        crowd: the column that tells a box around a group.
        columns: how many there are.
        delimiter: what separates the cells.
        skipped: lines before the first row.
        is_sure: whether no table of metadata would have such columns.
    """

    form: Form
    image: int
    category: int | None
    box: tuple[int, ...]
    size: tuple[int, int] | None
    score: int | None
    crowd: int | None
    columns: int
    delimiter: str = ","
    skipped: int = 1
    is_sure: bool = True


def shape_of(data: bytes) -> Shape | None:
    """Return which columns of a CSV table say what; None if it is no table of boxes or of labels.

    Args:
        data: the first bytes of the file.
    """
    whole = decode_text(data[:_HEAD])
    text = whole.lstrip("\r\n")
    delimiter, skipped = "", len(whole[: len(whole) - len(text)].splitlines())
    if found := _SEPARATOR_LINE.match(text):
        delimiter, text, skipped = found[1], text[found.end() :], skipped + 1
    line = text.split("\n", 1)[0]
    delimiter = delimiter or max(DELIMITERS, key=line.count)
    cells = [cell.strip().strip('"').strip() for cell in line.split(delimiter)]
    shape = _of_header(cells) or _of_row(cells)
    if shape is None or (shape.form == "text" and not _has_texts(text, delimiter, shape.box[0])):
        return None
    return shape._replace(columns=len(cells), delimiter=delimiter, skipped=skipped + shape.skipped)


def _has_texts(text: str, delimiter: str, column: int) -> bool:
    """Whether a column has a box in one of the first rows: a column `box` may hold anything."""
    rows = csv.reader(text.splitlines()[1:_ROWS], delimiter=delimiter)
    try:
        cells = (row[column] for row in rows if len(row) > column)
        return any(len(cell) <= _MAX_BOX and FOUR_NUMBERS.match(cell) for cell in cells)
    except csv.Error:
        return False


def _of_header(cells: Sequence[str]) -> Shape | None:
    lower = [cell.lower() for cell in cells]
    names = [re.sub(r"[^a-z0-9]", "", cell) for cell in lower]

    def first(wanted: Sequence[str]) -> int | None:
        return next((names.index(name) for name in wanted if name in names), None)

    def all_of(choices: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        found = next((choice for choice in choices if set(choice) <= set(names)), ())
        return found, tuple(names.index(name) for name in found)

    if {"id", "path", "x", "y"} <= set(lower):  # an export of Clipper: a place on the map is no box
        return None
    image = first(_IMAGE)
    if image is None:
        return None
    forms: tuple[tuple[Form, Sequence[tuple[str, ...]]], ...] = (
        ("corners", _CORNERS), ("center", _CENTERS), ("sides", _SIDES), ("via", [_VIA]),
        ("text", [(name,) for name in _TEXT]),
        # Open Images' labels of whole images have no box; any other table without one is metadata.
        ("whole", [("imageid", "labelname", "confidence")]),
    )  # fmt: skip
    for form, choices in forms:
        named, box = all_of(choices)
        if not named:
            continue
        size_names, size = all_of(_SIZE)
        is_size = len(size) == 2 and not set(size_names) & set(named)  # noqa: PLR2004 - width and height
        category = first([name for name in _CATEGORY if name != names[image]])
        return Shape(
            form,
            image,
            box[1] if form == "via" else category,
            box[:1] if form == "via" else () if form == "whole" else box,
            (size[0], size[1]) if is_size else None,
            first(_SCORE),
            first(_CROWD),
            len(cells),
            is_sure=named not in _PLAIN_SIDES,
        )
    return None


def _of_row(cells: Sequence[str]) -> Shape | None:
    """Return the shape of a table without a header, as RetinaNet, Make Sense and AutoML have it."""

    def are_numbers(*places: int) -> bool:
        return all(_NUMBER.fullmatch(cells[place]) for place in places)

    def is_image(place: int) -> bool:
        return has_image_ending(cells[place].lower())

    count = len(cells)
    if count == 6 and is_image(0) and (are_numbers(1, 2, 3, 4) or not any(cells[1:])):  # noqa: PLR2004
        return Shape("corners", 0, 5, (1, 2, 3, 4), None, None, None, count, skipped=0)
    if count == 8 and is_image(5) and are_numbers(1, 2, 3, 4, 6, 7):  # noqa: PLR2004
        return Shape("sides", 5, 0, (1, 2, 3, 4), (6, 7), None, None, count, skipped=0)
    if count == 11 and is_image(1) and are_numbers(3, 4, 7, 8):  # noqa: PLR2004
        return Shape("corners", 1, 2, (3, 4, 7, 8), None, None, None, count, skipped=0)
    return None
