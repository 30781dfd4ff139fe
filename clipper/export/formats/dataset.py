"""What an export reads of an atlas, and the images that it is about: their values and labels, in blocks.

What does not belong here: how a format writes them (`folders.py`, `tables.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clipper.errors import ClipperError
from clipper.hashing import content_hash
from clipper.metadata.columns import FILE, FOLDER, INSIGHT, TAGS, Column
from clipper.metadata.join import tags_column, without_missing
from clipper.settings import is_url

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pyarrow as pa

    from clipper.store.parts.clusters import Clusters

BLOCK_ROWS = 4096  # rows
EXCLUDED = "excluded"  # exports leave out the images with this tag, unless a person asks for them
# Columns that anybody can make again from the images: an export has them when asked for.
_MADE_AGAIN = frozenset({FILE, FOLDER, INSIGHT})


class Exportable(Protocol):
    """A published atlas, as an export reads it. Row i of everything belongs to `ids[i]`."""

    @property
    def title(self) -> str:
        """The dataset's name."""

    @property
    def ids(self) -> Sequence[str]:
        """The images' ids."""

    @property
    def hashes(self) -> Sequence[bytes]:
        """The content hash of each image, as it was indexed."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The metadata columns."""

    @property
    def metadata_table(self) -> "pa.Table":
        """Their cells."""

    @property
    def insight_columns(self) -> Mapping[str, Column]:
        """The scores and kept words."""

    @property
    def insight_table(self) -> "pa.Table | None":
        """Their cells."""

    @property
    def has_objects(self) -> bool:
        """Whether label files say which objects are on images."""

    @property
    def object_categories(self) -> Sequence[str]:
        """The categories of objects."""

    def objects(self, row: int, /) -> "pa.Table":
        """Return the objects of an image: category, box in shares of it, crowd, score."""

    def path(self, row: int, /) -> str:
        """Return the location of an original."""

    def image(self, row: int, /) -> bytes:
        """Return an original's bytes."""


class Mapped(Exportable, Protocol):
    """An atlas with its map, for the exports that show it."""

    @property
    def xy(self) -> "np.ndarray":
        """Map positions, (n, 2) float32."""

    @property
    def view(self) -> tuple[float, float, float, float]:
        """The first view: x0, x1, y0, y1."""

    @property
    def indexed_at(self) -> "datetime":
        """When it was published, UTC."""

    @property
    def clusters(self) -> "Clusters | None":
        """The clusters of the images."""

    @property
    def cluster_names(self) -> Sequence[str]:
        """The name of each cluster, "" for none."""

    def name(self, row: int, /) -> str:
        """Return the name of an image."""

    def thumbnail(self, row: int, /) -> bytes:
        """Return a thumbnail, WebP."""


@dataclass(frozen=True)
class Selection:
    """Some images of an atlas in an order, with the tags that they have now.

    `rows` is (k,) int64; `tags` returns the tags of each image of some rows, which are exported if the images
    are `tagged`. With `every_column`, values include what Clipper found in the files, and its scores.
    """

    dataset: Exportable
    rows: "np.ndarray"
    tags: "Callable[[np.ndarray], list[list[str]]]"
    tagged: bool = True
    every_column: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the columns that the export has."""
        return [*self.columns, *([self.tags_name] if self.tagged else [])]

    @property
    def tags_name(self) -> str:
        """The name of the column of tags."""
        columns = {**self.dataset.columns, **self.dataset.insight_columns}
        return next((one.name for one in columns.values() if one.origin == TAGS), tags_column(columns))

    @property
    def columns(self) -> dict[str, Column]:
        """The columns that the export has, without the one of tags."""
        known = {**self.dataset.columns, **self.dataset.insight_columns}
        left_out = {TAGS} if self.every_column else _MADE_AGAIN | {TAGS}
        return {name: column for name, column in known.items() if column.origin not in left_out}

    def blocks(self) -> "Iterator[np.ndarray]":
        """Yield the rows, some at a time."""
        for start in range(0, len(self.rows), BLOCK_ROWS):
            yield self.rows[start : start + BLOCK_ROWS]

    def table(self, rows: "np.ndarray") -> "pa.Table":
        """Return the values of some rows (k,) as a table: `columns`, and the tags where there are any."""
        import pyarrow as pa

        at = pa.array(rows, pa.int64())
        known = self.dataset.metadata_table, self.dataset.insight_table
        cells = {
            name: table.select([name]).take(at)[name]
            for table in known
            if table is not None
            for name in table.column_names
            if name in self.columns
        }
        if self.tagged:
            cells[self.tags_name] = pa.array(self.tags(rows), pa.list_(pa.string()))
        return pa.table(cells)

    def values(self, rows: "np.ndarray") -> list[dict[str, Any]]:
        """Return the values of some rows (k,), without missing ones."""
        table = self.table(rows)
        return (
            [without_missing(row) for row in table.to_pylist()] if table.num_columns else [{} for _ in rows]
        )

    def labels(self, column: str, rows: "np.ndarray") -> list[list[str]]:
        """Return the labels of some rows (k,) in a column: none, one, or several from a list.

        Raises:
            ClipperError: there is no such column.
        """
        import pyarrow as pa

        if column == self.tags_name:
            return self.tags(rows)
        for table in (self.dataset.metadata_table, self.dataset.insight_table):
            if table is not None and column in table.column_names and column != "id":
                cells = table.select([column]).take(pa.array(rows, pa.int64()))[column].to_pylist()
                return [_texts(cell) for cell in cells]
        known = ", ".join([*self.dataset.columns, *self.dataset.insight_columns])
        raise ClipperError(f"there is no column {column!r}; there are {known or 'none'}")

    def sides(self, rows: "np.ndarray") -> list[tuple[int | None, int | None]]:
        """Return the width and height of some rows (k,) in pixels, None where they are not known."""
        import pyarrow as pa

        columns, table = self.dataset.columns, self.dataset.metadata_table
        known = [name for name in ("width", "height") if name in columns and columns[name].type == "int"]
        if len(known) != 2:  # noqa: PLR2004 - both sides
            return [(None, None)] * len(rows)
        cells = table.select(known).take(pa.array(rows, pa.int64()))
        return list(zip(*(cells[name].to_pylist() for name in known), strict=True))

    def classes(self, column: str) -> list[str]:
        """Return all labels of a column, sorted."""
        return sorted(
            {label for rows in self.blocks() for some in self.labels(column, rows) for label in some}
        )


def value_text(value: object) -> str:
    """Return the text that stands for a value on a page and as a label."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def is_gone(path: str) -> bool:
    """Whether an original on this machine is no longer there."""
    return not is_url(path) and not Path(path).is_file()


def original(dataset: Exportable, row: int) -> bytes | str:
    """Return an original's bytes as they were indexed, or the reason why they are not available."""
    try:
        data = dataset.image(row)
    except Exception as error:  # noqa: BLE001 - an error of a folder or a network costs only this image
        return str(error) or type(error).__name__
    return data if content_hash(data) == dataset.hashes[row] else "has changed since it was indexed"


def _texts(cell: object) -> list[str]:
    if cell is None or cell == "":
        return []
    return [value_text(item) for item in cell] if isinstance(cell, list) else [value_text(cell)]
