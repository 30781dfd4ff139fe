"""The card of the image under the pointer: thumbnail, name and a few values beside its point."""

from typing import Any

import param

from viewer.component import Component, script
from viewer.map import MapView
from viewer.state import ViewState


class HoverCard(Component):
    """Lies over the map and shows one image, or nothing."""

    item = param.Dict(default={})
    version = param.String()

    _esm = script("hover.js")
    _css = ("components.css", "hover.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the hovered image beside its point; hide as soon as the map moves."""
        self._state, self._view = state, view
        state.param.watch(self._update, "hovered")
        view.moved.append(self._hide)

    def _hide(self) -> None:
        self._state.hovered = None

    def _update(self, *_events: Any) -> None:
        row, state = self._state.hovered, self._state
        where = None if row is None else self._view.where(row)
        if row is None or where is None:
            self.item = {}
            return
        x, y, reach = where
        card = state.dataset.card(row, colour=state.colour)
        self.param.update(version=state.dataset.version, item={**card, "x": x, "y": y, "reach": reach})
