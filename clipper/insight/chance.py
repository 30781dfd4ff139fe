"""How near an image and a word are by chance, learned from words that have nothing to do with the images.

A cosine says little by itself: what is near for one model is far for another, some images are near to any
text, and among many images a few are near to anything. So the same is done with random words, and what they
find is what chance finds. What does not belong here: which words are asked about (`insight/classify.py`,
`insight/coverage.py`), and embedding them.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from clipper.projection.neighbors import one_blas_thread
from clipper.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from clipper.store.embeddings import MappedVectors

Vectors: TypeAlias = "np.ndarray | MappedVectors"

# Of what chance and a word find together, chance may have found so much.
FALSE_SHARE = 0.05
MIN_RANDOM_WORDS = 8
# Half of the mean is taken away: the first-order form of the loss that the models were trained with (Zhou et
# al. 2023, arXiv:2302.11084, equation 8). All of it is worse on the sample, and so is none.
_MEAN_SHARE = 0.5
# Of the random words, the share that the dataset may truly show. Those that find most are left out.
_SHOWN_SHARE = 0.05
# Scores are counted in bins of this width: a twentieth of their spread for OpenAI's models.
_LOW, _STEP, BINS = -1.5, 1e-3, 3_000
# A block of images, and one of words: their scores are 16 MB.
_IMAGES, _WORDS = 4_096, 1_024
# Images whose best word tells how near a match is, and how many deviations below the usual a match may be.
_LEVEL_SAMPLE, _LEVEL_DEVIATIONS = 2_000, 2.5
# The best words of these quantiles are matches; and where the quantiles of a normal distribution lie.
_UPPER, _NORMAL_UPPER = (0.75, 0.95), (0.6745, 1.6449)


@dataclass(frozen=True)
class Chance:
    """What a random word finds among some images."""

    shift: "np.ndarray"  # (d,) float32: taken from a word's vector before its scores are computed
    expected: "np.ndarray"  # (BINS,) float64, falling: the images that score at least the bin's edge
    images: int

    def scored(self, words: "np.ndarray") -> "np.ndarray":
        """Return what to multiply images with for their scores: (w, d) float32 -> (w, d) float32."""
        import numpy as np

        return np.asarray(words - self.shift, np.float32)

    def least_bin(self, count: int, false_share: float) -> int:
        """Return the lowest bin from which `count` finds hold at most a share of false ones."""
        return int((self.expected > false_share * count).sum())


class Tails(NamedTuple):
    """The images near to each word."""

    first: int  # the lowest bin that is counted
    above: "np.ndarray"  # (w, BINS - first) int32, falling: the images that score at least the bin's edge
    best: "np.ndarray"  # (w,) int64: the row of the image with the highest score, the first of equal ones
    score: "np.ndarray"  # (w,) float32: its score; minus infinity for no images


def edge(bins: "np.ndarray | int") -> "np.ndarray":
    """Return the least score in each bin: int -> float32."""
    import numpy as np

    return np.asarray(_LOW + _STEP * np.asarray(bins, np.float64), np.float32)


def bin_of(scores: "np.ndarray") -> "np.ndarray":
    """Return the bin of each score: float32 -> int32."""
    import numpy as np

    bins = np.clip((scores - np.float32(_LOW)) / np.float32(_STEP), 0, BINS - 1)
    return np.asarray(bins, np.int32)


def blocks(vectors: Vectors, size: int = _IMAGES) -> "Iterator[tuple[int, np.ndarray]]":
    """Go through vectors, some rows at a time: the first row's number, and a copy of (b, d) float32."""
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size]


def measure_chance(vectors: Vectors, random_words: "np.ndarray") -> Chance:
    """Measure what random words find.

    Each random word is scored as any word is, with the others as its random words. At each score, those that
    find most are left out: a few of the words may well fit the dataset.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of images.
        random_words: (r, d) float32, rows L2-normalised, of words about no dataset in particular.

    Raises:
        ValueError: there are fewer than `MIN_RANDOM_WORDS`.
    """
    import numpy as np

    r = len(random_words)
    if r < MIN_RANDOM_WORDS:
        raise ValueError(f"chance is measured with at least {MIN_RANDOM_WORDS} random words, not {r}")
    others = (random_words.sum(axis=0) - random_words) / (r - 1)
    found = count_tails(vectors, np.asarray(random_words - _MEAN_SHARE * others, np.float32), first=0)
    kept = r - int(np.ceil(_SHOWN_SHARE * r))
    expected = np.sort(found.above, axis=0)[:kept].mean(axis=0)
    shift = np.asarray(_MEAN_SHARE * random_words.mean(axis=0), np.float32)
    return Chance(shift, expected, len(vectors))


def count_tails(vectors: Vectors, scored: "np.ndarray", *, first: int) -> Tails:
    """Count the images near to each word, in one pass over the images.

    It costs a product of all words with all images, in blocks: 10,000 words and 100,000 images of 512
    dimensions are 10^12 operations. Memory: `BINS - first` numbers for each word.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of images.
        scored: (w, d) float32, what `Chance.scored` returns.
        first: the lowest bin to count.
    """
    import numpy as np

    w = len(scored)
    counts = np.zeros((w, BINS - first), np.int32)
    best, score = np.full(w, -1, np.int64), np.full(w, -np.inf, np.float32)

    def add(start: int, images: "np.ndarray", at: int) -> None:
        part = slice(at, at + _WORDS)
        scores = scored[part] @ images.T
        top = scores.argmax(axis=1)
        high = np.take_along_axis(scores, top[:, None], axis=1)[:, 0]
        better = high > score[part]
        best[part], score[part] = np.where(better, top + start, best[part]), np.maximum(high, score[part])
        flat = np.flatnonzero(scores.ravel() >= edge(first - 1))  # rounding may lift it by a bin
        bins = bin_of(scores.ravel()[flat]) - first
        inside = bins >= 0
        cells = (flat // scores.shape[1])[inside] * counts.shape[1] + bins[inside]
        counts[part] += np.bincount(cells, minlength=counts[part].size).reshape(counts[part].shape)

    with one_blas_thread():
        for start, images in blocks(vectors):
            in_threads(partial(add, start, images), range(0, w, _WORDS))
    above = counts[:, ::-1].cumsum(axis=1, dtype=np.int32)[:, ::-1]
    return Tails(first, above, best, score)


def thresholds(tails: Tails, chance: Chance, *, false_share: float = FALSE_SHARE) -> "np.ndarray":
    """Find from which bin on a word finds more than chance: (w,) int64.

    It is the lowest bin in which chance's finds are at most `false_share` of the word's (Benjamini and
    Hochberg 1995, with the random words' finds for the null). A word without such a bin gets the one from
    which a single find would count: it has none.
    """
    import numpy as np

    expected = chance.expected[tails.first :]
    passing = (expected <= false_share * tails.above) & (tails.above > 0)
    return np.where(
        passing.any(axis=1), tails.first + passing.argmax(axis=1), chance.least_bin(1, false_share)
    )


def match_level(vectors: Vectors, chance: Chance, vocabulary: "np.ndarray") -> float:
    """Measure how near an image is to a word that says what it shows, at least.

    A zebra is nearer to "horse" than chance is, and no horse. At least a quarter of the images is matched by
    some word of a large vocabulary: their best scores tell how near a match is, and how far that varies. With
    a few hundred words, images without a match make that vary more, and the level low: it then rules out
    little. Measured on at most 2,000 images.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of images.
        chance: of these images.
        vocabulary: (w, d) float32, rows L2-normalised, of thousands of common words.

    Returns:
        the least score of a match; minus infinity for no images or no words.
    """
    import numpy as np

    n = len(vectors)
    if not n or not len(vocabulary):
        return float("-inf")
    rows = np.unique(np.linspace(0, n - 1, min(n, _LEVEL_SAMPLE)).astype(np.int64))
    sample, scored = vectors[rows], chance.scored(vocabulary)
    best = np.full(len(rows), -np.inf, np.float32)
    with one_blas_thread():
        for start in range(0, len(scored), _WORDS):
            np.maximum(best, (sample @ scored[start : start + _WORDS].T).max(axis=1), out=best)
    low, high = np.quantile(best, _UPPER).tolist()
    deviation = (high - low) / (_NORMAL_UPPER[1] - _NORMAL_UPPER[0])
    return float(low - (_NORMAL_UPPER[0] + _LEVEL_DEVIATIONS) * deviation)
