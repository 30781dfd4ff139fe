"""Parquet files of the store, and the JSON that stands beside each and tells how it was made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper import hashing
from clipper.errors import StoreError
from clipper.store.home import atomic_path, damage_error, read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa


# Where the JSON beside a table keeps the table's checksum.
TABLE = "table"


def read_parquet(path: Path) -> "pa.Table":
    """Read a table of the store.

    Raises:
        StoreError: missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not `pq.read_table`: that imports datasets and pandas, half a second before a first search.
        with pq.ParquetFile(path) as file:
            return file.read()
    except FileNotFoundError:
        raise StoreError(f"{path} is missing; run `clipper index` to rebuild it") from None
    except (pa.ArrowException, OSError) as error:
        raise damage_error(path, error) from error


def write_part(path: Path, table: "pa.Table", made_of: Mapping[str, Any]) -> None:
    """Write a part's table and, beside it, what it was made of; the table last: it is what is looked for."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
        write_json(path.with_suffix(".json"), {**made_of, TABLE: hashing.file_checksum(temporary)})


def is_written(path: Path) -> bool:
    """Whether a part is there with what tells how it was made; one without the other is made again."""
    return path.exists() and path.with_suffix(".json").exists()


def read_made_of(path: Path) -> dict[str, Any]:
    """What a part was made of."""
    return read_json(path.with_suffix(".json"))


def verify(path: Path) -> None:
    """See that a part is as it was written; of an earlier Clipper, which kept no checksums, that it reads.

    Raises:
        StoreError: a file is missing or damaged.
    """
    expected = read_made_of(path).get(TABLE)
    read_parquet(path)
    if expected is not None and hashing.file_checksum(path) != expected:
        raise damage_error(path, "its checksum does not hold")
