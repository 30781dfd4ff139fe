"""Join metadata: files beside the images, folder names, file facts and tags -> typed columns.

What does not belong here: reading those sources (`metadata/sources.py`), what one source has for each image
(`metadata/entries.py`), a column's type (`metadata/infer.py`) and Chroma (`chroma/collection.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clipper.columns import integers, numbers
from clipper.images import folder_names
from clipper.images.exif import LATITUDE, LONGITUDE, TIMES
from clipper.metadata.columns import FILE, FOLDER, LABELS, TAGS, Column
from clipper.metadata.entries import Source, read_entries
from clipper.metadata.infer import Fitted, infer_type
from clipper.metadata.keys.forms import texts
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.values.column_values import Values, columns_of, in_order
from clipper.metadata.values.shared_columns import Entries, part_columns
from clipper.metadata.values.types import EXAMPLES, arrow_type, first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

METADATA_VERSION = "5"
# The prefix of the column of tags if a source has a column of that name, which stays as it is.
_OTHER_TAGS = "clipper_"
_EXAMPLE_CHARACTERS = 60
# So many values that differ show which sources have others.
_COMPARED = 100
# Images whose cells are put into one piece of a column of the table.
_TABLE_ROWS = 1 << 18
# A piece of more bytes is parted: texts of 2 GiB and more are too many for one.
_PIECE_BYTES = 1 << 30


@dataclass(frozen=True)
class Metadata:
    """Columns, and the values of each; `Values.at` are rows of images."""

    columns: list[Column]
    values: dict[str, Values]
    problems: list[str]

    def table(self, ids: "Sequence[str] | pa.Array") -> "pa.Table":
        """Make an Arrow table: `id`, then the columns."""
        import numpy as np
        import pyarrow as pa

        names = texts(ids)
        fields = [("id", pa.string()), *((column.name, arrow_type(column.type)) for column in self.columns)]
        every = Values(np.arange(len(names)), names)
        cells = [every, *(self.values[column.name] for column in self.columns)]
        columns = [_spread(one, len(names), kind) for one, (_, kind) in zip(cells, fields, strict=True)]
        return pa.table(columns, schema=pa.schema(fields))


def join(
    ids: "Sequence[str] | pa.Array",
    facts: Mapping[str, Values],
    sources: Sequence[Source],
    *,
    tags: "pa.ListArray | None" = None,
    labels: "Mapping[str, pa.LargeStringArray] | None" = None,
) -> Metadata:
    """Join the metadata of each image, and give each column its type.

    Args:
        ids: of the images.
        facts: of the image files, by column; `at` are rows of `ids`.
        sources: if two have a value in the same column for an image, the first wins. A key names an image
            by path, by path without ending, or by name.
        tags: of each image, aligned with `ids`; None if no image has any. They become the column `tags`, or
            `clipper_tags` if a source has a column `tags`: so removing a tag never removes a source's.
        labels: column -> the label of each image, aligned with `ids`, null for none. A name that is taken
            has a prefix.
    """
    import numpy as np

    ids = texts(ids)
    own = _own(_of_folders(ids), facts)
    own_types = {name: infer_type(name, values).type for name, values in own.items()}
    entries, problems = _entries(ids, sources)
    problems += part_columns(entries, own_types, times=TIMES)
    given, origins, differing = _merge(ids, entries)
    del entries
    problems += differing
    kept = {name for name in own if name not in given or given[name].split(own[name])[0].any()}
    merged = in_order({**own, **{name: _overlaid(given[name], own.get(name)) for name in given}})
    del own, given
    fitted = {}
    for name in list(merged):
        fitted[name] = infer_type(name, merged.pop(name))
    columns = [
        Column(name, fitted[name].type, _named([*_of_files(name, kept), *origins.get(name, ())]))
        for name in dict.fromkeys([*origins, *own_types])
    ]
    values = {name: one.values for name, one in fitted.items()}
    if tags is not None:
        name = tags_column(column.name for column in columns)
        columns.append(Column(name, "list[str]", TAGS))
        values[name] = Values.of_arrow(np.arange(len(ids)), tags)
    for label_column, cells in (labels or {}).items():
        name = _free_name(label_column, (column.name for column in columns))
        columns.append(Column(name, "str", LABELS))
        values[name] = Values.of_arrow(np.arange(len(ids)), cells)
    problems += _misfits(fitted, origins)
    return Metadata(_described(columns, values), values, problems)


def _of_folders(ids: "pa.LargeStringArray") -> dict[str, Values]:
    """Return what the folders of the images say, by column."""
    import pyarrow.compute as pc

    folders = pc.replace_substring_regex(ids, r"(?s)^(?:(.*)/)?[^/]*$", r"\1").dictionary_encode()
    said = columns_of(folder_names.of_folders(folders.dictionary.to_pylist()))
    codes = numbers(folders.indices)
    return {name: values.repeated(codes) for name, values in said.items()}


def _own(said: Mapping[str, Values], facts: Mapping[str, Values]) -> dict[str, Values]:
    """Return what folders and files say of the images; what files say counts."""
    facts = dict(facts)
    folders = {
        name: _overlaid(facts.pop(name), values) if name in facts else values for name, values in said.items()
    }
    return in_order({**folders, **facts})


def _overlaid(values: Values, below: Values | None) -> Values:
    """Add to the values those `below` of images that have none."""
    if below is None:
        return values
    is_new, _, _ = values.split(below)
    return values.with_others(below.where(is_new))


def _misfits(fitted: Mapping[str, Fitted], origins: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is odd in the columns that sources have."""
    odd = [name for name, one in fitted.items() if name in origins and (one.about or one.misfits)]
    odd.sort(key=lambda name: fitted[name].order)
    return [f"{_named(origins[name])}: {fitted[name].message(name)}" for name in odd]


def _spread(values: Values, count: int, kind: "pa.DataType") -> "pa.ChunkedArray":
    """Return a column of `count` rows that has the values at their places, in pieces below 2 GiB."""
    import numpy as np
    import pyarrow as pa

    cells, pieces = values.cells, []
    assert not isinstance(cells, list)  # of one type, as `infer_type` makes them
    blocks = [(start, min(_TABLE_ROWS, count - start)) for start in range(0, count, _TABLE_ROWS)][::-1]
    while blocks:
        start, size = blocks.pop()
        first, end = np.searchsorted(values.at, [start, start + size])
        if end - first == size:
            rows = integers(np.arange(first, end))
        else:
            places = np.full(size, -1, np.int64)
            places[values.at[first:end] - start] = np.arange(first, end)
            rows = _with_gaps(places)
        piece = cells.take(rows)
        if piece.nbytes > _PIECE_BYTES and size > 1:
            blocks += [(start + size // 2, size - size // 2), (start, size // 2)]
        else:
            pieces.append(piece.cast(kind))
    return pa.chunked_array(pieces, kind)


def _with_gaps(places: "np.ndarray") -> "pa.Int64Array":
    """Make a column of (n,) int64 in which a negative number is null."""
    import numpy as np
    import pyarrow as pa

    there = pa.py_buffer(np.packbits(places >= 0, bitorder="little"))
    return pa.Array.from_buffers(pa.int64(), len(places), [there, pa.py_buffer(places)])


def _named(sources: Sequence[str]) -> str:
    """Name the first of some sources: each of a thousand folders may have a table."""
    more = len(sources) - EXAMPLES
    return " and ".join(sources[:EXAMPLES]) + (f" and {more:,} more" if more > 0 else "")


def tags_column(taken: Iterable[str]) -> str:
    """Return the name of the column of tags beside columns with these names."""
    return _free_name(TAGS, taken)


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    names, name = set(taken), wanted
    while name in names:
        name = _OTHER_TAGS + name
    return name


def without_missing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without None and empty lists (Chroma takes neither)."""
    return {key: value for key, value in row.items() if value is not None and value != []}


def _of_files(name: str, kept: Iterable[str]) -> list[str]:
    """Return the origin of a column's values that are of the files; none if sources replace them all."""
    return [FOLDER if name in folder_names.COLUMNS else FILE] if name in kept else []


def _entries(ids: "pa.LargeStringArray", sources: Sequence[Source]) -> tuple[list[Entries], list[str]]:
    """Return what each source has, and the problems."""
    images = ImageKeys(ids)
    found: list[Entries] = []
    problems: list[str] = []
    for source in sources:
        entries, odd = read_entries(ids, source, images)
        found.append(entries)
        problems += odd
    return found, problems


def _merge(
    ids: "pa.LargeStringArray", sources: Sequence[Entries]
) -> tuple[dict[str, Values], dict[str, list[str]], list[str]]:
    """Return the values of each column, the names of its sources, and the problems."""
    merged: dict[str, Values] = {}
    origins: dict[str, list[str]] = {}
    problems: list[str] = []
    for number, one in enumerate(sources):
        differing: list[tuple[int, int, str]] = []
        count = 0
        for order, (name, values) in enumerate(one.columns.items()):
            if name not in merged:
                merged[name], origins[name] = values.moved(one.images), [one.source]
                continue
            theirs = values.moved(one.images)
            is_new, _, unequal = merged[name].split(theirs)
            if len(unequal):
                count += len(unequal)
                differing += _first_places(one, theirs.at[unequal], order, name)
            if is_new.any():
                merged[name] = merged[name].with_others(theirs.where(is_new))
                if one.source not in origins[name]:
                    origins[name].append(one.source)
        if differing:
            first = [(name, int(one.images[place])) for place, _, name in sorted(differing)[:_COMPARED]]
            examples = [f"{name} of {ids[index].as_py()}" for name, index in first[:EXAMPLES]]
            used = [other.source for other in sources[:number] if _has_any(other, first)]
            problems.append(
                f"{one.source}: {count} value(s) differ from those of {_named(used)}, "
                f"which are used ({first_few(examples, count=count)})"
            )
    return merged, origins, problems


def _first_places(one: Entries, rows: "np.ndarray", order: int, name: str) -> list[tuple[int, int, str]]:
    """Return the first of some images (k,) in the order in which the source names them, with a column."""
    import numpy as np

    places = np.flatnonzero(np.isin(one.images, rows))[:_COMPARED]
    return [(place, order, name) for place in places.tolist()]


def _has_any(one: Entries, cells: Sequence[tuple[str, int]]) -> bool:
    """Whether a source has a value in one of some columns and images."""
    import numpy as np

    wanted: dict[str, list[int]] = {}
    for name, row in cells:
        if name in one.columns:
            wanted.setdefault(name, []).append(row)
    return any(np.isin(rows, one.images[one.columns[name].at]).any() for name, rows in wanted.items())


def _described(columns: Sequence[Column], values: Mapping[str, Values]) -> list[Column]:
    """Return the columns with their counts of values, and an example each.

    Coordinates get no example: examples are kept where the setting `gps` does not reach, such as in Dagster's
    history.
    """
    described = []
    for column in columns:
        own = values[column.name]
        is_hidden = column.has(FILE) and column.name in (LATITUDE, LONGITUDE)
        example = "" if is_hidden or not len(own) else _as_text(own.first(1)[0])
        described.append(replace(column, filled=len(own), example=example))
    return described


def _as_text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 1] + "…"
