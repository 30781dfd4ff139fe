"""Read Pascal VOC's XML: a file an image, as LabelImg, CVAT and Roboflow write it.

What does not belong here: which files are labels (`find.py`), and which image is meant (`match.py`).
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from clipper.annotations.formats.labels import Gathered, Labels, below, category_name, plain_path

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = b"annotation"
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
        if root is None or root.tag != ROOT.decode():
            gathered.problems.add("file(s) are no XML of Pascal VOC", "left out", [path])
            continue
        gathered.add_image(_names(path, root), _size(root))
        for number, one in enumerate(root.iter("object"), 1):
            box = _box(one.find("bndbox"))
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
    return tuple(dict.fromkeys(names))


def _size(root: "Element") -> tuple[float, float] | None:
    size = root.find("size")
    width, height = (_number(size, side) for side in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _box(box: "Element | None") -> tuple[float, float, float, float] | None:
    left, top, right, bottom = (_number(box, side) for side in ("xmin", "ymin", "xmax", "ymax"))
    found = (left, top, right - left, bottom - top)
    return found if all(map(math.isfinite, found)) else None


def _number(parent: "Element | None", name: str) -> float:
    """Return the number in an element; NaN if it is missing or none."""
    try:
        return float((parent.findtext(name) if parent is not None else None) or "nan")
    except ValueError:
        return math.nan
