"""Read YOLO's labels: a text file an image, a line an object; and the names of classes.

labelformat's reader opens every image again for its size, and takes local folders only; Ultralytics' is AGPL.
What does not belong here: which files are labels (`find.py`), and which image is meant (`match.py`).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clipper.annotations.formats.labels import Gathered, Labels, below, category_name, decode_text
from clipper.annotations.formats.outlines import around
from clipper.errors import ImagesError

# Files that name the classes: YAML as Ultralytics and Roboflow write it, or a name a line (darknet).
YAML_ENDINGS = (".yaml", ".yml")
DATA_NAMES = frozenset({"data.yaml", "data.yml", "dataset.yaml", "dataset.yml"})
CLASS_FILES = frozenset(
    {"classes.txt", "predefined_classes.txt", "_darknet.labels", "obj.names", "labels.txt"}
)
# The folder of labels, and what takes its place in the path of an image.
LABELS_FOLDER, IMAGES_FOLDER = "labels", "images"
_MAX_YAML = 1 << 20  # bytes: names of classes are short, and aliases in YAML can make a small file endless
# What PyYAML raises for a value that its tag does not fit, such as `!!bool x`.
_OF_TAGS = (LookupError, AttributeError, TypeError)
_BOX, _SCORED, _TRACKED = 5, 6, 7  # numbers of a line: class and box; confidence of a detector; track
_MIN_POLYGON = 7
_MOST_CLASSES = 10**9
_LINES = 10  # that show whether a text has labels
# A coordinate may lie so far outside of 0 to 1, drawn over the edge; a larger one counts pixels.
_MOST = 1.5


@dataclass(frozen=True)
class ClassNames:
    """The names of classes by number; `keypoints` is how many numbers follow a box in a dataset of poses."""

    names: Mapping[int, str] = field(default_factory=dict)
    keypoints: int = 0


def read_yaml(data: bytes, source: str) -> ClassNames | None:
    """Read a data.yaml; None if it names no classes, and so describes something else.

    Raises:
        ImagesError: the file is not valid YAML.
    """
    import yaml

    if len(data) > _MAX_YAML:
        return None
    try:
        document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - it is the safe one, in C
    except (yaml.YAMLError, ValueError, RecursionError, *_OF_TAGS) as error:
        raise ImagesError(f"{source} is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    given = document.get("names") if isinstance(document, dict) else None
    if isinstance(given, list):
        given = dict(enumerate(given))
    if not isinstance(given, dict):
        return None
    names = {
        int(number): category_name(name, f"class {number}")
        for number, name in given.items()
        if (isinstance(number, int) and not isinstance(number, bool)) or _is_number(number)
    }
    return ClassNames(names, _keypoint_numbers(document.get("kpt_shape")))


def _is_number(key: Any) -> bool:
    """Whether a key is written as the number of a class."""
    return isinstance(key, str) and key.isdecimal() and len(key) < 10  # noqa: PLR2004 - digits


def is_data_yaml(path: str) -> bool:
    """Whether a file is called as one that names the classes of a dataset."""
    return path.rpartition("/")[2].lower() in DATA_NAMES


def read_class_list(data: bytes) -> ClassNames:
    """Read a list of names, one a line."""
    lines = decode_text(data).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return ClassNames({number: category_name(line, f"class {number}") for number, line in enumerate(lines)})


def looks_like_labels(data: bytes) -> bool:
    """Whether one of the first lines of a text is a class and the numbers of a box."""
    lines = (line.split() for line in decode_text(data[:4096]).splitlines()[:_LINES])
    filled = [line for line in lines if line]
    return any(
        len(line) >= _BOX
        and (numbers := _floats(line[:_BOX])) is not None
        and numbers[0].is_integer()
        and numbers[0] >= 0
        for line in filled
    )


def read_yolo(files: Iterable[tuple[str, bytes, ClassNames]], *, source: str) -> Labels:
    """Read label files. A line is a class and a box, or a polygon; its numbers are shares of the image.

    A polygon becomes the box around it. An empty file says that its image has no object.

    Args:
        files: the path of each below the images folder, its bytes, and the names that hold for it.
        source: their folder, for notes.
    """
    gathered = Gathered(source, "shares")
    for path, data, names in files:
        gathered.add_image(image_names(path))
        for number, line in enumerate(decode_text(data).splitlines(), 1):
            parts = line.split()
            if parts:
                _add_line(gathered, parts, names, f"{path} line {number}")
    return gathered.labels()


def image_names(path: str) -> tuple[str, ...]:
    """Return the names of the image that a label file describes, without ending: the likeliest first.

    As Ultralytics finds them: the last folder `labels` of the path is `images` in that of the image. The
    image may also lie beside its labels, or in the folder above `labels`.
    """
    stem = path.rpartition(".")[0]
    parts = stem.split("/")
    lower = [part.lower() for part in parts[:-1]]
    if LABELS_FOLDER not in lower:
        return (stem,)
    at = len(lower) - 1 - lower[::-1].index(LABELS_FOLDER)
    above, under = "/".join(parts[:at]), "/".join(parts[at + 1 :])
    folders = dict.fromkeys((IMAGES_FOLDER, _like(parts[at], IMAGES_FOLDER)))
    return (*(below(above, f"{folder}/{under}") for folder in folders), below(above, under), stem)


def _like(written: str, word: str) -> str:
    """Return a word in capitals as another is written: `Images` for `Labels`."""
    return word.upper() if written.isupper() else word.capitalize() if written[:1].isupper() else word


def _add_line(gathered: Gathered, parts: list[str], names: ClassNames, where: str) -> None:
    numbers = _floats(parts)
    box, score = _box(numbers, names.keypoints) if numbers else (None, math.nan)
    if numbers is None or box is None:
        text = " ".join(parts)[:40]
        gathered.problems.add("line(s) are no class and box", "left out", [f"{where}: {text}"])
        return
    if max(map(abs, box)) > _MOST:
        gathered.problems.add(
            "line(s) have numbers beyond 1; YOLO's are shares of the image, 0 to 1", "left out", [where]
        )
        return
    number = int(numbers[0])
    name = names.names.get(number)
    if name is None:
        gathered.problems.add(
            "object(s) have a class that data.yaml or classes.txt do not name",
            'they are kept as "class" and the number',
            [f"{where}: {number}"],
        )
        name = f"class {number}"
    gathered.add_object(name, box, score)


def _box(numbers: list[float], keypoints: int) -> tuple[tuple[float, float, float, float] | None, float]:
    """Return left, top, width and height of a line's object, and its confidence; None if it is no object."""
    count = len(numbers)
    if not numbers[0].is_integer() or not 0 <= numbers[0] < _MOST_CLASSES:
        return None, math.nan
    if count in (_BOX, _SCORED) or count in _with_points(numbers, keypoints):
        score = numbers[-1] if count in (_SCORED, _SCORED + keypoints) else math.nan
    elif count == _TRACKED and numbers[-1].is_integer():
        score = numbers[_BOX]
    elif count >= _MIN_POLYGON:
        is_scored = count % 2 == 0
        points = numbers[1 : count - is_scored]
        return around(points[0::2], points[1::2]), numbers[-1] if is_scored and 0 <= numbers[
            -1
        ] <= 1 else math.nan
    else:
        return None, math.nan
    x, y, width, height = numbers[1:_BOX]
    # A tracker writes the number of the track, with or without a confidence before it.
    return (x - width / 2, y - height / 2, width, height), score if 0 <= score <= 1 else math.nan


def _with_points(numbers: list[float], keypoints: int) -> tuple[int, ...]:
    """Return how many numbers a line has whose box is followed by keypoints: x, y, and whether it is seen."""
    if keypoints:
        return (_BOX + keypoints, _SCORED + keypoints)
    count = len(numbers)
    is_pose = count > _BOX and (count - _BOX) % 3 == 0 and count % 2 == 0 and set(numbers[7::3]) <= {0, 1, 2}
    return (count,) if is_pose else ()


def _floats(parts: list[str]) -> list[float] | None:
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _keypoint_numbers(shape: Any) -> int:
    """Return how many numbers the keypoints of an object have: `kpt_shape: [17, 3]` is 51."""
    numbers = shape if isinstance(shape, list) else []
    good = len(numbers) == 2 and all(isinstance(n, int) and 0 < n < 10_000 for n in numbers)  # noqa: PLR2004
    return math.prod(numbers) if good else 0
