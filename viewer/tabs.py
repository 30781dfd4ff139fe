"""The tabs over the panel beside the map: which of its parts is in view."""

from typing import Any

import param

from viewer.component import Component, script
from viewer.state import ViewState

TABS = {"results": "Results", "filter": "Filter"}


class Tabs(Component):
    """One button for each part."""

    tabs = param.List()
    active = param.String()

    _esm = script("tabs.js")
    _css = ("components.css", "tabs.css")

    def follow(self, state: ViewState) -> None:
        """Show what the state says, now and whenever it changes; a new search shows its results."""
        self._state = state
        self._actions = {"choose": lambda message: self._choose(message.get("tab"))}
        state.param.watch(self._update, ["tab", "filters"])
        state.param.watch(self._answered, "answer")
        self._update()

    def _update(self, *_events: Any) -> None:
        counts = {"filter": len(self._state.filters)}
        tabs = [{"key": key, "title": title, "count": counts.get(key, 0)} for key, title in TABS.items()]
        self.param.update(tabs=tabs, active=self._state.tab)

    def _choose(self, tab: object) -> None:
        if isinstance(tab, str) and tab in TABS:
            self._state.tab = tab

    def _answered(self, event: Any) -> None:
        if event.new is not None and (event.old is None or event.old.text != event.new.text):
            self._state.tab = "results"
