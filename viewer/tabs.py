"""The tabs above the panel beside the map: which of its parts is shown."""

from typing import Any

import param

from viewer.component import Component, script
from viewer.state import ViewState


class Tabs(Component):
    """One tab for each part, with how much is in it."""

    panel = param.String()
    tabs = param.List(doc='Each: name, label and a count as text, "" for none.')

    _esm = script("tabs.js")
    _css = ("components.css", "tabs.css")

    def follow(self, state: ViewState) -> None:
        """Show which part the state says, and set it."""
        self._state = state
        self._actions = {"panel": self._switch}
        state.param.watch(self._update, ["panel", "selection"])
        self._update()

    def _switch(self, message: Any) -> None:
        if message.get("panel") in self._state.param.panel.objects:
            self._state.panel = message["panel"]

    def _update(self, *_events: Any) -> None:
        state = self._state
        chosen = 0 if state.selection is None else len(state.selection)
        self.param.update(
            panel=state.panel,
            tabs=[["results", "Results", ""], ["selection", "Selection", f"{chosen:,}" if chosen else ""]],
        )
