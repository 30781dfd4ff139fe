"""The part of a dataset that charts and legend count: what passes the filters, is selected, similar enough.

What does not belong here: filters and counts (`filters.py`), and when a visitor's part is worked out
(`session/workers/filters.py`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Images that a value's counts are increased by before they are compared: what one value has by chance.
FLOOR = 3.0


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a dataset: `rows` (n,) bool.

    `selected` is how many images are selected, None without a selection; `filtered` and `limited` say whether
    filters and limits of similarity make it smaller, too.
    """

    rows: np.ndarray
    selected: int | None = None
    filtered: bool = False
    limited: bool = False

    @cached_property
    def size(self) -> int:
        """The number of images in it."""
        return int(np.count_nonzero(self.rows))

    @property
    def caption(self) -> str:
        """What it is, in a few words: "41 of 318 selected pass the filters".

        How many pass stands with the filters; where there is nothing else, it says how to read the bars.
        """
        if self.selected is None and not self.limited:
            return "Strong: what passes. Faint: all."
        tests = [
            *(["pass the filters"] if self.filtered else []),
            *(["are similar enough"] if self.limited else []),
        ]
        if self.selected is None:
            return f"{self.size:,} of {len(self.rows):,} {' and '.join(tests)}"
        if not tests:
            return f"{self.size:,} selected of {len(self.rows):,}"
        return f"{self.size:,} of {self.selected:,} selected {' and '.join(tests)}"


def over_representation(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return how many times as often each value occurs in a part as in the whole, smoothed: (k,) float64.

    It is `(part + c) / (expected + c)`, where `expected` is what a part of this size has by the value's share
    of the whole, and `c` is `FLOOR` (the additive constant of Kilgarriff 2009, "Simple maths for keywords").
    Few images therefore prove little: one of one image in a tenth of the whole gives 1.3, 100 of 120 give
    6.9. A value as frequent as in the whole has 1, also if it has no image at all.

    Args:
        part: (k,) counts in the part; of lists, an image counts for each of its items.
        whole: (k,) counts in the whole.
    """
    expected = whole * (part.sum() / max(int(whole.sum()), 1))
    return np.asarray((part + FLOOR) / (expected + FLOOR), np.float64)


def over_represented_first(part: np.ndarray, whole: np.ndarray, *, most: int) -> np.ndarray:
    """Return the `most` values that a part has more often than the whole, the most so first: (m,) int64.

    Values that are equally so keep their order, which is the commonest first.

    Args:
        part: (k + 1,) counts, the last of images without a value.
        whole: the same of the whole.
        most: values at most.
    """
    excess = over_representation(part, whole)[:-1]
    if len(excess) > most > 0:
        least = np.partition(excess, len(excess) - most)[len(excess) - most]
        found = np.flatnonzero(excess >= least)
        return found[np.argsort(-excess[found], kind="stable")[:most]]
    return np.argsort(-excess, kind="stable")[: max(most, 0)]
