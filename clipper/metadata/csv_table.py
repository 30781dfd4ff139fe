"""Read the cells of a CSV table as text: its encoding, its delimiter, where its header is, and odd rows.

What does not belong here: which column names the images (`key_column.py`), and the types of cells
(`metadata/values/cells.py`).
"""

import csv
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clipper.errors import ImagesError
from clipper.metadata.key_column import is_key_column
from clipper.metadata.values.types import EXAMPLES
from clipper.text import decode_text

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t|"
# How pandas calls a column without a name that it read; R and pandas write row numbers in such a column.
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*)?")
# Such a first line tells Excel the delimiter; what ends the line is not part of it.
SEPARATOR = r'"?sep=(.)"?[ \t,;]*'
_SEPARATOR_LINE = re.compile(rf"\s*{SEPARATOR}(?:\r\n|\r|\n|$)", re.IGNORECASE)
_FILLED, _MARKS = re.compile(r"[^\r\n]"), re.compile(r'["\r\n]')
# A quote within a cell as MySQL and Spark write it. One that ends a cell stands before a delimiter or at the
# end of a line.
_ESCAPED_QUOTE, _ESCAPE = re.compile(r'\\"[^,;\t|\r\n"]'), re.compile(r'\\(["\\])')
# A row appended to each file: if the parser does not return it as a row, a quote before it was never closed.
END = "clipper-end-of-table"
# The header is among so many lines: titles and remarks may come before it.
_MAX_LINES_BEFORE = 20
_SHOWN = 60  # characters of such a line in a note


@dataclass(frozen=True)
class CsvCells:
    """The cells of a table.

    `names` are those of the header, `columns` (n,) texts for each. `delimiter` separates cells. `problems`
    says what was left out; `lost` counts the rows among that.
    """

    names: list[str]
    columns: "list[pa.ChunkedArray]"
    delimiter: str
    problems: list[str]
    lost: int = 0

    def row_numbers(self) -> set[int]:
        """Return the places of the columns that only number the rows."""
        named = enumerate(self.names)
        return {i for i, one in named if _UNNAMED.fullmatch(one) and are_numbered(self.columns[i])}

    def with_header_as_row(self) -> "CsvCells":
        """Return the cells of a table whose first line is no header, but a row."""
        import pyarrow as pa

        columns = [
            pa.chunked_array([pa.array([name], pa.string()), *column.chunks])
            for name, column in zip(self.names, self.columns, strict=True)
        ]
        return replace(self, names=[f"column_{i + 1}" for i in range(len(columns))], columns=columns)


def read_cells(data: bytes, *, name: str, source: str) -> CsvCells:
    """Read a CSV table; its header shows whether `,`, `;`, `|` or a tab separates cells.

    Args:
        data: the file's bytes, in UTF-8, or in UTF-16 with a byte order mark.
        name: of the file, for notes; a table called .tsv is separated by tabs, if there are any.
        source: the file's path, for errors.

    Raises:
        ImagesError: the file is no such table; the message says what to do.
    """
    text = _text(data, source)
    delimiter = "\t" if name.lower().endswith(".tsv") and "\t" in _line(text)[0] else None
    if found := _SEPARATOR_LINE.match(text):
        delimiter, text = found[1], text[found.end() :]
        if not text.strip():
            raise _empty(source)
    if '\\"' in text and _ESCAPED_QUOTE.search(text):
        text = _ESCAPE.sub(lambda found: '""' if found[1] == '"' else "\\", text)
    text, problems = _from_header(text, delimiter, name)
    delimiter, most = _delimiter_of(_line(text)[0], delimiter)
    return _cells(text, delimiter, most, problems, name=name, source=source)


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or the one that pandas gives then."""
    return _UNNAMED.fullmatch(name) is not None


def are_numbered(cells: "pa.ChunkedArray") -> bool:
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


def one_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split())[:200]


def _text(data: bytes, source: str) -> str:
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ImagesError(
            f"{source} is not UTF-8 (line {line}, byte 0x{data[error.start]:02x}); save it as UTF-8 (in a "
            "spreadsheet: CSV UTF-8)"
        ) from error
    if not text.strip():
        raise _empty(source)
    return text


def _empty(source: str) -> ImagesError:
    return ImagesError(f"{source} is empty; delete it, or begin it with a header such as file_name,group")


def _line(text: str, start: int = 0) -> tuple[str, int]:
    """Return the first line from a place on that is not empty, and where it ends."""
    if first := _FILLED.search(text, start):
        start, quoted = first.start(), False
        for mark in _MARKS.finditer(text, start):
            if mark[0] == '"':
                quoted = not quoted
            elif not quoted:
                return text[start : mark.start()], mark.start()
    return text[start:], len(text)


def _delimiter_of(header: str, known: str | None) -> tuple[str, int]:
    """Return the delimiter, and the most columns that there can be.

    Unless it is known, the delimiter is the one that is most frequent in the header, outside of quotes.
    """
    bare = re.sub(r'"[^"]*"?', "", header)
    delimiter = max(known or DELIMITERS, key=bare.count)
    return delimiter, header.count(delimiter) + 1


def _from_header(text: str, delimiter: str | None, name: str) -> tuple[str, list[str]]:
    """Return a text from its header on, and what is said of the titles and remarks before it.

    A line is one of those if it has one cell, or begins with `#`, and if a header follows that has a column
    of names.
    """
    end, before = 0, list[str]()
    for _ in range(_MAX_LINES_BEFORE):
        start = end
        line, end = _line(text, start)
        found, _ = _delimiter_of(line, delimiter)
        cells = _split(line, found)
        filled = sum(map(bool, cells))
        if any(map(is_key_column, cells)) and (filled > 1 or not before):
            if not before:
                break
            said = f"{name}: {len(before)} line(s) before the header are left out, such as {before[0]!r}"
            return text[start:], [said]
        if not line or (filled > 1 and not line.lstrip().startswith("#")):
            break
        before.append(line.strip()[:_SHOWN])
    return text, []


def _split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line; a line that cannot be split is one of a table, of unknown cells."""
    try:
        found = next(csv.reader([re.sub(r"[\r\n]", " ", line)], delimiter=delimiter), [])
    except csv.Error:  # such as a cell of more than 131,072 characters
        return ["?", "?"]
    return [cell.strip() for cell in found]


class _Ragged:
    """Collects the rows with more or fewer cells than the header; `ended` once the appended row came.

    `cells` is the number of cells that each of them has; None if they differ.
    """

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []
        self.cells: int | None = None
        self.ended = False

    def __call__(self, row: Any) -> str:
        """Handle a row as Arrow's `invalid_row_handler`."""
        if row.text.strip("\r\n") == END:
            self.ended = True
        else:
            self.cells = row.actual_columns if self.count == 0 or self.cells == row.actual_columns else None
            self.count += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(f"row {row.number}: {row.actual_columns}")
        return "skip"


def _cells(text: str, delimiter: str, most: int, problems: list[str], *, name: str, source: str) -> CsvCells:
    """Parse a text that begins with its header."""
    header, columns, ragged = _parsed(text, delimiter, most, source=source)
    all_have_one_more = ragged.cells == len(header) + 1 and not len(columns[0])
    if all_have_one_more and (wider := _wider(text, delimiter, most, source=source)):
        return CsvCells(*wider, delimiter, problems)
    message = f"{name}: {ragged.count} row(s) lack or exceed the header's {len(columns)} cells"
    problems = (
        [*problems, f"{message} ({', '.join(ragged.examples)}); left out"] if ragged.count else problems
    )
    return CsvCells(header, columns, delimiter, problems, ragged.count)


def _wider(
    text: str, delimiter: str, most: int, *, source: str
) -> "tuple[list[str], list[pa.ChunkedArray]] | None":
    """Parse a table all of whose rows have one cell more than the header; None if it is not known which.

    Either a delimiter ends each row, or the header has no cell above the names of rows, as R writes it.
    """
    import pyarrow.compute as pc

    end = _line(text)[1]
    header, columns, ragged = _parsed(
        f"{text[:end]}{delimiter}{text[end:]}", delimiter, most + 1, source=source
    )
    if ragged.count:
        return None
    if not pc.any(pc.not_equal(pc.utf8_trim_whitespace(columns[-1]), "")).as_py():
        return header[:-1], columns[:-1]
    if are_numbered(columns[0]) or not any(map(is_key_column, header)):
        return ["", *header[:-1]], columns
    return None


def _parsed(
    text: str, delimiter: str, most: int, *, source: str
) -> "tuple[list[str], list[pa.ChunkedArray], _Ragged]":
    """Return the header, the columns of text below it, and the rows that do not fit it.

    Raises:
        ImagesError: the text is no table.
    """
    import pyarrow as pa

    ragged = _Ragged()
    try:
        table = _rows(f"{text}\n{END}\n".encode(), delimiter, most, ragged)
    except (pa.ArrowException, ValueError) as error:
        raise ImagesError(f"{source} is not a CSV table ({one_line(error)}); fix it or delete it") from error
    rows = table.num_rows
    if table.num_columns == 1 and table.column(0)[-1].as_py() == END:
        ragged.ended, rows = True, rows - 1
    if not ragged.ended:
        raise ImagesError(f"{source}: a quote is opened and never closed, in row {rows + ragged.count}")
    columns = [column.slice(1, rows - 1) for column in table.columns]
    return [column[0].as_py().strip() for column in table.columns], columns, ragged


def _rows(data: bytes, delimiter: str, most: int, ragged: _Ragged) -> "pa.Table":
    """Parse all rows as text, with the header: at most `most` columns named f0, f1, ..."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        pa.BufferReader(data),
        # One block, as a cell may be as long as the file; one thread, which numbers the rows.
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=min(len(data) + 1, 2**31 - 1), autogenerate_column_names=True
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=ragged
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(most)}, null_values=[]
        ),
    )
