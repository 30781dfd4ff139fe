"""Build a new version of a collection from an earlier one where that pays, else from nothing; then seal it.

In a folder it is a copy of the last one with the rows that differ put right: nothing is written where it is
read. What does not belong here: Chroma itself (`chroma/collection.py`), and servers, which cannot copy a
collection (`chroma/server.py`).
"""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.chroma import folders
from clipper.chroma.collection import USUAL_SYNC, Address, Collection, in_folders
from clipper.chroma.fill import FIRST_EF, Shard, fill_all
from clipper.chroma.rows import Difference, Known, Rows
from clipper.chroma.shards import Shards, open_all
from clipper.errors import StoreError
from clipper.store.embeddings import BLOCK
from clipper.system import give_back_memory, replace_file
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

COLLECTION_VERSION = "2"
# Deleted rows stay in the HNSW file, and replaced ones wear the graph; past this share it is made anew.
WORN_SHARE = 1 / 3
# Text lies off the images' manifold, where a graph search misses: `ef` grows until recall is this.
WANTED_RECALL = 0.99
EF_STEPS = (FIRST_EF, 200, 400, 800, 1_600)
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
        each = zip(addresses, changes.parts, changes.differences, strict=True)
        shards = [Shard(*shard, is_copy=changes.base is not None) for shard in each]
        fill_all(shards)
        if same := changes.base_of_graphs:
            ef, recall = same.ef, same.recall
            _configure(addresses, ef)
            for shard in shards:
                if shard.difference.changes:
                    _seal(shard.address, shard.rows)
        else:
            ef, recall = _tune(addresses, rows, probes)
        in_threads(lambda address: folders.compact(address.folder), addresses)
        folders.share_as_folder(growing)
        Address.in_folder(folder).remove()
        replace_file(growing, folder)
    finally:
        here.remove()
    written = sum(each.written for each in changes.differences)
    deleted = sum(len(each.delete) for each in changes.differences)
    return Built(written, deleted, changes.worn, ef, recall)


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
    recall, ef, enough = 1.0, EF_STEPS[0], similar_enough(rows, probes)
    for ef in EF_STEPS:
        _configure(addresses, ef)
        with closing(open_all(addresses, in_turn=True)) as found:
            recall = measure_recall(found, rows, probes, enough)
        if recall >= WANTED_RECALL:
            break
    return ef, recall


def similar_enough(rows: Rows, probes: "np.ndarray") -> "np.ndarray":
    """Return how similar to each of (p, d) probes its tenth nearest row is, by brute force: (p,) float32."""
    import numpy as np

    k = min(_RECALL_AT, len(rows))
    best = np.full((0, len(probes)), -np.inf, np.float32)
    for start in range(0, len(rows), BLOCK):  # the vectors may be more than memory holds
        best = np.concatenate([best, rows.vectors[start : start + BLOCK] @ probes.T])
        best = np.partition(best, -k, axis=0)[-k:] if len(best) > k else best
    return np.asarray(best.min(axis=0, initial=np.inf))


def measure_recall(
    collection: Collection | Shards, rows: Rows, probes: "np.ndarray", enough: "np.ndarray"
) -> float:
    """Measure recall@10 of the probes; of two equally near images either is right.

    `enough` is what `similar_enough` returns.
    """
    import numpy as np

    k = min(_RECALL_AT, len(rows))
    if not k or not len(probes):
        return 1.0
    found = collection.nearest_many(probes, k=k)
    at = rows.positions([image_id for ids in found for image_id in ids])
    of = np.repeat(np.arange(len(probes)), [len(ids) for ids in found])[at >= 0]
    similar = np.vecdot(rows.vectors[at[at >= 0]], probes[of])
    return round(int((similar >= enough[of] - 1e-5).sum()) / (k * len(probes)), 4)
