"""Ranks similarities and returns the results to list: filtered, within limits, near-identical ones folded.

Pure: arrays in, arrays out. What does not belong here: queries (`session/search.py`), and showing results
(`components/side/gallery.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

PAGE_SIZE = 60  # results that are loaded at a time
ALIKE_SIMILARITY = 0.97  # two images with a higher cosine similarity look the same in a list
MIN_FOLD_WINDOW = 4_096  # the least number of best results that are compared to fold
MAX_IN_RANGE = 2_000  # results within a range of similarities that the map shows
HISTOGRAM_BINS = 56  # of the histogram
_BLOCK = 512


@dataclass(frozen=True)
class Listing:
    """Which images are listed: those in `passes` (n,) bool with a similarity within the limits.

    `count` is the number of results wanted; with `fold`, near-identical images count as one.
    """

    passes: np.ndarray | None = None
    min_similarity: float | None = None
    max_similarity: float | None = None
    fold: bool = False
    count: int = PAGE_SIZE

    @property
    def ranged(self) -> bool:
        """Whether there is a limit of similarity."""
        return self.min_similarity is not None or self.max_similarity is not None


@dataclass(frozen=True)
class Ranked:
    """Listed rows (k,) int64, best first, and their similarities (k,) float32, of `total` that could be.

    `alike` has the rows folded under each row; it is empty if nothing is folded. `in_range` (a,) int64 are
    the best rows within the limits, listed yet or not; None without limits.
    """

    rows: np.ndarray
    similarity: np.ndarray
    total: int
    alike: tuple[tuple[int, ...], ...] = ()
    in_range: np.ndarray | None = None


@dataclass(frozen=True)
class SimilarityHistogram:
    """The number of images in each of equal bins of similarity from `low` to `high`."""

    counts: tuple[int, ...]
    low: float
    high: float


def listable_mask(n: int, *, kept: np.ndarray | None, selection: np.ndarray | None) -> np.ndarray | None:
    """Return which of `n` images pass the filters and are in the selection, (n,) bool; None: all."""
    if selection is None:
        return kept
    selected = np.zeros(n, bool)
    selected[selection] = True
    return selected if kept is None else selected & kept


def rank(
    similarities: np.ndarray, listing: Listing, *, vectors: Callable[[np.ndarray], np.ndarray]
) -> Ranked:
    """Rank the images to list.

    Args:
        similarities: of all images, (n,) float32.
        listing: which of them to list, and how many.
        vectors: returns the unit vectors (k, d) float32 of rows; called only to fold.
    """
    rows = listed_rows(len(similarities), listing, similarities)
    values = similarities if len(rows) == len(similarities) else similarities[rows]
    if listing.fold:
        found = _folded(rows, values, listing.count, vectors)
    else:
        listed = rows[best_first(values, listing.count)]
        found = Ranked(listed, similarities[listed], len(values))
    return replace(found, in_range=rows[best_first(values, MAX_IN_RANGE)]) if listing.ranged else found


def listed_rows(n: int, listing: Listing, similarities: np.ndarray | None) -> np.ndarray:
    """Return the rows (k,) int64, ascending, of `n` that pass and whose similarity is within the limits."""
    rows = np.arange(n) if listing.passes is None else np.flatnonzero(listing.passes)
    if similarities is None or not listing.ranged:
        return rows
    return rows[within_limits(similarities[rows], listing.min_similarity, listing.max_similarity)]


def within_limits(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """Return which values (k,) float32 are from `low` to `high`, (k,) bool; None: open at that end."""
    within = np.ones(len(values), bool) if low is None else values >= np.float32(low)
    return within if high is None else within & (values <= np.float32(high))


def position_in_list(similarities: np.ndarray, row: int, listing: Listing) -> int | None:
    """Return how many images are listed before the one of a row; None if it is not listed.

    Args:
        similarities: of all images, (n,) float32.
        row: the image's row.
        listing: which images are listed; it folds none.
    """
    passes, value = listing.passes, similarities[row]
    listed = within_limits(similarities[row : row + 1], listing.min_similarity, listing.max_similarity).all()
    if not listed or (passes is not None and not passes[row]):
        return None
    before = similarities > value
    before[:row] |= similarities[:row] == value
    before &= within_limits(similarities, None, listing.max_similarity)
    return int(np.count_nonzero(before if passes is None else before & passes))


def best_first(values: np.ndarray, k: int) -> np.ndarray:
    """Return the indices (k,) int64 of the `k` largest values, largest first, equal ones in order."""
    if k >= len(values):
        return np.argsort(-values, kind="stable")
    at = len(values) - k
    found = np.flatnonzero(values >= np.partition(values, at)[at]) if k > 0 else np.empty(0, np.int64)
    return found[np.argsort(-values[found], kind="stable")[:k]]


def _folded(
    rows: np.ndarray, values: np.ndarray, count: int, vectors: Callable[[np.ndarray], np.ndarray]
) -> Ranked:
    """List images that differ; compare twice as many until there are `count`, or none are left."""
    window, most = 2 * count, max(MIN_FOLD_WINDOW, 4 * count)
    while True:
        compared = best_first(values, window)
        leader = find_leaders(vectors(rows[compared]))
        first = np.flatnonzero(leader == np.arange(len(leader)))
        if len(first) >= count or window >= min(len(values), most):
            break
        window = min(2 * window, most)
    first = first[:count]
    groups: dict[int, list[int]] = {int(at): [] for at in first}
    for at in np.flatnonzero(leader != np.arange(len(leader))):
        if leader[at] in groups:
            groups[int(leader[at])].append(int(rows[compared[at]]))
    listed = compared[first]
    return Ranked(rows[listed], values[listed], len(values), tuple(map(tuple, groups.values())))


def find_leaders(vectors: np.ndarray) -> np.ndarray:
    """Return the leader of each of (k, d) unit vectors, best first: the first near-identical one, or itself.

    Greedy: a vector that has a leader leads no other.

    Returns:
        Indices (k,) int64.
    """
    k = len(vectors)
    leader = np.full(k, -1, np.int64)
    for start in range(0, k, _BLOCK):
        alike = vectors[start : start + _BLOCK] @ vectors[start:].T > ALIKE_SIMILARITY
        for line, near in enumerate(alike):
            at = start + line
            if leader[at] < 0:
                leader[at] = at
                later = at + 1 + np.flatnonzero(near[line + 1 :])
                leader[later[leader[later] < 0]] = at
    return leader


def similarity_histogram(similarities: np.ndarray) -> SimilarityHistogram:
    """Count similarities (n,) float32, all finite, in equal bins."""
    if not len(similarities):
        return SimilarityHistogram((), 0.0, 0.0)
    low, high = float(similarities.min()), float(similarities.max())
    scale = HISTOGRAM_BINS / max(high - low, 1e-6)
    at = ((similarities - np.float32(low)) * np.float32(scale)).astype(np.int32)
    counts = np.bincount(np.minimum(at, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)
    return SimilarityHistogram(tuple(counts.tolist()), low, high)
