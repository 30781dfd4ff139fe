"""The menu of arrangements, and of the panels that are open. It remembers the arrangement in a cookie.

What does not belong here: where an arrangement puts its panels (`workspace.py`).
"""

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from viewer.components.base import Component
from viewer.components.layout.workspace import LEAST_MAP, LEAST_SIZES
from viewer.session.arrangement import (
    ALL_STEPS,
    DOCKS,
    EXPLORE,
    PANELS,
    PRESETS,
    Arrangement,
    Dock,
    parse_arrangement,
    write_arrangement,
)
from viewer.session.state import LAYOUT, ViewState

COOKIE = "clipper-layout"
TITLES = {"explore": "the map and one panel", "curate": "images first", "present": "the map alone"}


def saved_arrangement() -> Arrangement:
    """Return the arrangement that the current visitor's cookie has; the first one without a cookie."""
    value = (pn.state.cookies or {}).get(COOKIE) if pn.state.curdoc is not None else None
    return parse_arrangement(str(value or "")) or EXPLORE


class LayoutMenu(Component):
    """Chooses an arrangement, opens and closes panels, and gives them more room without a pointer.

    Its script gives the splitters between the map and the panels their keys.
    """

    presets = param.List(doc="Key, title and note of each arrangement, and whether it is in view.")
    panels = param.List(doc="Key and title of each panel, and whether it is open.")
    docks = param.List(doc="Each dock that can be larger or smaller, as `_dock` has it.")
    saved = param.String(doc="The arrangement as the cookie has it.")

    script = "layout/layout_menu.js"
    _css = ("components.css", "menu.css", "layout/layout_menu.css")

    def __init__(self, **params: Any) -> None:
        actions = {
            "preset": self._choose, "panel": self._toggle, "grow": self.grow, "narrow": self._narrow,
        }  # fmt: skip
        super().__init__(actions=actions, **params)

    def follow(self, state: ViewState) -> None:
        """Show the arrangement of the state, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, LAYOUT)
        self._update()

    def _update(self, *_events: Any) -> None:
        now = self._state.arrangement
        self.param.update(
            presets=[
                {"key": key, "title": key.capitalize(), "note": TITLES[key], "on": now.has_places_of(preset)}
                for key, preset in PRESETS.items()
            ],
            panels=[
                {"key": panel, "title": panel.capitalize(), "on": now.is_open(panel)} for panel in PANELS
            ],
            docks=[] if self._state.narrow else [_dock(now, dock) for dock in DOCKS if now.groups(dock)],
            saved=write_arrangement(now),
        )

    def _choose(self, message: Mapping[str, Any]) -> None:
        preset = PRESETS.get(str(message.get("key")))
        if preset is not None:
            shown = preset.show(self._state.panel) if preset.is_open(self._state.panel) else preset
            self._state.arrangement = shown

    def _toggle(self, message: Mapping[str, Any]) -> None:
        """Open a panel or close it."""
        panel, state = message.get("key"), self._state
        if panel not in PANELS:
            return
        if state.arrangement.is_open(panel):
            state.arrangement = state.arrangement.close(panel)
        else:
            state.param.update(arrangement=state.arrangement.show(panel), panel=panel)

    def grow(self, message: Mapping[str, Any]) -> None:
        """Give a dock some steps more of the page, or fewer, as a splitter does."""
        by, page = message.get("by"), message.get("page")
        if type(by) is not int or abs(by) > ALL_STEPS or not isinstance(page, (int, float)) or not page > 0:
            return
        for dock in DOCKS:
            if dock == message.get("dock") and not self._state.narrow:
                least, map_least = (100 * size / page for size in (LEAST_SIZES[dock], LEAST_MAP[dock]))
                now = self._state.arrangement
                self._state.arrangement = now.grow(dock, by, least=least, most=100 - map_least)

    def _narrow(self, message: Mapping[str, Any]) -> None:
        """Note whether the page is narrow."""
        self._state.narrow = message.get("on") is True


def _dock(arrangement: Arrangement, dock: Dock) -> dict[str, Any]:
    """Return a dock's name, share in percent and panels in view, and the pixels that it and the map need."""
    share = arrangement.width if dock == "beside" else arrangement.height
    names = [group.active.capitalize() for group in arrangement.groups(dock)]
    least = {"least": LEAST_SIZES[dock], "leastMap": LEAST_MAP[dock]}
    return {"dock": dock, "share": share, "panels": ", ".join(names), **least}
