"""A hash of each picture's signature, by which copies and mirrored copies are found.

What does not belong here: making signatures (`images/picture/signature.py`), comparing two pictures
(`picture_match.py`), and groups of duplicates (`duplicates.py`).
"""

from typing import TYPE_CHECKING

from clipper.images.picture.signature import SIDE
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

# Frequencies of the hash, up and down and from side to side.
_FREQUENCIES = 8
HASH_BITS = _FREQUENCIES * _FREQUENCIES - 1
# On the sample, JPEG quality 25-60, a third of the size, 15 % more or less light, and a mirror each change
# at most 8 of 63 bits in 95 of 100 images; two images at random differ in 30. Crops change 10 and more:
# those are found by their embeddings.
MAX_BITS_APART = 10
# The hashes are sorted by each of so many rotations of their bits, and each image is compared with so many
# that follow it (Manku et al. 2007, "Detecting near-duplicates for web crawling", section 3).
_ROTATIONS = 9
_FOLLOWING = 4


def hashes(signatures: "np.ndarray") -> "np.ndarray":
    """Hash each picture by the signs of its low frequencies: (n,) uint64, `HASH_BITS` bits each.

    It is the perceptual hash by DCT (Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions", section 3.2.1), but of the frequencies that are even from side to side. A mirror does not
    change those: a picture and its mirrored copy have one hash.
    """
    import numpy as np

    from clipper.insight.doubles.candidate_kernels import hash_pictures

    down, across = _cosines(np.arange(_FREQUENCIES)), _cosines(2 * np.arange(_FREQUENCIES))
    half = np.ascontiguousarray(across[:, : SIDE // 2].T)  # the other half mirrors it
    found = np.empty(len(signatures), np.uint64)

    def hash_block(start: int) -> None:
        block = slice(start, start + 4096)
        hash_pictures(signatures[block], down, half, found[block])

    in_threads(hash_block, range(0, len(signatures), 4096))
    return found


def similar_hashes(hashed: "np.ndarray") -> "np.ndarray":
    """Find pairs of images whose hashes differ in at most `MAX_BITS_APART` bits, in n log n steps.

    It finds nearly all pairs. Of many images with one hash it finds only enough to connect them.

    Args:
        hashed: (n,) uint64, see `hashes`.

    Returns:
        (p, 2) int64, distinct, the smaller row first, sorted.
    """
    import numpy as np

    n = len(hashed)
    found = [np.empty((0, 2), np.int64)]
    for rotation in range(_ROTATIONS):
        order = np.argsort(_rotated(hashed, rotation * HASH_BITS // _ROTATIONS), kind="stable")
        for step in range(1, min(_FOLLOWING, n - 1) + 1):
            one, other = order[:-step], order[step:]
            near = np.bitwise_count(hashed[one] ^ hashed[other]) <= MAX_BITS_APART
            found.append(np.sort(np.stack([one[near], other[near]], axis=1), axis=1))
    return distinct_pairs(np.concatenate(found), n)


def distinct_pairs(pairs: "np.ndarray", n: int) -> "np.ndarray":
    """Return each pair of n rows once, sorted: (p, 2) int64. A key of both is sorted faster than pairs."""
    import numpy as np

    keys = np.unique(pairs[:, 0] * n + pairs[:, 1])
    return np.stack([keys // max(n, 1), keys % max(n, 1)], axis=1)


def _cosines(frequencies: "np.ndarray") -> "np.ndarray":
    """Return waves of the DCT-II along a side, without their scale: (k, SIDE) float32."""
    import numpy as np

    return np.cos(np.pi / SIDE * frequencies[:, None] * (np.arange(SIDE) + 0.5)).astype(np.float32)


def _rotated(hashed: "np.ndarray", by: int) -> "np.ndarray":
    import numpy as np

    kept = np.uint64((1 << HASH_BITS) - 1)
    return ((hashed << np.uint64(by)) | (hashed >> np.uint64(HASH_BITS - by))) & kept if by else hashed
