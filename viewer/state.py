"""What one visitor has asked for and looks at. Every view is a function of this; nothing here draws."""

from dataclasses import dataclass

import numpy as np
import param

from viewer.data import Dataset

HISTORY = 8  # queries kept on the map, the newest first
LONGEST_QUERY = 300  # characters; CLIP reads 77 tokens at most


@dataclass(frozen=True)
class Answer:
    """A query and its results: rows (k,) best first, cosine similarities (k,), its place on the map."""

    text: str
    rows: np.ndarray
    similarity: np.ndarray
    x: float
    y: float
    seconds: float


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
    searching = param.Boolean(default=False)
    message = param.String(doc="Why the last search gave nothing.")

    def remember(self, answer: Answer) -> None:
        """Show an answer and put it in front of the history; the same text is kept once."""
        earlier = [old for old in self.history if old.text != answer.text]
        self.param.update(answer=answer, history=[answer, *earlier][:HISTORY], searching=False, message="")

    def forget(self) -> None:
        """No query, no history; a search that runs is called off."""
        self.param.update(answer=None, history=[], searching=False, message="")

    def adopt(self, dataset: Dataset) -> None:
        """Show another version; what referred to rows of the old one goes."""
        colour = self.colour if self.colour in dataset.kinds else dataset.first_colour
        with param.parameterized.batch_call_watchers(self):
            self.forget()
            self.param.update(selected=None, hovered=None, pointed=None, colour=colour, dataset=dataset)

    def end(self) -> None:
        """The session is over: let go of what is large, whoever still holds this object; nobody is told."""
        with param.parameterized.discard_events(self):
            self.param.update(dataset=None, answer=None, history=[])


def cleaned(text: str) -> str:
    """A query as it is asked: one line, no surrounding or repeated white space."""
    return " ".join(text.split())


def refused(text: str) -> str:
    """Why a query is not asked at all, "" when it is."""
    if len(text) > LONGEST_QUERY:
        return f"That is {len(text):,} characters; up to {LONGEST_QUERY} are read. Shorten it."
    return ""
