"""Label columns of people's own, in the home's labels.json: a name, and the values that exclude each other.

An image's label is a tag "column: value" (`store/tags.py`): so labels are kept, undone and seen by others as
tags are, and an image has at most one of a column. No run deletes this file. What does not belong here: the
columns that a run makes of them (`indexing/metadata.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import numbers, strings, take_or_null, truths
from clipper.store import tags, word_columns
from clipper.store.home import GivenFile, Home, without
from clipper.store.tags import Edit
from clipper.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MAX_LENGTH = 28  # characters of a name, and of a value: together they are a tag
MAX_VALUES = 20  # of a column: the map has as many colours
MAX_COLUMNS = 50
BETWEEN = ": "

# Name of a column -> its values, in the order of their digits.
LabelColumns = dict[str, list[str]]


def path_of(home: Home) -> Path:
    """The file of a home's label columns."""
    return _file(home).path


def clean_name(text: str) -> str:
    """Clean a column's name.

    Raises:
        ValueError: no letter is left, or too many, it has a colon, or Clipper has a column of that name.
    """
    return _checked(word_columns.clean_name(text), "a label column's name")


def clean_values(values: Sequence[str]) -> list[str]:
    """Clean a column's values, each one line; blank ones are left out.

    Raises:
        ValueError: there are too many, one is too long, or one is there twice.
    """
    cleaned = [_checked(value, "a label") for value in map(one_line, values) if value]
    if len(cleaned) > MAX_VALUES:
        raise ValueError(f"these are {len(cleaned)} labels; a column has at most {MAX_VALUES}")
    if len({value.casefold() for value in cleaned}) < len(cleaned):
        raise ValueError("a label is there twice; each counts once")
    return cleaned


def read(home: Home) -> LabelColumns:
    """Read all label columns of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


def define(home: Home, name: str, values: Sequence[str]) -> LabelColumns:
    """Make a label column, or give one other values; return all columns. Labels that were given stay tags.

    Raises:
        ValueError: the name or the values are not acceptable, or there are too many columns.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    column, listed = clean_name(name), clean_values(values)

    def change(columns: LabelColumns) -> LabelColumns:
        if column not in columns and len(columns) >= MAX_COLUMNS:
            raise ValueError(f"there are {MAX_COLUMNS} label columns, and no room for another")
        return {**columns, column: listed}

    return _change(home, change)


def forget(home: Home, name: str) -> LabelColumns:
    """Keep a label column no longer; return those that stay. Its labels stay as tags.

    Raises:
        KeyError: there is no such column.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    return _change(home, lambda columns: without(columns, name))


def tag_of(column: str, value: str) -> str:
    """Return the tag that a label is."""
    return f"{column}{BETWEEN}{value}"


def label_of(columns: Iterable[str], tag: str) -> tuple[str, str] | None:
    """Return the column and the value that a tag is; None if it is a label of no column."""
    name, between, value = tag.partition(BETWEEN)
    return (name, value) if between and value and name in columns else None


def by_column(columns: Iterable[str], given: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return column -> value -> the tag that it is, for those of some tags that are labels."""
    known = [*columns]
    found: dict[str, dict[str, str]] = {name: {} for name in known}
    for tag in sorted(given):
        if label := label_of(known, tag):
            found[label[0]][label[1]] = tag
    return found


def edits(home: Home, column: str, value: str | None, images: frozenset[bytes]) -> list[Edit]:
    """Return the changes of tags that give images a label, and take each other one of the column from them.

    Args:
        home: whose.
        column: of the label.
        value: of the label; None takes the label away.
        images: by content hash.

    Raises:
        KeyError: there is no such column, or it has no such value.
        StoreError: a file is damaged.
    """
    columns = read(home)
    if value is not None and value not in columns[column]:
        raise KeyError(value)
    given = by_column([column], tags.read(home))[column]
    others = {*given, *columns[column]} - {value}
    taken = [Edit(tag_of(column, other), images, adds=False) for other in sorted(others)]
    return taken if value is None else [*taken, Edit(tag_of(column, value), images, adds=True)]


def values_of(columns: Iterable[str], given: Sequence[Sequence[str]]) -> dict[str, list[str | None]]:
    """Return column -> the value of each image, from each image's tags; columns without a value are left out.

    Should an image have two labels of a column, as two people gave them at once, the first in alphabetical
    order counts.
    """
    found: Mapping[str, list[str | None]] = {name: [None] * len(given) for name in columns}
    for at, own in enumerate(given):
        for tag in sorted(own, reverse=True):
            if label := label_of(found, tag):
                found[label[0]][at] = label[1]
    return {name: values for name, values in found.items() if any(value is not None for value in values)}


def columns_of(columns: Iterable[str], given: "pa.ListArray") -> "dict[str, pa.LargeStringArray]":
    """Return what `values_of` does, from a column of the tags of each image in alphabetical order."""
    import numpy as np
    import pyarrow.compute as pc

    tag, image = given.flatten(), numbers(pc.list_parent_indices(given))
    found = {}
    for name, tag_of_value in by_column(columns, tag.unique().to_pylist()).items():
        if not tag_of_value:
            continue
        value = pc.index_in(tag, value_set=strings(list(tag_of_value.values())))
        rows, first = np.unique(image[truths(value.is_valid())], return_index=True)
        of_each = np.full(len(given), -1)
        of_each[rows] = numbers(value.drop_null())[first]
        found[name] = take_or_null(strings(list(tag_of_value)), of_each)
    return found


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's label columns; None if nothing is."""
    return _file(home).problem()


def _checked(text: str, what: str) -> str:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{what} has at most {MAX_LENGTH} letters; this one has {len(text):,}")
    if ":" in text or "," in text:
        raise ValueError(f"{what} has no colon and no comma")
    return text


def _listed(values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a label column has a list of values")
    return values


def _parse(entry: Mapping[str, Any]) -> LabelColumns:
    return {clean_name(name): clean_values(_listed(values)) for name, values in entry.items()}


def _change(home: Home, change: Callable[[LabelColumns], LabelColumns]) -> LabelColumns:
    return _file(home).change(change)


def _file(home: Home) -> GivenFile[LabelColumns]:
    return GivenFile(
        home, "labels", version=FORMAT, lost="the names of label columns", parse=_parse, spell=dict
    )
