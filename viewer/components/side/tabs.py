"""The tabs above the panel beside the map: which of its parts is in view."""

from collections.abc import Mapping
from typing import Any

import param

from viewer.components.base import Component
from viewer.session.state import PANELS, ViewState


class Tabs(Component):
    """One tab for each part, with how much is in it."""

    tabs = param.List(doc="Each: its part, and a count, 0 for none.")
    active = param.String()

    script = "side/tabs.js"
    _css = ("components.css", "side/tabs.css")

    def __init__(self, **params: Any) -> None:
        super().__init__(actions={"choose": self._choose}, **params)

    def follow(self, state: ViewState) -> None:
        """Show what the state says, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["panel", "filters", "selection"])
        self._update()

    def _update(self, *_events: Any) -> None:
        chosen = self._state.selection
        counts = {"filter": len(self._state.filters), "selection": 0 if chosen is None else len(chosen)}
        tabs = [{"key": key, "title": key.capitalize(), "count": counts.get(key, 0)} for key in PANELS]
        self.param.update(tabs=tabs, active=self._state.panel)

    def _choose(self, message: Mapping[str, Any]) -> None:
        if message.get("tab") in PANELS:
            self._state.panel = message["tab"]
