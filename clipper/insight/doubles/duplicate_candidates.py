"""Pairs of images that may be copies of each other: near in their embeddings or in their hashes.

What does not belong here: whether they are copies (`picture_match.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.images.picture.signature import SIDE
from clipper.insight.doubles.perceptual_hash import hashes, similar_hashes
from clipper.threads import in_threads

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
# Which of them each is in a mirrored picture.
_MIRRORED = (0, 1, 3, 2, 5, 4)
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

    Raises:
        ValueError: the graph is of other contents.
    """
    import numpy as np

    from clipper.insight.doubles.candidate_kernels import near_pairs

    n = len(signatures)
    if len(graph) != n:  # compiled loops do not check where they read
        raise ValueError(f"the graph is of {len(graph)} contents, and there are {n} signatures")
    coarse = _coarse_pictures(signatures)
    alike = similar_hashes(hashes(signatures))

    def near(start: int) -> Candidates:
        end = min(start + _BLOCK, n)
        return _likely(*coarse, near_pairs(graph.rows, graph.distances, np.float32(MOST_APART), start, end))

    found = _joined([*in_threads(near, range(0, n, _BLOCK)), _likely(*coarse, alike)])
    # A pair may be near and have similar hashes, too.
    _, first = np.unique((found.ones * n + found.others) * 2 + found.flips, return_index=True)
    return found.only(first)


def likely(signatures: "np.ndarray", pairs: "np.ndarray") -> Candidates:
    """Keep the pairs whose coarse pictures correlate, as they are or mirrored.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        pairs: (p, 2) int64.
    """
    import numpy as np

    rows, at = np.unique(pairs, return_inverse=True)
    found = _likely(*_coarse_pictures(signatures[rows]), at.reshape(-1, 2))
    return Candidates(rows[found.ones], rows[found.others], found.flips, found.starts)


def _likely(coarse: "np.ndarray", blank: "np.ndarray", pairs: "np.ndarray") -> Candidates:
    """Keep the pairs of some coarse pictures that correlate; of blank ones, all."""
    import numpy as np

    from clipper.insight.doubles.candidate_kernels import correlate

    best, which = np.empty((2, len(pairs)), np.float32), np.empty((2, len(pairs)), np.uint8)
    correlate(coarse, pairs, np.array(_MIRRORED), best, which)
    passing = (best >= LEAST_CORRELATION) | blank[pairs].all(axis=1)
    flips, rows = np.nonzero(passing)
    ones, others = pairs[rows].T
    return Candidates(ones, others, flips > 0, _starts()[which[flips, rows]])


def _joined(parts: Sequence[Candidates]) -> Candidates:
    import numpy as np

    return Candidates(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ones", "others", "flips", "starts")
        )
    )


def _coarse_pictures(signatures: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return coarse pictures of the images' crops, (n, crops, COARSE * COARSE) int16, and which are blank."""
    import numpy as np

    from clipper.insight.doubles.candidate_kernels import COARSE, make_coarse

    across = sorted({(left, wide) for left, _, wide, _ in _CROPS})
    down = sorted({(top, high) for _, top, _, high in _CROPS})
    ways = np.array(
        [(down.index((top, high)), across.index((left, wide))) for left, top, wide, high in _CROPS]
    )
    downs = np.stack([_shares(*way) for way in down])
    acrosses = np.stack([np.ascontiguousarray(_shares(*way).T) for way in across])
    n = len(signatures)
    coarse = np.empty((n, len(_CROPS), COARSE**2), np.int16)  # 768 bytes an image
    lengths = np.empty(n, np.float32)

    def make(start: int) -> None:
        block = slice(start, start + _BLOCK)
        make_coarse(signatures[block], downs, acrosses, ways, coarse[block], lengths[block])

    in_threads(make, range(0, n, _BLOCK))
    return coarse, lengths < _BLANK


def _shares(start: float, size: float) -> "np.ndarray":
    """Return which share of each coarse pixel each pixel along a side has: (COARSE, SIDE) float32."""
    import numpy as np

    from clipper.insight.doubles.candidate_kernels import COARSE

    ends = (start + np.arange(COARSE + 1) / COARSE * size) * SIDE
    pixels = np.arange(SIDE)
    covered = np.minimum(pixels + 1, ends[1:, None]) - np.maximum(pixels, ends[:-1, None])
    covered = covered.clip(0.0, 1.0)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


def _starts() -> "np.ndarray":
    """Return where the second picture lies within the first, for each crop of it, then of the second."""
    import numpy as np

    left, top, wide, high = np.array(_CROPS, np.float32).T
    within = np.stack([wide, high, left + wide / 2 - 0.5, top + high / 2 - 0.5], axis=1)
    around = np.stack([1 / wide, 1 / high, (0.5 - left) / wide - 0.5, (0.5 - top) / high - 0.5], axis=1)
    return np.concatenate([within, around])
