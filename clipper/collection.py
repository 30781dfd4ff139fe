"""The only file that knows Chroma: build a sealed collection, search one.

A collection on disk is never written where it is read. A new version is a copy of the last one with the
rows that differ put right, or made from nothing when too much of it would be dead. What does not belong
here: where vectors and metadata come from.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import ClipperError, StoreError
from clipper.imports import collector_paused

if TYPE_CHECKING:
    import numpy as np

COLLECTION_VERSION = "1"
NAME = "images"
BATCH = 2_000
# Deleted and replaced rows stay in the HNSW file; past this share the collection is made anew.
DEAD_SHARE = 1 / 3
# Text lies off the images' manifold, where a graph search misses: `ef` grows until recall is this.
WANTED_RECALL = 0.99
EF_STEPS = (100, 200, 400, 800, 1_600)
_RECALL_AT = 10


@dataclass(frozen=True)
class Rows:
    """What a collection holds: ids, (n, d) float32 vectors, metadata with x and y, a digest of each."""

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


@dataclass(frozen=True)
class Built:
    """What a build did: rows written and deleted, dead rows in the index, ef and the recall it gives."""

    written: int
    deleted: int
    dead: int
    ef: int
    recall: float


class Collection:
    """An open collection, for reading."""

    def __init__(self, folder: Path) -> None:
        """Open a sealed collection.

        Raises:
            StoreError: it is missing or damaged.
        """
        self._client = _client(folder)
        self._collection = _existing(self._client, folder)

    def count(self) -> int:
        """How many rows it has."""
        return int(self._collection.count())

    def get(self, ids: Sequence[str] | None = None, *, vectors: bool = False) -> dict[str, Any]:
        """Chroma's `get`: `ids`, `metadatas` and, if asked, `embeddings`."""
        include = ["metadatas", *(["embeddings"] if vectors else [])]
        return dict(self._collection.get(ids=None if ids is None else list(ids), include=include))

    def nearest(self, vector: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None) -> list[str]:
        """Ids of about the k nearest rows to a (d,) float32 vector that satisfy `where`, best first.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        from chromadb.errors import InvalidArgumentError

        count = self.count()
        if count == 0 or k < 1:
            return []
        try:
            found = self._collection.query(
                query_embeddings=vector.reshape(1, -1),
                n_results=min(k, count),
                where=dict(where) if where else None,
                include=[],
            )
        except (InvalidArgumentError, ValueError, TypeError) as error:
            raise ClipperError(f"the filter {where!r} is not understood: {error}") from error
        return list(found["ids"][0])

    def close(self) -> None:
        """Let go of the files."""
        self._client.close()


def build(
    folder: Path,
    rows: Rows,
    *,
    probes: "np.ndarray",
    base: Path | None = None,
    difference: Difference | None = None,
) -> Built:
    """Make a sealed collection in `folder`; from nothing where the base's index proves to be damaged.

    Args:
        folder: where; what a killed run left there is replaced.
        rows: all it is to hold.
        probes: (p, d) float32 text vectors with which recall is measured.
        base: an earlier collection to start from.
        difference: what differs from `base`.

    Raises:
        StoreError: what was written is not what was asked for.
    """
    from chromadb.errors import ChromaError

    if base is None or difference is None or difference.dead > DEAD_SHARE * len(rows.ids):
        base, difference = None, Difference(list(range(len(rows.ids))), [], 0)
    # Chroma remembers paths for as long as the process lives: two builds of it need two.
    start = "new" if base is None else "copy"
    growing = folder.with_name(f".{folder.name}.{os.getpid()}.{start}.tmp")
    shutil.rmtree(growing, ignore_errors=True)
    if base is not None:
        shutil.copytree(base, growing)
    else:
        growing.mkdir(parents=True)
    try:
        ef, recall = _fill(growing, rows, difference, probes)
        if base is not None and recall < WANTED_RECALL:
            return build(folder, rows, probes=probes)
        shutil.rmtree(folder, ignore_errors=True)
        growing.rename(folder)
    except (ChromaError, StoreError):
        if base is None:
            raise
        return build(folder, rows, probes=probes)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return Built(len(difference.upsert), len(difference.delete), difference.dead, ef, recall)


def _fill(folder: Path, rows: Rows, difference: Difference, probes: "np.ndarray") -> tuple[int, float]:
    client = _client(folder)
    try:
        collection = client.get_or_create_collection(
            NAME,
            configuration={"hnsw": {"space": "cosine", "ef_search": EF_STEPS[0]}},
            embedding_function=None,
        )
        for start in range(0, len(difference.delete), BATCH):
            collection.delete(ids=difference.delete[start : start + BATCH])
        for start in range(0, len(difference.upsert), BATCH):
            _write(collection, rows, difference.upsert[start : start + BATCH])
        if collection.count() != len(rows.ids):
            raise StoreError(
                f"{folder} has {collection.count()} rows instead of {len(rows.ids)}; "
                "delete the store's collection folder and run `clipper index`"
            )
    finally:
        client.close()
    return _tune(folder, rows, probes)


def _write(collection: Any, rows: Rows, batch: Sequence[int]) -> None:
    """Write rows whole. `upsert` merges metadata, so a row that exists is deleted first."""
    ids = [rows.ids[i] for i in batch]
    if existing := collection.get(ids=ids, include=[])["ids"]:
        collection.delete(ids=existing)
    collection.add(
        ids=ids,
        embeddings=rows.vectors[list(batch)],
        metadatas=[dict(rows.metadata[i]) for i in batch],
    )


def _tune(folder: Path, rows: Rows, probes: "np.ndarray") -> tuple[int, float]:
    """Raise `ef` until the probes' recall@10 against brute force is high enough; seals the collection."""
    import numpy as np

    position = {image_id: i for i, image_id in enumerate(rows.ids)}
    k = min(_RECALL_AT, len(rows.ids))
    exact = np.sort(-(probes @ rows.vectors.T), axis=1)[:, k - 1] * -1 if k else np.zeros(len(probes))
    recall, ef = 1.0, EF_STEPS[0]
    for ef in EF_STEPS:
        client = _client(folder)
        try:
            collection = _existing(client, folder)
            if collection.configuration["hnsw"]["ef_search"] != ef:  # acts only after reopening
                collection.modify(configuration={"hnsw": {"ef_search": ef}})
                client.close()
                client = _client(folder)
                collection = _existing(client, folder)
            if not k:
                break
            found = collection.query(query_embeddings=probes, n_results=k, include=[])["ids"]
        finally:
            client.close()
        # By similarity, not by id: of two equally near images either is right.
        hits = [
            sum(probe @ rows.vectors[position[i]] >= least - 1e-5 for i in ids)
            for probe, ids, least in zip(probes, found, exact, strict=True)
        ]
        recall = float(np.mean(hits)) / k
        if recall >= WANTED_RECALL:
            break
    return ef, round(recall, 4)


def _client(folder: Path) -> Any:
    with collector_paused():
        import chromadb
        from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False, allow_reset=False)
    try:
        return chromadb.PersistentClient(str(folder), settings=settings)
    except Exception as error:  # of a damaged file Chroma raises ValueError, AttributeError or its own
        raise StoreError(f"{folder} is damaged; delete it and run `clipper index`") from error


def _existing(client: Any, folder: Path) -> Any:
    from chromadb.errors import NotFoundError

    try:
        return client.get_collection(NAME, embedding_function=None)
    except (NotFoundError, ValueError) as error:
        raise StoreError(f"{folder} holds no collection; delete it and run `clipper index`") from error
