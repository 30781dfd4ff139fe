"""Queries and their answers, and images to search with. Nothing here searches (`session/search.py`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from clipper.query import Scores
from clipper.query_syntax import Term, format_terms
from clipper.similarity.similarities import Similarities
from viewer.dataset.columns.colouring import Colouring, similarity_colouring
from viewer.dataset.columns.facets import ScaleFacet, similarity_facet
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import PAGE_SIZE, SimilarityHistogram

MAX_QUERY_LENGTH = 1_000  # characters of a query's words; a model may read fewer, and the page says which
UPLOAD_PREFIX = "upload:"  # the names of uploaded images begin with this

Terms = tuple[Term, ...]


@dataclass(frozen=True)
class Answer:
    """A query and its results: rows (k,) best first, cosine similarities (k,), the query's place on the map.

    The rows are those listed so far: they pass the filters, lie within the range of similarities, and images
    alike are folded into one.
    """

    terms: Terms
    rows: np.ndarray
    similarity: np.ndarray
    x: float
    y: float
    seconds: float
    similarities: Scores | None = None  # of every image, by row; None for the queries before the one in view
    label: str = ""  # the query for a person, images by name; "" where that is its text
    total: int = 0  # how many images could be listed
    alike: tuple[tuple[int, ...], ...] = ()  # for each of `rows`, the rows folded under it
    histogram: SimilarityHistogram | None = None
    in_parts: Mapping[str, int] = field(default_factory=dict)  # of a text longer than the context: its parts
    in_range: np.ndarray | None = None  # (a,) int64, the best rows within the range; None without a range
    asked: float = 0.0  # when it was asked first, in seconds of `time.perf_counter`

    @cached_property
    def text(self) -> str:
        """The query in its written form, which identifies it: two queries are the same if their texts are."""
        return format_terms(self.terms)

    @property
    def title(self) -> str:
        """The query for a person to read."""
        return self.label or self.text

    @property
    def words_only(self) -> bool:
        """Whether no term is an image."""
        return not any(term.like for term in self.terms)

    def highlighted(self, most: int) -> np.ndarray:
        """Return the rows (k,) int64 to highlight on the map, best first: all in the range, or the first."""
        return self.rows[:most] if self.in_range is None else self.in_range

    def for_history(self) -> "Answer":
        """Return a copy for the history, without arrays of the dataset's size."""
        return replace(
            self,
            similarities=None,
            rows=self.rows[:PAGE_SIZE],
            similarity=self.similarity[:PAGE_SIZE],
            alike=(),
            in_range=None,
        )


@dataclass(frozen=True)
class Unanswered:
    """A query that had an answer by an earlier model, and has none by the model in view.

    `seconds` and `asked` are of its first search, as of an `Answer`.
    """

    terms: Terms
    seconds: float
    asked: float

    @property
    def text(self) -> str:
        """The query in its written form."""
        return format_terms(self.terms)


@dataclass(frozen=True)
class Upload:
    """An image that a visitor searches with: its file name, its vector (d,), a small WebP of it.

    `model` is the fingerprint of the model that made the vector.
    """

    name: str
    vector: np.ndarray
    thumbnail: bytes
    model: str


class SimilarityColours(NamedTuple):
    """The similarities to a query, as colours of the map and as a scale with counts."""

    similarities: Scores
    colouring: Colouring
    scale: ScaleFacet

    @classmethod
    def of(cls, answer: Answer, dataset: Dataset) -> Self:
        """Make them from an answer that has all similarities."""
        if answer.similarities is None:
            raise ValueError("an answer of the history has no similarities")
        known = Similarities.of(answer.similarities).near  # a colour is coarser than what they lack
        colouring = similarity_colouring(answer.text, known[dataset.index.order])
        return cls(answer.similarities, colouring, similarity_facet(known))


def normalize_spaces(text: str) -> str:
    """Put a query on one line, without white space around it or repeated within it."""
    return " ".join(text.split())


def query_problem(terms: Iterable[Term]) -> str:
    """Say why a query cannot be asked; "" if it can."""
    length = sum(len(term.text) for term in terms)
    if length > MAX_QUERY_LENGTH:
        return f"That is {length:,} characters; up to {MAX_QUERY_LENGTH} are read. Shorten it."
    return ""
