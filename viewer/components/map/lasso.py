"""Selecting by drawing on the map: the outline under the pointer, and the buttons of the two tools.

What does not belong here: which images a drawing selects (`session/selection.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset.columns.filters import is_member
from viewer.dataset.geometry.lasso import simplify_outline
from viewer.pools import SELECT_POOL
from viewer.session.background import failed, in_background
from viewer.session.selection import (
    SelectionSource,
    apply_step,
    record_step,
    rows_of_target,
    with_context,
)
from viewer.session.state import ViewState
from viewer.session.steps import OneImage, Outline, SelectionStep, read_mode, read_outline

if TYPE_CHECKING:
    from concurrent.futures import Future

TOLERANCE = 1.5  # pixels by which a simplified outline may differ from the drawing
MAX_DRAWN = 20_000  # corners that a browser may send
MAX_KEPT = 200  # corners after simplification; a link could not hold more


class Lasso(Component):
    """Lies over the map. With a tool in hand, or with Shift or Alt held, a drag draws an outline.

    Buttons beside the tool's name set whether a drawing replaces the selection, adds to it or subtracts.
    """

    script = "map/lasso.js"
    _css = ("components.css", "map/over.css", "map/lasso.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Select what is drawn on the map of the view."""
        self._state, self._view = state, view
        self._actions = {"drawn": self._drawn, "tap": self._tapped, "drawing": self._begun}

    def _begun(self, _message: object) -> None:
        self._state.hovered = None

    def _drawn(self, message: Mapping[str, Any]) -> None:
        """Select the images inside an outline in map units."""
        viewport, mode = self._view.viewport, read_mode(message.get("mode"))
        outline = parse_outline(message.get("shape"), unit=viewport.units_per_pixel) if viewport else None
        if outline is None or mode is None:
            return
        state = self._state
        on_map = state.places.is_map
        outline = replace(outline, axes=outline.axes if on_map else state.axes)
        outline = replace(outline, model=state.dataset.further_model if on_map else "")
        apply_in_background(state, SelectionStep(mode, outline), state.tags)

    def _tapped(self, message: Mapping[str, Any]) -> None:
        """Act on one image after a press without a drag: open it, toggle it, or subtract it."""
        x, y, mode = message.get("x"), message.get("y"), read_mode(message.get("mode"))
        if not (isinstance(x, (int, float)) and isinstance(y, (int, float))):
            return
        row = self._view.row_at(float(x), float(y))
        if mode == "add" and row is not None:
            toggle_image(self._state, row)
        elif mode == "subtract" and row is not None and self._state.selection is not None:
            step = SelectionStep("subtract", OneImage(self._state.dataset.atlas.ids[row]))
            apply_step(self._state, step, np.array([row], np.int64))
        elif mode == "replace":
            self._state.param.update(selected=row, hovered=None, pointed=None)


class SelectionTools(Component):
    """The buttons of the two tools, in the map's corner. Only the page knows which tool is in hand."""

    script = "map/tools.js"
    _css = ("components.css", "map/tools.css")


def parse_outline(value: object, *, unit: float) -> Outline | None:
    """Return the outline of a drawing, simplified and rounded for a link; None if it is no outline.

    Args:
        value: pairs in map units, from the browser.
        unit: map units per pixel.
    """
    if not isinstance(value, list) or len(value) > MAX_DRAWN:
        return None
    try:
        corners = np.array(value, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        return None
    if not len(corners) or not np.isfinite(corners).all():
        return None
    digits = int(np.clip(np.ceil(-np.log10(unit / 2)), 0, 9))
    tolerance = TOLERANCE * unit
    while len(kept := simplify_outline(corners, tolerance=tolerance)) > MAX_KEPT:
        tolerance *= 2
    return read_outline(np.round(kept, digits).tolist())


def toggle_image(state: ViewState, row: int) -> None:
    """Add an image to the selection, or subtract it if it is selected."""
    rows = np.array([row], np.int64)
    selected = state.selection is not None and is_member(rows, state.selection).all()
    target = OneImage(state.dataset.atlas.ids[row])
    apply_step(state, SelectionStep("subtract" if selected else "add", target), rows)


def apply_in_background(
    state: ViewState,
    step: SelectionStep,
    tags: Mapping[str, np.ndarray] | None = None,
    *,
    show: bool = True,
) -> None:
    """Apply a step in the background: testing a million images against an outline takes a while.

    `show` shows the panel of the selection.
    """
    in_background(
        partial(rows_of_target, step.target, SelectionSource.of(state), tags or {}, kept=state.kept),
        partial(_applied, state, state.dataset, with_context(step, state), show),
        pool=SELECT_POOL,
    )


def _applied(
    state: ViewState, dataset: object, step: SelectionStep, show: bool, done: "Future[np.ndarray]"
) -> None:
    if failed(done, "selecting") or dataset is not state.dataset:
        return
    record_step(state, step, done.result())
    if show and state.selection is not None:
        state.show_panel("selection")
