"""Read Pascal VOC's XML: a file an image, as LabelImg, CVAT and Roboflow write it.

What does not belong here: which files are labels (`find.py`), and which image is meant (`match.py`).
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from clipper.annotations.formats.labels import Gathered, Labels, below, category_name, plain_path
from clipper.annotations.formats.outlines import Bounds, around

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = b"annotation"
_OWN = frozenset({"filename", "folder", "size", "object"})  # elements of which each file has one
# The folder of labels, and those that may take its place in the path of an image.
_LABELS_FOLDER = "annotations"
_IMAGES_FOLDERS = ("JPEGImages", "images", "")


def read_voc(files: Iterable[tuple[str, bytes]], *, source: str) -> Labels:
    """Read label files. A box is given by its corners in pixels, as the file has them.

    VOC itself counts pixels from 1, most tools from 0: a pixel at most.

    Args:
        files: the path of each below the images folder, and its bytes.
        source: their folder, for notes.
    """
    gathered = Gathered(source, "pixels")
    for path, data in files:
        root = _parse(data)
        if root is None or root.tag != ROOT.decode() or not _OWN & {child.tag for child in root}:
            gathered.problems.add("file(s) are no XML of Pascal VOC", "left out", [path])
            continue
        gathered.add_image(_names(path, root), _size(root))
        for number, one in enumerate(root.iter("object"), 1):
            box = _box(one)
            name = one.findtext("name")
            if box is None:
                gathered.problems.add(
                    "object(s) have no box of four numbers",
                    "the category is kept",
                    [f"{path} object {number}"],
                )
            gathered.add_object(category_name(name, "unknown"), box or (math.nan,) * 4)
    return gathered.labels()


def _parse(data: bytes) -> "Element | None":
    """Parse a file; None if it is damaged, or declares entities: a small file could then fill the memory."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, RecursionError, LookupError):
        return None
    return root


def _names(path: str, root: "Element") -> tuple[str, ...]:
    """Return the names of the image: by the path of its labels, then as the file says.

    A copied folder keeps its file names, but what is written in them is often of the folder before.
    """
    stem = path.rpartition(".")[0]
    parts = stem.split("/")
    names = [stem]
    for at in range(len(parts) - 1):
        if parts[at].lower() == _LABELS_FOLDER:
            above, under = "/".join(parts[:at]), "/".join(parts[at + 1 :])
            names += [below(above, below(folder, under)) for folder in _IMAGES_FOLDERS]
    folder = path.rpartition("/")[0]
    if written := plain_path((root.findtext("filename") or "").strip()):
        inner = plain_path((root.findtext("folder") or "").strip())
        names += [below(folder, written), below(inner, written), written]
    if path_there := plain_path((root.findtext("path") or "").strip()):
        names.append(path_there)
    return tuple(dict.fromkeys(names))


def _size(root: "Element") -> tuple[float, float] | None:
    size = root.find("size")
    width, height = (_number(size, side) for side in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _box(one: "Element") -> Bounds | None:
    """Return the box of an object: its own, or that around its rotated box or its polygon."""
    corners = [_number(one.find("bndbox"), side) for side in ("xmin", "ymin", "xmax", "ymax")]
    if all(map(math.isfinite, corners)):
        return around(corners[0::2], corners[1::2])  # some tools write the corners in the order of drawing
    rotated = [_number(one.find("robndbox"), side) for side in ("cx", "cy", "w", "h", "angle")]
    if all(map(math.isfinite, rotated)):
        x, y, width, height, angle = rotated
        cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
        wide, high = width * cosine + height * sine, width * sine + height * cosine
        return x - wide / 2, y - high / 2, wide, high
    return _of_polygon(one.find("polygon"))


def _of_polygon(polygon: "Element | None") -> Bounds | None:
    """Return the box around a polygon: `x1`, `y1`, `x2`, ..., or points with `x` and `y`."""
    points: dict[str, list[float]] = {"x": [], "y": []}
    for element in polygon.iter() if polygon is not None else ():
        axis = element.tag[:1]
        if axis in points and (element.tag[1:] or "0").isdecimal():
            points[axis].append(_float(element.text))
    found = around(points["x"], points["y"])
    return found if found and all(map(math.isfinite, found)) else None


def _number(parent: "Element | None", name: str) -> float:
    """Return the number in an element; NaN if it is missing or none."""
    return _float(parent.findtext(name) if parent is not None else None)


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
