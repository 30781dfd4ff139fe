"""The two switches below the legend: the images and the names that stand for clusters on the map."""

from collections.abc import Mapping
from typing import Any

import param

from viewer.components.base import Component
from viewer.session.state import ViewState


class MapLayers(Component):
    """A switch for the images and one for the names; nothing for a dataset without clusters."""

    known = param.Boolean(default=False, doc="Whether there is anything to switch.")
    faces = param.Boolean(default=True)
    named = param.Boolean(default=True)
    nameable = param.Boolean(default=True, doc="Whether names have a place: they are laid out for the map.")

    script = "map/layers.js"
    _css = ("components.css", "map/layers.css")

    def follow(self, state: ViewState) -> None:
        """Show and set what the state says."""
        self._state = state
        self._actions = {"faces": self._switch, "names": self._switch}
        state.param.watch(self._update, ["faces", "names", "dataset", "laid"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        known, is_map = state.dataset.clusters is not None, state.places.is_map
        self.param.update(known=known, faces=state.faces, named=state.names, nameable=is_map)

    def _switch(self, message: Mapping[str, Any]) -> None:
        setattr(self._state, str(message["kind"]), message.get("on") is True)
