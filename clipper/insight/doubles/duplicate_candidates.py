"""Pairs of images that may be copies of each other: near in their embeddings or in their hashes.

What does not belong here: whether they are copies (`picture_match.py`).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.images.signature import SIDE
from clipper.insight.doubles.perceptual_hash import (
    distinct_pairs,
    hashes,
    lightness,
    rgb,
    similar_hashes,
)
from clipper.projection.neighbors import MAX_WORKERS, one_blas_thread

if TYPE_CHECKING:
    import numpy as np

    from clipper.projection.graph import NeighborGraph

# Cosine distance of the embeddings. On the sample, 99 of 100 copies with a crop of 12 % on all sides lie
# within 0.1, mirrored ones within 0.05, and all of 1,800 within 0.13; half of the images have another picture
# within 0.15.
MOST_APART = 0.15
# Correlation of coarse pictures, the best over the crops below. On the sample 99.8 of 100 copies pass, and
# one in five pairs of the most similar other images.
LEAST_CORRELATION = 0.75
# Left, top, width and height of the part that a crop leaves, in sides. The first is all of the picture.
_CROPS = (
    (0.0, 0.0, 1.0, 1.0), (0.09, 0.09, 0.82, 0.82),
    (0.0, 0.0, 0.9, 0.9), (0.1, 0.0, 0.9, 0.9), (0.0, 0.1, 0.9, 0.9), (0.1, 0.1, 0.9, 0.9),
)  # fmt: skip
_COARSE = 8
# The length of a picture of nearly one colour: the standard deviation of its brightness is below 2 of 255.
_BLANK = 0.94
_BLOCK = 4_096


@dataclass(frozen=True)
class Candidates:
    """Pairs of contents that may be copies. A pair may stand there twice: as it is, and mirrored."""

    ones: "np.ndarray"  # (p,) int64
    others: "np.ndarray"  # (p,) int64
    flips: "np.ndarray"  # (p,) bool: whether the first is mirrored before they are compared
    starts: "np.ndarray"  # (p, 4) float32: where the second lies within the first about, see `picture_match`

    def __len__(self) -> int:
        return len(self.ones)

    def only(self, rows: "np.ndarray") -> "Candidates":
        """Return some of the pairs: `rows` (k,) int, or (p,) bool."""
        return Candidates(self.ones[rows], self.others[rows], self.flips[rows], self.starts[rows])

    def turned(self) -> "Candidates":
        """Return the same pairs, the other one first."""
        import numpy as np

        scales, shifts = self.starts[:, :2], self.starts[:, 2:]
        # A mirrored pair is laid with the new first one mirrored: from side to side all is the other way.
        sides = np.where(self.flips, -1, 1)[:, None] * np.array([[1, 0]]) + np.array([[0, 1]])
        starts = np.concatenate([1 / scales, -shifts / scales * sides], axis=1).astype(np.float32)
        return Candidates(self.others, self.ones, self.flips, starts)


def find_candidates(graph: "NeighborGraph", signatures: "np.ndarray") -> Candidates:
    """Find pairs that may be copies, the smaller row first, in about n steps for each neighbor of the graph.

    Args:
        graph: of the n contents.
        signatures: (n, SIGNATURE_BYTES) uint8.
    """
    import numpy as np

    pairs = np.concatenate([_near_pairs(graph), similar_hashes(hashes(signatures))])
    return likely(signatures, distinct_pairs(pairs, len(signatures)))


def likely(signatures: "np.ndarray", pairs: "np.ndarray") -> Candidates:
    """Keep the pairs whose coarse pictures correlate, as they are or mirrored.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        pairs: (p, 2) int64.
    """
    import numpy as np

    rows, at = np.unique(pairs, return_inverse=True)
    at = at.reshape(-1, 2)
    crops = _coarse_crops(signatures, rows)
    blank = np.linalg.norm(crops[:, 0].astype(np.float32), axis=1) < _BLANK
    blank = blank[at].all(axis=1)
    found = []
    for flip in (False, True):
        first = _coarse_crops(signatures, rows, mirrored=True) if flip else crops
        correlations, starts = _correlate(first, crops, at)
        passing = (correlations >= LEAST_CORRELATION) | blank
        ones, others = pairs[passing].T
        found.append((ones, others, np.full(len(ones), flip), starts[passing]))
    return Candidates(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _near_pairs(graph: "NeighborGraph") -> "np.ndarray":
    """Return the edges of the graph between near images: (e, 2) int64, the smaller row first."""
    import numpy as np

    ones, places = np.nonzero((graph.rows >= 0) & (graph.distances <= MOST_APART))
    others = graph.rows[ones, places].astype(np.int64)
    return np.sort(np.stack([ones, others], axis=1), axis=1)


def _coarse_crops(signatures: "np.ndarray", rows: "np.ndarray", *, mirrored: bool = False) -> "np.ndarray":
    """Return coarse pictures of some images' crops, mean 0 and length 1: (k, crops, 64) float16."""
    import numpy as np

    shares = [(_shares(top, high), _shares(left, wide).T) for left, top, wide, high in _CROPS]
    found = np.empty((len(rows), len(_CROPS), _COARSE**2), np.float16)  # 768 bytes an image
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        light = lightness(rgb(signatures[rows[block]]))
        light = light[:, :, ::-1] if mirrored else light
        for crop, (down, across) in enumerate(shares):
            coarse = np.matmul(np.matmul(down, light), across).reshape(len(light), _COARSE**2)
            coarse -= coarse.mean(axis=1, keepdims=True)
            # The 1 is for what has no contrast: it correlates with nothing.
            found[block, crop] = coarse / (np.linalg.norm(coarse, axis=1, keepdims=True) + 1.0)
    return found


def _shares(start: float, size: float) -> "np.ndarray":
    """Return which share of each coarse pixel each pixel along a side has: (_COARSE, SIDE) float32."""
    import numpy as np

    ends = (start + np.arange(_COARSE + 1) / _COARSE * size) * SIDE
    pixels = np.arange(SIDE)
    covered = np.minimum(pixels + 1, ends[1:, None]) - np.maximum(pixels, ends[:-1, None])
    covered = covered.clip(0.0, 1.0)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


def _correlate(
    ones: "np.ndarray", others: "np.ndarray", pairs: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Correlate all of one picture with each crop of the other.

    Returns:
        the best correlation, (p,) float32, and where the second lies within the first then, (p, 4) float32.
    """
    import numpy as np

    left, top, wide, high = np.array(_CROPS, np.float32).T
    within = np.stack([wide, high, left + wide / 2 - 0.5, top + high / 2 - 0.5], axis=1)
    around = np.stack([1 / wide, 1 / high, (0.5 - left) / wide - 0.5, (0.5 - top) / high - 0.5], axis=1)
    places = np.concatenate([within, around])
    best, starts = np.empty(len(pairs), np.float32), np.empty((len(pairs), 4), np.float32)

    def correlate_block(start: int) -> None:
        block = slice(start, start + _BLOCK)
        one = ones[pairs[block, 0]].astype(np.float32)
        other = others[pairs[block, 1]].astype(np.float32)
        each = np.concatenate(
            [np.matmul(one, other[:, 0, :, None]), np.matmul(other, one[:, 0, :, None])], axis=1
        )[..., 0]
        which = each.argmax(axis=1)
        best[block] = np.take_along_axis(each, which[:, None], axis=1)[:, 0]
        starts[block] = places[which]

    with one_blas_thread(), ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS)) as pool:
        list(pool.map(correlate_block, range(0, len(pairs), _BLOCK)))
    return best, starts
