"""What has changed since the version before: a card below the findings, and a switch of the map.

What does not belong here: comparing versions (`clipper/insight/drift.py`), and the colours of what is new
(`dataset/columns/novelty.py`).
"""

import math
from collections.abc import Mapping
from typing import Any

import param

from clipper.insight.drift import APPEARED, GREW, SHRANK, VANISHED
from clipper.query_filter import AnyOf, Condition
from clipper.store.parts.clusters import untitled
from viewer.components.base import Component
from viewer.components.map.names import select_cluster
from viewer.dataset.clusters import ClusterMap, one_line
from viewer.dataset.columns.novelty import BEFORE, NEW, NOVELTY, UNLIKE
from viewer.session.state import LAYOUT, ViewState

MOST_CLUSTERS = 12  # that are named, the surest first
RAREST = 10_000  # a smaller p-value is "fewer than one in so many"
# What each side of the switch lets pass; None: both.
SIDES: Mapping[str, Condition | None] = {
    "both": None,
    "before": AnyOf((BEFORE,)),
    "new": AnyOf((NEW, UNLIKE)),
}
_CHANGES = {APPEARED: "Only now", GREW: "More", SHRANK: "Fewer", VANISHED: "No longer"}


class DriftCard(Component):
    """The summary of a drift; nothing where there is no version before."""

    facts = param.Dict(default={}, doc="What has changed; {}: there is nothing to compare with.")
    side = param.String(
        doc='Which images the map shows as new or before: "both", "before", "new"; "": others.'
    )

    script = "side/drift_card.js"
    _css = ("components.css", "side/gallery.css", "side/parts.css", "side/drift_card.css")

    def follow(self, state: ViewState) -> None:
        """Show the drift of the state's version, now and whenever that changes."""
        self._state = state
        self._actions = {"side": self._turn, "cluster": self._select}
        state.param.watch(self._update, ["dataset", "clusters"])
        state.param.watch(self._appear, [*LAYOUT, "finding"])
        state.param.watch(self._mark, ["dataset", "colour", "filters"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        drift = state.dataset.atlas.drift
        switchable = state.dataset.facet(NOVELTY) is not None
        self.facts = drift_facts(drift, state.clusters, switchable=switchable) if drift else {}
        self._appear()
        self._mark()

    def _appear(self, *_events: Any) -> None:
        self.visible = bool(self.facts) and self._state.shows("insights") and not self._state.finding

    def _mark(self, *_events: Any) -> None:
        state = self._state
        own = state.filters.get(NOVELTY)
        sides = [side for side, condition in SIDES.items() if condition == own]
        self.side = sides[0] if state.colour == NOVELTY and sides else ""

    def _turn(self, message: Mapping[str, Any]) -> None:
        """Show one side on the map; the side in use again: neither."""
        side, state = str(message.get("side")), self._state
        if side not in SIDES or not self.facts.get("switch"):
            return
        off = side == self.side
        condition = None if off else SIDES[side]
        others = {name: old for name, old in state.filters.items() if name != NOVELTY}
        state.param.update(
            colour=state.dataset.default_colour if off else NOVELTY,
            filters=others if condition is None else {**others, NOVELTY: condition},
        )

    def _select(self, message: Mapping[str, Any]) -> None:
        cluster_id = message.get("id")
        if type(cluster_id) is int:
            select_cluster(self._state, cluster_id)


def drift_facts(drift: Mapping[str, Any], clusters: ClusterMap | None, *, switchable: bool) -> dict[str, Any]:
    """Return a drift, as `Drift.to_json` has it, for the card."""
    return {
        "since": str(drift["since"]),
        "new": drift["new"],
        "gone": drift["gone"],
        "stayed": drift["common"],
        "unlike": drift["sparse"],
        "share": _percent(drift["sparse_share"]),
        "drifted": drift["drifted"],
        "verdict": verdict(drift),
        "changes": cluster_changes(drift, clusters),
        "switch": switchable,
    }


def verdict(drift: Mapping[str, Any]) -> str:
    """Say in plain words whether the images differ from those before."""
    if not drift["new"] and not drift["gone"]:
        return "The same images as before."
    if not drift["tested"]:
        return "That is too few to tell whether their kind differs."
    p_value = float(drift["p_value"])
    if drift["drifted"]:
        return f"Their kind differs by more than chance: chance does this in {_rarely(p_value)}."
    if p_value >= 0.5:  # noqa: PLR2004 - a half
        return "They are of the same kind as before, as far as can be told."
    return f"They differ by no more than chance may: it does this in {_rarely(p_value)}."


def _rarely(p_value: float) -> str:
    if p_value < 1 / RAREST:
        return f"fewer than 1 of {RAREST:,} cases"
    return f"about 1 of {math.floor(1 / p_value):,} cases"


def cluster_changes(drift: Mapping[str, Any], clusters: ClusterMap | None) -> list[dict[str, Any]]:
    """Return the kinds of changes, each with its clusters: name, counts, and number if it can be selected."""
    told = drift["clusters"][:MOST_CLUSTERS]
    names: Mapping[str, str] = drift.get("names", {})
    groups = []
    for change, words in _CHANGES.items():
        own = [each for each in told if each["change"] == change]
        members = []
        for each in own:
            here = clusters is not None and clusters.row_of(each["id"]) is not None
            found = one_line(names.get(str(each["id"]), "")) or untitled(each["id"])
            name = clusters.label_of(each["id"]) if clusters is not None and here else found
            numbers = {"before": each["before"], "after": each["after"]}
            members.append({"name": name, **numbers, "id": each["id"] if here else None})
        if members:
            groups.append({"words": words, "clusters": members})
    return groups


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 or not share else "less than 1%"  # noqa: PLR2004 - one percent
