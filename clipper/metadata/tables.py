"""Read metadata.csv, .tsv and .parquet: from bytes to a source of metadata.

As in Hugging Face's ImageFolder, a row describes the image that one of its cells names. What does not belong
here: which column that is (`key_column.py`), the cells of CSV (`csv_table.py`) and their types
(`metadata/values/cells.py`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clipper.columns import integers
from clipper.errors import ImagesError
from clipper.metadata.csv_table import CsvCells, are_numbered, is_unnamed, one_line, read_cells
from clipper.metadata.entries import Source
from clipper.metadata.key_column import Candidate, Choice, choose, is_key_column, matched
from clipper.metadata.keys.forms import texts
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.values.arrow_columns import is_text_of_numbers, plain_column
from clipper.metadata.values.cells import infer_cell_type
from clipper.metadata.values.shared_columns import NUMBERS_OF_FILES
from clipper.metadata.values.types import MAX_FLOAT_INT, first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The name under which pandas writes an unnamed index, which says nothing about an image.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
# Rows whose text shows whether a column may name images.
_SAMPLE_ROWS = 65_536


def read_csv(data: bytes, *, name: str, source: str, images: ImageKeys | None = None) -> Source:
    """Read a CSV table; its header shows whether `,`, `;`, `|` or a tab separates cells.

    Args:
        data: the file's bytes, in UTF-8, or in UTF-16 with a byte order mark.
        name: of the file, for notes; a table called .tsv is separated by tabs.
        source: the file's path, for errors.
        images: that the rows may name; without them, the names of the columns say which one names images.

    Raises:
        ImagesError: the file is no such table, or names none of the images; the message says what to do.
    """
    cells = read_cells(data, name=name, source=source)
    row_numbers = cells.row_numbers()
    places = [i for i in range(len(cells.names)) if i not in row_numbers]
    candidates = [_of_text(cells.names[i], cells.columns[i]) for i in places]
    choice = choose(candidates, images, name=name, source=source)
    key = places[choice.place]
    if images is not None and _is_row(cells.names[key], images):
        cells = cells.with_header_as_row()
        named = ", ".join(cells.names[:2])
        choice = replace(choice, note=f"{name} has no header; its columns are called {named}, ...")
    names, odd = _named_columns(cells, key)
    chosen, twice = _once(names)
    problems = [*cells.problems, *(f"{name}: {words}" for words in [*odd, *twice])]
    table: dict[str, pa.ChunkedArray] = {}
    for index in chosen:
        if index != key and index not in row_numbers and names[index]:
            column = names[index]
            table[column], note = infer_cell_type(
                column,
                cells.columns[index],
                decimal_commas=cells.delimiter != ",",
                keep_all=column in NUMBERS_OF_FILES,
            )
            problems += [f"{name}: {note}"] if note else []
    named_by = _Named(choice, cells.names[key], images, source)
    return _source(name, cells.columns[key], table, problems, named_by, lost=cells.lost)


def _named_columns(cells: CsvCells, key: int) -> tuple[list[str], list[str]]:
    """Return the names of the columns, and what is said of those without one.

    Such a column is called by its number, unless it holds nothing, or whole numbers: the rows of a table of
    pandas from which some were taken.
    """
    import pyarrow.compute as pc

    names, notes, row_numbers = list(cells.names), list[str](), cells.row_numbers()
    for index, column in enumerate(cells.columns):
        if cells.names[index] or index == key or index in row_numbers:
            continue
        if pc.any(pc.match_substring_regex(column, r"[^0-9\s-]")).as_py():
            names[index] = f"column_{index + 1}"
            notes.append(f"column {index + 1} has no name; it is called {names[index]!r}")
        elif pc.any(pc.match_substring_regex(column, r"\S")).as_py():
            notes.append(f"column {index + 1} has no name, and numbers only; left out")
    return names, notes


def _is_row(name: str, images: ImageKeys) -> bool:
    """Whether the name of a column of names is itself that of an image: the table has no header."""
    if is_key_column(name):
        return False
    matches = images.match([name])
    return bool(matches.named and not matches.readings)


def read_parquet(
    data: bytes, *, name: str, source: str, max_bytes: int, images: ImageKeys | None = None
) -> Source:
    """Read a Parquet table; types as in Arrow, but dates and times as ISO 8601 text.

    Decimals become floats, or integers; see `plain_column`.

    Args:
        data: the file's bytes.
        name: of the file, for notes.
        source: the file's path, for errors.
        max_bytes: a table that is larger when unpacked is refused.
        images: that the rows may name; without them, the names of the columns say which one names images.

    Raises:
        ImagesError: the file is no such table, or names none of the images; the message says what to do.
    """
    whole = _unpacked(data, source, max_bytes)
    names: list[str] = whole.column_names
    candidates = [_of_arrow(name, whole.column(index)) for index, name in enumerate(names)]
    choice = choose(candidates, images, name=name, source=source)
    key = choice.place
    keys = candidates[key].read()
    if keys is None:
        raise ImagesError(
            f"{source}: the column {names[key]!r} is {whole.column(key).type}, but it must hold file names"
        )
    chosen, twice = _once(names)
    problems = [f"{name}: {words}" for words in twice]
    table: dict[str, pa.ChunkedArray] = {}
    for index in chosen:
        if index == key or _PANDAS_INDEX.fullmatch(names[index]):
            continue
        column, kind = plain_column(whole.column(index)), whole.column(index).type
        if column is None:
            written = first_few([str(kind)])
            problems.append(f"{name}: {names[index]!r} is {written}, which cannot be kept; left out")
            continue
        if is_unnamed(names[index]) and are_numbered(column):
            continue
        table[names[index]] = column
        if is_text_of_numbers(column.type, kind):
            problems.append(
                f"{name}: {names[index]!r} is kept as text: of its type, {kind}, it has numbers that neither "
                "integers of 64 bits nor floats hold exactly"
            )
    return _source(name, keys, table, problems, _Named(choice, names[key], images, source))


@dataclass(frozen=True)
class _Named:
    """How a table names images: the choice of its key column, its name, the images, and the file's path."""

    choice: Choice
    column: str
    images: ImageKeys | None
    source: str


def _of_text(name: str, cells: "pa.ChunkedArray") -> Candidate:
    """Return a column of CSV cells; one of numbers alone names images only if its name says so."""
    import pyarrow.compute as pc

    some = cells[:_SAMPLE_ROWS]
    return Candidate(
        name, bool(pc.any(pc.match_substring_regex(some, r"[^0-9.,+\-\s]")).as_py()), lambda: cells
    )


def _of_arrow(name: str, column: "pa.ChunkedArray") -> Candidate:
    """Return a column of any type; of Hugging Face's structs, with an image in them, the `path` names it."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    inner = kind.value_type if types.is_dictionary(kind) else kind
    is_text = bool(types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner))

    def read() -> "pa.ChunkedArray | None":
        cells = column
        if types.is_struct(kind) and kind.get_field_index("path") >= 0:
            cells = pa.chunked_array(
                [chunk.field("path") for chunk in column.chunks], kind.field("path").type
            )
        if types.is_nested(cells.type):
            return None
        plain = plain_column(cells)
        if plain is not None and types.is_floating(plain.type):
            plain = _whole(plain)
        if plain is None or not (types.is_string(plain.type) or types.is_integer(plain.type)):
            return None
        return plain.cast(pa.string())

    return Candidate(name, is_text, read)


def _whole(numbers: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Return floats as integers, if pandas made floats of them as others are missing.

    None if there are fractions, or numbers so large that digits may be lost.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        whole = numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    is_large = pc.any(pc.greater_equal(pc.abs(whole), MAX_FLOAT_INT)).as_py()
    return None if is_large else whole


def _source(
    name: str,
    keys: "pa.ChunkedArray",
    table: "Mapping[str, pa.ChunkedArray]",
    problems: Sequence[str],
    named: _Named,
    *,
    lost: int = 0,
) -> Source:
    """Make a source of the rows that name a file; add a problem about the others.

    `lost` counts the rows that could not be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    problems = list(problems)
    has_key = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(keys), ""), False)
    if unnamed := len(keys) - (pc.sum(has_key).as_py() or 0):
        problems.append(f"{name}: {unnamed} row(s) name no file; left out")
    rows = pa.table({column: cells.filter(has_key) for column, cells in table.items()})

    def pick(indices: "np.ndarray") -> "pa.Table":
        return rows if len(indices) == len(rows) or not table else rows.take(integers(indices))

    source = Source(name, texts(keys.filter(has_key)), pick, problems, lost=lost + unnamed)
    return (
        source
        if named.images is None
        else matched(source, named.choice, named.column, named.images, path=named.source)
    )


def _unpacked(data: bytes, source: str, max_bytes: int) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            shape = file.metadata
            size = sum(shape.row_group(i).total_byte_size for i in range(shape.num_row_groups))
            # Repeated values pack into almost nothing: count each as the eight bytes that it takes in memory.
            size = max(size, 8 * shape.num_rows * shape.num_columns)
            if size > max_bytes:
                raise ImagesError(
                    f"{source} has {size:,} bytes when unpacked, more than the limit of {max_bytes:,} "
                    "(max_bytes); raise that, or keep fewer columns"
                )
            table = file.read()
        # One wrong bit may leave invalid text in cells or in names.
        table.validate(full=True)
        return table.rename_columns(table.column_names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ImagesError(
            f"{source} is not a readable Parquet table ({one_line(error)}); write it again or delete it"
        ) from error


def _once(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the index of the first column of each name, and problems with the others."""
    first: dict[str, int] = {}
    for index, column in enumerate(names):
        first.setdefault(column, index)
    repeated = [column for column, count in Counter(names).items() if count > 1 and column]
    odd = [f"the column {column!r} is there twice; the first one is used" for column in repeated]
    return list(first.values()), odd
