"""A query -> ranked hits: candidates, ranked again exactly.

What does not belong here: how results are shown, and the files they come from (`atlas.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.errors import ClipperError

if TYPE_CHECKING:
    import numpy as np

MAX_TEXT = 2_000
# Candidates fetched for each hit wanted: what the graph ranks a little wrong is put right.
OVERSAMPLING = 4
LEAST_CANDIDATES = 50


@dataclass(frozen=True)
class Query:
    """What is searched for: a text, an image's bytes, or both (the sum of their unit vectors).

    `where` is a Chroma metadata filter, such as `{"group": "Flags"}`.
    """

    text: str = ""
    image: bytes | None = None
    where: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be searched for."""
        if not self.text.strip() and self.image is None:
            raise ClipperError("the query is empty; type a word or name an image")
        if len(self.text) > MAX_TEXT:
            raise ClipperError(f"the query has {len(self.text):,} characters; {MAX_TEXT:,} is the limit")


@dataclass(frozen=True)
class Hits:
    """Ranked images, and the query as a point.

    `rows` (k,) int64 are rows of the atlas, `similarity` (k,) float32 their cosine similarities, best
    first; `vector` (d,) float32 is the query's, L2-normalised; `x`, `y` is where it falls on the map.
    """

    query: Query
    rows: "np.ndarray"
    similarity: "np.ndarray"
    vector: "np.ndarray"
    x: float
    y: float


def combine(vectors: "list[np.ndarray]") -> "np.ndarray":
    """The normalised sum of (d,) unit vectors."""
    import numpy as np

    total = np.sum(vectors, axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)


def rank_exactly(
    vector: "np.ndarray", vectors: "np.ndarray", candidates: "np.ndarray", *, k: int
) -> "tuple[np.ndarray, np.ndarray]":
    """The k best of `candidates` (rows of `vectors`, (n, d)) by cosine: rows and similarities.

    Equal similarities keep the order of the rows, so that a search repeats exactly.
    """
    import numpy as np

    candidates = np.sort(np.asarray(candidates, np.int64))
    similarity = vectors[candidates] @ vector
    best = np.argsort(-similarity, kind="stable")[:k]
    return candidates[best], similarity[best].astype(np.float32)
