"""Which images stand apart from a dataset, which have nothing like them near, and which are typical of it.

An image stands apart by what it shows (its vector) or by how it looks (measures of its picture): forty
photographs among drawings are near each other, and each may have a drawing of the same thing near it.

What does not belong here: faults of a picture (`insight/picture_quality.py`), and copies of an image.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from clipper.projection.neighbors import Vectors, one_blas_thread
from clipper.projection.search.blocks import Blocks, compute_blocks, starts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from clipper.projection.graph import NeighborGraph
    from clipper.projection.search.blocks import Vectors

# An image stands apart if its score is at least this, unless the settings say otherwise: as rare as so many
# standard deviations of a normal one.
STANDS_APART = 2.5
# Below so many images nothing is usual.
MIN_IMAGES = 30
# A share of the mean variance that is added to each direction's. Vectors differ in many directions, and the
# small ones tell most about a new kind of image; looks are few, and all of them count.
VECTOR_SHRINKAGE, LOOK_SHRINKAGE = 1e-3, 1.0
# The most unusual tenth says nothing about what is usual: it is left out of that, in a few rounds. The first
# rounds see the large directions alone, so that forty images in a new direction do not make it a usual one.
TRIMMED, ROUNDS, START_SHRINKAGE = 0.1, 4, 1.0
# A smaller scale of deviations is that of rounding.
MIN_SCALE = 1e-6
# What is usual is learned from at most so many images.
FIT_LIMIT = 10_000
# Neighbors over which it is counted how often an image is one.
NEIGHBORS = 15
_BLOCK = 8_192
_TINY = 1e-12
# Seconds that a core takes to multiply a row with the axes, for each of their numbers.
_SECONDS_OF_AXES = 4e-11


def score_outliers(
    vectors: "Vectors", *, looks: "Mapping[str, np.ndarray] | None" = None, seed: int = 0
) -> "np.ndarray":
    """Score how far each image stands apart from the dataset.

    The squared Mahalanobis distance from the rest is taken for the vectors, and for the looks by their ranks.
    Each becomes a robust number of standard deviations; their tail probabilities are combined (Fisher 1932).
    A distance is always from what other images teach, so that no image makes itself usual.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of distinct contents; read a block at a time.
        looks: measures of the pictures (`picture_quality.MEASURES`), (n,) float each; not finite where an
            image was not measured, which then counts as usual.
        seed: of the halves that teach each other.

    Returns:
        (n,) float32: standard deviations beyond the usual; about half are below 0. All are 0 for fewer than
        `MIN_IMAGES` images, or if all are the same.
    """
    import numpy as np

    if len(vectors) < MIN_IMAGES:
        return np.zeros(len(vectors), np.float32)
    told_by: list[tuple[Vectors, float]] = [(vectors, VECTOR_SHRINKAGE)]
    if looks:
        told_by.append((_normal_scores(looks), LOOK_SHRINKAGE))
    with one_blas_thread():
        evidence = [_deviations(_distances(rows, shrinkage, seed)) for rows, shrinkage in told_by]
    told = [one for one in evidence if one.any()]
    return _combine(told).astype(np.float32) if told else np.zeros(len(vectors), np.float32)


def score_uniqueness(graph: "NeighborGraph") -> "np.ndarray":
    """Score how far each image is from its nearest other: (n,) float32 from 0, a copy, to 1.

    It is 1 - 2^(-d / m), where m is the dataset's median of these distances d: half of the images are above
    0.5. An only image has 1.
    """
    import numpy as np

    if graph.rows.shape[1] == 0 or not len(graph):
        return np.ones(len(graph), np.float32)
    nearest = graph.distances[:, 0].astype(np.float64)
    known = np.isfinite(nearest)
    usual = float(np.median(nearest[known])) if known.any() else 0.0
    apart = np.where(known, nearest, np.inf) / max(usual, 1e-6)
    return (1.0 - np.exp2(-apart)).astype(np.float32)


def score_representativeness(graph: "NeighborGraph") -> "np.ndarray":
    """Score how typical each image is: (n,) float32 from 0 to 1, about 0.5 for an ordinary one.

    It is c / (c + 15), where c counts the images that have it among their 15 nearest (the k-occurrence of
    Radovanović et al. 2010, JMLR 11).
    """
    import numpy as np

    near = graph.rows[:, :NEIGHBORS]
    counts = np.bincount(near[near >= 0], minlength=len(graph)).astype(np.float64)
    return (counts / (counts + NEIGHBORS)).astype(np.float32)


def _distances(rows: "Vectors", shrinkage: float, seed: int) -> "np.ndarray":
    """Return each row's squared Mahalanobis distance from the rows of the other half: (n,) float64.

    In each round the most distant are left out of what the halves teach, and smaller directions count.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    order = random.permutation(len(rows))
    halves = (np.sort(order[::2]), np.sort(order[1::2]))
    taught = [np.sort(half if len(half) <= FIT_LIMIT // 2 else random.choice(half, FIT_LIMIT // 2, False))
              for half in halves]  # fmt: skip
    kept = list(taught)

    def learn(stiffness: float, half: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        return _learn(rows[half], stiffness)

    def measure(half: "np.ndarray", learned: "tuple[np.ndarray, np.ndarray]") -> "np.ndarray":
        return _apart(rows, half, *learned)

    found = np.empty(len(rows))
    with ThreadPoolExecutor(2) as pool:  # a thread for each half
        for stiffness in np.geomspace(START_SHRINKAGE, shrinkage, ROUNDS):
            of_other = list(pool.map(partial(learn, stiffness), kept))[::-1]
            far = list(pool.map(measure, taught, of_other))
            limit = np.quantile(np.concatenate(far), 1.0 - TRIMMED)
            kept = [half[apart <= limit] for half, apart in zip(taught, far, strict=True)]
            kept = [half if len(half) else all_ for half, all_ in zip(kept, taught, strict=True)]
    for half, learned in zip(halves, of_other, strict=True):
        found[half] = _apart(rows, half, *learned)
    return found


def _learn(rows: "np.ndarray", shrinkage: float) -> "tuple[np.ndarray, np.ndarray]":
    """Return the mean of rows, (d,), and axes that make their covariance the identity, (d, d) float32."""
    import numpy as np

    rows = np.asarray(rows, np.float64)
    mean = rows.mean(axis=0)
    spread = (rows - mean).T @ (rows - mean) / len(rows)
    spread[np.diag_indices(len(mean))] += shrinkage * np.trace(spread) / len(mean) + _TINY
    axes = np.linalg.inv(np.linalg.cholesky(spread)).T
    return mean.astype(np.float32), axes.astype(np.float32)


def _apart(rows: "Vectors", chosen: "np.ndarray", mean: "np.ndarray", axes: "np.ndarray") -> "np.ndarray":
    import numpy as np

    found = np.empty(len(chosen))
    inputs = {"rows": rows, "chosen": chosen, "mean": mean, "axes": axes}
    seconds = _SECONDS_OF_AXES * axes.size * len(chosen)
    compute_blocks(Blocks(_block_apart, inputs, starts_of(len(chosen), _BLOCK), seconds), found)
    return found


def _block_apart(inputs: "Mapping[str, Any]", _: int, block: slice) -> "tuple[np.ndarray]":
    import numpy as np

    vectors = inputs["rows"][inputs["chosen"][block]].astype(np.float32)
    turned = (vectors - inputs["mean"]) @ inputs["axes"]
    return (np.einsum("ij,ij->i", turned, turned, dtype=np.float64),)


def _normal_scores(looks: "Mapping[str, np.ndarray]") -> "np.ndarray":
    """Return each measure as the normal quantile of its rank: (n, m) float32, 0 where it is unknown."""
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores = np.zeros((len(next(iter(looks.values()))), len(looks)), np.float32)
    for i, name in enumerate(sorted(looks)):
        values = np.asarray(looks[name], np.float64)
        known = np.isfinite(values)
        if known.any():
            scores[known, i] = ndtri((rankdata(values[known]) - 0.5) / known.sum())
    return scores


def _deviations(distances: "np.ndarray") -> "np.ndarray":
    """Return distances as robust standard deviations of their logarithms, which lean to no side."""
    import numpy as np

    logs = np.log(distances + _TINY)
    beyond = logs - np.median(logs)
    # The larger of two estimates, which are the same for a normal distribution.
    scale = max(1.4826 * float(np.median(np.abs(beyond))), float(np.quantile(beyond, 0.9)) / 1.2816)
    return beyond / scale if scale > MIN_SCALE else np.zeros(len(logs))


def _combine(deviations: "list[np.ndarray]") -> "np.ndarray":
    """Combine several deviations into one that is as rare as all of them, by Fisher's method."""
    import numpy as np
    from scipy.special import log_ndtr
    from scipy.stats import chi2, norm

    if len(deviations) == 1:
        return deviations[0].clip(-10.0, 10.0)
    together = -2.0 * np.sum([log_ndtr(-one.clip(-10.0, 10.0)) for one in deviations], axis=0)
    rare = chi2.logsf(together, 2 * len(deviations))
    return np.asarray(norm.isf(np.exp(rare.clip(-300.0, 0.0)))).clip(-10.0, 10.0)
