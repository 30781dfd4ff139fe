"""The similarities of all images -> those that are listed: filtered, cut, ranked, alike ones folded.

Pure: arrays in, arrays out. What does not belong here: queries (`session/search.py`), and how results look
(`components/side/gallery.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

PAGE_SIZE = 60  # results that are loaded at a time
ALIKE_SIMILARITY = 0.97  # images of a higher cosine similarity are one image to a person who compares results
MIN_FOLD_WINDOW = 4_096  # results among which alike ones are looked for, at least
MAX_IN_RANGE = 2_000  # results within a range of similarities that the map shows
HISTOGRAM_BINS = 56  # of the histogram
_BLOCK = 512


@dataclass(frozen=True)
class Listing:
    """Which of all images are listed: those that `passes`, (n,) bool, of a similarity from `cut` to `cap`.

    `count` is how many are wanted; with `fold`, images alike count as one.
    """

    passes: np.ndarray | None = None
    min_similarity: float | None = None
    max_similarity: float | None = None
    fold: bool = False
    count: int = PAGE_SIZE

    @property
    def ranged(self) -> bool:
        """Whether only some similarities are listed."""
        return self.min_similarity is not None or self.max_similarity is not None


@dataclass(frozen=True)
class Ranked:
    """Rows (k,) int64 best first, their similarities (k,) float32; `total` images are there to be listed.

    `alike` has for each row those folded under it; it is empty where nothing is folded. `above` (a,) int64
    are the best of all within the range of similarities, listed yet or not; None where there is no range.
    """

    rows: np.ndarray
    similarity: np.ndarray
    total: int
    alike: tuple[tuple[int, ...], ...] = ()
    in_range: np.ndarray | None = None


@dataclass(frozen=True)
class SimilarityHistogram:
    """How the similarities of all images are spread: how many in each of equal bins from `low` to `high`."""

    counts: tuple[int, ...]
    low: float
    high: float


def listable_mask(n: int, *, kept: np.ndarray | None, selection: np.ndarray | None) -> np.ndarray | None:
    """Which of `n` images pass the filters and are chosen, (n,) bool; None where all do."""
    if selection is None:
        return kept
    chosen = np.zeros(n, bool)
    chosen[selection] = True
    return chosen if kept is None else chosen & kept


def rank(
    similarities: np.ndarray, listing: Listing, *, vectors: Callable[[np.ndarray], np.ndarray]
) -> Ranked:
    """Rank what is listed.

    Args:
        similarities: (n,) float32, of all images.
        listing: which of them, how many.
        vectors: gives the (k, d) float32 unit vectors of rows; asked only to fold.
    """
    rows = np.arange(len(similarities)) if listing.passes is None else np.flatnonzero(listing.passes)
    values = similarities if listing.passes is None else similarities[rows]
    if listing.ranged:
        meant = _within(values, listing.min_similarity, listing.max_similarity)
        rows, values = rows[meant], values[meant]
    if listing.fold:
        found = _folded(rows, values, listing.count, vectors)
    else:
        listed = rows[best_first(values, listing.count)]
        found = Ranked(listed, similarities[listed], len(values))
    return replace(found, in_range=rows[best_first(values, MAX_IN_RANGE)]) if listing.ranged else found


def _within(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """Which of (k,) float32 values are from `low` to `high`, (k,) bool; None: open at that end."""
    meant = np.ones(len(values), bool) if low is None else values >= np.float32(low)
    return meant if high is None else meant & (values <= np.float32(high))


def position_in_list(similarities: np.ndarray, row: int, listing: Listing) -> int | None:
    """How many images are listed before the one of a row, none folded; None where it is not listed at all.

    Args:
        similarities: (n,) float32, of all images.
        row: the image's.
        listing: which are listed.
    """
    passes, value = listing.passes, similarities[row]
    listed = _within(similarities[row : row + 1], listing.min_similarity, listing.max_similarity).all()
    if not listed or (passes is not None and not passes[row]):
        return None
    before = similarities > value
    before[:row] |= similarities[:row] == value
    before &= _within(similarities, None, listing.max_similarity)
    return int(np.count_nonzero(before if passes is None else before & passes))


def best_first(values: np.ndarray, k: int) -> np.ndarray:
    """Where the `k` largest values are, largest first; of equal ones the first is first: (k,) int64."""
    if k >= len(values):
        return np.argsort(-values, kind="stable")
    at = len(values) - k
    places = np.flatnonzero(values >= np.partition(values, at)[at]) if k > 0 else np.empty(0, np.int64)
    return places[np.argsort(-values[places], kind="stable")[:k]]


def _folded(
    rows: np.ndarray, values: np.ndarray, count: int, vectors: Callable[[np.ndarray], np.ndarray]
) -> Ranked:
    """Until there are `count` that differ, or no more to look at, twice as many are looked at."""
    window, most = 2 * count, max(MIN_FOLD_WINDOW, 4 * count)
    while True:
        looked = best_first(values, window)
        leader = find_leaders(vectors(rows[looked]))
        first = np.flatnonzero(leader == np.arange(len(leader)))
        if len(first) >= count or window >= min(len(values), most):
            break
        window = min(2 * window, most)
    first = first[:count]
    groups: dict[int, list[int]] = {int(at): [] for at in first}
    for at in np.flatnonzero(leader != np.arange(len(leader))):
        if leader[at] in groups:
            groups[int(leader[at])].append(int(rows[looked[at]]))
    listed = looked[first]
    return Ranked(rows[listed], values[listed], len(values), tuple(map(tuple, groups.values())))


def find_leaders(vectors: np.ndarray) -> np.ndarray:
    """For each of (k, d) unit vectors, best first, the first one it is alike: itself or an earlier leader.

    Greedy: who is alike a leader leads nobody.

    Returns:
        (k,) int64.
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
    """The histogram of (n,) float32 similarities, of all but infinite ones."""
    if not len(similarities):
        return SimilarityHistogram((), 0.0, 0.0)
    low, high = float(similarities.min()), float(similarities.max())
    scale = HISTOGRAM_BINS / max(high - low, 1e-6)
    at = ((similarities - np.float32(low)) * np.float32(scale)).astype(np.int32)
    counts = np.bincount(np.minimum(at, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)
    return SimilarityHistogram(tuple(counts.tolist()), low, high)
