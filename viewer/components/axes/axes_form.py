"""The part of the legend's card in which a visitor chooses between the map and two axes, and types these.

What does not belong here: laying images out (`session/workers/axes.py`), and the words along the axes
(`axis_words.py`).
"""

from collections.abc import Mapping
from typing import Any

import param

from clipper.projection.axis_text import COLUMN
from viewer.components.base import Component
from viewer.dataset.axes.lay_out import MAP, axis_choices, read_asked
from viewer.pools import RANK_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import ViewState
from viewer.session.workers.axes import AxesWorker

EXAMPLE = "night <-> day"  # where a dataset has no words of its own


class AxesForm(Component):
    """Two buttons, "Map" and "Axes", and a choice and a field for each axis."""

    shown = param.List(default=["", ""], doc="The axes, across and up, as they were asked for.")
    active = param.Boolean(default=False, doc="Whether images lie on axes, or are on their way there.")
    busy = param.Boolean(default=False)
    problems = param.List(default=["", ""], doc="Why an axis cannot be made, for each.")
    choices = param.List(
        doc="Columns that can be an axis: of each heading its name, and value and title of each."
    )
    example = param.String(EXAMPLE)

    script = "axes/axes_form.js"
    _css = ("components.css", "axes/axes_form.css")

    def follow(self, state: ViewState, worker: AxesWorker, *, home: Any = None) -> None:
        """Show the axes of the state; `home` shows all images, once others places are in view."""
        self._state, self._worker, self._home = state, worker, home or (lambda: None)
        self._moves = False
        self._actions = {"axes": self._ask, "choices": lambda _message: self._list_choices()}
        fields = ["axes", "asked_axes", "axes_problems", "failed_axes", "dataset"]
        state.param.watch(self._update, fields)
        state.param.watch(self._arrived, "laid")
        state.param.watch(self._renew, ["dataset", "tags", "word_column"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        failed_ones = state.failed_axes if any(state.axes_problems) else MAP
        asked = state.asked_axes or (failed_ones if failed_ones != MAP else state.axes)
        self.param.update(
            shown=list(asked),
            active=asked != MAP,
            busy=state.asked_axes is not None,
            problems=list(state.axes_problems),
        )

    def _arrived(self, *_events: Any) -> None:
        if self._moves and self._state.dataset is not None:
            self._moves = False
            self._home()

    def _ask(self, message: Mapping[str, Any]) -> None:
        asked = read_asked(message.get("x"), message.get("y"))
        self._moves = True
        self._worker.ask(asked)

    def _renew(self, *_events: Any) -> None:
        if self.choices:
            self._list_choices()

    def _list_choices(self) -> None:
        """List the columns, whose facets may have to be made first."""
        state = self._state
        dataset, tags, words = state.dataset, bool(state.tags), state.word_column is not None
        if dataset is None:
            return

        def show(done: Any) -> None:
            if failed(done, "listing the axes") or self._state.dataset is not dataset:
                return
            self.choices = [
                [heading, [[f"{COLUMN}{name}", title] for name, title in group.items()]]
                for heading, group in done.result().items()
            ]

        in_background(lambda: axis_choices(dataset, tags=tags, words=words), show, pool=RANK_POOL)
