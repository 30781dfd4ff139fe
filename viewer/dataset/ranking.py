"""Ranks similarities and returns the results to list: filtered, within limits, near-identical ones folded.

Pure: similarities in, arrays out. What does not belong here: queries (`session/search.py`), and showing
results (`components/side/gallery.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from clipper.query import Scores
from clipper.similarity.similarities import Similarities, blocks

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


def rank(similarities: Scores, listing: Listing, *, vectors: Callable[[np.ndarray], np.ndarray]) -> Ranked:
    """Rank the images to list.

    Args:
        similarities: of all n images.
        listing: which of them to list, and how many.
        vectors: returns the unit vectors (k, d) float32 of rows; called only to fold.
    """
    known = Similarities.of(similarities)
    mask = _listed_mask(known, listing)
    total = len(known) if mask is None else int(np.count_nonzero(mask))
    if listing.fold:
        found = _folded(known, mask, total, listing.count, vectors)
    else:
        found = Ranked(*known.best(listing.count, among=mask), total)
    return replace(found, in_range=known.best(MAX_IN_RANGE, among=mask)[0]) if listing.ranged else found


def _listed_mask(similarities: Similarities, listing: Listing) -> np.ndarray | None:
    """Return which images pass and are within the limits, (n,) bool; None: all."""
    if not listing.ranged:
        return listing.passes
    within = similarities.within(listing.min_similarity, listing.max_similarity)
    return within if listing.passes is None else within & listing.passes


def listed_rows(n: int, listing: Listing, similarities: Scores | None) -> np.ndarray:
    """Return the rows (k,) int64, ascending, of `n` that pass and whose similarity is within the limits."""
    known = None if similarities is None else Similarities.of(similarities)
    mask = listing.passes if known is None else _listed_mask(known, listing)
    return np.arange(n) if mask is None else np.flatnonzero(mask)


def position_in_list(similarities: Scores, row: int, listing: Listing) -> int | None:
    """Return how many images are listed before the one of a row; None if it is not listed.

    Args:
        similarities: of all images.
        row: the image's row.
        listing: which images are listed; it folds none.
    """
    known = Similarities.of(similarities)
    value = float(known[row])
    if not Similarities.of(np.array([value])).within(listing.min_similarity, listing.max_similarity)[0]:
        return None
    if listing.passes is not None and not listing.passes[row]:
        return None
    before = known.within(value, listing.max_similarity)
    before[row:] &= ~known.within(value, value)[row:]  # equal ones are listed by row
    return int(np.count_nonzero(before if listing.passes is None else before & listing.passes))


def _folded(
    similarities: Similarities,
    mask: np.ndarray | None,
    total: int,
    count: int,
    vectors: Callable[[np.ndarray], np.ndarray],
) -> Ranked:
    """List images that differ; compare twice as many until there are `count`, or none are left."""
    window, most = 2 * count, max(MIN_FOLD_WINDOW, 4 * count)
    while True:
        rows, values = similarities.best(window, among=mask)
        leader = find_leaders(vectors(rows))
        first = np.flatnonzero(leader == np.arange(len(leader)))
        if len(first) >= count or window >= min(total, most):
            break
        window = min(2 * window, most)
    first = first[:count]
    groups: dict[int, list[int]] = {int(at): [] for at in first}
    for at in np.flatnonzero(leader != np.arange(len(leader))):
        if leader[at] in groups:
            groups[int(leader[at])].append(int(rows[at]))
    return Ranked(rows[first], values[first], total, tuple(map(tuple, groups.values())))


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


def similarity_histogram(similarities: Scores) -> SimilarityHistogram:
    """Count similarities in equal bins between the exact ends.

    Counted are the ones that are known at once: of a million, a few move to the bin beside theirs.
    """
    known = Similarities.of(similarities)
    if not len(known):
        return SimilarityHistogram((), 0.0, 0.0)
    low, high = known.extremes()
    counts = np.zeros(HISTOGRAM_BINS, np.int64)
    for part in blocks(len(known)):
        at = (known.near[part] - np.float32(low)) * np.float32(HISTOGRAM_BINS / max(high - low, 1e-6))
        bins = at.astype(np.int32).clip(0, HISTOGRAM_BINS - 1)
        counts += np.bincount(bins, minlength=HISTOGRAM_BINS)
    return SimilarityHistogram(tuple(counts.tolist()), low, high)
