"""Leaks: one picture in two parts of a split, such as in the training images and in those for the test.

What does not belong here: finding the copies (`duplicates.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.images.folder_names import PART_NAMES

if TYPE_CHECKING:
    import numpy as np

_COLUMN_NAMES = ("split", "subset", "partition", "fold")
# A column with more values than this names the images, not the parts of a split.
_MOST_PARTS = 50


@dataclass(frozen=True)
class Leak:
    """A group of copies that spans several parts of a split."""

    group: int  # number of the group
    parts: tuple[str, ...]  # the parts, sorted
    counts: tuple[int, ...]  # how many of the group's files each part has


def find_splits(columns: Mapping[str, Sequence[object]], ids: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return the part of each image in each split of a dataset: of columns, else of the first folders.

    Of columns that say the same, such as `folder` and the `split` made of it, one counts.

    Args:
        columns: the values of each column of categories by its name.
        ids: the images'.
    """
    found: dict[str, Sequence[object]] = {}
    for name in sorted(split_columns(columns), key=lambda name: not _is_named(name)):
        if not any(list(columns[name]) == list(other) for other in found.values()):
            found[name] = columns[name]
    folders = None if found else split_of_folders(ids)
    return found if folders is None else {"folder": folders}


def leaks(rows: "np.ndarray", groups: "np.ndarray", parts: Sequence[object]) -> list[Leak]:
    """Return the groups of copies that span two parts of a split, in the order of the groups.

    Args:
        rows: (k,) int, the files that have copies.
        groups: (k,) int, the group of copies of each.
        parts: the part of each file, by its row; None or "" where it is in none.
    """
    found: dict[int, dict[str, int]] = {}
    for row, group in zip(rows.tolist(), groups.tolist(), strict=True):
        part = part_name(parts[row])
        if part:
            counts = found.setdefault(group, {})
            counts[part] = counts.get(part, 0) + 1
    return [
        Leak(group, *zip(*sorted(counts.items()), strict=True))
        for group, counts in sorted(found.items())
        if len(counts) > 1
    ]


def split_columns(columns: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the names of the columns that say which part of a split an image is in, in their order.

    A column is one if a word of its name says so ("split", "subset", "partition", "fold"), or if its values
    are names of parts ("train", "val", "test", ...). It has at least two values.

    Args:
        columns: the values of each column by its name.
    """
    return [name for name, values in columns.items() if _is_split(name, values)]


def split_of_folders(ids: Sequence[str]) -> list[str | None] | None:
    """Return the first folder of each id where it names a part of a split ("train/cat/1.jpg"), else None.

    Returns:
        None if the folders name fewer than two parts.
    """
    folders = [image_id.partition("/")[0] if "/" in image_id else "" for image_id in ids]
    found = [folder if folder.casefold() in PART_NAMES else None for folder in folders]
    return found if len(set(found) - {None}) > 1 else None


def _is_split(name: str, values: Sequence[object]) -> bool:
    there = {part_name(value) for value in values} - {""}
    if not 1 < len(there) <= _MOST_PARTS:
        return False
    return _is_named(name) or {value.casefold() for value in there} <= PART_NAMES


def _is_named(name: str) -> bool:
    """Whether a column's name says that it holds the parts of a split."""
    words = name.casefold().replace("-", "_").replace(" ", "_").split("_")
    return any(word in _COLUMN_NAMES or word.removesuffix("s") in _COLUMN_NAMES for word in words)


def part_name(value: object) -> str:
    """Return the name of a part: "" for what is missing (None, and NaN, which is not equal to itself)."""
    return "" if value is None or value != value else str(value).strip()  # noqa: PLR0124
