"""The first results of many searches at once: which images are nearest to each word, best first.

What does not belong here: measuring a cluster by its results (`evidence.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

# Words that are searched at once: their likenesses to all images of a sample fit into 16 MB. And results of
# theirs that are looked at together.
_BLOCK, _RESULTS = 512, 1 << 19


class Results(NamedTuple):
    """The first results of w searches, best first. Search s has the rows from starts[s] to starts[s + 1]."""

    starts: "np.ndarray"  # (w + 1,) int64
    images: "np.ndarray"  # (r,) int64
    likeness: "np.ndarray"  # (r,) float32, of each image to its word

    def of(self, searches: "np.ndarray", counts: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """List the first results of some searches, one after the other.

        Args:
            searches: (p,) int; a search may stand there several times.
            counts: (p,) int, how many results of each, if it has as many.

        Returns:
            (t,) int64, ascending: which of `searches`; (t,) int64: rows of `images` and `likeness`.
        """
        import numpy as np

        counts = np.minimum(counts, np.diff(self.starts)[searches])
        which = np.repeat(np.arange(len(searches)), counts)
        return which, self.starts[searches][which] + ranks(which)


def first_results(likeness: "np.ndarray", count: int) -> Results:
    """Find at least the first `count` results of each search, without sorting all images.

    Args:
        likeness: (w, m) float32, of each word to each image.
        count: from 1 to m.
    """
    import numpy as np

    least = _reached(likeness, count)
    flat = np.flatnonzero(likeness >= least[:, None])
    searches, images = np.divmod(flat, likeness.shape[1])
    found = likeness.ravel()[flat]
    order = np.lexsort((-found, searches))
    return Results(np.searchsorted(searches, np.arange(len(likeness) + 1)), images[order], found[order])


def blocks(furthest: "np.ndarray") -> "Iterator[slice]":
    """Part searches into blocks that need little memory.

    Args:
        furthest: (w,) int, how many results of each are looked at, descending, at least 1.
    """
    start = 0
    while start < len(furthest):
        size = max(min(_BLOCK, _RESULTS // int(furthest[start])), 1)
        yield slice(start, min(start + size, len(furthest)))
        start += size


def ranks(which: "np.ndarray") -> "np.ndarray":
    """Return the place of each row among those of one number: 0, 1, ... `which` is (t,) int, ascending."""
    import numpy as np

    return np.arange(len(which)) - np.searchsorted(which, which)


def _reached(likeness: "np.ndarray", count: int) -> "np.ndarray":
    """Return for each search a likeness that `count` images reach, and few others: (w,) float32.

    As many groups of images have one that reaches it: the best of each group is soon found.
    """
    import numpy as np

    m = likeness.shape[1]
    size = max(m // (2 * count), 1)
    groups = m // size
    best = likeness[:, : size * groups].reshape(len(likeness), size, groups).max(axis=1)
    return np.partition(best, groups - count, axis=1)[:, groups - count]
