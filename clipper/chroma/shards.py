"""Several collections that are searched as one: the rows of a version, spread over them by content hash.

What does not belong here: one collection (`chroma/collection.py`), and which rows go where
(`chroma/rows.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from clipper.chroma.collection import Address, Collection, addresses_of
from clipper.store.home import Home

if TYPE_CHECKING:
    import numpy as np

# Shards that are asked at once: a shard on a server answers while others do.
AT_ONCE = 8

Answer = TypeVar("Answer")


class Shards:
    """Open collections that together hold the rows of one version."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        """Open all of them.

        Raises:
            AccessError: this user may not read one.
            StoreError: one is missing or damaged, or a server does not answer.
        """
        self.collections: list[Collection] = []
        try:
            for address in addresses:
                self.collections.append(Collection(address))
        except BaseException:
            self._close()
            raise
        self._threads = ThreadPoolExecutor(min(AT_ONCE, len(addresses)), "chroma")

    @property
    def address(self) -> Address:
        """The address of the first."""
        return self.collections[0].address

    def count(self) -> int:
        """Count the rows."""
        return sum(self._each(lambda shard: shard.count()))

    def ids(self, *, where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the ids of all rows within `where`.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        return [image_id for ids in self._each(lambda shard: shard.ids(where=where)) for image_id in ids]

    def get(self, ids: Sequence[str] | None = None, *, vectors: bool = False) -> dict[str, Any]:
        """Return what Chroma's `get` returns: `ids`, `metadatas` and, if asked, `embeddings`."""
        told = self._each(lambda shard: shard.get(ids, vectors=vectors))
        names = ("ids", "metadatas", *(["embeddings"] if vectors else []))
        return {name: [value for each in told for value in each[name]] for name in names}

    def nearest(self, vector: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the ids of about the k nearest rows to a (d,) float32 vector within `where`, best first.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        return self.nearest_many(vector.reshape(1, -1), k=k, where=where)[0]

    def nearest_many(
        self, vectors: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None
    ) -> list[list[str]]:
        """Do the same for each of (n, d) float32 vectors: the k best of the k that each shard finds."""
        found = self._each(lambda shard: shard.nearest_with_distances(vectors, k=k, where=where))
        return [
            [image_id for _, image_id in islice(merge(*(sorted(one) for one in of_shards)), k)]
            for of_shards in zip(*found, strict=True)
        ]

    def close(self) -> None:
        """Close the files or the connections."""
        self._threads.shutdown()
        self._close()

    def _close(self) -> None:
        for collection in self.collections:
            collection.close()

    def _each(self, ask: Callable[[Collection], Answer]) -> list[Answer]:
        return list(self._threads.map(ask, self.collections))


def open_all(addresses: Sequence[Address]) -> Collection | Shards:
    """Open the collections at some addresses as one.

    Raises:
        AccessError: this user may not read one.
        StoreError: one is missing or damaged, or a server does not answer.
    """
    return Collection(addresses[0]) if len(addresses) == 1 else Shards(addresses)


def open_version(home: Home, version: str) -> Collection | Shards:
    """Open the collection of a version that was built, in as many shards as it has.

    Raises:
        AccessError: this user may not read it.
        StoreError: it is missing or damaged, or a server does not answer.
    """
    return open_all(addresses_of(home, version))
