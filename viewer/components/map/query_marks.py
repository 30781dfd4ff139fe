"""The button beside a query's mark, which removes the mark. A click on the mark asks again (`map.py`)."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.components.map.overlays import LABEL_MIDDLE, short_label
from viewer.session.state import ViewState


class QueryMarks(Component):
    """Lies over the map: a button beside each query's label, visible under the pointer or with the focus."""

    marks = param.List(doc="Of each query: its text, its title, its label on the map, and its position.")
    raised = param.Number(LABEL_MIDDLE, doc="Pixels from a query's position up to the middle of its label.")

    script = "map/query_marks.js"
    _css = ("components.css", "map/over.css", "map/query_marks.css")

    def follow(self, state: ViewState) -> None:
        """Show the queries of the state, now and whenever they change."""
        self._actions = {"forget": lambda message: state.remove_query(str(message.get("text", "")))}
        self._state = state
        state.param.watch(self._update, ["history", "laid", "placed_queries"])
        self._update()

    def _update(self, *_events: Any) -> None:
        if self._state.dataset is None:
            return
        self.marks = [
            {
                "text": answer.text, "called": answer.title, "label": short_label(answer.title),
                "x": answer.x, "y": answer.y,
            }
            for answer in map(self._state.placed, self._state.history)
        ]  # fmt: skip
