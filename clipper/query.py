"""A query, and its hits: candidates, ranked again exactly.

What does not belong here: showing results, and the vectors that are searched (`atlas/engine.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from clipper.errors import ClipperError
from clipper.query_syntax import MAX_TERMS, Term, parse

if TYPE_CHECKING:
    import numpy as np

MAX_TEXT_LENGTH = 2_000
# Candidates fetched for each hit: ranking them exactly corrects small errors of the graph's ranking.
OVERSAMPLING = 4
MIN_CANDIDATES = 50


# CLIPScore's w, for a text's cosines with images, which are rarely above 0.4 (Hessel et al. 2021,
# arXiv:2104.08718, section 3).
CLIPSCORE_WEIGHT = 2.5
_NOTHING = 1e-4  # a sum of unit vectors shorter than this has no direction worth a search


@dataclass(frozen=True)
class Query:
    """A query: terms, an image's bytes, or both; `combine` makes one vector of them.

    `text` is parsed by `query_syntax.parse`: `dog -indoor "at night" like:pets/rex.jpg`. `terms` are further
    terms. `known` has vectors, (d,) float32, of images that are not on the map, by the name in a term's
    `like`. `where` is a filter by metadata: a text such as `year > 2010 and group = "Flags"` (see
    `predicate`), or as Chroma writes it, such as `{"group": "Flags"}`, or as the viewer's links do (see
    `query_filter`).
    """

    text: str = ""
    image: bytes | None = None
    where: Mapping[str, Any] | str | None = None
    terms: tuple[Term, ...] = ()
    known: "Mapping[str, np.ndarray]" = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a query that is empty or too long."""
        if len(self.text) > MAX_TEXT_LENGTH:
            raise ClipperError(
                f"the query has {len(self.text):,} characters; {MAX_TEXT_LENGTH:,} is the limit"
            )
        count = len(self.all_terms)
        if not count and self.image is None:
            raise ClipperError("the query is empty; type a word or name an image")
        if count > MAX_TERMS:
            raise ClipperError(f"the query has {count} terms; {MAX_TERMS} is the limit")

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """The terms of `text` and the further terms."""
        return parse(self.text) + self.terms

    @property
    def words_only(self) -> bool:
        """Whether no image is among the terms: only then are similarities on the scale of scores."""
        return self.image is None and not any(term.like for term in self.all_terms)


class Scores(Protocol):
    """Exact similarities of a query with n images, by row: an array, or what computes them when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...

    def __array__(self) -> "np.ndarray": ...


@dataclass(frozen=True)
class ScoreScale:
    """The scale on which the similarity of a text with an image means something to a person.

    `kind` is "clipscore", for CLIP and models trained like it: `max(0, 2.5 cos)` (Hessel et al. 2021,
    arXiv:2104.08718, section 3); "sigmoid", for SigLIP: the probability `1 / (1 + exp(-(scale cos + bias)))`
    with which the model takes them for a pair (Zhai et al. 2023, arXiv:2303.15343, section 3.2); or "cosine",
    for other models: nothing is known beyond the similarity itself.
    """

    kind: Literal["clipscore", "sigmoid", "cosine"] = "clipscore"
    scale: float = 1.0
    bias: float = 0.0

    @classmethod
    def of_model(cls, model: Mapping[str, Any]) -> "ScoreScale":
        """Return the scale of a snapshot's entry of the model; CLIP's has none, as it always was."""
        known = model.get("score") or {}
        return cls(
            known.get("kind", "clipscore"), float(known.get("scale", 1.0)), float(known.get("bias", 0.0))
        )

    @property
    def name(self) -> str:
        """The name of the scale, for a person."""
        return {"clipscore": "CLIPScore", "sigmoid": "match probability", "cosine": "similarity"}[self.kind]

    def to_json(self) -> dict[str, Any]:
        """Write the scale as a JSON object."""
        return {"kind": self.kind, "scale": self.scale, "bias": self.bias}

    def figure(self, similarity: float) -> float | None:
        """Return a score as a person reads it, of 100; None where it is the similarity itself.

        A probability far below 1 % still has two digits: it says how far below.
        """
        if self.kind == "cosine":
            return None
        score = self.score(similarity)
        return float(f"{score:.2g}") if self.kind == "sigmoid" and score < 10 else round(score)  # noqa: PLR2004

    def score(self, similarity: float) -> float:
        """Convert a text's cosine similarity with an image to this scale, as a percentage: 0..100."""
        if self.kind == "sigmoid":
            logit = self.scale * similarity + self.bias
            return 100.0 / (1.0 + math.exp(-logit)) if logit > -700 else 0.0  # noqa: PLR2004 - no overflow
        weight = CLIPSCORE_WEIGHT if self.kind == "clipscore" else 1.0
        return 100.0 * min(max(weight * similarity, 0.0), 1.0)


@dataclass(frozen=True)
class Hits:
    """Ranked images, and the query as a point.

    `rows` (k,) int64 are rows of the atlas, `similarity` (k,) float32 their cosine similarities, best
    first; `vector` (d,) float32 is the query's, L2-normalised; `x`, `y` is where it falls on the map.
    `similarities` are those of all images, by row: an array of them, (n,) float32, is exact.
    """

    query: Query
    rows: "np.ndarray"
    similarity: "np.ndarray"
    vector: "np.ndarray"
    x: float
    y: float
    similarities: Scores
    scale: ScoreScale = ScoreScale("cosine")

    @property
    def figures(self) -> list[float] | None:
        """The score of each row, of 100; None if an image is in the query, or the model has no scale."""
        found = [self.scale.figure(value) for value in self.similarity.tolist()]
        known = [value for value in found if value is not None]
        return known if self.query.words_only and len(known) == len(found) else None


def combine(vectors: "Sequence[np.ndarray]", weights: Sequence[float] | None = None) -> "np.ndarray":
    """Return the normalised weighted sum of (d,) unit vectors, `sum(w v) / |sum(w v)|`: (d,) float32.

    An image's similarity with it is, up to one factor, the weighted sum of its similarities with the terms.

    Raises:
        ClipperError: the terms cancel each other.
    """
    import numpy as np

    shares = np.ones(len(vectors)) if weights is None else np.asarray(weights, np.float64)
    total = shares @ np.stack(vectors)
    length = float(np.linalg.norm(total))
    if length < _NOTHING:
        raise ClipperError("the query's terms cancel each other; change a weight or remove one")
    return np.asarray(total / length, np.float32)


def rank_exactly(
    similarities: Scores, candidates: "np.ndarray", *, k: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Return the k best of `candidates`, rows of n `similarities`: rows and similarities.

    Equal similarities keep the order of the rows, so that the same search gives the same hits.
    """
    import numpy as np

    candidates = np.sort(np.asarray(candidates, np.int64))
    similarity = similarities[candidates]
    best = np.argsort(-similarity, kind="stable")[:k]
    return candidates[best], similarity[best].astype(np.float32)
