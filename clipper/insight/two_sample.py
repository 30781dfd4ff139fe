"""Whether two sets of images are of the same kind, by their vectors or by counts: tests with honest p-values.

What does not belong here: versions, clusters, and what is made of the answers (`insight/drift.py`).
"""

from typing import TYPE_CHECKING

from clipper.projection.neighbors import Vectors, nearest, one_blas_thread

if TYPE_CHECKING:
    import numpy as np

# With four against four, even the rarest of the 70 ways to part them is no surprise among many tests.
LEAST_IMAGES = 5
# Images of a side that are compared: a pair of 2,000 takes half a second.
SAMPLE = 2_000
PERMUTATIONS = 499
# Images among which the nearest one is looked for, and their own quantile: farther is a sparse region.
REFERENCE, SPARSE_QUANTILE = 5_000, 0.95
_ROUNDING = 2e-6  # of a float32 distance or cosine


def sample_rows(n: int, most: int, *, seed: int) -> "np.ndarray":
    """Choose at most so many of n rows: int64, rising."""
    import numpy as np

    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def energy_test(
    first: Vectors, second: Vectors, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[float, float]:
    """Compare two sets of vectors: the energy distance (Szekely and Rizzo 2013), tested by permutations.

    At most 2,000 vectors of each are compared. A p-value is never 0: the sets as they are count as one of the
    permutations (Phipson and Smyth 2010).

    Args:
        first: (m, d) float32, rows L2-normalised.
        second: (n, d) float32, rows L2-normalised.
        permutations: how often the vectors are dealt out again.
        seed: of the samples and of the permutations.

    Returns:
        the energy distance as a share of the mean distance between the sets, from 0 to 1; and the p-value. 0
        and 1 if a set has fewer than `LEAST_IMAGES`.
    """
    import numpy as np

    if min(len(first), len(second)) < LEAST_IMAGES:
        return 0.0, 1.0
    sides = [side[sample_rows(len(side), SAMPLE, seed=seed)] for side in (first, second)]
    m, n = map(len, sides)
    both = np.concatenate(sides)
    random = np.random.default_rng(seed)
    dealt = random.permuted(np.tile(np.arange(m + n, dtype=np.int32), (permutations, 1)), axis=1)
    weights = np.where(np.vstack([np.arange(m + n, dtype=np.int32), dealt]) < m, 1.0 / m, -1.0 / n)
    weights = weights.astype(np.float32)
    with one_blas_thread():
        apart = np.sqrt((2.0 - 2.0 * (both @ both.T)).clip(0.0))
        np.fill_diagonal(apart, 0.0)
        energy = -np.einsum("pi,pi->p", weights @ apart, weights, dtype=np.float64)
    between = float(apart[:m, m:].mean(dtype=np.float64))
    p_value = float((energy >= energy[0] - _ROUNDING * max(between, _ROUNDING)).mean())
    return float(max(energy[0], 0.0) / (2 * between)) if between > _ROUNDING else 0.0, p_value


def sparse_rows(old: Vectors, new: Vectors, *, seed: int = 0) -> "tuple[np.ndarray, float, float]":
    """Find the new images that lie in sparse regions of the old ones.

    Such an image is farther from its nearest old image than 95 % of the old images are from theirs. At most
    5,000 old images are looked at, the same ones for both. 100,000 new images take five seconds.

    Args:
        old: (m, d) float32, rows L2-normalised.
        new: (n, d) float32, rows L2-normalised.
        seed: of the sample of old images.

    Returns:
        the rows of `new`, int64; the share that they are; and how likely as many are if the new images are as
        the old ones are, by Fisher's exact test. No rows, 0 and 1 if a set has fewer than `LEAST_IMAGES`.
    """
    import numpy as np
    from scipy.stats import hypergeom

    if min(len(old), len(new)) < LEAST_IMAGES:
        return np.empty(0, np.int64), 0.0, 1.0
    among = old[sample_rows(len(old), REFERENCE, seed=seed)]
    own = nearest(among, among, 1, own=np.arange(len(among)))[1][:, 0]
    limit = float(np.quantile(own, SPARSE_QUANTILE)) + _ROUNDING
    far = [
        start + np.flatnonzero(nearest(new[start : start + REFERENCE], among, 1)[1][:, 0] > limit)
        for start in range(0, len(new), REFERENCE)
    ]
    rows = np.concatenate(far)
    old_ones = int((own > limit).sum())
    chance = hypergeom.sf(len(rows) - 1, len(among) + len(new), old_ones + len(rows), len(new))
    return rows, len(rows) / len(new), float(chance)


def count_tests(first: "np.ndarray", second: "np.ndarray", *, of: tuple[int, int]) -> "np.ndarray":
    """Test whether each cluster has the same share of two sets: Fisher's exact test, two-sided by doubling.

    Args:
        first: (c,) int, members of each cluster in the first set.
        second: (c,) int, in the second.
        of: the sizes of the sets.

    Returns:
        (c,) float64 p-values.
    """
    import numpy as np
    from scipy.stats import hypergeom

    if not len(first) or not min(of):
        return np.ones(len(first))
    both = first + second
    fewer = hypergeom.cdf(second, sum(of), both, of[1])
    more = hypergeom.sf(second - 1, sum(of), both, of[1])
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(fewer, more)))


def adjust(p_values: "np.ndarray") -> "np.ndarray":
    """Adjust p-values for their number, so that one below 5 % is wrong in 5 % of all cases (Holm 1979)."""
    import numpy as np

    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
