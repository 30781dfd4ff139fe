"""Which of the candidate pairs are copies, and stars of copies around the picture to keep.

What does not belong here: comparing two pictures (`picture_match.py`), and files, kinds and words
(`duplicates.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.insight.doubles.duplicate_candidates import Candidates, likely
from clipper.insight.doubles.picture_match import Matches, compare

if TYPE_CHECKING:
    import numpy as np

# A side that shows less than this share of another's was cropped; copies of the whole are within 0.5 % of it.
WHOLE_SIDE = 0.985
# A factor of brightness that is further from 1 was meant; compression and resizing change it by 1 %.
SAME_LIGHT = 0.04
# A mirrored copy is called so only if it is this much more alike than the picture as it is: one that is its
# own mirror image was not mirrored.
_MORE_ALIKE = 0.01
# A pair that is less similar than the threshold by more than this is not compared the other way round.
_SECOND_LOOK = 0.25
# A group is parted into stars at most so many times; what is left then are ends of long chains.
_ROUNDS = 20


@dataclass(frozen=True)
class Copies:
    """Pairs of contents that show one picture, and how the second of each differs from the first."""

    ones: "np.ndarray"  # (e,) int64
    others: "np.ndarray"  # (e,) int64
    flips: "np.ndarray"  # (e,) bool: whether it is mirrored
    matches: Matches

    def __len__(self) -> int:
        return len(self.ones)

    def only(self, rows: "np.ndarray") -> "Copies":
        """Return some of the pairs: `rows` (k,) int, or (e,) bool."""
        return Copies(self.ones[rows], self.others[rows], self.flips[rows], self.matches.only(rows))

    def turned(self) -> "Copies":
        """Return the same pairs, the other one first."""
        return Copies(self.others, self.ones, self.flips, self.matches.turned())

    def joined(self, more: "Copies") -> "Copies":
        """Return these pairs and more."""
        import numpy as np

        return Copies(
            np.concatenate([self.ones, more.ones]),
            np.concatenate([self.others, more.others]),
            np.concatenate([self.flips, more.flips]),
            self.matches.joined(more.matches),
        )

    def plain(self) -> "np.ndarray":
        """Tell which pairs are the same but for size and compression: (e,) bool."""
        import numpy as np

        scales = self.matches.scales
        whole = (np.minimum(scales, 1 / scales) >= WHOLE_SIDE).all(axis=1)
        return np.asarray(~self.flips & whole & (np.abs(self.matches.gains - 1) <= SAME_LIGHT))


def find_copies(signatures: "np.ndarray", pairs: Candidates, *, threshold: float) -> Copies:
    """Keep those of the candidates that are copies, each pair once, as it is or mirrored.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        pairs: in which each pair of rows stands one way round.
        threshold: the least similarity of copies.

    Returns:
        sorted by pair.
    """
    import numpy as np

    found = _compared(signatures, pairs)
    # A pair may compare better from the other one: what is cropped is then laid within the whole.
    short = threshold - found.matches.similarities
    back = _compared(signatures, pairs.only((short > 0) & (short <= _SECOND_LOOK)).turned())
    both = found.joined(back.turned())
    both = both.only(both.matches.similarities >= threshold)
    rank = both.matches.similarities - np.float32(_MORE_ALIKE) * both.flips
    both = both.only(np.lexsort((-rank, both.others, both.ones)))
    first = np.ones(len(both), bool)
    first[1:] = (np.diff(both.ones) != 0) | (np.diff(both.others) != 0)
    return both.only(first)


def _compared(signatures: "np.ndarray", pairs: Candidates) -> Copies:
    matches = compare(signatures, pairs.ones, pairs.others, pairs.flips, pairs.starts)
    return Copies(pairs.ones, pairs.others, pairs.flips, matches)


def stars(signatures: "np.ndarray", copies: Copies, preference: "np.ndarray", *, threshold: float) -> Copies:
    """Part connected copies into stars: each member is a copy of the one to keep, compared with it.

    Args:
        signatures: (n, SIGNATURE_BYTES) uint8.
        copies: the known pairs, the smaller row first, sorted.
        preference: (n,) int, distinct: the smallest of a group is kept.
        threshold: the least similarity of copies.

    Returns:
        pairs of the one to keep and a member; a member has one.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(signatures)
    links = coo_array((np.ones(len(copies), np.int8), (copies.ones, copies.others)), shape=(n, n))
    _, labels = connected_components(links, directed=False)
    left = np.unique(np.concatenate([copies.ones, copies.others]))
    found = copies.only(np.empty(0, np.int64))
    for _ in range(_ROUNDS):
        order = left[np.lexsort((preference[left], labels[left]))]
        _, starts, at = np.unique(labels[order], return_index=True, return_inverse=True)
        keepers, members = order[starts][at], order
        others = np.ones(len(order), bool)
        others[starts] = False
        if not others.any():
            break
        star = _copies_of(signatures, copies, keepers[others], members[others], threshold)
        found = found.joined(star)
        left = np.setdiff1d(members[others], star.others)
    return found


def _copies_of(
    signatures: "np.ndarray", copies: Copies, keepers: "np.ndarray", members: "np.ndarray", threshold: float
) -> Copies:
    """Return the pairs of keeper and member that are copies: those known, and those found by comparing."""
    import numpy as np

    pairs = np.sort(np.stack([keepers, members], axis=1), axis=1)
    n = len(signatures)
    keys, known = pairs[:, 0] * n + pairs[:, 1], copies.ones * n + copies.others
    place = np.searchsorted(known, keys).clip(0, len(known) - 1)
    is_known = known[place] == keys
    compared = find_copies(signatures, likely(signatures, pairs[~is_known]), threshold=threshold)
    star = copies.only(place[is_known]).joined(compared)
    is_keeper = np.zeros(n, bool)
    is_keeper[keepers] = True
    back = is_keeper[star.others]
    return star.only(~back).joined(star.only(back).turned())


def plain_copies(copies: Copies, n: int) -> "np.ndarray":
    """Count the copies of each of n contents that differ in size and compression alone: (n,) int64."""
    import numpy as np

    plain = copies.only(copies.plain())
    return np.bincount(plain.ones, minlength=n) + np.bincount(plain.others, minlength=n)
