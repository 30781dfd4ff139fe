"""What a run has hashed so far, in the home: a run that is stopped leaves it to the next one.

The files in `store/hashed` are shards whose rows are those of a manifest. They are deleted once a manifest
has the hashes. What does not belong here: hashing (`indexing/files/hash_files.py`), and which of the rows
still hold (`indexing/scan.py`).
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.errors import StoreError
from clipper.store.columns.entries import Entries
from clipper.store.home import Home
from clipper.store.shards import read_shard, verify_shard, write_shard
from clipper.system import delete_unless_open

if TYPE_CHECKING:
    import pyarrow as pa

# Bump it when rows mean something else: those of another version are not read.
HASHED_VERSION = "1"
_VERSION = b"hashed_version"


class Checkpoint:
    """The files that a run has hashed, and no manifest has yet."""

    def __init__(self, home: Home) -> None:
        self.folder = home.store / "hashed"

    def read(self) -> Entries:
        """Return what stopped runs have hashed, the latest first; a damaged shard is left out."""
        import pyarrow as pa

        shards = [table for path in self._latest_first() if (table := _read(path)) is not None]
        return Entries(pa.concat_tables(shards, promote_options="default")) if shards else Entries.of([])

    def add(self, entries: Entries) -> None:
        """Write what was hashed since the last time."""
        if len(entries):
            labels = {_VERSION: HASHED_VERSION.encode()}
            write_shard(self.folder, entries.table.replace_schema_metadata(labels))

    def clear(self) -> None:
        """Delete all of it; the caller holds the home's lock, and a manifest has the hashes."""
        for path in self.folder.glob("*"):
            with suppress(PermissionError):  # another user's, in a home of several: it does no harm
                delete_unless_open(path)

    def _latest_first(self) -> list[Path]:
        shards = [*self.folder.glob("[!.]*.arrow")]
        return sorted(shards, key=lambda path: (-path.stat().st_mtime_ns, path.name))


def _read(path: Path) -> "pa.Table | None":
    try:
        verify_shard(path)
        table = read_shard(path)
    except (StoreError, OSError):  # what it held is hashed again
        return None
    is_own = (table.schema.metadata or {}).get(_VERSION) == HASHED_VERSION.encode()
    return table.replace_schema_metadata(None) if is_own else None
