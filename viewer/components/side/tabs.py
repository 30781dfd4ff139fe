"""The tabs above the panel beside the map.

They are our own: a title of panel-material-ui's `Tabs` is plain text without a count, and its contents could
not lie below the sheets that cover the whole panel.
"""

from collections.abc import Mapping
from typing import Any

import param

from viewer.components.base import Component
from viewer.session.state import PANELS, ViewState


class Tabs(Component):
    """A tab for each panel, with a count."""

    tabs = param.List(doc="Key, title and count of each; 0 shows no count.")
    active = param.String()

    script = "side/tabs.js"
    _css = ("components.css", "side/tabs.css")

    def __init__(self, **params: Any) -> None:
        super().__init__(actions={"choose": self._choose}, **params)

    def follow(self, state: ViewState) -> None:
        """Show the panel of the state, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["panel", "filters", "selection", "findings"])
        self._update()

    def _update(self, *_events: Any) -> None:
        selection = self._state.selection
        count = 0 if selection is None else len(selection)
        counts = {"filter": len(self._state.filters), "selection": count}
        counts["insights"] = len(self._state.findings or ())
        tabs = [{"key": key, "title": key.capitalize(), "count": counts.get(key, 0)} for key in PANELS]
        self.param.update(tabs=tabs, active=self._state.panel)

    def _choose(self, message: Mapping[str, Any]) -> None:
        if message.get("tab") in PANELS:
            self._state.panel = message["tab"]
