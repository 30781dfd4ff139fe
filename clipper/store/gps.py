"""Coordinates of photos, keyed by content hash; apart from other facts, so that all can be deleted at once.

They are read and kept only if the setting `gps` is on: a map that is shown to others must not reveal where
people live. Only EXIF is read: switching `gps` on decodes no image. What does not belong here: parsing EXIF
(`images/exif.py`).
"""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clipper.columns import rows_of, take_or_null
from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import read_gps
from clipper.images.exif import EXIF_VERSION, LATITUDE, LONGITUDE
from clipper.store.home import Home
from clipper.store.shards import KEY, ShardStore

if TYPE_CHECKING:
    import pyarrow as pa

    from clipper.images.folder import ImageFolder
    from clipper.store.columns.entries import Entry

# Files whose coordinates are written together, and threads that read files: they mostly wait.
SHARD_ROWS, THREADS = 2_048, 8


def store(home: Home) -> ShardStore:
    """Open the coordinates: a row for each content that was read, in degrees; null where EXIF has none."""
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (LATITUDE, pa.float64()), (LONGITUDE, pa.float64())])
    return ShardStore(home.store / "places", schema, made_by=EXIF_VERSION)


def fill(
    coordinates: ShardStore,
    folder: "ImageFolder",
    entries: "Sequence[Entry]",
    *,
    progress: Callable[[int, int], None],
) -> int:
    """Read coordinates from files and keep them.

    Args:
        coordinates: the store to append to.
        folder: of the files.
        entries: files that can be decoded, one for each content. A file that is gone or changed is left to
            the next run.
        progress: called with the number of files done and of all files.

    Returns:
        how many files were read.
    """

    def read_row(entry: "Entry") -> dict[str, object] | None:
        try:
            data = folder.read(
                entry.id, entry.place, listed_bytes=entry.bytes, content_hash=entry.content_hash
            )
        except BadImageError:
            return None
        if content_hash(data) != entry.content_hash:
            return None
        return {KEY: entry.content_hash, LATITUDE: None, LONGITUDE: None, **read_gps(data)}

    done = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="gps") as pool:
        for start in range(0, len(entries), SHARD_ROWS):
            rows = [row for row in pool.map(read_row, entries[start : start + SHARD_ROWS]) if row]
            coordinates.append(rows)
            done += len(rows)
            progress(min(start + SHARD_ROWS, len(entries)), len(entries))
    return done


def read(coordinates: ShardStore, keys: "pa.Array") -> "tuple[pa.DoubleArray, pa.DoubleArray]":
    """Return the latitude and the longitude of (n,) contents, null for one without coordinates."""
    table = coordinates.table()
    rows = rows_of(keys, table[KEY].combine_chunks())
    latitude, longitude = (take_or_null(table[name], rows) for name in (LATITUDE, LONGITUDE))
    return latitude, longitude


def delete_all(home: Home) -> None:
    """Delete the coordinates of all photos."""
    if (folder := store(home).folder).exists():
        shutil.rmtree(folder)
