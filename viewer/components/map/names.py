"""The names of clusters over the map: a press selects a cluster's images and lists them.

What does not belong here: which names appear, and where (`render/names.py`).
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import param

from viewer.components.base import Component
from viewer.components.map.lasso import apply_in_background
from viewer.components.map.map import MapView
from viewer.session.background import when_loaded
from viewer.session.state import ViewState
from viewer.session.steps import OneCluster, SelectionStep


class ClusterNames(Component):
    """Lies over the map: a button for each name near the part in view."""

    # As JSON: Bokeh and Panel would look for models in every value of a list, which takes milliseconds.
    names = param.String(
        default="[]", doc="Of each name: its cluster's identity, text, place in map units, size in pixels."
    )
    quiet = param.Boolean(default=False, doc="Whether something else on the map is looked at.")
    chosen = param.List(doc="The clusters whose images are selected.")

    script = "map/names.js"
    _css = ("components.css", "map/over.css", "map/names.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the names of each picture of the map."""
        self._actions = {"select": partial(self._select, state)}
        self._state, self._view = state, view
        self._loaded = False
        view.on_picture.append(self._update)
        state.param.watch(self._rest, ["answer", "selection", "steps"])
        when_loaded(self._begin)
        self._rest()

    def _rest(self, *_events: Any) -> None:
        state = self._state
        self.quiet = state.answer is not None or state.selection is not None
        added = [step.target for step in state.steps if step.mode != "subtract"]
        self.chosen = [target.cluster_id for target in added if isinstance(target, OneCluster)]

    def _begin(self) -> None:
        """Show the names of the first picture, which may have come before the page has loaded."""
        self._loaded = True
        self._update()

    def _update(self) -> None:
        if not self._loaded or self._state.dataset is None:
            return  # a change before the page has loaded would not reach it
        picture, clusters = self._view.picture, self._state.dataset.clusters
        if picture is None or clusters is None:
            shown = []
        else:
            shown = [
                {
                    "id": int(clusters.table.ids[name.cluster]), "text": name.text,
                    "count": int(clusters.table.sizes[name.cluster]),
                    "x": name.x, "y": name.y, "size": name.size, "width": name.width, "height": name.height,
                }
                for name in picture.names
            ]  # fmt: skip
        self.names = json.dumps(shown, separators=(",", ":"))

    @staticmethod
    def _select(state: ViewState, message: Mapping[str, Any]) -> None:
        cluster_id = message.get("id")
        if type(cluster_id) is int:
            select_cluster(state, cluster_id)


def select_cluster(state: ViewState, cluster_id: int) -> None:
    """Select a cluster's images, and show them once they are known."""
    if state.dataset.clusters is not None and state.dataset.clusters.row_of(cluster_id) is not None:
        apply_in_background(state, SelectionStep("replace", OneCluster(cluster_id)))
