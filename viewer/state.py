"""What one visitor has asked for and looks at. Every view is a function of this; nothing here draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import param

from viewer.changes import Changes
from viewer.data import Dataset
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


_UNORDERED: tuple[None, None, np.ndarray] = (None, None, np.empty(0, np.int64))


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
    kept = param.Parameter(default=None, doc="Which rows pass the filters, (n,) bool; None: all do.")
    selection = param.Parameter(default=None, doc="The rows chosen, (k,) int64, ascending; None: none are.")
    steps = param.List(doc="How the rows came to be chosen, see `choosing.py`; a link repeats it.")
    tool = param.Selector(default="", objects=["", "lasso", "box"], doc="What a drag on the map draws.")
    panel = param.Selector(default="results", objects=["results", "selection"], doc="What is beside the map.")
    tags = param.Dict(default={}, doc="The rows (k,) int64, ascending, of each tag that people gave.")
    overview = param.Boolean(default=False, doc="Whether the sheet about the dataset is open.")
    searching = param.Boolean(default=False)
    message = param.String(doc="Why the last search gave nothing.")
    news = param.ClassSelector(class_=News, default=None, doc="What has changed, until it is dismissed.")
    lately = param.ClassSelector(class_=Changes, default=Changes(), doc="The latest, dismissed or not.")
    marked = param.List(item_type=int, doc="Rows of images that are new, while they are marked.")
    trouble = param.String(doc="Why what is published cannot be shown.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._ordered: tuple[np.ndarray | None, Answer | None, np.ndarray] = _UNORDERED
        showing(self)

    def remember(self, answer: Answer) -> None:
        """Show an answer and put it in front of the history; the same text is kept once."""
        earlier = [old for old in self.history if old.text != answer.text]
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
        self.param.update(
            dataset=dataset,
            colour=self.colour if self.colour in {*dataset.kinds, ""} else dataset.first_colour,
            history=[answer for answer in again if answer],
            answer=next((a for a in again if a and self.answer and a.text == self.answer.text), None),
            news=news,
            lately=news.changes,
            marked=sorted(row for row in marked if row is not None)[:MARKED],
            selection=carried(self.selection, old, dataset, changes),
            tags={},  # their rows were another version's; whoever reads them does so at once
            **after,
        )

    def sequence(self) -> np.ndarray | None:
        """The rows (k,) that one steps through from an image to the next: those chosen, or the results."""
        if self.selection is not None and (self.panel == "selection" or self.answer is None):
            return self.chosen()
        return self.answer.rows if self.answer else None

    def chosen(self) -> np.ndarray:
        """The rows chosen (k,) int64, the nearest to the query first; put in order once."""
        if self.selection is None:
            return np.empty(0, np.int64)
        selection, answer, rows = self._ordered
        if selection is not self.selection or answer is not self.answer:
            rows = in_order(self.selection, self.answer)
            self._ordered = (self.selection, self.answer, rows)
        return rows

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
            self.param.update(dataset=None, answer=None, history=[], news=None, lately=Changes())
            self.param.update(selection=None, kept=None, steps=[], tags={})
            self._ordered = _UNORDERED


def fresh(dataset: Dataset, changes: Changes) -> list[int]:
    """The rows of images worth a look, none where they are too many to be marked."""
    ids = changes.worth_a_look
    rows = [dataset.row_of(image_id) for image_id in ids] if len(ids) <= MARKED else []
    return [row for row in rows if row is not None]


def carried(selection: np.ndarray | None, old: Dataset, new: Dataset, changes: Changes) -> np.ndarray | None:
    """The rows in another version of the images chosen in this one; None where none are left."""
    if selection is None:
        return None
    ids, moved = old.atlas.ids, changes.moved
    wanted = {moved.get(ids[row], ids[row]) for row in selection.tolist()}
    rows = np.flatnonzero(np.fromiter((image_id in wanted for image_id in new.atlas.ids), bool, new.n))
    return rows if len(rows) else None


def in_order(rows: np.ndarray, answer: Answer | None) -> np.ndarray:
    """Rows (k,), the nearest to the query first; without one as they are."""
    if answer is None or answer.similarities is None:
        return rows
    return rows[np.argsort(-answer.similarities[rows], kind="stable")]


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
