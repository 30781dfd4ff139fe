"""The cells of a table of images as text, and rows of them as tab-separated values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from clipper.query import Scores
from viewer.dataset.columns.tag_column import TagRows, tags_of_rows
from viewer.dataset.dataset import Dataset
from viewer.dataset.image_words import MAX_VALUE_LENGTH, format_value
from viewer.session.state import ViewState

FILE_NAME, SIMILARITY_CELL = ":id", ":similarity"
FIRST_COLUMNS = 7  # columns of metadata that a table shows at first
BLOCK_ROWS = 2_000
MAX_COPIED = 100_000  # rows that are copied at once; an export has no limit


def column_titles(state: ViewState) -> dict[str, str]:
    """Return the title of each column that a table can show."""
    dataset = state.dataset
    tags = {dataset.tag_column_name: state.tag_column.title} if state.tags else {}
    similarity = {SIMILARITY_CELL: "Similarity"} if state.answer is not None else {}
    own = {name: dataset.title_of(name) for name in dataset.columns if name != dataset.tag_column_name}
    return {**similarity, **tags, **own, FILE_NAME: "File"}


def first_columns(titles: Sequence[str]) -> list[str]:
    """Return the columns that a table shows until a person chooses."""
    return [*titles[:FIRST_COLUMNS], *([FILE_NAME] if len(titles) > FIRST_COLUMNS else [])]


def cell_texts(
    dataset: Dataset,
    rows: np.ndarray,
    columns: Sequence[str],
    *,
    tags: TagRows,
    similarities: Scores | None,
) -> list[list[str]]:
    """Return the cells of some rows (k,): a text for each column, "" where there is no value."""
    import pyarrow as pa

    atlas, at = dataset.atlas, pa.array(rows, pa.int64())
    own = [name for name in columns if name in atlas.metadata_table.column_names]
    values: dict[str, list[Any]] = {}
    if own:
        values |= atlas.metadata_table.select(own).take(at).to_pydict()
    table = atlas.insight_table
    found = [name for name in columns if table is not None and name in table.column_names]
    if table is not None and found:
        values |= table.select(found).take(at).to_pydict()
    if dataset.tag_column_name in columns:
        values[dataset.tag_column_name] = tags_of_rows(tags, rows)
    values[FILE_NAME] = [atlas.ids[row] for row in rows.tolist()]
    if similarities is not None:
        values[SIMILARITY_CELL] = [f"{value:.3f}" for value in similarities[rows].tolist()]
    empty: list[Any] = [None] * len(rows)
    listed = [values.get(name, empty) for name in columns]
    return [[_text(cells[at]) for cells in listed] for at in range(len(rows))]


def _text(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    known = format_value(value)
    return ", ".join(known) if isinstance(known, list) else str(known)


def shorten(text: str) -> str:
    """Cut a text to what a cell of the page shows."""
    return text if len(text) <= 2 * MAX_VALUE_LENGTH else text[: 2 * MAX_VALUE_LENGTH - 1] + "…"


@dataclass(frozen=True)
class CopiedRows:
    """Rows (k,) of a table as tab-separated values, with a line of titles."""

    name: ClassVar = "table"
    kinds: ClassVar = ("tsv",)

    dataset: Dataset
    rows: np.ndarray
    titles: dict[str, str]  # by column, in their order
    tags: TagRows
    similarities: Scores | None = None

    def pieces(self, _kind: str) -> Iterator[bytes]:
        """Yield the lines, in pieces. Tabs and line breaks within cells become spaces."""
        yield _line(list(self.titles.values()))
        for start in range(0, len(self.rows), BLOCK_ROWS):
            block = self.rows[start : start + BLOCK_ROWS]
            cells = cell_texts(
                self.dataset, block, [*self.titles], tags=self.tags, similarities=self.similarities
            )
            yield b"".join(map(_line, cells))


def _line(cells: Sequence[str]) -> bytes:
    return ("\t".join(" ".join(cell.split()) for cell in cells) + "\n").encode("utf-8", "replace")
