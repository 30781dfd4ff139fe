"""Read metadata.csv, .tsv and .parquet: from bytes to a source of metadata.

As in Hugging Face's ImageFolder, a row describes the image that one of its cells names. What does not belong
here: which column that is (`key_column.py`), and the types of CSV cells (`metadata/values/cells.py`).
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.errors import ImagesError
from clipper.metadata.join import Source
from clipper.metadata.key_column import Candidate, Choice, choose, matched
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.values.cells import infer_cell_type, is_text_of_numbers, plain_column
from clipper.metadata.values.types import EXAMPLES, first_few

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t"
# The name under which pandas writes an unnamed index, which says nothing about an image.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
# How pandas calls a column without a name that it read; R and pandas write row numbers in such a column.
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*)?")
# The first line with which Excel is told the delimiter.
_SEPARATOR_LINE = re.compile(rb'(?:\xef\xbb\xbf)?\s*"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
# A row appended to each file: if the parser does not return it as a row, a quote before it was never closed.
_END = "clipper-end-of-table"
# Rows converted to Python values at a time.
_PICK_ROWS = 65_536


def read_csv(data: bytes, *, name: str, source: str, images: ImageKeys | None = None) -> Source:
    """Read a CSV table in UTF-8; its header shows whether `,`, `;` or a tab separates cells.

    Args:
        data: the file's bytes.
        name: of the file, for notes; a table called .tsv is separated by tabs.
        source: the file's path, for errors.
        images: that the rows may name; without them, the names of the columns say which one names images.

    Raises:
        ImagesError: the file is no such table, or names none of the images; the message says what to do.
    """
    _text(data, source)
    delimiter = "\t" if name.endswith(".tsv") else None
    if found := _SEPARATOR_LINE.match(data):
        delimiter, data = found[1].decode("latin-1"), data[found.end() :]
    delimiter, most = _header_of(_text(data, source), delimiter)
    header, columns, problems = _cells(data, delimiter, most, name=name, source=source)
    names = [cell.strip() for cell in header]
    row_numbers = {i for i, one in enumerate(names) if _UNNAMED.fullmatch(one) and _are_numbered(columns[i])}
    places = [i for i in range(len(names)) if i not in row_numbers]
    choice = choose([_of_text(names[i], columns[i]) for i in places], images, name=name, source=source)
    key = places[choice.place]
    chosen, odd = _once(names, name)
    table: dict[str, pa.ChunkedArray] = {}
    for index in chosen:
        if index != key and index not in row_numbers:
            table[names[index]], misfit = infer_cell_type(names[index], columns[index])
            problems += [f"{name}: {misfit}"] if misfit else []
    return _source(name, columns[key], table, [*problems, *odd], _Named(choice, names[key], images, source))


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
    chosen, problems = _once(names, name)
    table: dict[str, pa.ChunkedArray] = {}
    for index in chosen:
        if index == key or _PANDAS_INDEX.fullmatch(names[index]):
            continue
        column, kind = plain_column(whole.column(index)), whole.column(index).type
        if column is None:
            written = first_few([str(kind)])
            problems.append(f"{name}: {names[index]!r} is {written}, which cannot be kept; left out")
            continue
        if _UNNAMED.fullmatch(names[index]) and _are_numbered(column):
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

    some = cells[:_PICK_ROWS]
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
        if plain is None or not (types.is_string(plain.type) or types.is_integer(plain.type)):
            return None
        return plain.cast(pa.string())

    return Candidate(name, is_text, read)


def _are_numbered(cells: "pa.ChunkedArray") -> bool:
    """Whether cells number the rows, from 0 or from 1."""
    import numpy as np
    import pyarrow as pa

    try:
        numbers = cells.cast(pa.int64()).to_numpy() if len(cells) else np.zeros(0, np.int64)
    except pa.ArrowException:
        return False
    if cells.null_count or not len(cells):
        return False
    return bool(numbers[0] in (0, 1) and (numbers == numbers[0] + np.arange(len(numbers))).all())


def _source(
    name: str,
    keys: "pa.ChunkedArray",
    table: "Mapping[str, pa.ChunkedArray]",
    problems: Sequence[str],
    named: _Named,
) -> Source:
    """Make a source of the rows that name a file; add a problem about the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    problems = list(problems)
    has_key = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(keys), ""), False)
    if unnamed := len(keys) - (pc.sum(has_key).as_py() or 0):
        problems.append(f"{name}: {unnamed} row(s) name no file; left out")
    rows = pa.table({column: cells.filter(has_key) for column, cells in table.items()})

    def pick(indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(indices), _PICK_ROWS):
            some_rows = list(indices[start : start + _PICK_ROWS])
            if rows.num_columns:
                yield from rows.take(some_rows).to_pylist()
            else:
                yield from ({} for _ in some_rows)

    kept = keys.filter(has_key)
    source = Source(name, kept.to_pylist(), pick, problems)
    return (
        source
        if named.images is None
        else matched(source, named.choice, named.column, named.images, path=named.source)
    )


def _text(data: bytes, source: str) -> str:
    way_out = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ImagesError(f"{source} is UTF-16; {way_out}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ImagesError(
            f"{source} is not UTF-8 (line {line}, byte 0x{data[error.start]:02x}); {way_out}"
        ) from error
    if not text.strip():
        raise ImagesError(f"{source} is empty; delete it, or begin it with a header such as file_name,group")
    return text


def _header_of(text: str, delimiter: str | None = None) -> tuple[str, int]:
    """Return the delimiter, and the most columns that there can be.

    Unless it is known, the delimiter is the one of `,`, `;` and tab that is most frequent in the header,
    outside of quotes.
    """
    quoted = False
    counts = dict.fromkeys(delimiter or DELIMITERS, 0)
    length = 0
    for character in (text := text.lstrip("\r\n")):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "\r\n":
            break
        elif not quoted and character in counts:
            counts[character] += 1
        length += 1
    delimiter = max(counts, key=lambda one: counts[one])
    return delimiter, text.count(delimiter, 0, length) + 1


class _Ragged:
    """Collects the rows with more or fewer cells than the header; `ended` once the appended row came."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []
        self.ended = False

    def __call__(self, row: Any) -> str:
        """Handle a row as Arrow's `invalid_row_handler`."""
        if row.text.strip("\r\n") == _END:
            self.ended = True
        else:
            self.count += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(f"row {row.number}: {row.actual_columns}")
        return "skip"


def _cells(
    data: bytes, delimiter: str, most: int, *, name: str, source: str
) -> "tuple[list[str], list[pa.ChunkedArray], list[str]]":
    """Return the header, the columns of text below it, and problems with ragged rows."""
    import pyarrow as pa

    ragged = _Ragged()
    try:
        table = _parsed(b"".join([data, f"\n{_END}\n".encode()]), delimiter, most, ragged)
    except (pa.ArrowException, ValueError) as error:
        raise ImagesError(f"{source} is not a CSV table ({_one_line(error)}); fix it or delete it") from error
    rows = table.num_rows
    if table.num_columns == 1 and table.column(0)[-1].as_py() == _END:
        ragged.ended, rows = True, rows - 1
    if not ragged.ended:
        raise ImagesError(f"{source}: a quote is opened and never closed, in row {rows + ragged.count}")
    columns = [column.slice(1, rows - 1) for column in table.columns]
    message = f"{name}: {ragged.count} row(s) lack or exceed the header's {len(columns)} cells"
    problems = [f"{message} ({', '.join(ragged.examples)}); left out"] if ragged.count else []
    return [column[0].as_py() for column in table.columns], columns, problems


def _parsed(data: bytes, delimiter: str, most: int, ragged: _Ragged) -> "pa.Table":
    """Parse all rows as text, with the header: at most `most` columns named f0, f1, ..."""
    import pyarrow as pa
    from pyarrow import csv

    return csv.read_csv(
        pa.BufferReader(data),
        # One block, as a cell may be as long as the file; one thread, which numbers the rows.
        read_options=csv.ReadOptions(
            use_threads=False, block_size=min(len(data) + 1, 2**31 - 1), autogenerate_column_names=True
        ),
        parse_options=csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=ragged
        ),
        convert_options=csv.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(most)}, null_values=[]
        ),
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
            f"{source} is not a readable Parquet table ({_one_line(error)}); write it again or delete it"
        ) from error


def _once(names: Sequence[str], name: str) -> tuple[list[int], list[str]]:
    """Return the index of the first column of each name, and problems with the others."""
    first: dict[str, int] = {}
    for index, column in enumerate(names):
        first.setdefault(column, index)
    repeated = [column for column, count in Counter(names).items() if count > 1 and column]
    odd = [f"{name}: the column {column!r} is there twice; the first one is used" for column in repeated]
    return list(first.values()), odd


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
