"""Lays the images of one session out on the axes that its visitor asks for, off the event loop.

What does not belong here: the layout (`dataset/axes/lay_out.py`), and what the page shows of it
(`components/axes/`).
"""

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from clipper.errors import ClipperError
from clipper.projection.axis_text import COLUMN
from viewer.dataset.axes.lay_out import (
    MAP,
    QUERIES,
    Around,
    Asked,
    AxesError,
    is_of_file_times,
    lay_out,
    place_queries,
)
from viewer.dataset.columns.colouring import SIMILARITY
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.dataset import Dataset
from viewer.pools import AXES_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

    from viewer.dataset.geometry.places import Places

log = logging.getLogger(__name__)


def around_of(state: ViewState) -> Around:
    """Return what of this session's axes differs from visitor to visitor."""
    answer = state.answer
    known = answer.similarities if answer is not None else None
    return Around(
        state.tags, state.word_column, known, answer.title if answer is not None else "", state.zone
    )


class AxesWorker:
    """Only what was asked last is shown; if it cannot be made, what was shown stays."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._last = 0  # the same axes may be asked for again, as with another time zone, while they are made
        state.param.watch(self._follow, ["dataset", "answer", "tags", "word_column", "zone"])
        state.param.watch(self._place_queries, ["laid", "history"])

    def ask(self, asked: Asked) -> None:
        """Lay images out on two axes; with two empty ones, show the map again."""
        state = self._state
        self._last += 1
        if asked == MAP:
            state.param.update(axes=MAP, laid=None, asked_axes=None, axes_problems=("", ""), failed_axes=MAP)
            return
        state.param.update(asked_axes=asked, axes_problems=("", ""), failed_axes=MAP)
        dataset = state.dataset
        work = partial(lay_out, dataset, asked, around_of(state))
        in_background(work, partial(self._made, dataset, asked, self._last), pool=AXES_POOL)

    def _made(self, dataset: Dataset, asked: Asked, number: int, done: "Future[Places]") -> None:
        state = self._state
        is_last = number == self._last and state.asked_axes == asked
        if not is_last or state.dataset is None or state.dataset is not dataset:
            return
        error = done.exception()
        if error is None:
            state.param.update(axes=asked, laid=done.result(), asked_axes=None)
            return
        problems = error.problems if isinstance(error, AxesError) else (_told(error), "")
        lost = state.places.is_map  # another version cannot show the axes that were in view
        kept = {"axes": MAP} if lost else {}
        state.param.update(asked_axes=None, axes_problems=problems, failed_axes=asked, **kept)

    def _place_queries(self, *_events: Any) -> None:
        """Find where the queries lie on axes between texts."""
        state = self._state
        if state.dataset is None or state.places.is_map:
            return
        places, asked, known = state.places, state.axes, state.places.cache.get(QUERIES, {})
        queries = [each.terms for each in state.history if each.words_only and each.terms not in known]
        if queries:
            work = partial(place_queries, state.dataset, places, asked, queries)
            in_background(work, partial(self._placed, places), pool=AXES_POOL)

    def _placed(self, places: "Places", done: "Future[None]") -> None:
        state = self._state
        if not failed(done, "placing queries on axes") and state.dataset is not None:
            state.placed_queries += places is state.places

    def _follow(self, *events: Any) -> None:
        """Lay out anew for another version, or where an axis shows what has changed."""
        state = self._state
        if state.dataset is None:
            return
        asked, names = state.asked_axes or state.axes, {event.name for event in events}
        if asked == MAP:
            return
        if "dataset" in names and (state.asked_axes is not None or state.places.is_map):
            self.ask(asked)
            return
        columns = {said.removeprefix(COLUMN) for said in asked}
        shown = {"answer": SIMILARITY, "tags": state.dataset.tag_column_name, "word_column": WORDS}
        is_of_zone = "zone" in names and any(map(is_of_file_times, asked))
        if is_of_zone or any(name in names and column in columns for name, column in shown.items()):
            self.ask(asked)


def _told(error: BaseException) -> str:
    if not isinstance(error, ClipperError):
        log.error("images could not be laid out", exc_info=error)
        return "The images could not be laid out. The server's log says why."
    return str(error)
