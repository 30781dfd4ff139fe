"""Names for clusters: words that are true of a cluster's images and of few others.

What does not belong here: the words (`candidates.py`, `vocabulary.py`), measuring how well a
word fits (`evidence.py`), and finding clusters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from clipper.insight.words.candidates import DatasetWords, plain_form
from clipper.insight.words.evidence import NO_WORD, Counts, Search
from clipper.projection.neighbors import Vectors
from clipper.store.parts.clusters import LEVELS, NOISE, Clusters

if TYPE_CHECKING:
    import numpy as np

NameSource = Literal["metadata", "home", "vocabulary", ""]

# Words that are measured for a cluster: those of its metadata that fit best by their counts, those nearest to
# it of all words, and of the home's.
OWN_TRIED, NEAR_TRIED, HOME_TRIED = 8, 12, 4
# The least score of a name. A name that is worse by this factor is no good other one.
MIN_SCORE, OTHER_GOOD = 0.3, 0.8
# Mirrors of the vocabulary that take its meaning away, and the share of clusters that they may name.
MIRRORS, BY_CHANCE = 2, 0.05
RUNNERS_UP = 4
# How much a word of the metadata is what people wrote, and how much what a search for it finds.
COUNT_WEIGHT = 0.5
# Where the metadata has a word for a cluster, one of the vocabulary must fit much better: even more so if a
# search for what people wrote finds such a share of the cluster, so that the model knows what they meant.
FOREIGN_WEIGHT, FOREIGN_WEIGHT_IF_KNOWN, KNOWN = 0.6, 0.4, 0.25
# Of the score, for each part of a name after the first.
PART_COST = 0.01
# Of equally good words, the one that is nearer to the dataset and to its owner.
_PREFERRED = ("metadata", "home", "vocabulary", "")


class WordVectors(NamedTuple):
    """Words and their vectors: (w, d) float32, rows L2-normalised."""

    words: Sequence[str]
    vectors: "np.ndarray"


@dataclass(frozen=True)
class ClusterName:
    """A cluster's name, "" for none; where it is from; how well it fits, 0 to 1; the next best words."""

    name: str = ""
    source: NameSource = ""
    score: float = 0.0
    runners_up: tuple[str, ...] = ()


class _Word(NamedTuple):
    score: float
    key: str
    word: str
    source: NameSource
    share: float  # of the cluster, that a search for the word finds


def name_clusters(
    vectors: Vectors,
    clusters: Clusters,
    vocabulary: WordVectors,
    *,
    embed: Callable[[Sequence[str]], "np.ndarray"],
    own: DatasetWords | None = None,
    home: WordVectors | None = None,
    before: Sequence[str] = (),
) -> list[ClusterName]:
    """Name each cluster, or leave it without a name where no word is true of it.

    No two clusters of a level have the same name. A cluster has its parent's name only if no other is nearly
    as good, and keeps the name that it had if no other is much better.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of the images.
        clusters: of these images.
        vocabulary: words that may name any cluster.
        embed: embeds words of the dataset: (w, d) float32, rows L2-normalised. Called once, if at all.
        own: the words of the dataset's metadata.
        home: words that a person wished for.
        before: the name that each cluster had, "" for none; empty if there are no clusters from before.
    """
    if not len(clusters) or not len(vectors):
        return [ClusterName() for _ in range(len(clusters))]
    search = Search(vectors, clusters)
    own = own or DatasetWords.none()
    counts = Counts(own, clusters)
    found = _own_words(search, counts, own, embed)
    for near in _near_words(search, counts, own, home or WordVectors((), vocabulary.vectors[:0]), vocabulary):
        found = [old + new for old, new in zip(found, near, strict=True)]
    kept = [plain_form(name) for name in before] or [""] * len(found)
    return _assign(clusters, [_distinct(_own_first(words)) for words in found], kept)


def _own_words(
    search: Search, counts: Counts, own: DatasetWords, embed: Callable[[Sequence[str]], "np.ndarray"]
) -> list[list[_Word]]:
    """Return the words that clusters' metadata has, scored by their counts and by a search for them alike."""
    import numpy as np

    words, counted = counts.best(OWN_TRIED)
    used = np.unique(words[words != NO_WORD])
    if not len(used):
        return [[] for _ in range(len(words))]
    vectors = embed([own.words[word] for word in used.tolist()])
    places = np.where(words == NO_WORD, NO_WORD, np.searchsorted(used, words))
    shares = search.shares(places, vectors)
    return _listed(
        words,
        COUNT_WEIGHT * counted + (1 - COUNT_WEIGHT) * shares,
        shares,
        texts=own.words,
        source="metadata",
    )


def _near_words(
    search: Search, counts: Counts, own: DatasetWords, home: WordVectors, vocabulary: WordVectors
) -> Iterator[list[list[_Word]]]:
    """Yield the words of the vocabulary and of the home that fit clusters better than meaningless words do.

    Of the vocabulary a word must be better than what chance seldom brings; of the home, which has few words,
    better than what it usually brings.
    """
    import numpy as np

    words = [*home.words, *vocabulary.words]
    if not words:
        return
    vectors = vocabulary.vectors if not home.words else np.concatenate([home.vectors, vocabulary.vectors])
    usual, least = _best_by_chance(search, vectors)
    rows = {plain_form(word): row for row, word in enumerate(own.words)}
    of_own = np.array([rows.get(plain_form(word), NO_WORD) for word in words], np.int64)
    spelled = {word.casefold(): word for word in own.words}
    texts = [spelled.get(word.casefold(), word) for word in words]
    near, nearness = search.near(vectors, NEAR_TRIED)
    best = nearness.max(axis=1, keepdims=True)
    chosen: list[tuple[NameSource, np.ndarray, np.ndarray, np.ndarray]] = [
        ("vocabulary", np.where(near < len(home.words), NO_WORD, near), nearness, least)
    ]
    if home.words:
        chosen.append(("home", *search.near(vectors, HOME_TRIED, among=len(home.words)), usual))
    for source, found, nearness, chance in chosen:
        shares = search.shares(found, vectors)
        scores = np.minimum(shares * nearness / np.maximum(best, 1e-9), 1.0)
        cluster, column = np.nonzero((found != NO_WORD) & (of_own[found] != NO_WORD))
        counted = counts.shares(cluster, of_own[found[cluster, column]])
        told = COUNT_WEIGHT * counted + (1 - COUNT_WEIGHT) * shares[cluster, column]
        scores[cluster, column] = told
        scores[shares * nearness <= chance[:, None]] = 0.0
        yield _listed(found, scores, shares, texts=texts, source=source)


def _best_by_chance(search: Search, vectors: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return how well the best of so many meaningless words fits each cluster: usually, and seldom.

    A word fits by what it finds and by how near it is: a cluster that lies apart is found by many words, but
    only those that mean it are near.

    Returns:
        share times nearness: (c,) float64, the median of the cluster's level; (c,) float64, what BY_CHANCE
        of it exceed.
    """
    import numpy as np

    best = []
    for seed in range(MIRRORS):
        mirror = search.mirrored(vectors, seed)
        near, nearness = search.near(mirror, NEAR_TRIED)
        best.append((search.shares(near, mirror) * nearness).max(axis=1))
    usual, least = np.zeros(len(search.clusters)), np.zeros(len(search.clusters))
    for level in range(LEVELS):
        rows = search.clusters.rows_at(level)
        if len(rows):
            usual[rows], least[rows] = np.quantile(np.stack(best)[:, rows], [0.5, 1 - BY_CHANCE])
    return usual, least


def _listed(
    words: "np.ndarray",
    scores: "np.ndarray",
    shares: "np.ndarray",
    *,
    texts: Sequence[str],
    source: NameSource,
) -> list[list[_Word]]:
    listed: list[list[_Word]] = []
    for of_cluster in zip(words.tolist(), scores.tolist(), shares.tolist(), strict=True):
        listed.append([])
        for word, score, share in zip(*of_cluster, strict=True):
            if word != NO_WORD and score >= MIN_SCORE:
                key = plain_form(texts[word])
                # A long name must be better than a short one.
                less = PART_COST * key.count(" ")
                listed[-1].append(_Word(round(score - less, 3), key, texts[word], source, share))
    return listed


def _own_first(words: Sequence[_Word]) -> list[_Word]:
    """Lower the words that nobody wrote, where people wrote words that are true of the cluster."""
    own = {word.key: word.share for word in words if word.source == "metadata"}
    if not own:
        return [*words]
    weight = FOREIGN_WEIGHT_IF_KNOWN if max(own.values()) >= KNOWN else FOREIGN_WEIGHT
    return [word if word.key in own else word._replace(score=round(weight * word.score, 3)) for word in words]


def _distinct(words: Sequence[_Word]) -> list[_Word]:
    """Return words best first, each once."""
    best: dict[str, _Word] = {}
    for word in sorted(words, key=_rank):
        best.setdefault(word.key, word)
    return list(best.values())


def _rank(word: _Word) -> tuple[float, int, int, str]:
    return -round(word.score, 2), _PREFERRED.index(word.source), len(word.word), word.key


def _assign(clusters: Clusters, found: Sequence[Sequence[_Word]], kept: Sequence[str]) -> list[ClusterName]:
    """Give each word to the cluster of a level that it fits best, the coarsest level first.

    A word that fits a cluster within much better is left to that one. The name that a cluster had, in its
    plain form, counts for more than it fits.
    """
    named: list[ClusterName] = [ClusterName() for _ in found]
    keys = [""] * len(found)
    within = _best_within(clusters, found)
    for level in range(LEVELS):
        offers: list[tuple[float, int, _Word]] = []
        for cluster in clusters.rows_at(level).tolist():
            above = _keys_above(clusters, cluster, keys)
            for word in found[cluster]:
                score = word.score / (OTHER_GOOD if word.key == kept[cluster] else 1)
                if score >= OTHER_GOOD * within[cluster].get(word.key, 0):
                    offers.append((score * (OTHER_GOOD if word.key in above else 1), cluster, word))
        taken: set[str] = set()
        for _, cluster, word in sorted(offers, key=lambda offer: (-offer[0], _rank(offer[2]), offer[1])):
            if not keys[cluster] and word.key not in taken:
                keys[cluster] = word.key
                taken.add(word.key)
                others = [other.word for other in found[cluster] if other.key != word.key]
                named[cluster] = ClusterName(word.word, word.source, word.score, tuple(others[:RUNNERS_UP]))
    return named


def _best_within(clusters: Clusters, found: Sequence[Sequence[_Word]]) -> list[dict[str, float]]:
    """Return for each cluster how well words fit the best of the clusters within it, by plain form."""
    within: list[dict[str, float]] = [{} for _ in found]
    for level in reversed(range(1, LEVELS)):
        for cluster in clusters.rows_at(level).tolist():
            best = within[int(clusters.parents[cluster])]
            own = [(word.key, word.score) for word in found[cluster]]
            for key, score in [*within[cluster].items(), *own]:
                best[key] = max(best.get(key, 0), score)
    return within


def _keys_above(clusters: Clusters, cluster: int, keys: Sequence[str]) -> set[str]:
    above = set()
    parent = int(clusters.parents[cluster])
    while parent != NOISE:
        above.add(keys[parent])
        parent = int(clusters.parents[parent])
    return above
