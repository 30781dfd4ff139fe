"""Giving back what shards hold of images that are gone, and many small shards made into few.

A shard that is replaced is deleted after its rows stand in another: a reader finds each row at any moment.
What does not belong here: which images are gone.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.store.shards import KEY, read_shard, write_shard

if TYPE_CHECKING:
    import pyarrow as pa

# Rewriting costs about as much as was once written: it waits until this share of the rows is dead ...
DEAD_SHARE = 0.15
# ... or until so many shards are smaller than half of what a long run writes.
MANY_SMALL, FULL_ROWS = 32, 2_048


def compact(
    folder: Path, alive: AbstractSet[bytes], *, made_by: str | None = None, reason: str | None = None
) -> int:
    """Drop the rows of one folder of shards whose key is not in `alive`, if that pays; how many it dropped.

    Args:
        folder: of shards; only for who holds the home's lock.
        alive: content hashes whose rows stay.
        made_by: shards made by another version are dead as a whole; None where all that is there counts.
        reason: the column that tells why a row is a failure; such a row is dead where the same key has one
            that is none.

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
    left = [path for path in replaced if kept[path]]
    left.sort(key=lambda path: str(shards[path].schema.metadata))
    written = {
        write_shard(folder, table) for table in _joined(shards[path].take(kept[path]) for path in left)
    }
    for path in replaced:
        if path.name not in written:
            path.unlink()
    return dead


def _rows_to_keep(
    shards: "Mapping[Path, pa.Table]", alive: AbstractSet[bytes], made_by: str | None, reason: str | None
) -> dict[Path, list[int]]:
    """Of each shard the rows that are alive and stand in no shard before it."""
    made = {path: table for path, table in shards.items() if made_by in (None, _maker(table))}
    failing = {path: _failing(table, reason) for path, table in made.items()}
    good = {
        key
        for path, table in made.items()
        for key, bad in zip(table[KEY].to_pylist(), failing[path], strict=True)
        if not bad
    }
    seen: set[object] = set()
    kept: dict[Path, list[int]] = {path: [] for path in shards}
    for path, table in made.items():
        for row, key in enumerate(table[KEY].to_pylist()):
            bad = failing[path][row]
            # A file that failed by several limits has a row for each of them.
            identity = tuple(table.slice(row, 1).to_pylist()[0].values()) if bad else key
            if key in alive and identity not in seen and not (bad and key in good):
                kept[path].append(row)
                seen.add(identity)
    return kept


def _maker(table: "pa.Table") -> str:
    return str((table.schema.metadata or {}).get(b"made_by", b"").decode())


def _failing(table: "pa.Table", reason: str | None) -> list[bool]:
    if reason is None:
        return [False] * len(table)
    return [why is not None for why in table[reason].to_pylist()]


def _joined(tables: "Iterable[pa.Table]") -> "Iterator[pa.Table]":
    """The rows of many tables in few, of one schema each; tables of one schema follow each other."""
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
