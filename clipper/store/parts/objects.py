"""The objects of a version on disk: a table of boxes by image, and one of the columns that images get.

What does not belong here: reading label files (`annotations/`).
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import StoreError
from clipper.store.home import damage_error
from clipper.store.tables import read_parquet, verify, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

IMAGE = "image"
# Objects that are read at once: one image's are found in one such group.
_GROUP = 65_536


def images_path(path: Path) -> Path:
    """Return the file with a row for each labelled image, for the table of objects at `path`."""
    return path.with_suffix(".images.parquet")


def write(path: Path, objects: "pa.Table", images: "pa.Table", made_of: Mapping[str, Any]) -> None:
    """Write objects: their table last, as its presence marks a whole part.

    Args:
        path: the part's table.
        objects: sorted by `image`, the row of their image.
        images: the columns of each labelled image, and its row.
        made_of: what they were made of.
    """
    write_part(images_path(path), images, {})
    write_part(path, objects, made_of, row_group_size=_GROUP)


def read_images(path: Path) -> "pa.Table":
    """Read the columns of labelled images.

    Raises:
        StoreError: the table is missing or damaged.
    """
    return read_parquet(images_path(path))


def verify_images(path: Path) -> None:
    """Check that the table of images is as it was written.

    Raises:
        StoreError: it is missing or damaged.
    """
    verify(images_path(path))


def none() -> "pa.Table":
    """Return the objects of a dataset without label files."""
    import pyarrow as pa

    sides = [(side, pa.float32()) for side in ("left", "top", "width", "height")]
    types = [(IMAGE, pa.int32()), ("category", pa.string()), *sides]
    return pa.schema([*types, ("crowd", pa.bool_()), ("score", pa.float32())]).empty_table()


class ObjectReader:
    """Reads the objects of one image after another: a dataset may have a hundred million."""

    def __init__(self, path: Path) -> None:
        """Open the table at `path` when objects are first asked for."""
        self._path = path
        self._group: tuple[int, pa.Table] | None = None

    def of(self, row: int | None) -> "pa.Table":
        """Read the objects of an image, or of all.

        Raises:
            StoreError: the table is missing or damaged.
        """
        import numpy as np
        import pyarrow as pa

        if row is None:
            return read_parquet(self._path)
        lows, highs = self._ends
        groups = range(int(np.searchsorted(highs, row)), int(np.searchsorted(lows, row, side="right")))
        tables = [self._read(group) for group in groups]
        found = []
        for table in tables:
            images = table[IMAGE].to_numpy()
            start, end = (int(np.searchsorted(images, row, side=side)) for side in ("left", "right"))
            found.append(table.slice(start, end - start))
        return pa.concat_tables(found) if found else self._read(0).slice(0, 0)

    @cached_property
    def _ends(self) -> "tuple[np.ndarray, np.ndarray]":
        """The first and the last image of each group of rows."""
        import numpy as np

        with self._open() as file:
            shape = file.metadata
            column = shape.schema.to_arrow_schema().get_field_index(IMAGE)
            ends = [
                shape.row_group(group).column(column).statistics
                for group in range(shape.num_row_groups)
                if shape.row_group(group).num_rows
            ]
        return np.array([end.min for end in ends], np.int64), np.array([end.max for end in ends], np.int64)

    def _read(self, group: int) -> "pa.Table":
        known = self._group
        if known is None or known[0] != group:
            with self._open() as file:
                known = (group, file.read_row_group(group))
            self._group = known
        return known[1]

    def _open(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._path)
        except FileNotFoundError:
            raise StoreError(f"{self._path} is missing; run `clipper index` to rebuild it") from None
        except (pa.ArrowException, OSError) as error:
            raise damage_error(self._path, error) from error
