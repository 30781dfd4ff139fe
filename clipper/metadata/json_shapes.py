"""What a JSON document of metadata may be whose keys name no image.

What does not belong here: reading JSON, and choosing the shape that matches (`sources.py`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from clipper.images.folder_names import PART_NAMES
from clipper.metadata.values.types import first_few

Record = Mapping[str, Any]

# How pandas calls the parts of a table with `orient="split"`.
_OF_SPLIT = frozenset({"columns", "data"})
# A table has at most so many times the rows of its longest column, if each leaves out rows without a value.
_MOST_ROWS = 2


def other_shapes(
    name: str, document: Record, entries: Mapping[str, Record]
) -> Iterator[tuple[Sequence[Record], str]]:
    """Yield what a JSON object may be whose keys name no image, and a note about what is not read of it.

    It may be objects by number; the columns of a table, as pandas writes them; or it holds a list of objects
    under some key.
    """
    columns = _columns(document)
    cells = [column for column in columns.values() if column]
    if entries and are_numbers(entries):
        yield list(entries.values()), ""
    elif document.keys() >= _OF_SPLIT and (table := _of_split(document)):
        yield table, ""
    elif len(cells) == len(columns) and len({len(column) for column in cells}) == 1:
        rows = zip(*cells, strict=True)
        yield [dict(zip(columns, row, strict=True)) for row in rows], ""
    lists = {key: values for key, values in document.items() if _are_objects(values)}
    if len(lists) > 1 and all(key.lower() in PART_NAMES for key in lists):  # the parts of a split
        others = [other for other in document if other not in lists]
        rows_of_parts = [{"split": key, **row} for key, values in lists.items() for row in values]
        yield rows_of_parts, f"{name}: {first_few(others)} is not read" if others else ""
    nested = {key: inner for key, inner in document.items() if _are_named_objects(inner)}
    if nested:  # such as {"train": {"a.jpg": {...}}}
        others = [other for other in document if other not in nested]
        rows_of_names = [
            {"file_name": image, **({"split": key} if key.lower() in PART_NAMES else {}), **row}
            for key, inner in nested.items()
            for image, row in inner.items()
        ]
        yield rows_of_names, f"{name}: {first_few(others)} is not read" if others else ""
    for key, values in document.items():
        if _are_objects(values):
            others = [other for other in document if other != key]
            yield values, f"{name}: only {key!r} is read, not {first_few(others)}" if others else ""


def _are_objects(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(row, dict) for row in values)


def _are_named_objects(values: Any) -> bool:
    """Whether a value is an object of objects."""
    return isinstance(values, dict) and bool(values) and all(isinstance(row, dict) for row in values.values())


def _of_split(document: Record) -> list[Record] | None:
    """Return the rows of a table as pandas writes it with `orient="split"`; None if it is none."""
    columns, rows = document["columns"], document["data"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        return None
    names = list(map(str, columns))
    index = document.get("index")
    named = isinstance(index, list) and len(index) == len(rows) and all(isinstance(one, str) for one in index)
    more = [{"index": one} for one in index] if named and index else [{}] * len(rows)
    return [{**first, **dict(zip(names, row, strict=True))} for first, row in zip(more, rows, strict=True)]


def are_numbers(keys: Collection[str]) -> bool:
    """Whether keys are the numbers of rows: "0", "1", ..."""
    return all(key == str(number) for number, key in enumerate(keys))


def _columns(document: Record) -> dict[str, list[Any] | None]:
    """Return the cells of columns as pandas writes them: lists, or objects of row -> cell; else None."""
    of_rows = [values for values in document.values() if isinstance(values, dict)]
    rows = dict.fromkeys(row for values in of_rows for row in values)
    if len(rows) > _MOST_ROWS * max(map(len, of_rows), default=0):
        return {}
    return {name: _column(values, rows) for name, values in document.items()}


def _column(values: Any, rows: Collection[str]) -> list[Any] | None:
    if isinstance(values, dict):  # which may leave out the rows without a value
        return [values.get(row) for row in rows] if values.keys() & rows else []
    return values if isinstance(values, list) else None
