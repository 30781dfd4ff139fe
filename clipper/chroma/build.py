"""Build a new version of a collection from an earlier one where that pays, else from nothing; then seal it.

In a folder it is a copy of the last one with the rows that differ put right. A server cannot copy one, so
there each version is written whole. Either way nothing is written where it is read. What does not belong
here: Chroma itself (`chroma/collection.py`).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.chroma import folders
from clipper.chroma.collection import Address, Collection
from clipper.errors import StoreError
from clipper.system import replace_file

if TYPE_CHECKING:
    import numpy as np

COLLECTION_VERSION = "2"
# Near the most that Chroma takes at once; the graph is written to disk after each.
BATCH = 5_000
# Deleted and replaced rows stay in the HNSW file; past this share the collection is made anew.
DEAD_SHARE = 1 / 3
# Text lies off the images' manifold, where a graph search misses: `ef` grows until recall is this.
WANTED_RECALL = 0.99
EF_STEPS = (100, 200, 400, 800, 1_600)
# On a server another `ef` acts only after its restart: a collection is written again for each step.
SERVER_EF_STEPS = (400, 1_600)
_RECALL_AT = 10


@dataclass(frozen=True)
class Rows:
    """The rows of a collection: ids, (n, d) float32 vectors, metadata with x and y, a digest of each."""

    ids: Sequence[str]
    vectors: "np.ndarray"
    metadata: Sequence[Mapping[str, Any]]
    digests: Sequence[str]


@dataclass(frozen=True)
class Difference:
    """Rows of the new collection to write, and ids of the old one to delete."""

    upsert: list[int]
    delete: list[str]
    dead: int

    @classmethod
    def between(cls, before: Mapping[str, str], dead: int, rows: Rows) -> "Difference":
        """Compare with the id -> digest of an earlier collection that has `dead` rows in its index."""
        wanted = set(rows.ids)
        delete = [image_id for image_id in before if image_id not in wanted]
        upsert = [
            i for i, (key, d) in enumerate(zip(rows.ids, rows.digests, strict=True)) if before.get(key) != d
        ]
        replaced = sum(rows.ids[i] in before for i in upsert)
        return cls(upsert, delete, dead + len(delete) + replaced)

    @classmethod
    def from_nothing(cls, rows: Rows) -> "Difference":
        """Write all rows and delete none."""
        return cls(list(range(len(rows.ids))), [], 0)


@dataclass(frozen=True)
class Built:
    """The report of a build: rows written and deleted, dead rows in the index, `ef` and its recall."""

    written: int
    deleted: int
    dead: int
    ef: int
    recall: float


def build(
    address: Address,
    rows: Rows,
    *,
    probes: "np.ndarray",
    base: Address | None = None,
    difference: Difference | None = None,
    good_enough: float = WANTED_RECALL,
) -> Built:
    """Build a sealed collection; from nothing if the index of the base proves to be damaged.

    Args:
        address: where; what a killed run left there is replaced.
        rows: all it is to hold.
        probes: (p, d) float32 text vectors with which recall is measured.
        base: an earlier collection to start from; of no use on a server.
        difference: what differs from `base`.
        good_enough: recall with which one that starts from `base` is taken, as `base`'s own: where the wanted
            one cannot be had, making all anew each time would not give it either.

    Raises:
        StoreError: what was written is not what was asked for, or the server does not answer.
    """
    if address.on_server:
        return _build_at_server(address, rows, probes)
    if base and not base.on_server and difference and difference.dead <= DEAD_SHARE * len(rows.ids):
        try:
            built = _build_in_folder(address, rows, probes, base, difference)
            if built.recall >= min(WANTED_RECALL, good_enough):
                return built
        except StoreError:
            pass  # the base is damaged
    return _build_in_folder(address, rows, probes, None, Difference.from_nothing(rows))


def _build_in_folder(
    address: Address, rows: Rows, probes: "np.ndarray", base: Address | None, difference: Difference
) -> Built:
    # Chroma remembers paths for as long as the process lives: two builds of it need two.
    start = "copy" if base else "new"
    folder = address.folder
    growing = folder.with_name(f".{folder.name}.{os.getpid()}.{start}.tmp")
    here = Address.in_folder(growing)
    here.remove()
    try:
        if base:
            folders.copy_folder(base.folder, growing)
            collection = Collection(here)
        else:
            growing.mkdir(parents=True)
            collection = Collection.create(here, ef=EF_STEPS[0])
        try:
            _fill(collection, rows, difference)
        finally:
            collection.close()
        ef, recall = _tune(here, rows, probes)
        folders.share_as_folder(growing)
        address.remove()
        replace_file(growing, folder)
    finally:
        here.remove()
    return Built(len(difference.upsert), len(difference.delete), difference.dead, ef, recall)


def _build_at_server(address: Address, rows: Rows, probes: "np.ndarray") -> Built:
    """Write under another name and rename at the end: a run that is killed leaves no half collection."""
    growing = Address.at_server(address.place, f"{address.name}-growing")
    everything = Difference.from_nothing(rows)
    recall, ef = 0.0, SERVER_EF_STEPS[0]
    for ef in SERVER_EF_STEPS:
        growing.remove()
        collection = Collection.create(growing, ef=ef)
        try:
            _fill(collection, rows, everything)
            recall = _recall(collection, rows, probes)
            if recall >= WANTED_RECALL or ef == SERVER_EF_STEPS[-1]:
                address.remove()
                collection.rename(address.name)
                break
        finally:
            collection.close()
    return Built(len(rows.ids), 0, 0, ef, recall)


def _fill(collection: Collection, rows: Rows, difference: Difference) -> None:
    for start in range(0, len(difference.delete), BATCH):
        collection.delete(difference.delete[start : start + BATCH])
    for start in range(0, len(difference.upsert), BATCH):
        batch = difference.upsert[start : start + BATCH]
        collection.write([rows.ids[i] for i in batch], rows.vectors[batch], [rows.metadata[i] for i in batch])
    if collection.count() != len(rows.ids):
        raise StoreError(
            f"{collection.address} has {collection.count()} rows instead of {len(rows.ids)}; "
            "delete the store's collection folder and run `clipper index`"
        )


def _tune(address: Address, rows: Rows, probes: "np.ndarray") -> tuple[int, float]:
    """Raise `ef` until the probes' recall is high enough; its queries also seal the collection."""
    recall, ef = 1.0, EF_STEPS[0]
    for ef in EF_STEPS:
        collection = Collection(address)
        try:
            if collection.ef != ef:  # acts only after reopening
                collection.set_ef(ef)
                collection.close()
                collection = Collection(address)
            recall = _recall(collection, rows, probes)
        finally:
            collection.close()
        if recall >= WANTED_RECALL:
            break
    return ef, recall


def _recall(collection: Collection, rows: Rows, probes: "np.ndarray") -> float:
    """Measure recall@10 of the probes against brute force; of two equally near images either is right."""
    import numpy as np

    k = min(_RECALL_AT, len(rows.ids))
    if not k or not len(probes):
        return 1.0
    position = {image_id: i for i, image_id in enumerate(rows.ids)}
    found = collection.nearest_many(probes, k=k)
    hits = []
    for probe, ids in zip(probes, found, strict=True):
        similarity = rows.vectors @ probe
        least = np.partition(similarity, -k)[-k] - 1e-5
        hits.append(sum(similarity[position[i]] >= least for i in ids))
    return round(float(np.mean(hits)) / k, 4)
