"""The result panel: ranked results; before the first search, suggestions and a sample of the dataset.

Its chips and switches are our own: each of panel-material-ui's would be a Bokeh model, made and removed with
every query, and the browser would draw them one by one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import param

from viewer.components.base import Action, Component
from viewer.components.side.result_cards import query_view, result_cards
from viewer.dataset.ranking import position_in_list
from viewer.dataset.suggestions import sample_images, suggest_queries
from viewer.session.answers import Answer
from viewer.session.state import LAYOUT, ViewState

DEEPEST = 2_000  # results listed at most to reach the card of an image on the map


class Gallery(Component):
    """The contents of the panel."""

    items = param.List(doc="The first cards; `page` has those that follow.")
    page = param.Dict(default={}, doc="More cards, and the position of the first.")
    history = param.List(doc="The queries on the map: text and title.")
    suggestions = param.List(doc="Suggested queries: text and title.")
    parts = param.List(doc="The query's terms, if there are several or images.")
    query = param.String(doc="The title of the query.")
    text = param.String(doc="The text of the query.")
    message = param.String()
    searching = param.Boolean()
    milliseconds = param.Integer()
    total = param.Integer(doc="How many images pass the filters.")
    listed = param.Integer(doc="How many images could be listed.")
    spread = param.Dict(default={}, doc="The histogram of all similarities.")
    min_similarity = param.Number(default=None, allow_None=True, doc="The least similarity of a result.")
    max_similarity = param.Number(default=None, allow_None=True, doc="The largest one.")
    baseline = param.Number(default=None, allow_None=True, doc="The similarity that random words reach.")
    faint = param.String(doc="Why the results match badly.")
    fold = param.Boolean()
    only_selection = param.Boolean()
    selectable = param.Boolean(doc="Whether there is a selection.")
    selected = param.String(doc="The id of the image that is open.")
    near = param.String(doc="The id of the image under the pointer on the map.")

    script = "side/gallery.js"
    _css = ("components.css", "side/gallery.css", "side/threshold.css")

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        super().__init__(actions={"more": self._load, "reach": self._reach, **(actions or {})}, **params)
        self._shown: Answer | None = None

    def follow(self, state: ViewState, *, more: Callable[[int], None] = lambda _upto: None) -> None:
        """Show the answer of the state, now and whenever it changes; `more` lists more results."""
        names = ["history", "searching", "message", "selected", "terms", "min_similarity", "max_similarity"]
        names += ["answer", "dataset", "baseline", "kept", "selection", "fold", "only_selection", *LAYOUT]
        state.param.watch(self._update, names)
        state.param.watch(self._point, ["hovered", "dataset"])
        self._state, self._more = state, more
        self._update()

    def _load(self, message: Mapping[str, Any]) -> None:
        """Send the cards that follow those the page has."""
        have, answer = message.get("have"), self._state.answer
        if answer is None or not isinstance(have, int):
            return
        if 0 < have < len(answer.rows):
            self.page = {"start": have, "items": result_cards(self._state, answer, start=have)}
        elif have == len(answer.rows):
            self._more(0)

    def _reach(self, message: Mapping[str, Any]) -> None:
        """List the results down to an image that the pointer rests on, if they are not too many."""
        image_id, state, answer = message.get("id"), self._state, self._state.answer
        row = state.dataset.row_of(image_id) if isinstance(image_id, str) else None
        if row is None or answer is None or answer.similarities is None:
            return
        folded = any(row in group for group in answer.alike)
        at = None if folded else position_in_list(answer.similarities, row, state.listing())
        if at is not None and len(answer.rows) <= at < DEEPEST:
            self._more(at + 1)

    def _update(self, *events: Any) -> None:
        state, answer = self._state, self._state.answer
        dataset = state.dataset
        self.visible = state.shows("results")
        names = {event.name for event in events}
        if not events or names & {"answer", "dataset"} or (answer is None and "kept" in names):
            self._list(answer, anew="dataset" in names)
        self.param.update(
            **query_view(state),
            history=[{"text": old.text, "label": old.title} for old in state.history],
            suggestions=suggest_queries(dataset),
            searching=state.searching,
            message=state.message,
            total=state.passing_count,
            selected=dataset.id_of(state.selected),
        )

    def _list(self, answer: Answer | None, *, anew: bool) -> None:
        """Show the results; if they continue those in view, send only the new ones."""
        shown, self._shown = self._shown, answer
        if answer is None:
            self.items = sample_images(self._state.dataset, self._state.kept)
        elif not anew and shown is not None and continues(shown, answer):
            start = len(shown.rows)
            self.page = {"start": start, "items": result_cards(self._state, answer, start=start)}
        else:
            self.items = result_cards(self._state, answer)

    def _point(self, *_events: Any) -> None:
        """Mark the card of the image under the pointer on the map."""
        self.near = self._state.dataset.id_of(self._state.hovered)


def continues(shown: Answer, answer: Answer) -> bool:
    """Whether an answer lists the same results as the one shown, and more."""
    count = len(shown.rows)
    return (
        answer.similarities is not None
        and answer.similarities is shown.similarities
        and len(answer.rows) > count > 0
        and np.array_equal(answer.rows[:count], shown.rows)
        and answer.alike[:count] == shown.alike
    )
