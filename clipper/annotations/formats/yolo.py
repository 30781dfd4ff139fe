"""Read YOLO's labels: a text file an image, a line an object; and the names of classes.

labelformat's reader opens every image again for its size, and takes local folders only; Ultralytics' is AGPL.
What does not belong here: which files are labels (`find.py`), and which image is meant (`match.py`).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clipper.annotations.formats.labels import Gathered, Labels, below, category_name
from clipper.errors import ImagesError

# Files that name the classes: YAML as Ultralytics and Roboflow write it, or a name a line (darknet).
YAML_ENDINGS = (".yaml", ".yml")
CLASS_FILES = frozenset({"classes.txt", "_darknet.labels", "obj.names", "labels.txt"})
# The folder of labels, and what takes its place in the path of an image.
LABELS_FOLDER, IMAGES_FOLDER = "labels", "images"
_MAX_YAML = 1 << 20  # bytes: names of classes are short, and aliases in YAML can make a small file endless
_BOX, _SCORED = 5, 6  # numbers of a line: class, box, and the confidence of a detector
_MIN_POLYGON = 7
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ImagesError(f"{source} is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    given = document.get("names") if isinstance(document, dict) else None
    if isinstance(given, list):
        given = dict(enumerate(given))
    if not isinstance(given, dict):
        return None
    names = {
        int(number): category_name(name, f"class {number}")
        for number, name in given.items()
        if (isinstance(number, int) and not isinstance(number, bool)) or str(number).isdecimal()
    }
    return ClassNames(names, _keypoint_numbers(document.get("kpt_shape")))


def read_class_list(data: bytes) -> ClassNames:
    """Read a list of names, one a line."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return ClassNames({number: category_name(line, f"class {number}") for number, line in enumerate(lines)})


def looks_like_labels(data: bytes) -> bool:
    """Whether the first line of a text is a class and the numbers of a box."""
    first = next((line for line in data[:4096].splitlines() if line.strip()), b"").split()
    return len(first) >= _BOX and first[0].isdigit() and _floats(first[1:_BOX]) is not None


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
        for number, line in enumerate(data.splitlines(), 1):
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
    if LABELS_FOLDER not in parts[:-1]:
        return (stem,)
    at = len(parts) - 2 - parts[-2::-1].index(LABELS_FOLDER)
    above, under = "/".join(parts[:at]), "/".join(parts[at + 1 :])
    return (below(above, f"{IMAGES_FOLDER}/{under}"), below(above, under), stem)


def _add_line(gathered: Gathered, parts: list[bytes], names: ClassNames, where: str) -> None:
    numbers = _floats(parts)
    box, score = _box(numbers, names.keypoints) if numbers else (None, math.nan)
    if numbers is None or box is None:
        text = b" ".join(parts)[:40].decode("utf-8", "replace")
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
    if not numbers[0].is_integer() or numbers[0] < 0:
        return None, math.nan
    if count in (_BOX, _SCORED) or (keypoints and count in (_BOX + keypoints, _SCORED + keypoints)):
        x, y, width, height = numbers[1:_BOX]
        score = numbers[-1] if count in (_SCORED, _SCORED + keypoints) else math.nan
        return (x - width / 2, y - height / 2, width, height), score
    if count < _MIN_POLYGON or count % 2 == 0:
        return None, math.nan
    x, y = min(numbers[1::2]), min(numbers[2::2])
    return (x, y, max(numbers[1::2]) - x, max(numbers[2::2]) - y), math.nan


def _floats(parts: list[bytes]) -> list[float] | None:
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
