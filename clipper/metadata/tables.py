"""Read metadata.csv and metadata.parquet: from bytes to a source of metadata.

As in Hugging Face's ImageFolder, a row describes the image that its `file_name` names. What does not belong
here: finding the image of a name (`metadata/join.py`), and the types of CSV cells (`metadata/cells.py`).
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.errors import ImagesError
from clipper.metadata.cells import infer_cell_type, is_text_of_numbers, plain_column
from clipper.metadata.join import Source
from clipper.metadata.types import EXAMPLES, first_few

if TYPE_CHECKING:
    import pyarrow as pa

# The column that names the image: the first of these that a table has, in upper or lower case.
KEY_COLUMNS = ("file_name", "filename", "file", "path", "image", "id", "name")
DELIMITERS = ",;\t"
# The name under which pandas writes an unnamed index, which says nothing about an image.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
# A row appended to each file: if the parser does not return it as a row, a quote before it was never closed.
_END = "clipper-end-of-table"
# Rows converted to Python values at a time.
_PICK_ROWS = 65_536


def read_csv(data: bytes, *, name: str, source: str) -> Source:
    """Read a CSV table in UTF-8; its header shows whether `,`, `;` or a tab separates cells.

    Args:
        data: the file's bytes.
        name: of the file, for notes.
        source: the file's path, for errors.

    Raises:
        ImagesError: the file is no such table; the message says what to do.
    """
    delimiter, most = _header_of(_text(data, source))
    header, columns, problems = _cells(data, delimiter, most, name=name, source=source)
    names, key = [cell.strip() for cell in header], _key(header, source)
    chosen, odd = _once(names, name)
    table: dict[str, pa.ChunkedArray] = {}
    for index in chosen:
        if index != key:
            table[names[index]], misfit = infer_cell_type(names[index], columns[index])
            problems += [f"{name}: {misfit}"] if misfit else []
    return _source(name, columns[key], table, problems + odd)


def read_parquet(data: bytes, *, name: str, source: str, max_bytes: int) -> Source:
    """Read a Parquet table; types as in Arrow, but dates and times as ISO 8601 text.

    Decimals become floats, or integers; see `plain_column`.

    Args:
        data: the file's bytes.
        name: of the file, for notes.
        source: the file's path, for errors.
        max_bytes: a table that is larger when unpacked is refused.

    Raises:
        ImagesError: the file is no such table; the message says what to do.
    """
    import pyarrow as pa

    whole = _unpacked(data, source, max_bytes)
    names: list[str] = whole.column_names
    key = _key(names, source)
    keys = plain_column(whole.column(key))
    if keys is None or not (pa.types.is_string(keys.type) or pa.types.is_integer(keys.type)):
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
        table[names[index]] = column
        if is_text_of_numbers(column.type, kind):
            problems.append(
                f"{name}: {names[index]!r} is kept as text: of its type, {kind}, it has numbers that neither "
                "integers of 64 bits nor floats hold exactly"
            )
    return _source(name, keys.cast(pa.string()), table, problems)


def _source(
    name: str, keys: "pa.ChunkedArray", table: "Mapping[str, pa.ChunkedArray]", problems: Sequence[str]
) -> Source:
    """Make a source of the rows that name a file; add a problem about the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    problems = list(problems)
    named = pc.fill_null(pc.not_equal(keys, ""), False)
    if unnamed := len(keys) - (pc.sum(named).as_py() or 0):
        problems.append(f"{name}: {unnamed} row(s) name no file; left out")
    rows = pa.table({column: cells.filter(named) for column, cells in table.items()})

    def pick(indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(indices), _PICK_ROWS):
            some_rows = list(indices[start : start + _PICK_ROWS])
            if rows.num_columns:
                yield from rows.take(some_rows).to_pylist()
            else:
                yield from ({} for _ in some_rows)

    return Source(name, keys.filter(named).to_pylist(), pick, problems)


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


def _header_of(text: str) -> tuple[str, int]:
    """Return the delimiter, and the most columns that there can be.

    The delimiter is the one of `,`, `;` and tab that is most frequent in the header, outside of quotes.
    """
    quoted = False
    counts = dict.fromkeys(DELIMITERS, 0)
    length = 0
    for character in (text := text.lstrip("\r\n")):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "\r\n":
            break
        elif not quoted and character in counts:
            counts[character] += 1
        length += 1
    delimiter = max(DELIMITERS, key=lambda one: counts[one])
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


def _key(names: Sequence[str], source: str) -> int:
    """Return the index of the column that names the images."""
    lower = [name.strip().lower() for name in names]
    for wanted in KEY_COLUMNS:
        if wanted in lower:
            return lower.index(wanted)
    raise ImagesError(
        f"{source} has no column that names the images; call it file_name (its columns: {first_few(names)})"
    )


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
