"""Check that images find themselves: a search for an image's own vector has it first, if the index is right.

What does not belong here: opening a collection, and what is made of a miss.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.chroma.collection import Collection
from clipper.chroma.rows import shard_of
from clipper.chroma.shards import Shards

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pyarrow as pa

# Of a large sample the graph may miss one in a hundred, if it holds the right vectors for them: where vectors
# lie in tight groups no search reaches some. Of a small dataset it misses none.
SAMPLE, WANTED_SHARE = 1_000, 0.99
# Two vectors are equal up to this in each number.
EQUAL = 1e-5
# Two images whose similarity is this near to 1 are as good as one another: copies, or blank ones.
SAME = 1e-5


@dataclass(frozen=True)
class SelfSearch:
    """The result for a sample of rows: how many were searched for, and which were not found first.

    `wrong` are those of them for which the collection has another vector, or none.
    """

    images: int
    sampled: int
    missed: list[int]
    wrong: list[int]

    @property
    def share(self) -> float:
        """The share of the sample that was found."""
        return 1 - len(self.missed) / self.sampled if self.sampled else 1.0

    @property
    def passed(self) -> bool:
        """Whether the share is large enough, and no vector is wrong."""
        if self.images < SAMPLE:
            return not self.missed
        return not self.wrong and self.share >= WANTED_SHARE


def search_themselves(
    collection: Collection | Shards,
    ids: "Sequence[str] | pa.Array",
    contents: "pa.Array | pa.ChunkedArray",
    vectors_of: "Callable[[Sequence[int]], np.ndarray]",
) -> SelfSearch:
    """Search for a sample of rows, evenly spread; of several shards, for each row only in its own.

    Args:
        collection: an open one.
        ids: of its rows, (n,).
        contents: their content hashes, (n,), by which rows are spread over shards.
        vectors_of: gives the (k, d) float32 unit vectors of k of the rows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(ids, pa.string())
    sample = range(0, len(ids), max(1, -(-len(ids) // SAMPLE)))
    if not sample:
        return SelfSearch(0, 0, [], [])
    other: dict[int, int] = {}
    missed: list[int] = []
    if isinstance(collection, Shards):
        own = shard_of(contents.take(pa.array(sample)), len(collection.addresses))
        nearest = collection.nearest_in_own(vectors_of(sample), own)
    else:
        nearest = [near[0] if near else None for near in collection.nearest_many(vectors_of(sample), k=1)]
    found_rows = pc.index_in(pa.array(nearest, pa.string()), value_set=known, skip_nulls=True)
    for row, found in zip(sample, found_rows.to_pylist(), strict=True):
        if found is None:
            missed.append(row)
        elif found != row:
            other[row] = found
    if other:
        alike = (vectors_of(list(other)) * vectors_of(list(other.values()))).sum(axis=1) >= 1 - SAME
        missed += [row for row, same in zip(other, alike, strict=True) if not same]
    missed.sort()
    wrong = _wrong(collection, known, missed, vectors_of) if missed else []
    return SelfSearch(len(ids), len(sample), missed, wrong)


def _wrong(
    collection: Collection | Shards,
    ids: "pa.Array",
    rows: list[int],
    vectors_of: "Callable[[Sequence[int]], np.ndarray]",
) -> list[int]:
    """Return those rows for which the collection has another vector, or none."""
    import numpy as np

    got = collection.get([ids[row].as_py() for row in rows], vectors=True)
    held = dict(zip(got["ids"], got["embeddings"], strict=True))
    wrong = []
    for row, vector in zip(rows, vectors_of(rows), strict=True):
        there = held.get(ids[row].as_py())
        if there is None or np.abs(np.asarray(there, np.float32) - vector).max() > EQUAL:
            wrong.append(row)
    return wrong
