"""Whether two tiny pictures show one and the same: lay one over the other, and look at what differs.

One picture is moved and scaled until it lies on the other (crops), made brighter or darker as a whole, and
compared pixel by pixel. A clock's hands, a flag's emblem and the tone of a skin are then what is left.

What does not belong here: the loops that do it (`match_kernels.py`), which pairs are compared
(`duplicate_candidates.py`), and how the tiny pictures are made (`images/picture/signature.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

# The similarity at which the differences are as large as those of a hard but true copy.
SAME = 0.9
# Pairs compared at once: 1 MB of signatures for each thread.
_BLOCK = 128


@dataclass(frozen=True)
class Matches:
    """How p pairs of pictures compare. The first of a pair is laid onto the second."""

    similarities: "np.ndarray"  # (p,) float32, 0 to 1; `SAME` and more: one picture shows the other
    gains: "np.ndarray"  # (p,) float32: how many times brighter the second is
    scales: "np.ndarray"  # (p, 2) float32: width and height of the second, in sides of the first

    def only(self, rows: "np.ndarray") -> "Matches":
        """Return some of the pairs: `rows` (k,) int, or (p,) bool."""
        return Matches(self.similarities[rows], self.gains[rows], self.scales[rows])

    def turned(self) -> "Matches":
        """Return how the pairs compare with the other one first."""
        return Matches(self.similarities, 1 / self.gains, 1 / self.scales)

    def joined(self, more: "Matches") -> "Matches":
        """Return these pairs and more."""
        import numpy as np

        return Matches(
            np.concatenate([self.similarities, more.similarities]),
            np.concatenate([self.gains, more.gains]),
            np.concatenate([self.scales, more.scales]),
        )


def compare(
    signatures: "np.ndarray",
    ones: "np.ndarray",
    others: "np.ndarray",
    flips: "np.ndarray",
    starts: "np.ndarray",
) -> Matches:
    """Compare pairs of pictures.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        ones: (p,) int, the row of each pair's first picture.
        others: (p,) int, the row of each pair's second picture.
        flips: (p,) bool, whether the first is mirrored before it is compared.
        starts: (p, 4) float32, where the second lies within the first about: scale across and down, shift
            across and down, in sides of the first.
    """
    import numpy as np

    p = len(ones)
    differing = np.full(p, np.inf, np.float32)
    gains, scales = np.ones(p, np.float32), np.ones((p, 2), np.float32)
    if not p:
        return Matches(differing, gains, scales)
    from clipper.insight.doubles.match_kernels import compare_pairs

    def compare_block(start: int) -> None:
        rows = slice(start, start + _BLOCK)
        compare_pairs(
            signatures[ones[rows]], signatures[others[rows]], flips[rows], starts[rows],
            differing[rows], gains[rows], scales[rows],
        )  # fmt: skip

    in_threads(compare_block, range(0, p, _BLOCK))
    similarities = (1 - np.float32(1 - SAME) * differing).clip(0, 1)
    return Matches(similarities, gains, scales)
