"""What a dataset shows, and what it lacks: how many images there are of each of many concepts.

What does not belong here: what is near by chance (`insight/chance.py`), the list of concepts and
their vectors.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.insight.chance import (
    FALSE_SHARE,
    Chance,
    Vectors,
    bin_of,
    count_tails,
    match_level,
    measure_chance,
    thresholds,
)

if TYPE_CHECKING:
    import numpy as np


# A concept without an image is unsure, not missing, if chance finds an image so near for one word in five.
UNSURE = 0.2


@dataclass(frozen=True)
class Coverage:
    """What there is of each of w concepts."""

    counts: "np.ndarray"  # (w,) int64: images nearer than chance, and as near as a match is
    resembling: "np.ndarray"  # (w,) int64: images nearer than chance, those that only resemble it too
    best: "np.ndarray"  # (w,) int64: the row of the nearest image; -1 for no images
    similarities: "np.ndarray"  # (w,) float32: the cosine of the nearest image; 0 for no images
    # (w,) float64: the images that a random word would find as near as the nearest one is: 0 is certain.
    by_chance: "np.ndarray"
    scores: "np.ndarray"  # (w,) float32: what the nearest image scores, in the units of `level`
    level: float  # the least score of a match

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def unsure(self) -> "np.ndarray":
        """Which concepts have no image for sure, but perhaps the nearest one: (w,) bool."""
        import numpy as np

        near = (self.best >= 0) & (self.scores >= self.level) & (self.by_chance <= UNSURE)
        return np.asarray((self.counts == 0) & near, bool)

    def order(self) -> "np.ndarray":
        """Return the concepts, those that are missing most surely first: (w,) int64."""
        import numpy as np

        return np.asarray(np.lexsort((self.scores, self.counts)), np.int64)

    def absent(self) -> "np.ndarray":
        """Return the concepts that no image shows, the surest first: (a,) int64."""
        import numpy as np

        return np.asarray([row for row in self.order() if not self.counts[row]], np.int64)


def measure_coverage(
    vectors: Vectors,
    concepts: "np.ndarray",
    chance: "Chance | np.ndarray",
    *,
    level: float | None = None,
    false_share: float = FALSE_SHARE,
) -> Coverage:
    """Count the images of each concept.

    Where a concept is on the map is where its nearest image is.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of images; they are read twice, in blocks.
        concepts: (w, d) float32, rows L2-normalised.
        chance: what random words find among these images, from `measure_chance`; or (r, d) float32, rows
            L2-normalised, of words about no dataset in particular.
        level: the least score of a match; None to measure it with the concepts: see `chance.match_level`.
        false_share: of a concept's images, the share that chance may have found.

    Raises:
        ValueError: there are too few random words.
    """
    import numpy as np

    if not isinstance(chance, Chance):
        chance = measure_chance(vectors, chance)
    if level is None:
        level = match_level(vectors, chance, concepts)
    tails = count_tails(vectors, chance.scored(concepts), first=chance.least_bin(len(vectors), false_share))
    least = thresholds(tails, chance, false_share=false_share)
    as_near = np.maximum(least, bin_of(np.asarray(level, np.float32)))
    top = np.where(np.isfinite(tails.score), tails.score, 0.0).astype(np.float32)
    similarities = np.zeros(len(concepts), np.float32)
    if len(vectors) and len(concepts):
        # The score lacks what the shift took away, for the nearest image alone.
        similarities = top + np.asarray(vectors[tails.best] @ chance.shift, np.float32)
    return Coverage(
        _count(tails.above, as_near - tails.first),
        _count(tails.above, least - tails.first),
        tails.best,
        similarities,
        chance.expected[bin_of(top)] if len(vectors) else np.zeros(len(concepts)),
        top,
        level,
    )


def _count(above: "np.ndarray", at: "np.ndarray") -> "np.ndarray":
    """Return each row's number of images from a bin on: (w, b) int32, (w,) int -> (w,) int64."""
    import numpy as np

    return np.take_along_axis(above, at.clip(0)[:, None], axis=1)[:, 0].astype(np.int64)
