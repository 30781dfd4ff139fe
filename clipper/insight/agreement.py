"""How far two neighbor graphs of the same images agree.

What does not belong here: building a graph (`projection/graph.py`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# So many nearest others are compared: those that a person sees first.
COMPARED = 10
_BLOCK = 1 << 16  # rows at a time: 26 MB


def share_of_neighbors(one: "np.ndarray", other: "np.ndarray", *, count: int = COMPARED) -> "np.ndarray":
    """Return the share of each image's nearest others in one graph that are among those in the other.

    Args:
        one: (n, k) integers, the rows of the nearest others, nearest first; -1 where there are no more.
        other: (n, m) the same of the other graph.
        count: how many nearest others are compared.

    Returns:
        (n,) float32 from 0 to 1; 1 for an image without any other.
    """
    import numpy as np

    shares = np.ones(len(one), np.float32)
    for start in range(0, len(one), _BLOCK):
        a, b = one[start : start + _BLOCK, :count], other[start : start + _BLOCK, :count]
        both = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).any(axis=2).sum(axis=1)
        there = np.maximum((a >= 0).sum(axis=1), 1)
        found = both / there
        shares[start : start + _BLOCK] = np.where((a >= 0).any(axis=1), found, 1.0)
    return shares
