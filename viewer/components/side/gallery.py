"""The result panel: ranked results; before the first search, suggestions and all images.

A visitor sorts the images, groups them and selects some of them here.

Its chips and switches are our own: each of panel-material-ui's would be a Bokeh model, made and removed with
every query, and the browser would draw them one by one.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from viewer.components.base import Action, Component
from viewer.components.lists.picking import Picker
from viewer.components.side.label_line import label_marks
from viewer.components.side.result_cards import (
    group_choices,
    group_counts,
    listed_cards,
    order_view,
    query_view,
    result_cards,
)
from viewer.dataset.ranking import PAGE_SIZE, position_in_list
from viewer.dataset.suggestions import sample_images, suggest_queries
from viewer.session.answers import Answer
from viewer.session.state import LAYOUT, ImageList, ViewState
from viewer.session.workers.listing import sort_by

if TYPE_CHECKING:
    from viewer.dataset.dataset import Dataset

DEEPEST = 2_000  # results listed at most to reach the card of an image on the map

LABELS = {"tags", "labels", "labelling", "dark"}  # what changes the labels on cards


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
    size = param.Integer(doc="How many images there are.")
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
    order = param.Dict(default={}, doc="How the images are sorted and grouped, and how they can be.")
    groups = param.Dict(default={}, doc="How many images each group has.")
    chosen = param.List(doc="The ids of the cards whose images are selected.")
    marks = param.Dict(default={}, doc="The labels of cards, see `label_marks`.")
    labelling = param.Boolean(default=False)

    script = "side/gallery.js"
    _css = ("components.css", "menu.css", "side/gallery.css", "side/threshold.css")

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        self._picker = Picker()
        own = {
            "more": self._load, "reach": self._reach, "sort": self._sort, "group": self._group,
            "labelling": lambda _: setattr(self._state, "labelling", not self._state.labelling),
            **self._picker.actions,
        }  # fmt: skip
        super().__init__(actions={**own, **(actions or {})}, **params)
        self._shown: Answer | None = None
        self._source: tuple[Dataset | None, ImageList | None] = (None, None)  # where the cards came from
        self._sent = 0  # cards of `state.browsed` that the page has

    def follow(self, state: ViewState, *, more: Callable[[int], None] = lambda _upto: None) -> None:
        """Show the answer of the state, now and whenever it changes; `more` lists more results."""
        names = ["history", "searching", "message", "selected", "terms", "min_similarity", "max_similarity"]
        names += ["answer", "dataset", "baseline", "kept", "selection", "fold", "only_selection", *LAYOUT]
        names += ["images", "sort", "ascending", "group", "tags", "labels", "labelling", "dark", "zone"]
        state.param.watch(self._update, names)
        state.param.watch(self._point, ["hovered", "dataset"])
        self._state, self._more = state, more
        self._picker.follow(state)
        self._update()

    def end(self) -> None:
        """Release what a session that is over does not need."""
        self._shown, self._source = None, (None, None)

    def _load(self, message: Mapping[str, Any]) -> None:
        """Send the cards that follow those the page has."""
        have, answer, images = message.get("have"), self._state.answer, self._state.browsed
        if type(have) is not int:
            return
        if images is not None:
            if have == self._sent:
                self._send_images(images, PAGE_SIZE)
        elif answer is None:
            return
        elif 0 < have < len(answer.rows):
            self.page = {"start": have, "items": result_cards(self._state, answer, start=have)}
        elif have == len(answer.rows):
            self._more(0)

    def _send_images(self, images: ImageList, count: int) -> None:
        """Send the next cards of a list that is not ranked by similarity alone."""
        start, self._sent = self._sent, min(self._sent + count, len(images.rows))
        self.page = {"start": start, "items": listed_cards(self._state, images, start, self._sent)}
        self._mark_chosen()

    def _reach(self, message: Mapping[str, Any]) -> None:
        """List the results down to an image that the pointer rests on, if they are not too many."""
        image_id, state, answer = message.get("id"), self._state, self._state.answer
        row = state.dataset.row_of(image_id) if isinstance(image_id, str) else None
        if row is None:
            return
        if state.browsed is not None:
            at = np.flatnonzero(state.browsed.rows[:DEEPEST] == row)
            if len(at) and at[0] >= self._sent:
                self._send_images(state.browsed, int(at[0]) + 1 - self._sent)
        elif answer is not None and answer.similarities is not None:
            folded = any(row in group for group in answer.alike)
            place = None if folded else position_in_list(answer.similarities, row, state.listing())
            if place is not None and len(answer.rows) <= place < DEEPEST:
                self._more(place + 1)

    # -- the order

    def _sort(self, message: Mapping[str, Any]) -> None:
        sort_by(self._state, message.get("column"), ascending=message.get("ascending") is True)

    def _group(self, message: Mapping[str, Any]) -> None:
        column = message.get("column")
        if column == "" or column in group_choices(self._state):
            self._state.group = column

    def _mark_chosen(self) -> None:
        browsed, answer = self._state.browsed, self._state.answer
        rows = np.empty(0, np.int64) if answer is None else answer.rows
        listed = rows if browsed is None else browsed.rows[: self._sent]
        self.chosen = self._picker.chosen_ids(listed)
        self._mark_labels(listed)

    def _mark_labels(self, listed: np.ndarray) -> None:
        state = self._state
        if state.labelling and not len(listed):  # a sample of the images
            found = (state.dataset.row_of(item["id"]) for item in self.items)
            listed = np.array([row for row in found if row is not None], np.int64)
        self.param.update(marks=label_marks(state, listed), labelling=state.labelling)

    # -- what is shown

    def _update(self, *events: Any) -> None:
        state, answer = self._state, self._state.answer
        dataset = state.dataset
        self.visible = state.shows("results")
        names = {event.name for event in events}
        # The state may be ahead of the events: another part that answered first may have told us of its own.
        source = (dataset, state.browsed)
        anew = any(new is not old for new, old in zip(source, self._source, strict=True))
        # Where images are listed in an order, another version and other filters bring another list.
        awaited = state.is_browsing and state.browsed is None and self._source[1] is not None
        is_mixture = answer is None and state.browsed is None
        asked = not events or anew or answer is not self._shown or (is_mixture and "kept" in names)
        if asked and not awaited:
            self._list(answer, anew=anew)
            self._source = source
            self._mark_chosen()
        images = {} if state.browsed is None else {"listed": len(state.browsed.rows)}
        self.param.update(
            **(query_view(state) | images),
            history=[{"text": old.text, "label": old.title} for old in state.history],
            suggestions=suggest_queries(dataset),
            searching=state.searching,
            message=state.message,
            total=state.passing_count,
            size=dataset.n,
            selected=dataset.id_of(state.selected),
            order=order_view(state),
        )
        if names & {"selection", *LABELS}:
            self._mark_chosen()

    def _list(self, answer: Answer | None, *, anew: bool) -> None:
        """Show the results; if they continue those in view, send only the new ones."""
        shown, self._shown = self._shown, answer
        images = self._state.browsed
        if images is not None and len(images.rows) <= self._state.dataset.n:
            self._sent = min(PAGE_SIZE, len(images.rows))
            self.groups = group_counts(images)  # first: the cards' headings need them
            self.items = listed_cards(self._state, images, 0, self._sent)
        elif answer is None:
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
