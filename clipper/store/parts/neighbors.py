"""The neighbor graph of a version on disk: a table of content hashes, and its lists in Arrow, read in place.

What does not belong here: how neighbors are found (`projection/graph.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper import hashing
from clipper.errors import StoreError
from clipper.store.home import atomic_path, damage_error
from clipper.store.tables import read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

KEY, ROWS, DISTANCES = "content_hash", "rows", "distances"
# The key of the lists' checksum in the JSON beside the table.
LISTS = "lists"


def lists_path(path: Path) -> Path:
    """Return the file with the lists, for the table at `path`."""
    return path.with_suffix(".arrow")


def write(
    path: Path,
    keys: "Sequence[bytes] | pa.Array",
    rows: "np.ndarray",
    distances: "np.ndarray",
    made_of: Mapping[str, Any],
) -> None:
    """Write a graph: the table last, as its presence marks a whole part.

    Args:
        path: the part's table.
        keys: (n,) the images' content hashes.
        rows: (n, k) int32, each image's neighbors as rows of `keys`, -1 after the last.
        distances: (n, k) float32, cosine distances, infinite after the last.
        made_of: what the graph was made of.
    """
    import pyarrow as pa

    lists = pa.table({ROWS: _fixed_lists(rows), DISTANCES: _fixed_lists(distances)})
    with atomic_path(lists_path(path)) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, lists.schema) as writer:
            writer.write_table(lists)
        checksum = hashing.file_checksum(temporary)
    column = keys if isinstance(keys, pa.Array) else pa.array(keys, pa.binary(16))
    write_part(path, pa.table({KEY: column}), {**made_of, LISTS: checksum})


def read(path: Path) -> "tuple[pa.FixedSizeBinaryArray, np.ndarray, np.ndarray]":
    """Read a graph: content hashes (n,), rows (n, k) int32 and distances (n, k) float32, memory-mapped.

    Raises:
        StoreError: a file is missing or damaged.
    """
    import pyarrow as pa

    keys = read_parquet(path)[KEY].combine_chunks().cast(pa.binary(16))
    lists = lists_path(path)
    try:
        table = pa.ipc.open_file(pa.memory_map(str(lists))).read_all()
        rows, distances = (_matrix(table[name]) for name in (ROWS, DISTANCES))
    except FileNotFoundError:
        raise StoreError(f"{lists} is missing; run `clipper index` to rebuild it") from None
    except (pa.ArrowException, OSError, KeyError) as error:
        raise damage_error(lists, error) from error
    if not len(keys) == len(rows) == len(distances):
        raise damage_error(lists, "it has another number of images than the table beside it")
    return keys, rows, distances


def verify(path: Path) -> None:
    """Check that a graph's lists are as they were written.

    Raises:
        StoreError: they are missing or damaged.
    """
    read(path)
    if hashing.file_checksum(lists_path(path)) != read_made_of(path)[LISTS]:
        raise damage_error(lists_path(path), "its checksum does not hold")


def _fixed_lists(matrix: "np.ndarray") -> "pa.FixedSizeListArray":
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])


def _matrix(column: "pa.ChunkedArray") -> "np.ndarray":
    import numpy as np

    lists = column.combine_chunks()
    return np.asarray(lists.flatten().to_numpy()).reshape(len(lists), lists.type.list_size)
