"""Choosing by drawing on the map: the outline under the pointer, and the buttons of its two tools."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset.columns.filters import is_member
from viewer.dataset.geometry.lasso import simplify_outline
from viewer.pools import SELECT_POOL
from viewer.session.background import failed, in_background
from viewer.session.selection import (
    HOWS,
    SelectionContext,
    Step,
    choose,
    dated,
    read_outline,
    rows_of,
    take_dated,
    write_outline,
)
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

TOLERANCE = 1.5  # pixels by which an outline may differ from what was drawn
LONGEST = 20_000  # corners of what a browser sends


class Lasso(Component):
    """Lies over the map. While a tool is chosen, or Shift or Alt is held, a drag draws an outline.

    With a tool in hand its buttons say what an outline does: choose, add or take away.
    """

    tool = param.String()

    script = "map/lasso.js"
    _css = ("components.css", "map/lasso.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Draw with the tool that the state says."""
        self._state, self._view = state, view
        self._actions = {
            "drawn": self._drawn, "tap": self._tapped, "drawing": self._begun,
            "end": lambda _message: setattr(state, "tool", ""),
        }  # fmt: skip
        state.param.watch(lambda event: setattr(self, "tool", event.new), "tool")

    def _begun(self, _message: object) -> None:
        self._state.hovered = None

    def _drawn(self, message: Mapping[str, Any]) -> None:
        """An outline in map units: what is within it is chosen, added, or taken away."""
        viewport, how = self._view.viewport, message.get("how")
        step = parse_outline(message.get("shape"), unit=viewport.units_per_pixel) if viewport else None
        if message.get("stays") is not True:
            self._state.tool = ""
        if step is None or how not in HOWS:
            return
        apply_in_background(self._state, {"how": str(how), **step})

    def _tapped(self, message: Mapping[str, Any]) -> None:
        """A press without a movement is about one image: "add" is one more or less, "less" takes it away."""
        x, y, how = message.get("x"), message.get("y"), message.get("how")
        if not (isinstance(x, (int, float)) and isinstance(y, (int, float))):
            return
        row = self._view.row_at(float(x), float(y))
        if how == "add" and row is not None:
            toggle_image(self._state, row)
        elif how == "less" and row is not None and self._state.selection is not None:
            step = {"how": "less", "image": self._state.dataset.atlas.ids[row]}
            choose(self._state, step, np.array([row], np.int64))
        elif how == "only":
            self._state.param.update(selected=row, hovered=None, pointed=None)


class SelectionTools(Component):
    """The two tools' buttons in the map's corner."""

    tool = param.String()

    script = "map/tools.js"
    _css = ("components.css", "map/tools.css")

    def follow(self, state: ViewState) -> None:
        """Show which tool the state says, and set it."""
        self._actions = {"tool": lambda message: toggle_tool(state, message.get("tool"))}
        state.param.watch(lambda event: setattr(self, "tool", event.new), "tool")


def toggle_tool(state: ViewState, tool: object) -> None:
    """Take a tool, or put it back where it is the one in hand."""
    if tool in {"lasso", "box"}:
        state.tool = "" if state.tool == tool else tool


def parse_outline(told: object, *, unit: float) -> Step | None:
    """What was drawn as the part of a step: corners that count, in numbers no longer than they need be.

    Args:
        told: pairs in map units.
        unit: map units per pixel.
    """
    if not isinstance(told, list) or len(told) > LONGEST:
        return None
    try:
        corners = np.array(told, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        return None
    if not len(corners) or not np.isfinite(corners).all():
        return None
    digits = int(np.clip(np.ceil(-np.log10(unit / 2)), 0, 9))
    tolerance = TOLERANCE * unit
    while len(kept := simplify_outline(corners, tolerance=tolerance)) > 200:  # noqa: PLR2004 - a scribble, which no link could hold
        tolerance *= 2
    shape = read_outline(np.round(kept, digits).tolist())
    return None if shape is None else {"shape": write_outline(shape)}


def toggle_image(state: ViewState, row: int) -> None:
    """Choose one image more, or one less."""
    rows = np.array([row], np.int64)
    there = state.selection is not None and is_member(rows, state.selection).all()
    choose(state, {"how": "less" if there else "add", "image": state.dataset.atlas.ids[row]}, rows)


def apply_in_background(state: ViewState, step: Step, tagged: Mapping[str, np.ndarray] | None = None) -> None:
    """Take a step in the background: of a million images an outline holds many."""
    in_background(
        partial(rows_of, step, SelectionContext.of(state), tagged or {}, kept=state.kept),
        partial(_applied, state, state.dataset, dated(step, state)),
        pool=SELECT_POOL,
    )


def _applied(state: ViewState, dataset: object, step: Step, done: "Future[np.ndarray]") -> None:
    if failed(done, "choosing") or dataset is not state.dataset:
        return
    take_dated(state, step, done.result())
    if state.selection is not None:
        state.panel = "selection"
