"""What is new since the version before, as a column of a dataset: a facet and colours.

Pure data. What does not belong here: comparing versions (`clipper/insight/drift.py`).
"""

import numpy as np

from viewer.dataset.columns.colouring import OTHER, Colouring, LegendEntry
from viewer.dataset.columns.facets import ValueFacet

NOVELTY = ":new"  # the pseudo-column
TITLE = "New or before"
BEFORE, NEW, UNLIKE = LABELS = ("before", "new", "new, unlike all before")
_CODES = (
    OTHER,
    1,
    3,
)  # what was there is grey; new images are orange, and red where they are unlike all others


def novelty_facet(kinds: np.ndarray | None) -> ValueFacet | None:
    """Make a facet of what is new, (n,) int8, a number of a label; None if all images are of one kind."""
    if kinds is None or not len(kinds) or kinds.min() == kinds.max():
        return None
    return ValueFacet(NOVELTY, LABELS, kinds.astype(np.int32), len(kinds))


def novelty_colouring(kinds: np.ndarray) -> Colouring:
    """Colour by what is new, (n,) int8, in drawing order."""
    counts = np.bincount(kinds, minlength=len(LABELS)).tolist()
    entries = [
        LegendEntry(label, count, code)
        for label, count, code in zip(LABELS, counts, _CODES, strict=True)
        if count
    ]
    return Colouring(TITLE, "category", np.array(_CODES, np.uint8)[kinds], tuple(entries))
