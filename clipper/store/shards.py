"""Rows keyed by content hash in append-only Arrow files (shards): everything derived from an image's bytes.

Embeddings, thumbnails and facts are kept like this. A shard is written under a temporary name and then
renamed, so that every shard is whole. What does not belong here: the meaning of the rows.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from clipper import hashing
from clipper.errors import StoreError
from clipper.store.columns.keys import Keys
from clipper.store.home import damage_error, move_durably
from clipper.system import delete_unless_open

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

KEY = "content_hash"
REVISION = "revision"
ENDING = ".arrow"
# Length of a shard's name, which is its checksum; an earlier Clipper's names are shorter and no checksums.
CHECKSUM_DIGITS = 32
_TRIES = 20

# Compacting rewrites shards, so it waits until this share of the rows is dead ...
DEAD_SHARE = 0.15
# ... or until more than this many shards have fewer than half of the rows that a long run writes to one.
MANY_SMALL, FULL_ROWS = 32, 2_048


class ShardStore:
    """One folder of Arrow files of one schema, whose first column is `content_hash` (16 bytes)."""

    def __init__(
        self, folder: Path, schema: "pa.Schema", *, made_by: str, strict: bool = True, revision: str = ""
    ) -> None:
        """Open a folder, which need not exist yet.

        Args:
            folder: of the shards.
            schema: of every shard.
            made_by: version of the code and settings that make the rows. Shards of another version are
                skipped, so that their rows are made again.
            strict: if false, shards of other versions are read too, behind those of this version.
            revision: of what the rows are made from. Shards of other revisions are read too, behind those of
                this one: for a key with both, the row of this revision counts.
        """
        self.folder = folder
        labels = {"made_by": made_by} | ({REVISION: revision} if revision else {})
        self.schema = schema.with_metadata(labels)
        self.made_by = made_by.encode()
        self.strict = strict
        self._opened: dict[str, pa.Table | None] = {}

    def keys(self) -> Keys:
        """Return the content hashes that have a row."""
        return _keys_of(self._tables())

    def append(self, rows: Sequence[dict[str, object]]) -> None:
        """Write rows as one new shard."""
        if not rows:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._opened.pop(self.write(rows, self.folder), None)

    def write(self, rows: Sequence[dict[str, object]], folder: Path) -> str:
        """Write rows as a shard to any folder, which exists; return its name: `take` takes it from there."""
        import pyarrow as pa

        return _write(folder, pa.Table.from_pylist(list(rows), schema=self.schema))

    def take(self, path: Path) -> None:
        """Move a shard that `write` wrote, elsewhere on the same disk, into this folder.

        Raises:
            StoreError: it is not there, not whole, or cannot be moved.
        """
        try:
            read_shard(path)
            self.folder.mkdir(parents=True, exist_ok=True)
            move_durably(path, self.folder / path.name)
        except OSError as error:
            raise StoreError(f"{path} cannot be moved to {self.folder} ({error}); run again") from error
        self._opened.pop(path.name, None)

    def table(self) -> "pa.Table":
        """Return all rows, memory-mapped; if a key has two rows, both, and first the one that counts."""
        import pyarrow as pa

        # An empty table only where there is no other: to make one, pyarrow imports pandas.
        return pa.concat_tables(self._tables() or [self.schema.empty_table()])

    def shards(self) -> "list[tuple[str, pa.Table]]":
        """Return the shards that `table` joins, by name, in the order of its rows."""
        for _ in range(_TRIES):
            names = sorted(path.name for path in self.folder.glob("[!.]*.arrow"))
            try:
                for name in names:
                    if name not in self._opened:
                        self._opened[name] = self._open(self.folder / name)
            except FileNotFoundError:
                continue  # a writer compacted the shards after the folder was listed
            shards = [(name, table) for name in names if (table := self._opened[name]) is not None]
            return sorted(shards, key=lambda shard: not self._is_own(shard[1]))
        raise StoreError(f"{self.folder} changes faster than it can be read; try again")

    def positions(
        self, keys: Sequence[bytes], *, among: "pa.Table | None" = None
    ) -> "tuple[pa.Table, np.ndarray]":
        """Return all rows, and the index of the row of each of `keys`: (k,) int64.

        Args:
            keys: content hashes.
            among: all rows, if they are read already.

        Raises:
            StoreError: a key has no row.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.table() if among is None else among
        where = pc.index_in(pa.array(keys, pa.binary(16)), value_set=table[KEY].combine_chunks())
        if where.null_count:
            raise StoreError(
                f"{self.folder} lacks rows of indexed images; run `clipper index` to make them again"
            )
        return table, where.to_numpy().astype(np.int64)

    def _tables(self) -> "list[pa.Table]":
        return [table for _, table in self.shards()]

    def own_keys(self) -> Keys:
        """Return the content hashes that have a row of this version and revision."""
        return _keys_of([table for table in self._tables() if self._is_own(table)])

    def _is_own(self, table: "pa.Table") -> bool:
        return bool(table.schema.equals(self.schema, check_metadata=True))

    def _open(self, path: Path) -> "pa.Table | None":
        table = read_shard(path)
        other = (table.schema.metadata or {}).get(b"made_by") != self.made_by
        if (other and self.strict) or not table.schema.equals(self.schema):
            return None
        return table


def _keys_of(tables: "Iterable[pa.Table]") -> Keys:
    return Keys.of(_column_of_keys(tables))


def _column_of_keys(tables: "Iterable[pa.Table]") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([chunk for table in tables for chunk in table[KEY].chunks], pa.binary(16))


def read_shard(path: Path) -> "pa.Table":
    """Read one shard, memory-mapped.

    Raises:
        FileNotFoundError: the shard is gone.
        StoreError: the shard is damaged.
    """
    import pyarrow as pa

    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise damage_error(path, error) from error


def write_shard(folder: Path, table: "pa.Table") -> str:
    """Write a shard under its checksum as name: the same rows replace themselves, and damage shows."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder, table)


def _write(folder: Path, table: "pa.Table") -> str:
    import pyarrow as pa

    growing = folder / f".{os.getpid()}.{uuid4().hex}.tmp"  # two machines may have processes of one number
    try:
        with pa.OSFile(str(growing), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        name = f"{hashing.file_checksum(growing)}{ENDING}"
        move_durably(growing, folder / name)
    finally:
        growing.unlink(missing_ok=True)
    return name


def verify_shard(path: Path) -> None:
    """Check that a shard is as it was written.

    Raises:
        StoreError: the shard is damaged.
    """
    read_shard(path)
    named = path.name.removesuffix(ENDING)
    if len(named) == CHECKSUM_DIGITS and hashing.file_checksum(path) != named:
        raise damage_error(path, "its checksum does not hold")


def compact(
    folder: Path, alive: AbstractSet[bytes], *, made_by: str | None = None, reason: str | None = None
) -> int:
    """Drop the rows of a folder of shards whose key is not in `alive`, if that pays; return how many.

    The caller must hold the home's lock.

    Args:
        folder: of the shards.
        alive: content hashes whose rows stay.
        made_by: all rows made by another version are dead; None keeps rows of any version.
        reason: the column with the reason of a failure; a failure is dead if its key also has a row without
            a reason.

    Raises:
        StoreError: a shard is damaged.
    """
    shards = {path: read_shard(path) for path in sorted(folder.glob("[!.]*.arrow"))}
    kept = _rows_to_keep(shards, alive, made_by, reason)
    rows = sum(map(len, shards.values()))
    dead = rows - sum(map(len, kept.values()))
    small = {path for path, table in shards.items() if len(table) < FULL_ROWS // 2}
    if dead <= DEAD_SHARE * rows and len(small) <= MANY_SMALL:
        return 0
    replaced = [path for path, table in shards.items() if len(kept[path]) < len(table) or path in small]
    left = [path for path in replaced if len(kept[path])]
    left.sort(key=lambda path: str(shards[path].schema.metadata))
    written = {
        write_shard(folder, table) for table in _joined(shards[path].take(kept[path]) for path in left)
    }
    shards.clear()  # Windows deletes no file that is mapped into memory; the next run tries again
    for path in replaced:
        if path.name not in written:
            delete_unless_open(path)
    return dead


def _rows_to_keep(
    shards: "Mapping[Path, pa.Table]", alive: AbstractSet[bytes], made_by: str | None, reason: str | None
) -> "dict[Path, np.ndarray]":
    """Return the rows of each shard, ascending, that are alive and in no shard before it."""
    import numpy as np

    made = {path: table for path, table in shards.items() if made_by in (None, _maker(table))}
    made = dict(sorted(made.items(), key=lambda item: _revision(item[1]), reverse=True))
    failing = {path: _failing(table, reason) for path, table in made.items()}
    wanted = Keys.of(alive)
    fails = any(map(np.any, failing.values()))
    good = _keys_of([table.select([KEY]).filter(~failing[path]) for path, table in made.items() if fails])
    seen = np.zeros(len(wanted), bool)
    seen_failures: set[object] = set()
    kept = {path: np.empty(0, np.int64) for path in shards}
    found, end = wanted.positions(_column_of_keys(made.values())), 0
    for path, table in made.items():
        places = found[end : (end := end + len(table))]
        is_good = ~failing[path]
        rows = np.flatnonzero((places >= 0) & is_good)
        rows = rows[np.sort(np.unique(places[rows], return_index=True)[1])]  # of a key twice, the first
        rows = rows[~seen[places[rows]]]
        seen[places[rows]] = True
        # A content that failed under several limits has a row for each. Failures are few.
        lost = np.flatnonzero((places >= 0) & ~is_good)
        lost = lost[~good.mask(table[KEY].take(lost))][::-1]
        of_lost = {
            tuple(row.values()): at
            for at, row in zip(lost.tolist(), table.take(lost).to_pylist(), strict=True)
        }
        new = [at for one, at in of_lost.items() if one not in seen_failures]
        seen_failures |= of_lost.keys()
        kept[path] = np.sort(np.concatenate([rows, np.array(new, np.int64)]))
    return kept


def _maker(table: "pa.Table") -> str:
    return str((table.schema.metadata or {}).get(b"made_by", b"").decode())


def _revision(table: "pa.Table") -> bytes:
    return bytes((table.schema.metadata or {}).get(REVISION.encode(), b""))


def _failing(table: "pa.Table", reason: str | None) -> "np.ndarray":
    import numpy as np

    if reason is None:
        return np.zeros(len(table), bool)
    return np.asarray(table[reason].is_valid(), bool)


def _joined(tables: "Iterable[pa.Table]") -> "Iterator[pa.Table]":
    """Join many tables to few, of one schema each; the tables must be sorted by schema."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for table in tables:
        other = waiting and not waiting[0].schema.equals(table.schema, check_metadata=True)
        if waiting and (other or sum(map(len, waiting)) >= FULL_ROWS):
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
        waiting.append(table)
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()
