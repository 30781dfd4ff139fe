"""How well a word fits a cluster: of as many images as the cluster has, the share that lie in it.

The images are those that a search for the word finds first, or those that have the word in their metadata.
What does not belong here: choosing one of the words (`naming.py`).
"""

from functools import cached_property
from typing import TYPE_CHECKING

from clipper.insight.words.candidates import DatasetWords
from clipper.insight.words.results import Results, blocks, first_results, ranks
from clipper.projection.neighbors import Vectors, one_blas_thread
from clipper.projection.search.blocks import mean_of
from clipper.store.parts.clusters import LEVELS, NOISE, Clusters
from clipper.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

# Images that a search is measured on: of the cluster, and of all. With so many a share is right to a few in a
# hundred.
MEMBERS, BACKGROUND = 256, 8_192
# Clusters whose images are compared with their words by one thread at a time.
_CLUSTERS = 16
# A word counts as a cluster's own if so many of its images have it, and if it is so many standard deviations
# more frequent there than by chance, which brings some of thousands of words in hundreds of clusters to four.
MIN_COUNT, MIN_DEVIATIONS = 3, 6.0
NO_WORD = -1


class Search:
    """What a search for a word finds, measured on a sample of the images."""

    def __init__(self, vectors: Vectors, clusters: Clusters) -> None:
        """Take a sample of all images, and one of each cluster.

        Args:
            vectors: (n, d) float32, rows L2-normalised.
            clusters: of these images.
        """
        import numpy as np

        random = np.random.default_rng(0)
        self.clusters, self._vectors, n = clusters, vectors, len(vectors)
        rows = np.arange(n) if n <= BACKGROUND else np.sort(random.choice(n, BACKGROUND, replace=False))
        self._background, self._in = vectors[rows], clusters.members[rows]
        self._sizes = np.zeros(len(clusters), np.int64)
        # Rows of images that lie in each cluster, and rows of the sample of all.
        self._members: list[np.ndarray] = [rows[:0]] * len(clusters)
        self._inside: list[np.ndarray] = [rows[:0]] * len(clusters)
        for level in range(LEVELS):
            for cluster, inside in grouped(clusters.members[:, level]):
                self._sizes[cluster] = len(inside)
                few = len(inside) <= MEMBERS
                self._members[cluster] = inside if few else np.sort(random.choice(inside, MEMBERS, False))
            for cluster, inside in grouped(clusters.members[rows, level]):
                self._inside[cluster] = inside
        self._count_allowed()
        mean = mean_of(vectors)
        self._directions = np.zeros((len(clusters), vectors.shape[1]), np.float32)
        for cluster, members in enumerate(self._members):
            if len(members):
                self._directions[cluster] = _unit(vectors[members].mean(axis=0) - mean)

    def near(
        self, vectors: "np.ndarray", count: int, *, among: int | None = None
    ) -> "tuple[np.ndarray, np.ndarray]":
        """Find the words that point to each cluster more than to the others of its level.

        Words and images are each taken from their own mean: CLIP leaves a gap between the two (Liang et al.
        2022, "Mind the Gap").

        Args:
            vectors: (w, d) float32 of the words.
            count: of words for each cluster; fewer if there are fewer.
            among: so many of the first words are possible; None for all.

        Returns:
            rows of words, (c, count) int64, best first; their nearness, (c, count) float32: the cosine with
            the cluster, less the mean cosine with the others, at least 0.
        """
        import numpy as np

        centred = vectors - vectors.mean(axis=0) if len(vectors) > 1 else vectors
        likeness = self._directions @ _unit(centred[:among]).T
        for level in range(LEVELS):
            rows = self.clusters.rows_at(level)
            if len(rows) > 1:
                likeness[rows] -= (likeness[rows].sum(axis=0) - likeness[rows]) / (len(rows) - 1)
        count = min(count, likeness.shape[1])
        found = np.sort(np.argpartition(-likeness, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(likeness, found, axis=1), axis=1, kind="stable")
        found = np.take_along_axis(found, order, axis=1)
        return found, np.maximum(np.take_along_axis(likeness, found, axis=1), 0)

    def shares(self, words: "np.ndarray", vectors: "np.ndarray") -> "np.ndarray":
        """Measure searches: of as many images as the cluster has, the share that lie in it, less chance.

        Args:
            words: (c, k) int: for each cluster, rows of `vectors`; NO_WORD for none.
            vectors: (w, d) float32 of the words.

        Returns:
            (c, k) float64, 0 for what chance finds, 1 for the cluster alone; 0 for no word.
        """
        import numpy as np

        clusters, columns = np.nonzero(words != NO_WORD)
        used, searches = np.unique(words[clusters, columns], return_inverse=True)
        # Words whose results are looked at as far down are searched together.
        furthest = np.zeros(len(used), np.int64)
        np.maximum.at(furthest, searches, self._looked_at[clusters])
        order = np.argsort(-furthest, kind="stable")
        used, furthest, searches = used[order], furthest[order], np.argsort(order)[searches]
        inside = np.full((*words.shape, MEMBERS), -np.inf, np.float32)
        result = np.zeros(words.shape)

        def search_inside(start: int) -> None:
            for cluster in range(start, min(start + _CLUSTERS, len(words))):
                members = self._members[cluster]
                likeness = vectors[words[cluster]] @ self._vectors[members].T
                inside[cluster, :, : len(members)] = np.sort(likeness, axis=1)[:, ::-1]

        def search_all(block: slice) -> None:
            rows = np.flatnonzero((searches >= block.start) & (searches < block.stop))
            at = clusters[rows], columns[rows]
            found = first_results(vectors[used[block]] @ self._background.T, int(furthest[block.start]))
            result[at] = self._shares(found, searches[rows] - block.start, at[0], inside[at])

        with one_blas_thread():
            in_threads(search_inside, range(0, len(words), _CLUSTERS))
            in_threads(search_all, blocks(furthest))
        return result

    def mirrored(self, words: "np.ndarray", seed: int) -> "np.ndarray":
        """Take the meaning of words away: mirror their vectors along random axes of the images.

        The words spread as before along each axis, but point to other images than they mean. How well the
        best of them fits a cluster is how well a word fits by chance.

        Args:
            words: (w, d) float32.
            seed: of the axes that are mirrored.

        Returns:
            (w, d) float32.
        """
        import numpy as np

        axes = self._axes
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(axes))
        mirror = ((axes * signs) @ axes.T).astype(np.float32)
        middle = words.mean(axis=0)
        return np.asarray((words - middle) @ mirror + middle, np.float32)

    @cached_property
    def _axes(self) -> "np.ndarray":
        """The axes of the images: (d, d) float64, a column each."""
        import numpy as np

        centred = (self._background - self._background.mean(axis=0)).astype(np.float64)
        with one_blas_thread():  # more gain little, and lose much where the cores are busy
            return np.asarray(np.linalg.eigh(centred.T @ centred)[1])

    def _count_allowed(self) -> None:
        """Count how many results may come before each image of a cluster, so that it is among the first.

        The first are as many as the cluster has images, and each image of a sample stands for several.
        """
        import numpy as np

        n, sizes = len(self._vectors), self._sizes[:, None]
        sampled = np.array([[len(rows)] for rows in self._members])
        own = np.array([[len(rows)] for rows in self._inside])
        others = len(self._background) - own
        reached = np.arange(1, MEMBERS + 1) * (sizes / np.maximum(sampled, 1))
        stands_for = (n - sizes) / np.maximum(others, 1)
        left = sizes + 0.5 - reached
        allowed = np.minimum(np.ceil(left / np.where(stands_for > 0, stands_for, 1)) - 1, others)
        is_one = (np.arange(MEMBERS) < sampled) & (others > 0)
        # -1 where the cluster has no such image.
        self._allowed = np.where(is_one, allowed, -1).astype(np.int64)
        furthest = self._allowed.max(axis=1, initial=-1, keepdims=True) + 1 + own
        self._looked_at = np.clip(furthest, 1, len(self._background)).ravel()

    def _shares(
        self, found: Results, searches: "np.ndarray", clusters: "np.ndarray", inside: "np.ndarray"
    ) -> "np.ndarray":
        """Measure some searches.

        Args:
            found: the first results among the sample of all images.
            searches: (p,) int, which of them.
            clusters: (p,) int.
            inside: (p, MEMBERS) float32, likenesses of the cluster's sample, descending; -inf fills up.
        """
        import numpy as np

        which, rows = found.of(searches, self._looked_at[clusters])
        levels = self.clusters.levels[clusters]
        is_own = self._in[found.images[rows], levels[which]] == clusters[which]
        which, rows = which[~is_own], rows[~is_own]
        place, allowed = ranks(which), self._allowed[clusters]
        outside = np.full((len(searches), allowed.max(initial=0) + 1), -np.inf, np.float32)
        fits = place < outside.shape[1]
        outside[which[fits], place[fits]] = found.likeness[rows[fits]]
        first = (allowed >= 0) & (inside > np.take_along_axis(outside, np.maximum(allowed, 0), axis=1))
        sizes, sampled = self._sizes[clusters], np.array([len(self._members[row]) for row in clusters])
        share = first.sum(axis=1) / np.maximum(sampled, 1)
        chance = sizes / len(self._vectors)
        return np.where(chance < 1, np.maximum(share - chance, 0) / np.maximum(1 - chance, 1e-12), 0.0)


class Counts:
    """How many images of each cluster have each word of the metadata."""

    def __init__(self, own: DatasetWords, clusters: Clusters) -> None:
        """Count them."""
        import numpy as np

        self._many, self._n = max(1, len(own)), max(1, len(clusters.members))
        inside = clusters.members[clusters.members != NOISE]
        self._sizes = np.bincount(inside, minlength=len(clusters)).astype(np.float64)
        self._had = np.diff(own.starts).astype(np.float64)
        of = np.repeat(np.arange(len(own)), np.diff(own.starts))
        pairs = clusters.members[own.rows].astype(np.int64) * self._many + of[:, None]
        pairs, both = np.unique(pairs[pairs >= 0], return_counts=True)
        # A pair that no word has ends them: each pair that is looked up finds one that is not before it.
        self._pairs = np.append(pairs, np.iinfo(np.int64).max)
        self._both = np.append(both, 0).astype(np.float64)

    def shares(self, clusters: "np.ndarray", words: "np.ndarray") -> "np.ndarray":
        """Measure words: of as many images as the cluster has, the share that have the word and lie in it.

        Args:
            clusters: (p,) int.
            words: (p,) int: rows of the dataset's words.

        Returns:
            (p,) float64, 0 for what chance brings, 1 for a word that all of the cluster's images have, and
            no others.
        """
        import numpy as np

        wanted = clusters.astype(np.int64) * self._many + words
        at = np.searchsorted(self._pairs, wanted)
        both = np.where(self._pairs[at] == wanted, self._both[at], 0)
        size = self._sizes[clusters]
        chance = size / self._n
        share = both / np.maximum(size, self._had[words])
        return np.asarray(np.maximum(share - chance, 0) / np.maximum(1 - chance, 1e-9))

    def best(self, count: int) -> "tuple[np.ndarray, np.ndarray]":
        """Return the words that fit each cluster best, and their shares.

        A word is left out where its number may be chance.

        Returns:
            rows of words, (c, count) int64, NO_WORD fills up; (c, count) float64.
        """
        import numpy as np

        cluster, word = np.divmod(self._pairs[:-1], self._many)
        both, size, had = self._both[:-1], self._sizes[cluster], self._had[word]
        expected = size * had / self._n
        deviation = np.sqrt(expected * (1 - size / self._n) * (1 - had / self._n))
        true = (both >= MIN_COUNT) & (both - expected > MIN_DEVIATIONS * deviation)
        cluster, word = cluster[true], word[true]
        share = self.shares(cluster, word)
        order = np.lexsort((word, -share, cluster))
        cluster, word, share = cluster[order], word[order], share[order]
        rank = np.arange(len(cluster)) - np.searchsorted(cluster, cluster)
        kept = rank < count
        words = np.full((len(self._sizes), count), NO_WORD, np.int64)
        shares = np.zeros((len(self._sizes), count))
        words[cluster[kept], rank[kept]], shares[cluster[kept], rank[kept]] = word[kept], share[kept]
        return words, shares


def grouped(clusters: "np.ndarray") -> "Iterator[tuple[int, np.ndarray]]":
    """Yield each cluster with the rows that lie in it, ascending.

    Args:
        clusters: (n,) int, the cluster that each row lies in, or NOISE.
    """
    import numpy as np

    order = np.argsort(clusters, kind="stable")
    numbers, starts = np.unique(clusters[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        if number != NOISE:
            yield number, rows


def _unit(vectors: "np.ndarray") -> "np.ndarray":
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
