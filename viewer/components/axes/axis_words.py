"""The words along the axes, over the map, and the points that glide to new places.

What does not belong here: which axes there are (`axes_form.py`), and which values have a tick
(`dataset/axes/ticks.py`).
"""

import base64
from typing import Any

import numpy as np
import param

from clipper.projection.axes import Axis
from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset.axes.ticks import NO_VALUE_TEXT, axis_ticks
from viewer.dataset.geometry.places import Places, corner_of, plane_of
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import dot_radius
from viewer.session.background import when_loaded
from viewer.session.state import ViewState

GLIDING = 2_500  # points that are seen to glide; of more, a random part
ROOM = 96  # pixels for one tick
SCALES = {"linear": "", "log": "log scale", "log1p": "log scale"}


class AxisWords(Component):
    """Lies over the map."""

    axes = param.List(
        doc="Of the axis across and the one up: title, note, ends, and ticks; nothing on the map."
    )
    plane = param.List(
        doc="Where both run from 0 to 1: x0, x1, y0, y1 in map units; and where their lines meet."
    )
    moves = param.Dict(
        default={}, doc="Points that glide: `from`, `to` and `colours` in base64, `dot` in pixels."
    )
    arrived = param.Integer(doc="The number of the move whose picture is on its way to the page, or there.")

    script = "axes/axis_words.js"
    _css = ("components.css", "map/over.css", "axes/axis_words.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the axes of the state, with the ticks of the part in view."""
        self._state, self._view = state, view
        self._loaded = False
        self._move = 0
        state.param.watch(self._glide, "laid")
        state.param.watch(self._update, "dataset")
        view.on_picture.append(self._update)
        when_loaded(self._begin)

    def _begin(self) -> None:
        self._loaded = True
        self._update()

    def _update(self, *_events: Any) -> None:
        state, viewport = self._state, self._view.viewport
        if not self._loaded or state.dataset is None:
            return
        places = state.places
        self.arrived = self._move
        if places.axes is None or viewport is None:
            self.axes = []
            return
        plane = plane_of(state.dataset.places.view)
        x, y = places.axes
        spans = _spans(viewport, plane)
        shown = [
            axis_view(x, *spans[0], most=max(2, viewport.width // ROOM)),
            axis_view(y, *spans[1], most=max(2, viewport.height // ROOM)),
        ]
        self.param.update(plane=[*plane, *corner_of(x, y, state.dataset.places)], axes=shown)

    def _glide(self, event: Any) -> None:
        """Let points glide from their places before to those now, unless these are another dataset's."""
        state, viewport = self._state, self._view.viewport
        if state.dataset is None or not self._loaded or viewport is None:
            return
        before, now = event.old or state.dataset.places, state.places
        if before is now or (before.first or before) is not (now.first or now):
            return
        self._move += 1
        self.moves = {"number": self._move, "dot": dot_radius(now, viewport), **self._points(before, now)}

    def _points(self, before: Places, now: Places) -> dict[str, str]:
        state = self._state
        dataset = state.dataset
        shown = np.arange(dataset.n) if state.kept is None else np.flatnonzero(state.kept)
        priority = dataset.priority[dataset.index.rank[shown]]
        rows = shown[np.argsort(priority, kind="stable")[:GLIDING]] if len(shown) > GLIDING else shown
        colouring = state.colouring
        colours = colouring.palette(dark=state.dark)[colouring.codes[dataset.index.rank[rows]]]
        arrays = {"from": before.positions(rows), "to": now.positions(rows), "colours": colours}
        return {
            name: base64.b64encode(np.ascontiguousarray(a).tobytes()).decode() for name, a in arrays.items()
        }


def axis_view(axis: Axis, low: float, high: float, *, most: int) -> dict[str, Any]:
    """Return an axis for the page, with the ticks between two places of it."""
    ticks = axis_ticks(axis, low, high, most=most)
    return {
        "kind": axis.kind,
        "title": axis.title if axis.kind != "text" else "",
        "note": SCALES[axis.scale],
        "ends": list(axis.ends),
        "missing": next((tick.at for tick in ticks if tick.text == NO_VALUE_TEXT and tick.at < 0), None),
        "ticks": [[tick.at, tick.text] for tick in ticks if tick.at >= 0],
    }


def _spans(viewport: Viewport, plane: tuple[float, ...]) -> list[tuple[float, float]]:
    """Return the part of each axis in view, in its places."""
    x0, x1, y0, y1 = plane
    return [
        ((viewport.x0 - x0) / (x1 - x0), (viewport.x1 - x0) / (x1 - x0)),
        ((viewport.y0 - y0) / (y1 - y0), (viewport.y1 - y0) / (y1 - y0)),
    ]
