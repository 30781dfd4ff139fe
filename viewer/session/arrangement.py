"""Which panels are open, and where: groups of tabs beside the map and below it. Pure data.

What does not belong here: the elements that show an arrangement (`components/layout/workspace.py`).
"""

import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

PANELS = ("results", "filter", "selection", "insights", "table")
USUAL = PANELS[:4]  # the others are opened by those who want them
Dock = Literal["beside", "below"]
DOCKS: tuple[Dock, ...] = ("beside", "below")
MAX_GROUPS = 3  # in a dock
WIDTH, HEIGHT = 27.0, 40.0  # the share of the page that a dock takes at first, in percent
SHARES = (10.0, 85.0)  # the least and the largest share
HALF = 50.0  # the share of a group at first, in percent
GROUP_SHARES = (10.0, 90.0)  # the least and the largest share of a group; `splitter.js` has the same
STEP = 5.0  # percent that a key adds to a share
ALL_STEPS = 20  # from one end to the other
MAX_LENGTH = 200  # characters of an arrangement that is written down
ACTIVE = "~"  # before the name of a group's active panel


@dataclass(frozen=True)
class Group:
    """Panels in one place, as tabs. One of them is active: the others lie behind it.

    `share` is what the group takes of the room that it and the groups after it have, in percent. It stays
    with the group, and has no effect on the last one of a dock.
    """

    panels: tuple[str, ...]
    active: str
    share: float = HALF

    def without(self, panel: str) -> "Group | None":
        """Remove a panel; its neighbor becomes active. None: no panel is left."""
        rest = tuple(other for other in self.panels if other != panel)
        if not rest:
            return None
        at = max(self.panels.index(panel) - 1, 0) if self.active == panel else None
        return replace(self, panels=rest, active=rest[at] if at is not None else self.active)

    def joined_by(self, panel: str) -> "Group":
        """Add a panel and activate it."""
        return replace(self, panels=_in_order((*self.panels, panel)), active=panel)


@dataclass(frozen=True)
class Arrangement:
    """Groups of panels from left to right, in the docks beside the map and below it.

    A panel is in one group at most; a panel in none is closed. `width` is the share of the page that the dock
    beside the map takes, `height` the share of the map's column that the dock below takes, in percent.
    """

    beside: tuple[Group, ...] = (Group(USUAL, USUAL[0]),)
    below: tuple[Group, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT

    def groups(self, dock: Dock) -> tuple[Group, ...]:
        """Return the groups of a dock."""
        return self.beside if dock == "beside" else self.below

    @property
    def all_groups(self) -> tuple[Group, ...]:
        """The groups of both docks."""
        return (*self.beside, *self.below)

    @property
    def is_map_alone(self) -> bool:
        """Whether every panel is closed."""
        return not self.all_groups

    def is_open(self, panel: str) -> bool:
        """Whether a panel is in any group, active or behind another."""
        return any(panel in group.panels for group in self.all_groups)

    def shows(self, panel: str) -> bool:
        """Whether a panel is active in its group."""
        return any(panel == group.active for group in self.all_groups)

    def show(self, panel: str) -> "Arrangement":
        """Activate a panel; a closed one joins the first group."""
        if not self.is_open(panel):
            return self.move(panel, "beside" if self.beside or not self.below else "below", 0)
        return self._with(
            *(
                [replace(group, active=panel) if panel in group.panels else group for group in groups]
                for groups in (self.beside, self.below)
            )
        )

    def close(self, panel: str) -> "Arrangement":
        """Remove a panel from its group; a group without panels disappears."""
        return self._with(*map(list, self._without(panel)))

    def move(self, panel: str, dock: Dock, at: int | None = None) -> "Arrangement":
        """Put a panel into a dock and activate it.

        Args:
            panel: the panel, open or closed.
            dock: the dock.
            at: the group that it joins, by its position; None: a group of its own, the last one.
        """
        if at is not None and at < len(self.groups(dock)) and panel in self.groups(dock)[at].panels:
            return self.show(panel)
        docks = dict(zip(DOCKS, map(list, self._without(panel)), strict=True))
        # The group may have moved to the left, as the panel's old group disappeared.
        joined = self.groups(dock)[at] if at is not None and at < len(self.groups(dock)) else None
        groups = docks[dock]
        if joined is not None:
            position = groups.index(joined)
            groups[position] = joined.joined_by(panel)
        elif len(groups) >= MAX_GROUPS:
            groups[-1] = groups[-1].joined_by(panel)
        else:
            groups.append(Group((panel,), panel))
        return self._with(docks["beside"], docks["below"])

    def resize(self, *, width: float | None = None, height: float | None = None) -> "Arrangement":
        """Give the docks other shares of the page, in percent, within limits; None keeps a share."""
        return replace(
            self,
            width=self.width if width is None else _share(width),
            height=self.height if height is None else _share(height),
        )

    def grow(
        self, dock: Dock, steps: int, *, least: float = SHARES[0], most: float = SHARES[1]
    ) -> "Arrangement":
        """Give a dock some steps more of the page, or fewer; one without panels keeps its share.

        Args:
            dock: the dock.
            steps: how many steps of `STEP` percent to add.
            least: the share of a dock at its least size, in percent. A page shows no smaller one, and so a
                step starts from there even if the share is smaller.
            most: its share while the map has its least size, in percent.
        """
        if not self.groups(dock):
            return self
        most = max(most, least)
        share = min(max(self.width if dock == "beside" else self.height, least), most)
        grown = min(max(share + steps * STEP, least), most)
        return self.resize(width=grown) if dock == "beside" else self.resize(height=grown)

    def divide(self, dock: Dock, at: int, share: float) -> "Arrangement":
        """Give the group at a position another share of its room, in percent, within limits."""
        groups = list(self.groups(dock))
        groups[at] = replace(groups[at], share=_share(share, GROUP_SHARES))
        return self._with(*(groups if dock == other else list(self.groups(other)) for other in DOCKS))

    def grow_group(self, dock: Dock, at: int, steps: int, *, least: float) -> "Arrangement":
        """Give a group some steps more of its room, or fewer; the groups after it get what is left.

        Args:
            dock: the dock.
            at: the group's position.
            steps: how many steps of `STEP` percent to add.
            least: the share of a group at its least size, in percent.
        """
        most = max(100 - least * (len(self.groups(dock)) - at - 1), least)
        share = min(max(self.groups(dock)[at].share, least), most)
        return self.divide(dock, at, min(max(share + steps * STEP, least), most))

    def has_places_of(self, other: "Arrangement") -> bool:
        """Whether the same panels are in the same groups, whichever is active and however large they are."""
        return all(
            [group.panels for group in self.groups(dock)] == [group.panels for group in other.groups(dock)]
            for dock in DOCKS
        )

    @property
    def is_usual(self) -> bool:
        """Whether a page looks like this, but for the active panels, until a person arranges it."""
        usual = Arrangement()
        shares = (self.width, self.height) == (usual.width, usual.height)
        return shares and self.has_places_of(usual)

    def merged(self) -> "Arrangement":
        """Return one group with all open panels, for pages that have no room for more."""
        groups = self.all_groups
        if len(groups) <= 1:
            return self
        return replace(self, beside=(Group(_in_order(self.open_panels), groups[0].active),), below=())

    @property
    def open_panels(self) -> tuple[str, ...]:
        """The panels that are in a group."""
        return tuple(chain.from_iterable(group.panels for group in self.all_groups))

    def _without(self, panel: str) -> tuple[list[Group], list[Group]]:
        """Return the groups of both docks without a panel."""
        beside, below = (
            [
                rest
                for group in groups
                if (rest := group.without(panel) if panel in group.panels else group) is not None
            ]
            for groups in (self.beside, self.below)
        )
        return beside, below

    def _with(self, beside: list[Group], below: list[Group]) -> "Arrangement":
        return replace(self, beside=tuple(beside), below=tuple(below))


EXPLORE = Arrangement()
CURATE = Arrangement(
    beside=(Group(("results", "selection", "insights"), "results"), Group(("filter",), "filter")),
    below=(Group(("table",), "table"),),
    width=55.0,
    height=34.0,
)
PRESENT = Arrangement(beside=())
PRESETS = {"explore": EXPLORE, "curate": CURATE, "present": PRESENT}


def write_arrangement(arrangement: Arrangement) -> str:
    """Write an arrangement, such as "~results,filter,60/~selection:~insights:27:40".

    Groups are parted by "/", docks and their shares by ":". After a group's panels comes its share, unless it
    is `HALF`: to earlier versions of this page it is an unknown panel, which they leave out.
    """
    docks = ("/".join(map(_write_group, groups)) for groups in (arrangement.beside, arrangement.below))
    return ":".join([*docks, *(f"{share:.4g}" for share in (arrangement.width, arrangement.height))])


def _write_group(group: Group) -> str:
    panels = [f"{ACTIVE}{panel}" if panel == group.active else panel for panel in group.panels]
    return ",".join(panels if group.share == HALF else [*panels, f"{group.share:.4g}"])


def parse_arrangement(text: str) -> Arrangement | None:
    """Read an arrangement that `write_arrangement` wrote; None for any other text.

    Unknown panels are left out, as another version of this page may know more of them.
    """
    fields = text[:MAX_LENGTH].split(":")
    if len(fields) != 4:  # noqa: PLR2004 - two docks and their shares
        return None
    seen: set[str] = set()
    beside, below = (tuple(_parse_groups(part, seen)) for part in fields[:2])
    try:
        shares = [_share(float(share)) for share in fields[2:]]
    except ValueError:
        return None
    return Arrangement(beside, below, *shares)


def _parse_groups(text: str, seen: set[str]) -> list[Group]:
    """Read the groups of a dock; `seen` are the panels before them, each of which is in one group only."""
    groups = []
    for part in text.split("/")[:MAX_GROUPS]:
        names = part.split(",")
        panels = tuple(
            dict.fromkeys(
                name
                for name in (given.removeprefix(ACTIVE) for given in names)
                if name in PANELS and name not in seen
            )
        )
        if not panels:
            continue
        seen.update(panels)
        active = next((name for name in panels if ACTIVE + name in names), panels[0])
        groups.append(Group(panels, active, _parse_group_share(names[-1])))
    return groups


def _parse_group_share(text: str) -> float:
    """Read a group's share; return the first one if the text is anything else."""
    try:
        return _share(float(text), GROUP_SHARES)
    except ValueError:
        return HALF


def _share(percent: float, limits: tuple[float, float] = SHARES) -> float:
    """Limit a share; raise ValueError if it is not a number."""
    if not math.isfinite(percent):
        raise ValueError("a share must be a finite number")
    return round(min(max(percent, limits[0]), limits[1]), 2)


def _in_order(panels: tuple[str, ...]) -> tuple[str, ...]:
    """Sort panels as they are listed in `PANELS`."""
    return tuple(sorted(panels, key=PANELS.index))
