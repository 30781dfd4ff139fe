"""What one visitor has asked for and looks at. Every view is a function of this; nothing here draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import param

from viewer.changes import Changes
from viewer.colours import SIMILARITY, Colouring, similar
from viewer.data import Dataset
from viewer.facets import Facet, Scale, scale
from viewer.filters import Condition, narrow, sound
from viewer.versions import showing

HISTORY = 8  # queries kept on the map, the newest first
LONGEST_QUERY = 300  # characters; CLIP reads 77 tokens at most
ROWS = ("selected", "hovered", "pointed")  # what names an image by its row
MARKED = 2_000  # images that are marked as new; among more, marks would say nothing


@dataclass(frozen=True)
class Answer:
    """A query and its results: rows (k,) best first, cosine similarities (k,), its place on the map."""

    text: str
    rows: np.ndarray
    similarity: np.ndarray
    x: float
    y: float
    seconds: float
    # (n,) float32, of every image, by row.
    similarities: np.ndarray | None = None


class _Ranked(NamedTuple):
    """The best images of an answer among those kept, found once for all that show them."""

    answer: Answer
    kept: np.ndarray | None
    best: tuple[np.ndarray, np.ndarray]


def _best(answer: Answer, kept: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if kept is None or answer.similarities is None:
        passes = slice(None) if kept is None else kept[answer.rows]
        return answer.rows[passes], answer.similarity[passes]
    rows = np.flatnonzero(kept)
    scores = answer.similarities[rows]
    k = min(len(answer.rows), len(rows))
    top = np.argpartition(-scores, k - 1)[:k] if k else np.empty(0, np.int64)
    top = top[np.argsort(-scores[top], kind="stable")]
    return rows[top], scores[top]


class _Similar(NamedTuple):
    """The similarities to a query, as colours and as something to count."""

    similarities: np.ndarray
    colouring: Colouring
    scale: Scale

    @classmethod
    def of(cls, answer: Answer, dataset: Dataset) -> "_Similar":
        known = np.asarray(answer.similarities)
        drawn = similar(answer.text, known[dataset.index.order])
        return cls(known, drawn, scale("", known.astype(np.float64)))


@dataclass(frozen=True)
class News:
    """What has changed since the visitor last said that it is known, and an open image that is gone."""

    changes: Changes
    lost: str = ""


class ViewState(param.Parameterized):
    """One session's state."""

    dataset = param.ClassSelector(
        class_=Dataset, allow_None=True, instantiate=False, doc="None only once the session is over."
    )
    colour = param.String(doc='The column the points are coloured by, "" for density alone.')
    dark = param.Boolean(default=True)
    answer = param.ClassSelector(class_=Answer, default=None, doc="The results in view.")
    history = param.List(item_type=Answer, doc="The latest queries, newest first.")
    selected = param.Integer(default=None, allow_None=True, doc="The row whose detail is open.")
    hovered = param.Integer(default=None, allow_None=True, doc="The row under the pointer.")
    pointed = param.Integer(default=None, allow_None=True, doc="The row pointed at in the panel.")
    tab = param.String(default="results", doc='Which panel is in view: "results" or "filter".')
    filters = param.Dict(default={}, doc="A condition for each column that has one, see `filters.py`.")
    counts = param.Dict(default=None, allow_None=True, doc="Of each column, with `kept`; None: among all.")
    kept = param.Parameter(default=None, doc="Which rows pass the filters, (n,) bool; None: all do.")
    selection = param.Parameter(default=None, doc="The rows chosen, (k,) int64, ascending; None: none are.")
    searching = param.Boolean(default=False)
    message = param.String(doc="Why the last search gave nothing.")
    news = param.ClassSelector(class_=News, default=None, doc="What has changed, until it is dismissed.")
    lately = param.ClassSelector(class_=Changes, default=Changes(), doc="The latest, dismissed or not.")
    marked = param.List(item_type=int, doc="Rows of images that are new, while they are marked.")
    trouble = param.String(doc="Why what is published cannot be shown.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._similar: _Similar | None = None
        self._ranked: _Ranked | None = None
        showing(self)

    @property
    def colouring(self) -> Colouring:
        """What the points are coloured by."""
        return self.own_colouring or self.dataset.colouring(self.colour)

    @property
    def own_colouring(self) -> Colouring | None:
        """Colours that only this visitor has: by the similarity to the query."""
        answer = self.answer
        if self.colour != SIMILARITY or SIMILARITY in self.dataset.kinds:
            return None
        if answer is None or answer.similarities is None:
            return None
        if self._similar is None or self._similar.similarities is not answer.similarities:
            self._similar = _Similar.of(answer, self.dataset)
        return self._similar.colouring

    @property
    def colour_facet(self) -> Facet | None:
        """What the points are coloured by, as something to filter by or to count."""
        if self.own_colouring is not None and self._similar is not None:
            return self._similar.scale
        return self.dataset.facet(self.colour)

    @property
    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the images that pass the filters those nearest to the query: rows (k,) and similarities (k,)."""
        answer, kept, known = self.answer, self.kept, self._ranked
        if answer is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if known is None or known.answer is not answer or known.kept is not kept:
            known = self._ranked = _Ranked(answer, kept, _best(answer, kept))
        return known.best

    def condition(self, column: str) -> Condition | None:
        """The filter on one column, None where there is none that makes sense."""
        facet = self.dataset.facet(column) if column in self.filters else None
        return sound({column: facet}, self.filters).get(column) if facet else None

    @property
    def passing(self) -> int:
        """How many images pass the filters."""
        return self.dataset.n if self.kept is None else int(np.count_nonzero(self.kept))

    def remember(self, answer: Answer) -> None:
        """Show an answer and put it in front of the history; the same text is kept once."""
        earlier = [replace(old, similarities=None) for old in self.history if old.text != answer.text]
        history = [answer, *earlier][:HISTORY]
        self.param.update(answer=answer, history=history, searching=False, message="", marked=[])

    def forget(self) -> None:
        """No query, no history; a search that runs is called off."""
        self.param.update(answer=None, history=[], searching=False, message="")

    def adopt(
        self, dataset: Dataset, *, changes: Changes, answers: Mapping[str, Answer | None] | None = None
    ) -> None:
        """Show another version; everything else stays as far as that version has it.

        Args:
            dataset: the version.
            changes: from the version shown.
            answers: by text, what the queries asked so far find in it; None or missing: nothing is known.
        """
        old, found = self.dataset, answers or {}
        after = {name: self._row_in(dataset, changes, getattr(self, name)) for name in ROWS}
        if changes.anew:
            after["hovered"] = None  # whatever is under the pointer now, it is another
        gone = self.selected is not None and after["selected"] is None
        lost = old.label(self.selected) if gone else self.news.lost if self.news else ""
        news = News(self.news.changes.then(changes) if self.news else changes, lost)
        marked = {*(self._row_in(dataset, changes, row) for row in self.marked), *fresh(dataset, changes)}
        again = [_as_before(found.get(asked.text), asked) for asked in self.history]
        filters = sound(dataset.facets, self.filters) if self.filters else {}
        narrowed = narrow(dataset.facets, filters) if filters else None
        self.param.update(
            dataset=dataset,
            filters=filters,
            kept=narrowed.kept if narrowed else None,
            counts=dict(narrowed.counts) if narrowed else None,
            colour=self.colour if self.colour in {*dataset.colours, ""} else dataset.first_colour,
            history=[answer for answer in again if answer],
            answer=next((a for a in again if a and self.answer and a.text == self.answer.text), None),
            news=news,
            lately=news.changes,
            marked=sorted(row for row in marked if row is not None)[:MARKED],
            **after,
        )

    def mark_news(self) -> None:
        """Mark what is new, also where a search has taken the marks away."""
        self.marked = fresh(self.dataset, self.news.changes) if self.news else []

    def dismiss(self) -> None:
        """The news are known."""
        self.param.update(news=None, marked=[])

    def _row_in(self, dataset: Dataset, changes: Changes, row: int | None) -> int | None:
        """The row of an image in another version, whatever it is called there; None where it is gone."""
        if row is None:
            return None
        image_id = self.dataset.atlas.ids[row]
        return dataset.row_of(changes.moved.get(image_id, image_id))

    def end(self) -> None:
        """The session is over: let go of what is large, whoever still holds this object; nobody is told."""
        with param.parameterized.discard_events(self):
            self.param.update(
                dataset=None, answer=None, history=[], news=None, lately=Changes(),
                filters={}, kept=None, counts=None, selection=None,
            )  # fmt: skip
        self._similar = self._ranked = None


def fresh(dataset: Dataset, changes: Changes) -> list[int]:
    """The rows of images worth a look, none where they are too many to be marked."""
    ids = changes.worth_a_look
    rows = [dataset.row_of(image_id) for image_id in ids] if len(ids) <= MARKED else []
    return [row for row in rows if row is not None]


def _as_before(answer: Answer | None, asked: Answer) -> Answer | None:
    """A query's answer in another version, as quick as it was when a person waited for it."""
    return replace(answer, seconds=asked.seconds) if answer else None


def cleaned(text: str) -> str:
    """A query as it is asked: one line, no surrounding or repeated white space."""
    return " ".join(text.split())


def refused(text: str) -> str:
    """Why a query is not asked at all, "" when it is."""
    if len(text) > LONGEST_QUERY:
        return f"That is {len(text):,} characters; up to {LONGEST_QUERY} are read. Shorten it."
    return ""
