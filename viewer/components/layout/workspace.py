"""The map and the panels around it, in the places that the state's arrangement gives them.

Each dock has as many columns as it may have groups. They never move, and so the map never has to be drawn
anew; only panels move between them. What does not belong here: what an arrangement is
(`session/arrangement.py`), and what a panel shows.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import panel as pn
from panel.viewable import Viewable
from panel_splitjs import HSplit, VSplit

from viewer.components.base import style_sheet
from viewer.components.layout.tabs import Tabs
from viewer.session.arrangement import DOCKS, MAX_GROUPS, Dock
from viewer.session.state import LAYOUT, ViewState

GUTTER = 7  # pixels between two places
LEAST_SIZES: dict[Dock, int] = {"beside": 264, "below": 120}  # pixels of a dock's width, or of its height
LEAST_COLUMN = 180  # pixels of one column where several are beside each other
LEAST_MAP: dict[Dock, int] = {"beside": 280, "below": 160}  # of the map's width, or of its height


class Workspace:
    """One page's map and panels. `shell` is the element that holds them."""

    def __init__(
        self,
        state: ViewState,
        map_area: Viewable,
        panels: Mapping[str, Viewable],
        *,
        above: Sequence[Viewable],
        below: Sequence[Viewable],
    ) -> None:
        """Put panels around the map; the first group also has what is above and below its panels."""
        self._state, self._panels = state, panels
        self._above, self._below = above, below
        self._columns = {dock: [self._column(dock, at) for at in range(MAX_GROUPS)] for dock in DOCKS}
        arrangement = state.layout
        self._docks: dict[Dock, HSplit] = {dock: self._dock(dock) for dock in DOCKS}
        self._inner = VSplit(
            map_area, self._docks["below"], sizes=(100 - arrangement.height, arrangement.height),
            min_size=(LEAST_MAP["below"], LEAST_SIZES["below"]), **_looks("map-column"),
        )  # fmt: skip
        self.shell = HSplit(
            self._inner, self._docks["beside"], sizes=(100 - arrangement.width, arrangement.width),
            min_size=(LEAST_MAP["beside"], LEAST_SIZES["beside"]), **_looks("shell"),
        )  # fmt: skip
        self.shell.param.watch(lambda event: self._resized(width=event.new[1]), "sizes")
        self._inner.param.watch(lambda event: self._resized(height=event.new[1]), "sizes")
        state.param.watch(self._update, [*LAYOUT, "selected", "overview"])
        self._update()

    def _column(self, dock: Dock, at: int) -> pn.Column:
        tabs = Tabs(dock=dock, at=at, css_classes=["tabs"], margin=0)
        tabs.follow(self._state)
        return pn.Column(
            tabs, margin=0, css_classes=["group"], sizing_mode="stretch_both",
            stylesheets=[style_sheet("layout/group.css")],
        )  # fmt: skip

    def _dock(self, dock: Dock) -> HSplit:
        """Nest the columns of a dock, from the last to the first: each splitter has two sides."""
        *before, right = self._columns[dock]
        for at, left in reversed(list(enumerate(before))):
            right = HSplit(left, right, sizes=(50, 50), min_size=LEAST_COLUMN, **_looks("columns"))
            right.param.watch(partial(self._divided, dock, at), "sizes")
        right.css_classes = [*right.css_classes, "side" if dock == "beside" else "under"]
        return right

    def _resized(self, **shares: float) -> None:
        self._state.arrangement = self._state.arrangement.resize(**shares)

    def _divided(self, dock: Dock, at: int, event: Any) -> None:
        """Remember where a splitter is, unless no group follows it: then it is out of view."""
        state = self._state
        if at + 1 < len(state.layout.groups(dock)):
            state.arrangement = state.arrangement.divide(dock, at, event.new[0])

    def _update(self, *_events: Any) -> None:
        state, layout = self._state, self._state.layout
        main: tuple[Dock, int] = ("below" if layout.below and not layout.beside else "beside", 0)
        wanted: dict[tuple[Dock, int], list[Viewable]] = {}
        for dock, columns in self._columns.items():
            for at, column in enumerate(columns):
                groups = layout.groups(dock)
                panels = [self._panels[name] for name in groups[at].panels] if at < len(groups) else []
                is_main = (dock, at) == main
                shown = [*self._above, *panels, *self._below] if is_main else panels
                wanted[dock, at] = [column.objects[0], *shown]
        self._place(wanted)
        sheet = state.selected is not None or state.overview
        self._show_docks(len(layout.beside) or (main[0] == "beside" and sheet), len(layout.below))

    def _place(self, wanted: Mapping[tuple[Dock, int], list[Viewable]]) -> None:
        """Give each column its elements. A column first loses those that another column gets."""
        for (dock, at), elements in wanted.items():
            column = self._columns[dock][at]
            kept = [element for element in column.objects if element in elements]
            if len(kept) < len(column.objects):
                column.objects = kept
        for (dock, at), elements in wanted.items():
            column = self._columns[dock][at]
            if column.objects != elements:
                column.objects = elements

    def _show_docks(self, beside: int, below: int) -> None:
        """Hide what has no group: a whole dock, or the columns after its last group. Size what has one."""
        layout = self._state.layout
        _toggle(self.shell, "alone", on=not beside)
        _toggle(self._inner, "alone", on=not below)
        # Docks come first: a browser makes a column no smaller than its least size in the dock as it is.
        _resize(self.shell, layout.width)
        _resize(self._inner, layout.height)
        counts: dict[Dock, int] = {"beside": beside, "below": below}
        for dock, count in counts.items():
            split: Any = self._docks[dock]
            for at in range(1, MAX_GROUPS):
                _toggle(split, "alone", on=count <= at)
                if at < len(layout.groups(dock)):
                    _resize(split, 100 - layout.groups(dock)[at - 1].share)
                split = split.objects[1]


def _looks(name: str) -> dict[str, Any]:
    return {
        "gutter_size": GUTTER, "margin": 0, "sizing_mode": "stretch_both", "css_classes": [name],
        "stylesheets": [style_sheet("layout/split.css")],
    }  # fmt: skip


def _resize(split: HSplit | VSplit, share: float) -> None:
    """Give the second side of a splitter a share, in percent."""
    if abs(split.sizes[1] - share) > 0.01:  # noqa: PLR2004 - a hundredth of a percent
        split.sizes = (100 - share, share)


def _toggle(split: HSplit | VSplit, name: str, *, on: bool) -> None:
    """Add a class to an element, or remove it."""
    if (name in split.css_classes) != on:
        rest = [other for other in split.css_classes if other != name]
        split.css_classes = [*rest, name] if on else rest
