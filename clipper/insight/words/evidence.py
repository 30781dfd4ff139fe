"""How well a word fits a cluster: of as many images as the cluster has, the share that lie in it.

The images are those that a search for the word finds first, or those that have the word in their metadata.
What does not belong here: choosing one of the words (`naming.py`).
"""

from typing import TYPE_CHECKING

from clipper.insight.words.candidates import DatasetWords
from clipper.store.parts.clusters import LEVELS, NOISE, Clusters

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

# Images that a search is measured on: of the cluster, and of all. With so many a share is right to a few in a
# hundred.
MEMBERS, BACKGROUND = 256, 8_192
# Words that are searched at once: their likenesses to all images of the sample fit into 16 MB.
_BLOCK = 512
# A word counts as a cluster's own if so many of its images have it, and if it is so many standard deviations
# more frequent there than by chance, which brings some of thousands of words in hundreds of clusters to four.
MIN_COUNT, MIN_DEVIATIONS = 3, 6.0
NO_WORD = -1


class Search:
    """What a search for a word finds, measured on a sample of the images."""

    def __init__(self, vectors: "np.ndarray", clusters: Clusters) -> None:
        """Take a sample of all images, and one of each cluster.

        Args:
            vectors: (n, d) float32, rows L2-normalised.
            clusters: of these images.
        """
        import numpy as np

        random = np.random.default_rng(0)
        self.clusters, self._vectors, n = clusters, vectors, len(vectors)
        rows = np.arange(n) if n <= BACKGROUND else np.sort(random.choice(n, BACKGROUND, replace=False))
        self._background = vectors[rows]
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
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
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

        inside = [
            np.sort(vectors[row] @ self._vectors[members].T, axis=1)[:, ::-1]
            for row, members in zip(words, self._members, strict=True)
        ]
        result = np.zeros(words.shape)
        used = np.unique(words[words != NO_WORD])
        place = np.searchsorted(used, words)
        order = np.argsort(np.where(words == NO_WORD, -1, place), axis=None, kind="stable")
        order = order[np.count_nonzero(words == NO_WORD) :]
        bounds = np.searchsorted(place.ravel()[order], [*range(0, len(used) + _BLOCK, _BLOCK)])
        for first, start, end in zip(range(0, len(used), _BLOCK), bounds, bounds[1:], strict=False):
            likeness = vectors[used[first : first + _BLOCK]] @ self._background.T
            whole = np.sort(likeness, axis=1)
            for cluster, column in zip(*np.unravel_index(order[start:end], words.shape), strict=True):
                word = place[cluster, column] - first
                own = np.sort(likeness[word][self._inside[cluster]])
                result[cluster, column] = self._share(cluster, inside[cluster][column], whole[word], own)
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

        centred = (self._background - self._background.mean(axis=0)).astype(np.float64)
        _, axes = np.linalg.eigh(centred.T @ centred)
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(axes))
        mirror = ((axes * signs) @ axes.T).astype(np.float32)
        middle = words.mean(axis=0)
        return np.asarray((words - middle) @ mirror + middle, np.float32)

    def _share(self, cluster: int, inside: "np.ndarray", whole: "np.ndarray", own: "np.ndarray") -> float:
        """Measure one search.

        Args:
            cluster: its row.
            inside: likenesses of the cluster's sample, descending.
            whole: those of the sample of all images, ascending.
            own: those of this sample that lie in the cluster, ascending.
        """
        import numpy as np

        size, n = int(self._sizes[cluster]), len(self._vectors)
        others = len(whole) - len(own)
        if size == 0 or others == 0:
            return 0.0
        before = others - np.searchsorted(whole, inside) + np.searchsorted(own, inside)
        # Each image of a sample stands for several.
        reached = np.arange(1, len(inside) + 1) * (size / len(inside))
        among = before * ((n - size) / others) + reached
        share = float(reached[among < size + 0.5].max(initial=0)) / size
        chance = size / n
        return max(0.0, (share - chance) / (1 - chance))


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
