"""Where photos were taken, kept by content; apart from all other facts, so that it can be deleted as a whole.

Read and kept only when the setting `gps` is true: a map that is shown to others must not tell where people
live. Only EXIF is read for it: switching it on decodes no pixel. What does not belong here: reading EXIF
(`images/exif.py`).
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import read_gps
from clipper.images.exif import EXIF_VERSION, LATITUDE, LONGITUDE
from clipper.store.home import Home
from clipper.store.shards import KEY, ShardStore

if TYPE_CHECKING:
    from clipper.images.folder import ImageFolder
    from clipper.store.manifest import Entry

# Files after which what was read is put on disk, and threads that read: most of it is waiting.
SHARD_ROWS, THREADS = 2_048, 8


def store(home: Home) -> ShardStore:
    """A row for each content that was looked at: its place in degrees, or null where it tells none."""
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (LATITUDE, pa.float64()), (LONGITUDE, pa.float64())])
    return ShardStore(home.store / "places", schema, made_by=EXIF_VERSION)


def fill(
    places: ShardStore,
    folder: "ImageFolder",
    entries: "Sequence[Entry]",
    *,
    progress: Callable[[int, int], None],
) -> int:
    """Look at files and keep where each was taken; how many were looked at.

    Args:
        places: to append to.
        folder: to read from.
        entries: files that can be decoded, one for each content; one that is gone or another by now is
            left to the next run.
        progress: told how many are done, and of how many.
    """

    def look(entry: "Entry") -> dict[str, object] | None:
        try:
            data = folder.read(entry.id)
        except BadImageError:
            return None
        if content_hash(data) != entry.content_hash:
            return None
        return {KEY: entry.content_hash, LATITUDE: None, LONGITUDE: None, **read_gps(data)}

    looked = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="places") as pool:
        for start in range(0, len(entries), SHARD_ROWS):
            rows = [row for row in pool.map(look, entries[start : start + SHARD_ROWS]) if row]
            places.append(rows)
            looked += len(rows)
            progress(min(start + SHARD_ROWS, len(entries)), len(entries))
    return looked


def read(places: ShardStore, keys: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
    """Content hash -> `latitude` and `longitude`, of those of `keys` that have a place."""
    wanted = set(keys)
    rows = places.table().to_pylist()
    return {
        r[KEY]: {LATITUDE: r[LATITUDE], LONGITUDE: r[LONGITUDE]}
        for r in rows
        if r[KEY] in wanted and r[LATITUDE] is not None
    }


def delete_all(home: Home) -> None:
    """Delete every place."""
    if (folder := store(home).folder).exists():
        shutil.rmtree(folder)
