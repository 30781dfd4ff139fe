"""What is asked and what it found: queries, answers, images to search with. Nothing here searches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from clipper.query_syntax import Term
from viewer.dataset.columns.colouring import Colouring, similarity_colouring
from viewer.dataset.columns.facets import ScaleFacet, scale_facet
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import PAGE_SIZE, SimilarityHistogram

LONGEST_QUERY = 300  # characters of its words; CLIP reads 77 tokens at most
UPLOADED = "upload:"  # what the names of uploaded images begin with


@dataclass(frozen=True)
class Answer:
    """A query and its results: rows (k,) best first, cosine similarities (k,), its place on the map.

    Rows are those listed so far: what the filters keep, as similar as is asked for, alike ones folded.
    """

    text: str  # as `terms.written` writes it: what tells one query from another
    rows: np.ndarray
    similarity: np.ndarray
    x: float
    y: float
    seconds: float
    # (n,) float32, of every image, by row; None for the queries before the one in view.
    similarities: np.ndarray | None = None
    terms: tuple[Term, ...] = ()
    label: str = ""  # the query as a person reads it
    total: int = 0  # images there are to be listed
    alike: tuple[tuple[int, ...], ...] = ()  # rows folded under each of `rows`
    histogram: SimilarityHistogram | None = None
    in_range: np.ndarray | None = None  # (a,) int64, the best as similar as is asked for; None: any are

    @property
    def called(self) -> str:
        """The query as a person reads it."""
        return self.label or self.text

    @property
    def words_only(self) -> bool:
        """Whether no image is among the terms."""
        return not any(term.like for term in self.terms)

    def lit(self, most: int) -> np.ndarray:
        """Rows (k,) int64 that stand out on the map, best first: all in a range, or the first."""
        return self.rows[:most] if self.in_range is None else self.in_range

    def remembered(self) -> "Answer":
        """What the history keeps of it: nothing of the dataset's size."""
        return replace(
            self,
            similarities=None,
            rows=self.rows[:PAGE_SIZE],
            similarity=self.similarity[:PAGE_SIZE],
            alike=(),
            in_range=None,
        )


@dataclass(frozen=True)
class Upload:
    """An image that a visitor searches with: what it is called, its (d,) vector, a small WebP.

    `model` is the fingerprint of the model that made the vector.
    """

    name: str
    vector: np.ndarray
    thumbnail: bytes
    model: str


class SimilarityColours(NamedTuple):
    """The similarities to a query, as colours and as something to count."""

    similarities: np.ndarray
    colouring: Colouring
    scale: ScaleFacet

    @classmethod
    def of(cls, answer: Answer, dataset: Dataset) -> Self:
        """Those of an answer that has them."""
        known = np.asarray(answer.similarities)
        drawn = similarity_colouring(answer.text, known[dataset.index.order])
        return cls(known, drawn, scale_facet("", known.astype(np.float64)))


def nearest_first(rows: np.ndarray, answer: Answer | None) -> np.ndarray:
    """Rows (k,), the nearest to the query first; without one as they are."""
    if answer is None or answer.similarities is None:
        return rows
    return rows[np.argsort(-answer.similarities[rows], kind="stable")]


def normalize_spaces(text: str) -> str:
    """A query as it is asked: one line, no surrounding or repeated white space."""
    return " ".join(text.split())


def query_problem(terms: Iterable[Term]) -> str:
    """Why a query is not asked at all, "" when it is."""
    length = sum(len(term.text) for term in terms)
    if length > LONGEST_QUERY:
        return f"That is {length:,} characters; up to {LONGEST_QUERY} are read. Shorten it."
    return ""
