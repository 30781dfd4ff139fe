"""Several collections that are searched as one: the rows of a version, spread over them by content hash.

What does not belong here: one collection (`chroma/collection.py`), and which rows go where
(`chroma/rows.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from clipper.chroma.collection import Address, Collection, addresses_of
from clipper.store.home import Home
from clipper.system import give_back_memory

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Shards that are asked at once: a shard on a server answers while others do.
AT_ONCE = 8

Answer = TypeVar("Answer")


class Shards(ABC):
    """Collections that together hold the rows of one version."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses = addresses

    @property
    def address(self) -> Address:
        """The address of the first."""
        return self.addresses[0]

    def count(self) -> int:
        """Count the rows."""
        return sum(self._each(lambda shard: shard.count()))

    def ids(self, *, where: Mapping[str, Any] | None = None) -> "pa.ChunkedArray":
        """Return the ids of all rows within `where`.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        import pyarrow as pa

        of_shards = self._each(lambda shard: shard.ids(where=where))
        return pa.chunked_array([page for ids in of_shards for page in ids.chunks], pa.string())

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

    def nearest_in_own(self, vectors: "np.ndarray", own: "np.ndarray") -> list[str | None]:
        """Return the id of about the nearest row to each of (n, d) float32 vectors, in one shard each.

        `own` has the numbers of these shards, (n,) integers. Of a shard without rows the answer is None.
        """
        import numpy as np

        def ask(shard: Collection) -> "tuple[np.ndarray, list[list[str]]]":
            mine = np.flatnonzero(own == self.addresses.index(shard.address))
            return mine, shard.nearest_many(vectors[mine], k=1)

        found = np.empty(len(vectors), object)
        for mine, nearest in self._each(ask):
            found[mine] = [each[0] if each else None for each in nearest]
        return list(found)

    def require_version(self) -> None:
        """Make sure that collections on servers still hold the version that is meant, by a request for each.

        Raises:
            StoreError: one holds another version, is missing, or its server does not answer.
        """
        if self.address.on_server:
            self._each(lambda shard: shard.require_version())

    @abstractmethod
    def close(self) -> None:
        """Close the files or the connections."""

    @abstractmethod
    def _each(self, ask: Callable[[Collection], Answer]) -> list[Answer]:
        """Ask every collection."""


class OpenShards(Shards):
    """Shards of which all are open, and asked at once."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        """Open all of them.

        Raises:
            AccessError: this user may not read one.
            StoreError: one is missing or damaged, or a server does not answer.
        """
        super().__init__(addresses)
        self._collections: list[Collection] = []
        try:
            for address in addresses:
                self._collections.append(Collection(address))
        except BaseException:
            self._close()
            raise
        self._threads = ThreadPoolExecutor(min(AT_ONCE, len(addresses)), "chroma")

    def close(self) -> None:
        """Close the files or the connections."""
        self._threads.shutdown()
        self._close()

    def _close(self) -> None:
        for collection in self._collections:
            collection.close()

    def _each(self, ask: Callable[[Collection], Answer]) -> list[Answer]:
        return list(self._threads.map(ask, self._collections))


class ShardsInTurn(Shards):
    """Shards in folders, each open only while it is asked: one graph at a time is in memory.

    An error of a shard comes when it is asked.
    """

    def close(self) -> None:
        """Do nothing: none is open."""

    def _each(self, ask: Callable[[Collection], Answer]) -> list[Answer]:
        answers = []
        for address in self.addresses:
            with closing(Collection(address)) as collection:
                answers.append(ask(collection))
            give_back_memory()
        return answers


def open_all(addresses: Sequence[Address], *, in_turn: bool = False) -> Collection | Shards:
    """Open the collections at some addresses as one; those in folders `in_turn`, for a few large questions.

    Raises:
        AccessError: this user may not read one.
        StoreError: one is missing or damaged, or a server does not answer.
    """
    if len(addresses) == 1:
        return Collection(addresses[0])
    return ShardsInTurn(addresses) if in_turn and not addresses[0].on_server else OpenShards(addresses)


def open_version(home: Home, version: str, *, in_turn: bool = False) -> Collection | Shards:
    """Open the collection of a version that was built, in as many shards as it has, as `open_all` does.

    Raises:
        AccessError: this user may not read it.
        StoreError: it is missing or damaged, or a server does not answer.
    """
    return open_all(addresses_of(home, version), in_turn=in_turn)
