"""Sets of rows: ascending arrays of them, of which a few are looked up at a time."""

import numpy as np


def among(rows: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Which of `rows` (k,) are among `members` (m,), ascending: (k,) bool.

    A search for each: `numpy.isin` would look through all the members, for one row under the pointer too.
    """
    if not len(members):
        return np.zeros(len(rows), bool)
    at = np.minimum(np.searchsorted(members, rows), len(members) - 1)
    return np.asarray(members[at] == rows)
