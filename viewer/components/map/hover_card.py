"""The card of the image under the pointer: thumbnail, name and a few values, beside the image's point."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset import image_words
from viewer.session.state import ViewState

POSITION = ("x", "y", "reach")  # in pixels: the centre of an image on the map, and half its height


class HoverCard(Component):
    """Lies over the map and shows one image, or nothing."""

    item = param.Dict(default={})

    script = "map/hover_card.js"
    _css = ("components.css", "map/over.css", "boxes.css", "map/hover_card.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the hovered image beside its point; hide the card as soon as the map moves."""
        self._state, self._view = state, view
        state.param.watch(self._update, ["hovered", "dataset"])
        view.on_move.append(self._hide)

    def _hide(self) -> None:
        self._state.hovered = None

    def _update(self, *_events: Any) -> None:
        row, state = self._state.hovered, self._state
        if row is None:
            self.item = {}
            return
        card = image_words.card(state.dataset, row, colour=state.colour, tags=state.tags_of(row))
        position = self._position(row, card)
        self.item = {**card, **position} if position else {}

    def _position(self, row: int, card: dict[str, Any]) -> dict[str, float] | None:
        """Return the position that the card points to; None if the image is out of view."""
        if self._view.picture is None and card["id"] == self.item.get("id"):
            return {name: self.item[name] for name in POSITION}  # another version's picture is on its way
        found = self._view.position_of(row)
        return dict(zip(POSITION, found, strict=True)) if found else None
