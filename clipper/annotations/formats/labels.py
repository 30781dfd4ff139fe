"""What label files say of images, in one form for all formats, and what of it cannot be kept.

What does not belong here: reading any format, and which images of the folder are meant (`match.py`).
"""

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from clipper.metadata.values.types import EXAMPLES, first_few
from clipper.text import one_line

if TYPE_CHECKING:
    import numpy as np

# Bump it when the same label files would give other objects or columns.
ANNOTATIONS_VERSION = "2"
# Characters of a category's name that are kept.
MAX_NAME = 200

_MOST_SHARE = 1.5

# What the numbers of a box count: pixels of the image, or shares of its width and height from 0 to 1.
Unit = Literal["pixels", "shares"]


class Problems:
    """Counts what is wrong with a file, by kind, and remembers an example or three of each."""

    def __init__(self) -> None:
        self.reason = ""  # why the last file could not be read
        self._counts: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], list[object]] = {}

    def add(self, what: str, result: str, examples: Iterable[object], *, count: int = 1) -> None:
        """Count `count` more of one kind.

        Args:
            what: the things and what is wrong with them, such as "box(es) have no width".
            result: what became of them, such as "left out".
            examples: some of them.
            count: how many; nothing is noted for 0.
        """
        if count:
            kind = (what, result)
            self._counts[kind] = self._counts.get(kind, 0) + count
            known = self._examples.setdefault(kind, [])
            known += list(examples)[: EXAMPLES - len(known)] if len(known) < EXAMPLES else []

    def extend(self, other: "Problems") -> None:
        """Add the problems of another part of the same file or folder."""
        for (what, result), (count, examples) in other.kinds().items():
            self.add(what, result, examples, count=count)

    def kinds(self) -> dict[tuple[str, str], tuple[int, list[object]]]:
        """Return how often each kind of problem was counted, and examples."""
        return {kind: (count, self._examples[kind]) for kind, count in self._counts.items()}

    def lines(self, source: str) -> list[str]:
        """Write one line for each kind, with the name of the file."""
        return [
            f"{source}: {count:,} {what} ({first_few(examples, count=count)}); {result}"
            for (what, result), (count, examples) in self.kinds().items()
        ]


@dataclass
class Labels:
    """What one label file, or one folder of them, says of images.

    Attributes:
        source: the file or folder, for notes.
        names: of each image the names under which to look for it, the best first.
        sizes: (n, 2) float64, the width and height in pixels for which the boxes are given; NaN if the file
            does not say.
        image: (m,) int64, the image of each object.
        category: (m,) int32, the category of each object.
        categories: the names of categories.
        boxes: (m, 4) float64, left, top, width, height; NaN for an object without a box.
        unit: what the numbers of boxes count.
        crowd: (m,) bool, whether a box holds a group of objects.
        score: (m,) float32, the confidence of a detector, 0 to 1; NaN if there is none.
        captions: image -> its captions.
        lists_objects: whether an image without an object has none; else nobody looked for any.
        problems: what was left out, or changed.
    """

    source: str
    names: list[tuple[str, ...]]
    sizes: "np.ndarray"
    image: "np.ndarray"
    category: "np.ndarray"
    categories: list[str]
    boxes: "np.ndarray"
    unit: Unit
    crowd: "np.ndarray"
    score: "np.ndarray"
    captions: dict[int, list[str]] = field(default_factory=dict)
    lists_objects: bool = True
    problems: Problems = field(default_factory=Problems)


@dataclass
class Gathered:
    """Collects images and objects one by one, for formats with a file an image."""

    source: str
    unit: Unit
    problems: Problems = field(default_factory=Problems)
    _names: list[tuple[str, ...]] = field(default_factory=list)
    _sizes: list[tuple[float, float]] = field(default_factory=list)
    _image: list[int] = field(default_factory=list)
    _category: list[int] = field(default_factory=list)
    _categories: dict[str, int] = field(default_factory=dict)
    _boxes: list[Sequence[float]] = field(default_factory=list)
    _score: list[float] = field(default_factory=list)

    def add_image(self, names: tuple[str, ...], size: tuple[float, float] | None = None) -> None:
        """Add an image; the objects that follow are of it."""
        self._names.append(names)
        self._sizes.append(size or (float("nan"), float("nan")))

    def add_object(self, category: str, box: Sequence[float], score: float = float("nan")) -> None:
        """Add an object of the last image: left, top, width, height."""
        self._image.append(len(self._names) - 1)
        self._category.append(self._categories.setdefault(category, len(self._categories)))
        self._boxes.append(box)
        self._score.append(score)

    def labels(self) -> Labels:
        """Return all of it as arrays."""
        import numpy as np

        boxes = np.array(self._boxes, np.float64).reshape(-1, 4)
        return Labels(
            source=self.source,
            names=self._names,
            sizes=np.array(self._sizes, np.float64).reshape(-1, 2),
            image=np.array(self._image, np.int64),
            category=np.array(self._category, np.int32),
            categories=list(self._categories),
            boxes=boxes,
            unit=self.unit if self.unit == "shares" else unit_of(boxes),
            crowd=np.zeros(len(self._image), bool),
            score=np.array(self._score, np.float32),
            problems=self.problems,
        )


def category_name(value: object, otherwise: str) -> str:
    """Clean a category's name: one line of at most `MAX_NAME` characters; `otherwise` if nothing is left."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return otherwise
    return one_line(str(value))[:MAX_NAME].strip() or otherwise


def unit_of(boxes: "np.ndarray") -> Unit:
    """Return what the numbers of boxes count, (n, 4) of any form: shares, if most have none above 1.

    Of boxes in pixels few are as small as that; shares may go a little over the edge.
    """
    import numpy as np

    good = boxes[np.isfinite(boxes).all(axis=1)]
    return "shares" if len(good) and (good <= _MOST_SHARE).all(axis=1).mean() > 0.5 else "pixels"  # noqa: PLR2004 - most


def decode_text(data: bytes) -> str:
    """Decode a text in UTF-8, or as Windows writes it: UTF-16 with a mark, or a byte a letter."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def plain_path(name: str) -> str:
    """Return a path as ids have it: with `/`, and without `./`, a drive or `/` at its start."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts[1:] if len(parts) > 1 and parts[0].endswith(":") else parts)


def below(folder: str, name: str) -> str:
    """Return the path of `name` in a folder; "" is the root."""
    return f"{folder}/{name}" if folder else name
