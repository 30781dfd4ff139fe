"""The similarities of all images -> those that are listed: filtered, cut, ranked, alike ones folded.

Pure: arrays in, arrays out. What does not belong here: queries (`session/search.py`), and how results look
(`components/side/gallery.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

PAGE = 60  # results that are loaded at a time
ALIKE = 0.97  # images of a higher cosine similarity are one image to a person who compares results
WINDOW = 4_096  # results among which alike ones are looked for, at least
ABOVE = 2_000  # results within a range of similarities that the map shows
BINS = 56  # of the histogram
_BLOCK = 512


@dataclass(frozen=True)
class Narrowing:
    """Which of all images are listed: those that `passes`, (n,) bool, of a similarity from `cut` to `cap`.

    `count` is how many are wanted; with `fold`, images alike count as one.
    """

    passes: np.ndarray | None = None
    cut: float | None = None
    cap: float | None = None
    fold: bool = False
    count: int = PAGE

    @property
    def ranged(self) -> bool:
        """Whether only some similarities are listed."""
        return self.cut is not None or self.cap is not None


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
    above: np.ndarray | None = None


@dataclass(frozen=True)
class Spread:
    """How the similarities of all images are spread: how many in each of equal bins from `low` to `high`."""

    counts: tuple[int, ...]
    low: float
    high: float


def passing(n: int, *, kept: np.ndarray | None, selection: np.ndarray | None) -> np.ndarray | None:
    """Which of `n` images pass the filters and are chosen, (n,) bool; None where all do."""
    if selection is None:
        return kept
    chosen = np.zeros(n, bool)
    chosen[selection] = True
    return chosen if kept is None else chosen & kept


def rank(
    similarities: np.ndarray, narrowing: Narrowing, *, vectors: Callable[[np.ndarray], np.ndarray]
) -> Ranked:
    """Rank what is listed.

    Args:
        similarities: (n,) float32, of all images.
        narrowing: which of them, how many.
        vectors: gives the (k, d) float32 unit vectors of rows; asked only to fold.
    """
    rows = np.arange(len(similarities)) if narrowing.passes is None else np.flatnonzero(narrowing.passes)
    values = similarities if narrowing.passes is None else similarities[rows]
    if narrowing.ranged:
        meant = _within(values, narrowing.cut, narrowing.cap)
        rows, values = rows[meant], values[meant]
    if narrowing.fold:
        found = _folded(rows, values, narrowing.count, vectors)
    else:
        listed = rows[best(values, narrowing.count)]
        found = Ranked(listed, similarities[listed], len(values))
    return replace(found, above=rows[best(values, ABOVE)]) if narrowing.ranged else found


def _within(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """Which of (k,) float32 values are from `low` to `high`, (k,) bool; None: open at that end."""
    meant = np.ones(len(values), bool) if low is None else values >= np.float32(low)
    return meant if high is None else meant & (values <= np.float32(high))


def place(similarities: np.ndarray, row: int, narrowing: Narrowing) -> int | None:
    """How many images are listed before the one of a row, none folded; None where it is not listed at all.

    Args:
        similarities: (n,) float32, of all images.
        row: the image's.
        narrowing: which are listed.
    """
    passes, value = narrowing.passes, similarities[row]
    listed = _within(similarities[row : row + 1], narrowing.cut, narrowing.cap).all()
    if not listed or (passes is not None and not passes[row]):
        return None
    before = similarities > value
    before[:row] |= similarities[:row] == value
    before &= _within(similarities, None, narrowing.cap)
    return int(np.count_nonzero(before if passes is None else before & passes))


def best(values: np.ndarray, k: int) -> np.ndarray:
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
    window, most = 2 * count, max(WINDOW, 4 * count)
    while True:
        looked = best(values, window)
        leader = leaders(vectors(rows[looked]))
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


def leaders(vectors: np.ndarray) -> np.ndarray:
    """For each of (k, d) unit vectors, best first, the first one it is alike: itself or an earlier leader.

    Greedy: who is alike a leader leads nobody.

    Returns:
        (k,) int64.
    """
    k = len(vectors)
    leader = np.full(k, -1, np.int64)
    for start in range(0, k, _BLOCK):
        alike = vectors[start : start + _BLOCK] @ vectors[start:].T > ALIKE
        for line, near in enumerate(alike):
            at = start + line
            if leader[at] < 0:
                leader[at] = at
                later = at + 1 + np.flatnonzero(near[line + 1 :])
                leader[later[leader[later] < 0]] = at
    return leader


def spread(similarities: np.ndarray) -> Spread:
    """The histogram of (n,) float32 similarities, of all but infinite ones."""
    if not len(similarities):
        return Spread((), 0.0, 0.0)
    low, high = float(similarities.min()), float(similarities.max())
    scale = BINS / max(high - low, 1e-6)
    at = ((similarities - np.float32(low)) * np.float32(scale)).astype(np.int32)
    counts = np.bincount(np.minimum(at, BINS - 1), minlength=BINS)
    return Spread(tuple(counts.tolist()), low, high)
