"""The cross at a query's mark, which takes it off the map. A click on the mark asks again (`map.py`)."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.components.map.overlays import LABEL_MIDDLE, short_label
from viewer.session.state import ViewState


class QueryMarks(Component):
    """Lies over the map: a button beside each query's words, seen while the pointer or the focus is there."""

    marks = param.List(doc="Each: the query as written, as it reads, what the map shows of it, and where.")
    raised = param.Number(LABEL_MIDDLE, doc="Pixels from a query's place up to the middle of its words.")

    script = "map/query_marks.js"
    _css = ("components.css", "map/query_marks.css")

    def follow(self, state: ViewState) -> None:
        """Show what the state says, now and whenever it changes."""
        self._actions = {"forget": lambda message: state.forget(str(message.get("text", "")))}
        self._state = state
        state.param.watch(self._update, "history")
        self._update()

    def _update(self, *_events: Any) -> None:
        self.marks = [
            {"text": old.text, "called": old.called, "label": short_label(old.called), "x": old.x, "y": old.y}
            for old in self._state.history
        ]
