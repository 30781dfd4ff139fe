"""The tabs above a group of panels, a menu that moves or closes the panel in view, and the splitter's keys.

They are our own: a title of panel-material-ui's `Tabs` is plain text without a count, and its contents could
not lie below the sheets that cover the whole panel.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import param

from viewer.components.base import Component
from viewer.session.arrangement import ALL_STEPS, HALF, MAX_GROUPS, PANELS, Arrangement, Dock, Group
from viewer.session.state import LAYOUT, ViewState


class Move(NamedTuple):
    """An entry of the menu: its words, and the dock and group that the panel goes to."""

    label: str
    dock: Dock
    at: int | None  # None: a group of its own


class Tabs(Component):
    """A tab for each panel of one group, with a count."""

    tabs = param.List(doc="Key, title and count of each; 0 shows no count.")
    active = param.String()
    moves = param.List(doc="Where the panel in view can be moved to, in words.")
    movable = param.Boolean(doc="Whether the page has room for more than one group.")
    following = param.Integer(doc="How many groups follow; a splitter is before the first of them.")
    splitter = param.String(doc="The panels on both sides of that splitter, in words.")
    share = param.Number(HALF, doc="What the group takes of its room and theirs, in percent.")

    script = "layout/tabs.js"
    _css = ("components.css", "menu.css", "layout/tabs.css")

    def __init__(self, *, dock: Dock = "beside", at: int = 0, **params: Any) -> None:
        actions = {
            "choose": self._choose, "move": self._move, "close": self._close, "grow": self._grow,
        }  # fmt: skip
        super().__init__(actions=actions, **params)
        self._dock, self._at = dock, at
        self._moves: list[Move] = []

    def follow(self, state: ViewState) -> None:
        """Show the group of the state's arrangement, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["filters", "selection", "findings", *LAYOUT])
        self._update()

    @property
    def group(self) -> Group | None:
        """The group in this place; None: there is none."""
        groups = self._state.layout.groups(self._dock)
        return groups[self._at] if self._at < len(groups) else None

    def _update(self, *_events: Any) -> None:
        state, group = self._state, self.group
        after = state.layout.groups(self._dock)[self._at + 1 :]
        self.param.update(visible=group is not None, following=len(after))
        if group is None:
            return
        counts = {
            "filter": len(state.filters),
            "selection": 0 if state.selection is None else len(state.selection),
            "insights": len(state.findings or ()),
        }
        tabs = [{"key": key, "title": key.capitalize(), "count": counts.get(key, 0)} for key in group.panels]
        self._moves = [] if state.narrow else possible_moves(state.arrangement, self._dock, self._at)
        self.param.update(
            tabs=tabs,
            active=group.active,
            moves=[move.label for move in self._moves],
            movable=not state.narrow,
            splitter=" and ".join(side.active.capitalize() for side in (group, *after[:1])),
            share=group.share,
        )

    def _choose(self, message: Mapping[str, Any]) -> None:
        if message.get("tab") in PANELS:
            self._state.show_panel(message["tab"])

    def _move(self, message: Mapping[str, Any]) -> None:
        """Move the panel in view to the place of an entry of the menu."""
        at, group = message.get("entry"), self.group
        if group is None or type(at) is not int or not 0 <= at < len(self._moves):
            return
        move = self._moves[at]
        self._state.arrangement = self._state.arrangement.move(group.active, move.dock, move.at)

    def _close(self, _message: Mapping[str, Any]) -> None:
        if (group := self.group) is not None:
            self._state.arrangement = self._state.arrangement.close(group.active)

    def _grow(self, message: Mapping[str, Any]) -> None:
        """Move the splitter after the group by steps, as a pointer does."""
        by, least = message.get("by"), message.get("least")
        if type(by) is not int or abs(by) > ALL_STEPS or not isinstance(least, (int, float)):
            return
        if self.following and 0 <= least <= HALF:
            state = self._state
            state.arrangement = state.arrangement.grow_group(self._dock, self._at, by, least=least)


def possible_moves(arrangement: Arrangement, dock: Dock, at: int) -> list[Move]:
    """Return where the active panel of a group can go: to a place of its own, or to another group."""
    group = arrangement.groups(dock)[at]
    moves = []
    names: dict[Dock, str] = {"beside": "Open beside the map", "below": "Open below the map"}
    for place, label in names.items():
        if (place != dock or len(group.panels) > 1) and len(arrangement.groups(place)) < MAX_GROUPS:
            apart = "Open in a column of its own" if place == dock else label
            moves.append(Move(apart, place, None))
    for place in names:
        for i, other in enumerate(arrangement.groups(place)):
            if (place, i) != (dock, at):
                moves.append(Move(f"Join {', '.join(map(str.capitalize, other.panels))}", place, i))
    return moves
