"""How much more a text's similarity with an image counts than that of two images, measured on a dataset.

Images lie in one part of a model's space and texts in another (Liang et al. 2022, arXiv:2203.02053): the
cosine of a text with the image that it describes may be 0.3 in one model and 0.1 in another, where that of
two like images is 0.9. What does not belong here: what uses the weight (`projection/place.py`,
`atlas/engine.py`).
"""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Vectors(Protocol):
    """(n, d) float32 vectors that can be indexed by rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


# The name of the weight among the figures of a map.
CROSS_MODAL_WEIGHT = "cross_modal_weight"
# Images that are looked at, and those of them that are queries: a second or two, however many there are.
SAMPLE, QUERIES = 20_000, 1_000
# Of so few images nearest ones say nothing.
LEAST_IMAGES = 50
# Nearest images of a query, as many as the recall of the search is measured with.
NEAREST = 10
LEAST, MOST = 1.0, 20.0


def measure_cross_modal_weight(vectors: Vectors, texts: "np.ndarray") -> float | None:
    """Return the weight that puts similarities with texts on the scale of those between images.

    It is the ratio of two spreads. The spread of a query is how far its nearest images stand out: the mean
    similarity of the ten nearest less the median of all. The median over images as queries is divided by the
    median over texts as queries. Differences are compared, not levels: a constant that is added to all
    similarities of a text changes neither the order of the images nor where a query is placed, and a model
    that was trained with a sigmoid may have it below zero.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of different contents in any order that does not go by
            what they show, such as that of their hashes.
        texts: (p, d) float32, rows L2-normalised, about no dataset in particular.

    Returns:
        the weight, from 1 to 20; None if there are too few images to tell.
    """
    import numpy as np

    if len(vectors) < LEAST_IMAGES or not len(texts):
        return None
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), SAMPLE)).astype(np.int64)
    sample = np.asarray(vectors[rows], np.float32)
    own = np.linspace(0, len(sample) - 1, min(len(sample), QUERIES)).astype(np.int64)
    of_images = np.median(_spreads(sample[own], sample, leave_out=own))
    of_texts = np.median(_spreads(np.asarray(texts, np.float32), sample))
    if not of_texts > 0:
        return MOST
    return round(float(np.clip(of_images / of_texts, LEAST, MOST)), 3)


def _spreads(
    queries: "np.ndarray", vectors: "np.ndarray", *, leave_out: "np.ndarray | None" = None
) -> "np.ndarray":
    """Return how far the nearest vectors of each query stand out: (q,) float32.

    `leave_out` (q,) int64 is the row of each query among the vectors: none is its own nearest.
    """
    import numpy as np

    spreads = np.empty(len(queries), np.float32)
    for at, query in enumerate(queries):  # a row at a time: 80 kB, not 80 MB
        similarities = vectors @ query
        if leave_out is not None:
            similarities = np.delete(similarities, leave_out[at])
        best = np.partition(similarities, len(similarities) - NEAREST)[-NEAREST:]
        spreads[at] = best.mean() - np.median(similarities)
    return spreads
