"""Parquet files of the store, each with a JSON file beside it that says what the table was made of.

What does not belong here: the columns of any table.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper import hashing
from clipper.errors import StoreError
from clipper.store.home import atomic_path, damage_error, read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa


# The key of the table's checksum in the JSON beside it.
TABLE = "table"


def read_parquet(path: Path) -> "pa.Table":
    """Read a table of the store.

    Raises:
        StoreError: the table is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not `pq.read_table`: it imports datasets and pandas, which delays a first search by half a second.
        with pq.ParquetFile(path) as file:
            return file.read()
    except FileNotFoundError:
        raise StoreError(f"{path} is missing; run `clipper index` to rebuild it") from None
    except (pa.ArrowException, OSError) as error:
        raise damage_error(path, error) from error


def write_part(
    path: Path, table: "pa.Table", made_of: Mapping[str, Any], *, row_group_size: int | None = None
) -> None:
    """Write a part's table and the JSON beside it; the table last, as its presence marks a whole part."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, row_group_size=row_group_size)
        write_json(path.with_suffix(".json"), {**made_of, TABLE: hashing.file_checksum(temporary)})


def is_written(path: Path) -> bool:
    """Whether a part's table and its JSON are both there; a part with only one of them is made again."""
    return path.exists() and path.with_suffix(".json").exists()


def read_made_of(path: Path) -> dict[str, Any]:
    """Read the JSON beside a part's table: what the part was made of."""
    return read_json(path.with_suffix(".json"))


def verify(path: Path) -> None:
    """Check that a part is as it was written; without a checksum (an earlier Clipper's), that it can be read.

    Raises:
        StoreError: a file is missing or damaged.
    """
    expected = read_made_of(path).get(TABLE)
    read_parquet(path)
    if expected is not None and hashing.file_checksum(path) != expected:
        raise damage_error(path, "its checksum does not hold")
