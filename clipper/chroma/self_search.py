"""Check that images find themselves: a search for an image's own vector has it first, if the index is right.

What does not belong here: opening a collection, and what is made of a miss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.chroma.collection import Collection

if TYPE_CHECKING:
    import numpy as np

# Of a large sample the graph may miss one in a thousand, of a small dataset none.
SAMPLE, WANTED_SHARE = 1_000, 0.999
# Two images whose similarity is this near to 1 are as good as one another: copies, or blank ones.
SAME = 1e-5
_BATCH = 200


@dataclass(frozen=True)
class SelfSearch:
    """The result for a sample of rows: how many were searched for, and which were not found first."""

    images: int
    sampled: int
    missed: list[int]

    @property
    def share(self) -> float:
        """The share of the sample that was found."""
        return 1 - len(self.missed) / self.sampled if self.sampled else 1.0

    @property
    def passed(self) -> bool:
        """Whether the share is large enough."""
        return self.share >= WANTED_SHARE if self.images >= SAMPLE else not self.missed


def search_themselves(
    collection: Collection, ids: Sequence[str], vectors_of: "Callable[[Sequence[int]], np.ndarray]"
) -> SelfSearch:
    """Search for a sample of rows, evenly spread.

    Args:
        collection: an open one.
        ids: of its rows.
        vectors_of: gives the (k, d) float32 unit vectors of k of the rows.
    """
    row_of = {image_id: row for row, image_id in enumerate(ids)}
    sample = range(0, len(ids), max(1, -(-len(ids) // SAMPLE)))
    other: dict[int, int] = {}
    missed: list[int] = []
    for start in range(0, len(sample), _BATCH):
        rows = sample[start : start + _BATCH]
        for row, near in zip(rows, collection.nearest_many(vectors_of(rows), k=1), strict=True):
            found = row_of.get(near[0]) if near else None
            if found is None:
                missed.append(row)
            elif found != row:
                other[row] = found
    if other:
        alike = (vectors_of(list(other)) * vectors_of(list(other.values()))).sum(axis=1) >= 1 - SAME
        missed += [row for row, same in zip(other, alike, strict=True) if not same]
    return SelfSearch(len(ids), len(sample), sorted(missed))
