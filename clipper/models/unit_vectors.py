"""Vectors have length 1, or they reach no store: half precision may overflow, and weights may be damaged.

What does not belong here: the models.
"""

from typing import TYPE_CHECKING

from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.models.source import ModelSource
from clipper.store.embeddings import NORM_TOLERANCE

if TYPE_CHECKING:
    import numpy as np


def have_length_one(vectors: "np.ndarray") -> "np.ndarray":
    """Return which rows of (n, d) float32 have length 1, (n,) bool; one with a NaN or infinity has not."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        return np.asarray(np.abs(lengths - 1) <= NORM_TOLERANCE)


def require_length_one(vectors: "np.ndarray", source: ModelSource, *, of: str) -> "np.ndarray":
    """Return the vectors, (n, d) float32.

    Args:
        vectors: that a model gave in float32.
        source: the model.
        of: what was embedded, in the plural.

    Raises:
        ModelError: a row has not length 1.
    """
    good = have_length_one(vectors)
    if not good.all():
        raise ModelError(
            f"the model {source.name} gives no vectors for {len(good) - good.sum()} of {len(good)} {of}, but "
            f"numbers that are not finite, or only zeros, even in float32: its weights in {source.folder} "
            f"may be damaged; {ANOTHER_MODEL}"
        )
    return vectors
