"""Put the labels of all files together: one table of objects, and the columns that images get from them.

What does not belong here: reading files (`coco.py`, `yolo.py`, ...), and the table on disk
(`store/parts/objects.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.annotations.boxes import to_upright
from clipper.annotations.formats.labels import Labels
from clipper.annotations.match import NONE, SEVERAL, Matcher

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The columns of the table of objects.
IMAGE, CATEGORY, BOX, CROWD, SCORE = "image", "category", ("left", "top", "width", "height"), "crowd", "score"
# The columns that images get.
OBJECTS, COUNT, LARGEST, SMALLEST, CAPTION = (
    "objects",
    "object_count",
    "largest_object",
    "smallest_object",
    "caption",
)
_DIGITS = 4  # of a share in a column, and in which two boxes are the same


@dataclass(frozen=True)
class Objects:
    """The objects of all images, by image.

    `table` has `image` (int32, its row), `category` (dictionary of text), `left`, `top`, `width`, `height`
    (float32, shares of the upright image; null without a box), `crowd` (bool) and `score` (float32, null if
    there is none). `images` has a row for each image that a label file knows: `image`, and its columns.
    """

    table: "pa.Table"
    images: "pa.Table"
    problems: list[str]


def combine(
    files: Sequence[Labels],
    ids: "Sequence[str] | pa.LargeStringArray",
    sizes: "np.ndarray",
    orientation: "np.ndarray",
) -> Objects:
    """Match the labels of all files with the images, and put them together.

    Args:
        files: what was read.
        ids: of the images.
        sizes: (n, 2) float64, width and height of each image, upright, in pixels.
        orientation: (n,) EXIF's orientation of each image; 0 for none.
    """
    import numpy as np
    import pyarrow as pa

    matcher = Matcher(ids) if files else None
    codes: dict[str, int] = {}
    parts: list[tuple[np.ndarray, ...]] = []
    labelled = np.zeros(len(ids), bool)
    captions: dict[int, list[str]] = {}
    notes: list[str] = []
    for labels in files:
        assert matcher is not None
        rows = matcher.rows(labels.names, source=labels.source, problems=labels.problems)
        _note_unmatched(labels, rows)
        if labels.lists_objects:
            labelled[rows[rows >= 0]] = True
        for number, texts in labels.captions.items():
            if (row := int(rows[number])) >= 0:
                known = captions.setdefault(row, [])
                known += [text for text in texts if text not in known]
        parts.append(_of_images(labels, rows, sizes, orientation, codes))
        notes += labels.problems.lines(labels.source)
    image, category, boxes, crowd, score = _once(parts, notes)
    table = pa.table(
        {
            IMAGE: pa.array(image, pa.int32()),
            CATEGORY: pa.DictionaryArray.from_arrays(
                pa.array(category, pa.int32()), pa.array(list(codes), pa.string())
            ),
            **{side: pa.array(boxes[:, i], pa.float32(), from_pandas=True) for i, side in enumerate(BOX)},
            CROWD: pa.array(crowd, pa.bool_()),
            SCORE: pa.array(score, pa.float32(), from_pandas=True),
        }
    )
    images = _images(labelled, (image, category, boxes), list(codes), captions)
    return Objects(table, images, notes)


def categories_of(table: "pa.Table") -> dict[str, int]:
    """Count the objects of each category, the most frequent first."""
    import pyarrow.compute as pc

    counted = pc.value_counts(table[CATEGORY].combine_chunks().cast("string")).to_pylist()
    ranked = sorted(counted, key=lambda one: (-one["counts"], one["values"]))
    return {one["values"]: one["counts"] for one in ranked}


def _note_unmatched(labels: Labels, rows: "np.ndarray") -> None:
    import numpy as np

    for kind, what in (
        (NONE, "image(s) are not in the images folder"),
        (SEVERAL, "image(s) may be several of the folder's; write their paths"),
    ):
        lost = np.flatnonzero(rows == kind)
        names = (labels.names[i][-1] for i in lost[:3].tolist())
        labels.problems.add(what, "their labels are left out", names, count=len(lost))


def _of_images(
    labels: Labels, rows: "np.ndarray", sizes: "np.ndarray", orientation: "np.ndarray", codes: dict[str, int]
) -> "tuple[np.ndarray, ...]":
    """Return the objects of images that are there: row, category, box, crowd, score."""
    import numpy as np

    own = np.array([codes.setdefault(name, len(codes)) for name in labels.categories], np.int32)
    kept = rows[labels.image] >= 0
    labels.image, labels.boxes = labels.image[kept], labels.boxes[kept]
    owners = rows[labels.image]
    boxes = to_upright(labels, owners, sizes, orientation)
    score = _as_shares(labels, kept)
    category = own[labels.category[kept]] if len(own) else np.zeros(0, np.int32)
    return owners, category, boxes, labels.crowd[kept], score


def _as_shares(labels: Labels, kept: "np.ndarray") -> "np.ndarray":
    """Return the confidences of kept objects, 0 to 1. A file that counts in percent is converted."""
    import numpy as np

    score = labels.score[kept]
    above = score > 1
    if above.any():
        percent = bool(np.nanmax(score) <= 100)  # noqa: PLR2004
        score = score / 100 if percent else np.where(above, np.nan, score)
        result = "all are taken as percent" if percent else "left out"
        labels.problems.add("confidence(s) are above 1", result, [], count=int(above.sum()))
    return np.asarray(score, np.float32)


def _once(parts: "Sequence[tuple[np.ndarray, ...]]", notes: list[str]) -> "list[np.ndarray]":
    """Return all objects by image, each once: two files may hold the same labels."""
    import numpy as np
    import pyarrow as pa

    empty = (
        np.zeros(0, np.int64),
        np.zeros(0, np.int32),
        np.zeros((0, 4), np.float32),
        np.zeros(0, bool),
        np.zeros(0, np.float32),
    )
    columns = [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
    image, category, boxes = columns[:3]
    rounded = np.nan_to_num(np.round(boxes.astype(np.float64) * 10**_DIGITS), nan=-1).astype(np.int32)
    keys = pa.table(
        {
            "row": np.arange(len(image)),
            "image": image,
            "category": category,
            **dict(zip(BOX, rounded.T, strict=True)),
        }
    )
    first = (
        keys.group_by(["image", "category", *BOX]).aggregate([("row", "min")])["row_min"].to_numpy().copy()
    )
    if twice := len(keys) - len(first):
        notes.append(
            f"labels: {twice:,} object(s) are there twice, with the same category and box; kept once"
        )
    first.sort()
    order = first[np.argsort(image[first], kind="stable")]
    return [column[order] for column in columns]


def _images(
    labelled: "np.ndarray",
    objects: "tuple[np.ndarray, np.ndarray, np.ndarray]",
    names: Sequence[str],
    captions: Mapping[int, Sequence[str]],
) -> "pa.Table":
    """Return a row for each image that a label file knows: its columns, null where it has none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    image, category, boxes = objects
    n = len(labelled)
    area = (boxes[:, 2] * boxes[:, 3]).astype(np.float64)
    boxed = np.isfinite(area)
    count = np.bincount(image[boxed], minlength=n)
    largest, smallest = np.zeros(n), np.full(n, np.inf)
    np.maximum.at(largest, image[boxed], area[boxed])
    np.minimum.at(smallest, image[boxed], area[boxed])
    rows = np.union1d(np.flatnonzero(labelled), np.array(list(captions), np.int64)).astype(np.int64)
    without = count[rows] == 0
    return pa.table(
        {
            IMAGE: pa.array(rows, pa.int32()),
            OBJECTS: pc.if_else(
                pa.array(labelled[rows]), _names(image, category, names, n).take(pa.array(rows)), None
            ),
            COUNT: pa.array(count[rows], pa.int32(), mask=~labelled[rows]),
            LARGEST: pa.array(np.round(largest[rows], _DIGITS), pa.float64(), mask=without),
            SMALLEST: pa.array(np.round(smallest[rows], _DIGITS), pa.float64(), mask=without),
            CAPTION: pa.array(
                ["\n".join(captions[r]) if r in captions else None for r in rows.tolist()], pa.string()
            ),
        }
    )


def _names(image: "np.ndarray", category: "np.ndarray", names: Sequence[str], n: int) -> "pa.ListArray":
    """Return the categories of each of n images: a list of different names, sorted."""
    import numpy as np
    import pyarrow as pa

    if not len(image):
        return pa.array([[]] * n, pa.list_(pa.string()))
    ranks = np.argsort(np.argsort(np.array(names, object)))
    pairs = np.unique(image.astype(np.int64) * len(names) + ranks[category])
    starts = np.searchsorted(pairs, np.arange(n + 1) * len(names)).astype(np.int32)
    return pa.ListArray.from_arrays(starts, pa.array(sorted(names), pa.string()).take(pairs % len(names)))
