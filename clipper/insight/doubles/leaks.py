"""Leaks: one picture in two parts of a split, such as in the training images and in those for the test.

What does not belong here: finding the copies (`duplicates.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.columns import constant, strings
from clipper.images.folder_names import PART_NAMES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLUMN_NAMES = ("split", "subset", "partition", "fold")
# A column with more values than this names the images, not the parts of a split.
_MOST_PARTS = 50


@dataclass(frozen=True)
class Leak:
    """A group of copies that spans several parts of a split."""

    group: int  # number of the group
    parts: tuple[str, ...]  # the parts, sorted
    counts: tuple[int, ...]  # how many of the group's files each part has


def find_splits(
    columns: "Mapping[str, pa.ChunkedArray]", ids: "pa.LargeStringArray"
) -> "dict[str, pa.Array]":
    """Find the splits of a dataset: of columns, else of the first folders.

    Of columns that say the same, such as `folder` and the `split` made of it, one counts.

    Args:
        columns: the values of each column of categories by its name.
        ids: the images'.

    Returns:
        for each split by its name, the name of each image's part as large_string, "" for none.
    """
    found: dict[str, pa.Array] = {}
    for name in sorted(split_columns(columns), key=lambda name: not _is_named(name)):
        if not any(columns[name].equals(columns[other]) for other in found):
            found[name] = _part_names(columns[name])
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


def split_columns(columns: "Mapping[str, pa.ChunkedArray]") -> list[str]:
    """Return the names of the columns that say which part of a split an image is in, in their order.

    A column is one if a word of its name says so ("split", "subset", "partition", "fold"), or if its values
    are names of parts ("train", "val", "test", ...). It has at least two values.

    Args:
        columns: the values of each column by its name.
    """
    return [name for name, values in columns.items() if _is_split(name, values)]


def split_of_folders(ids: "pa.LargeStringArray") -> "pa.Array | None":
    """Return the first folder of each id where it names a part of a split ("train/cat/1.jpg"), else "".

    Returns:
        (n,) large_string; None if the folders name fewer than two parts.
    """
    import pyarrow.compute as pc

    first = pc.replace_substring_regex(ids, r"(?s)/.*$", "")
    is_folder = pc.match_substring(ids, "/")
    folders = first.filter(is_folder).unique().to_pylist()
    names = [folder for folder in folders if folder.casefold() in PART_NAMES]
    if len(names) < 2:  # noqa: PLR2004 - a split has two parts
        return None
    is_part = pc.and_(is_folder, pc.is_in(first, value_set=strings(names).cast(first.type)))
    return pc.if_else(is_part, first, constant("", len(first)))


def _is_split(name: str, values: "pa.ChunkedArray") -> bool:
    there = {part_name(value) for value in values.unique().to_pylist()} - {""}
    if not 1 < len(there) <= _MOST_PARTS:
        return False
    return _is_named(name) or {value.casefold() for value in there} <= PART_NAMES


def _part_names(values: "pa.ChunkedArray") -> "pa.Array":
    """Return the name of each image's part, large_string."""
    import pyarrow.compute as pc

    distinct = values.unique()
    rows = pc.index_in(values, value_set=distinct)
    names = strings([part_name(value) for value in distinct.to_pylist()])
    return names.take(rows).combine_chunks()


def _is_named(name: str) -> bool:
    """Whether a column's name says that it holds the parts of a split."""
    words = name.casefold().replace("-", "_").replace(" ", "_").split("_")
    return any(word in _COLUMN_NAMES or word.removesuffix("s") in _COLUMN_NAMES for word in words)


def part_name(value: object) -> str:
    """Return the name of a part: "" for what is missing (None, and NaN, which is not equal to itself)."""
    return "" if value is None or value != value else str(value).strip()  # noqa: PLR0124
