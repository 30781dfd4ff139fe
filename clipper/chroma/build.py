"""Build a new version of a collection from an earlier one where that pays, else from nothing; then seal it.

In a folder it is a copy of the last one with the rows that differ put right: nothing is written where it is
read. What does not belong here: Chroma itself (`chroma/collection.py`), and servers, which cannot copy a
collection (`chroma/server.py`).
"""

import os
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from clipper.chroma import folders
from clipper.chroma.collection import LEAST_SYNC, USUAL_SYNC, Address, Collection, in_folders
from clipper.chroma.rows import BATCH, Difference, Known, Rows
from clipper.chroma.shards import Shards, open_all
from clipper.errors import StoreError
from clipper.store.embeddings import BLOCK
from clipper.system import give_back_memory, replace_file

if TYPE_CHECKING:
    import numpy as np

COLLECTION_VERSION = "2"
# Deleted rows stay in the HNSW file, and replaced ones wear the graph; past this share it is made anew.
WORN_SHARE = 1 / 3
# Text lies off the images' manifold, where a graph search misses: `ef` grows until recall is this.
WANTED_RECALL = 0.99
EF_STEPS = (100, 200, 400, 800, 1_600)
_RECALL_AT = 10


@dataclass(frozen=True)
class Built:
    """The report of a build: rows written and deleted, worn vectors of the graph, `ef` and its recall."""

    written: int
    deleted: int
    worn: int
    ef: int
    recall: float


@dataclass(frozen=True)
class Base:
    """A sealed collection in a folder to start from.

    Attributes:
        folder: of the collection.
        known: the rows that it holds.
        worn: vectors that were deleted from its graph, or replaced in it.
        same_model: whether its vectors are of the same model.
        ef: the candidates that its searches keep.
        recall: of its searches. A collection that starts from it is taken with no more: where the wanted
            recall cannot be had, making all anew each time would not give it either.
    """

    folder: Path
    known: Known
    worn: int = 0
    same_model: bool = True
    ef: int = EF_STEPS[0]
    recall: float = WANTED_RECALL


def build(
    folder: Path, rows: Rows, *, probes: "np.ndarray", base: Base | None = None, shards: int = 1
) -> Built:
    """Build a sealed collection in a folder; from nothing if the index of the base proves to be damaged.

    Args:
        folder: what a killed run left there is replaced.
        rows: all it is to hold.
        probes: (p, d) float32 text vectors with which recall is measured.
        base: an earlier collection with as many shards.
        shards: over how many collections the rows are spread by content hash.

    Raises:
        StoreError: what was written is not what was asked for.
    """
    parts = [rows.shard(number, shards) for number in range(shards)]
    if base:
        differences = [
            Difference.between(base.known.shard(number, shards), part, same_model=base.same_model)
            for number, part in enumerate(parts)
        ]
        worn = base.worn + sum(each.worn for each in differences)
        if worn <= WORN_SHARE * len(rows):
            try:
                changes = _Changes(parts, differences, base, worn)
                built = _build(folder, rows, changes, probes=probes)
                if built.recall >= min(WANTED_RECALL, base.recall):
                    return built
            except StoreError:
                pass  # the base is damaged
    anew = [Difference.from_nothing(part) for part in parts]
    return _build(folder, rows, _Changes(parts, anew), probes=probes)


@dataclass(frozen=True)
class _Changes:
    """The rows of each shard, the changes that it needs, and the collection to start from."""

    parts: Sequence[Rows]
    differences: Sequence[Difference]
    base: Base | None = None
    worn: int = 0

    @property
    def base_of_graphs(self) -> Base | None:
        """The base, if every graph stays as it is there."""
        changed = any(len(each.write) or len(each.delete) for each in self.differences)
        return None if changed else self.base


def _build(folder: Path, rows: Rows, changes: _Changes, *, probes: "np.ndarray") -> Built:
    # Chroma remembers paths for as long as the process lives: two builds of it need two.
    start = "copy" if changes.base else "new"
    growing = folder.with_name(f".{folder.name}.{os.getpid()}.{start}.tmp")
    here = Address.in_folder(growing)
    here.remove()
    try:
        addresses = in_folders(growing, len(changes.parts))
        if changes.base:
            folders.copy_folder(changes.base.folder, growing)
        shards = [*zip(addresses, changes.parts, changes.differences, strict=True)]
        for address, part, difference in shards:
            if difference.changes or not changes.base:
                _fill(address, part, difference, is_copy=changes.base is not None)
                give_back_memory()
            else:
                with closing(Collection(address)) as collection:
                    check_count(collection, part)
        if same := changes.base_of_graphs:
            ef, recall = same.ef, same.recall
            _configure(addresses, ef)
            for address, part, difference in shards:
                if difference.changes:
                    _seal(address, part)
        else:
            ef, recall = _tune(addresses, rows, probes)
        for address in addresses:
            folders.compact(address.folder)
        folders.share_as_folder(growing)
        Address.in_folder(folder).remove()
        replace_file(growing, folder)
    finally:
        here.remove()
    written = sum(each.written for each in changes.differences)
    deleted = sum(len(each.delete) for each in changes.differences)
    return Built(written, deleted, changes.worn, ef, recall)


def _fill(address: Address, rows: Rows, difference: Difference, *, is_copy: bool) -> None:
    """Bring a collection to its rows so that Chroma writes the graph once, with the last of the changes."""
    sync = max(difference.changes, LEAST_SYNC)
    if is_copy:
        with closing(Collection(address)) as collection:
            collection.configure(sync=sync)
    else:
        address.folder.mkdir(parents=True)
        Collection.create(address, ef=EF_STEPS[0], sync=sync).close()
    lighter = nullcontext() if is_copy else folders.without_indexes(address.folder)
    with lighter, closing(Collection(address)) as collection:  # it goes by what it is opened with
        apply(collection, rows, difference, is_empty=not is_copy)
        if is_copy:
            collection.configure(sync=LEAST_SYNC)
    if len(rows) and (is_copy or difference.changes < LEAST_SYNC):
        _flush(address, rows)


def _flush(address: Address, rows: Rows) -> None:
    """Have Chroma write the changes that it holds back: it counts changes twice that it had to read again."""
    import numpy as np

    some = np.arange(min(LEAST_SYNC, len(rows)))
    collection = Collection(address)
    try:
        for _ in range(LEAST_SYNC // len(some)):  # changes that change nothing
            collection.update(rows.ids.take(some).to_pylist(), rows.metadata_of(some), [()] * len(some))
    finally:
        collection.close()


def apply(collection: Collection, rows: Rows, difference: Difference, *, is_empty: bool) -> None:
    """Make the changes to a collection, and count what it holds then.

    Everything that has to be read is read before the first change: after one, Chroma reads its whole log.

    Raises:
        StoreError: it does not hold as many rows as it should.
    """
    earlier = [] if is_empty else [
        _Keys.of(collection, rows, which) for which in (difference.update, difference.write)
    ]  # fmt: skip
    for start in range(0, len(difference.delete), BATCH):
        collection.delete(difference.delete.slice(start, BATCH).to_pylist())
    for start in range(0, len(difference.update), BATCH):
        some = difference.update[start : start + BATCH]
        ids = rows.ids.take(some).to_pylist()
        collection.update(ids, rows.metadata_of(some), earlier[0].at(start, len(some)))
    for start in range(0, len(difference.write), rows.at_once):
        some = difference.write[start : start + rows.at_once]
        if is_empty:
            collection.add(*rows.batch(some))
        else:
            collection.write(*rows.batch(some), earlier[1].at(start, len(some)))
    check_count(collection, rows)


def check_count(collection: Collection, rows: Rows) -> None:
    """Check that a collection holds as many rows as it should.

    Raises:
        StoreError: it does not.
    """
    if (count := collection.count()) != len(rows):
        raise StoreError(
            f"{collection.address} has {count:,} rows instead of {len(rows):,}; run `clipper index` again, "
            "which makes it anew"
        )


@dataclass(frozen=True)
class _Keys:
    """The metadata keys of some rows: rows have few combinations of them, of which each is kept once."""

    combinations: list[tuple[str, ...]]
    of_row: "np.ndarray"

    @classmethod
    def of(cls, collection: Collection, rows: Rows, which: "np.ndarray") -> Self:
        import numpy as np

        numbers: dict[tuple[str, ...], int] = {}
        of_row = np.empty(len(which), np.int32)
        for start in range(0, len(which), BATCH):
            keys = collection.keys(rows.ids.take(which[start : start + BATCH]).to_pylist())
            of_row[start : start + len(keys)] = [numbers.setdefault(each, len(numbers)) for each in keys]
        return cls(list(numbers), of_row)

    def at(self, start: int, count: int) -> list[tuple[str, ...]]:
        return [self.combinations[number] for number in self.of_row[start : start + count].tolist()]


def _configure(addresses: Sequence[Address], ef: int) -> None:
    """Set the `ef` of collections that are whole; it acts once they are opened again."""
    for address in addresses:
        with closing(Collection(address)) as collection:
            if collection.ef != ef or collection.sync != USUAL_SYNC:
                collection.configure(ef=ef, sync=USUAL_SYNC)


def _seal(address: Address, rows: Rows) -> None:
    """Have Chroma take in the last changes to a collection, as its next reader would."""
    with closing(Collection(address)) as collection:
        collection.nearest(rows.vectors[:1][0], k=1)
    give_back_memory()


def _tune(addresses: Sequence[Address], rows: Rows, probes: "np.ndarray") -> tuple[int, float]:
    """Raise `ef` until the probes' recall is high enough; its queries also seal the collection."""
    recall, ef = 1.0, EF_STEPS[0]
    for ef in EF_STEPS:
        _configure(addresses, ef)
        with closing(open_all(addresses, in_turn=True)) as found:
            recall = measure_recall(found, rows, probes)
        if recall >= WANTED_RECALL:
            break
    return ef, recall


def measure_recall(collection: Collection | Shards, rows: Rows, probes: "np.ndarray") -> float:
    """Measure recall@10 of the probes against brute force; of two equally near images either is right."""
    import numpy as np

    k = min(_RECALL_AT, len(rows))
    if not k or not len(probes):
        return 1.0
    found = collection.nearest_many(probes, k=k)
    best = np.full((0, len(probes)), -np.inf, np.float32)
    for start in range(0, len(rows), BLOCK):  # the vectors may be more than memory holds
        best = np.concatenate([best, rows.vectors[start : start + BLOCK] @ probes.T])
        best = np.partition(best, -k, axis=0)[-k:] if len(best) > k else best
    least = best.min(axis=0) - 1e-5
    hits = 0
    for probe, ids, enough in zip(probes, found, least, strict=True):
        at = rows.positions(ids)
        hits += int((rows.vectors[at[at >= 0]] @ probe >= enough).sum())
    return round(hits / (k * len(probes)), 4)
