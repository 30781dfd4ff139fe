"""The card of the image under the pointer: thumbnail, name and a few values beside its point."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.session.state import ViewState

POSITION = ("x", "y", "reach")  # in pixels: an image's centre on the map and half its height


class HoverCard(Component):
    """Lies over the map and shows one image, or nothing."""

    item = param.Dict(default={})

    script = "map/hover_card.js"
    _css = ("components.css", "map/hover_card.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the hovered image beside its point; hide as soon as the map moves."""
        self._state, self._view = state, view
        state.param.watch(self._update, ["hovered", "dataset"])
        view.moved.append(self._hide)

    def _hide(self) -> None:
        self._state.hovered = None

    def _update(self, *_events: Any) -> None:
        row, state = self._state.hovered, self._state
        card = {} if row is None else state.dataset.card(row, colour=state.colour, tags=state.tags_of(row))
        where = self._where(row, card) if row is not None else None
        self.item = {**card, **where} if where else {}

    def _where(self, row: int, card: dict[str, Any]) -> dict[str, float] | None:
        """Where the card points to; None when the image is out of view."""
        if self._view.picture is None and card["id"] == self.item.get("id"):
            return {name: self.item[name] for name in POSITION}  # another version's picture is on its way
        found = self._view.where(row)
        return dict(zip(POSITION, found, strict=True)) if found else None
