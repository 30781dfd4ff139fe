"""The legend: what the colours on the map mean, with counts, and how a person filters by them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import param

from viewer.colours import MAX_CATEGORIES, NO_VALUE, OTHER, Colouring, Entry, stops
from viewer.component import Component, script
from viewer.facets import Facet, Scale, Values
from viewer.filtering import drawn, histogram, press
from viewer.filters import Condition, labelled, shows, toggled
from viewer.scales import moment, number
from viewer.state import ViewState

DENSITY = "Density only"  # what no column at all is called
ABSENT = "No value"
COLOURS = ("colour", "dark", "dataset", "answer")
FOUND = 8  # values that a search in the legend shows


class OfColours(Component):
    """A part that shows the colours of the state, now and whenever they change."""

    __abstract = True

    _seen: ClassVar[tuple[str, ...]] = COLOURS

    def follow(self, state: ViewState) -> None:
        """From now on show what the state says."""
        self._state = state
        state.param.watch(self._update, list(self._seen))
        self._update()

    def _update(self, *_events: Any) -> None:
        self.param.update(**self._told(self._state))

    def _told(self, state: ViewState) -> dict[str, Any]:
        raise NotImplementedError


class ColourKey(OfColours):
    """A line for each category, or a histogram in the ramp's colours. Both filter the column they show.

    Not named `Legend`: Material UI would take it for Bokeh's and set properties it does not have.
    """

    kind = param.String("none")
    entries = param.List()
    ramp = param.List()
    low = param.String()
    high = param.String()
    chart = param.Dict(default={})
    hint = param.String()
    others = param.Integer(doc="How many values have no colour of their own; they can be searched for.")
    found = param.List()

    _esm = script("histogram.js", "legend.js")
    _css = ("components.css", "histogram.css", "legend.css")
    _seen = (*COLOURS, "counts", "kept", "filters")

    def __init__(self, **params: Any) -> None:
        actions = {"toggle": self._toggle, "only": self._only, "range": self._brush, "find": self._find}
        super().__init__(actions=actions, **params)
        self._part = ""

    def _told(self, state: ViewState) -> dict[str, Any]:
        colours = state.colouring
        facet = state.colour_facet
        condition, counts = state.filters.get(state.colour), (state.counts or {}).get(state.colour)
        told = legend(colours, dark=state.dark, facet=facet, condition=condition, counts=counts)
        if state.own_colouring is not None and isinstance(facet, Scale):
            told["chart"] = histogram(facet, None, facet.count(state.kept), fixed=True)
        if told["chart"]:
            told["chart"]["colours"] = _bar_colours(colours, facet, dark=state.dark)
        return {**told, "found": self._matching(state), "hint": hint(state)}

    def _matching(self, state: ViewState) -> list[dict[str, Any]]:
        facet, colours = state.colour_facet, state.colouring
        if not self._part or not isinstance(facet, Values) or colours.kind != "category":
            return []
        condition, counts = state.filters.get(state.colour), (state.counts or {}).get(state.colour)
        entries = [
            Entry(label, int(facet.whole[facet.code_of[label]]), colours.assigned().get(label, OTHER))
            for label in labelled(facet, part=self._part, most=FOUND)
        ]
        return [_line(e, colours, facet, condition, counts, dark=state.dark) for e in entries]

    def _values(self, message: Mapping[str, Any]) -> list[str | None]:
        """The values that a pressed line stands for."""
        facet, label = self._state.colour_facet, message.get("label")
        if message.get("others") is True and isinstance(facet, Values):
            named = self._state.colouring.assigned()
            return [value for value in facet.labels if value not in named]
        return [label] if label is None or isinstance(label, str) else []

    def _toggle(self, message: Mapping[str, Any]) -> None:
        press(self._state, self._state.colour, lambda old: toggled(old, self._values(message), hide=True))

    def _only(self, message: Mapping[str, Any]) -> None:
        alone = {"values": self._values(message)}
        press(self._state, self._state.colour, lambda old: None if old == alone else alone)

    def _brush(self, message: Mapping[str, Any]) -> None:
        press(self._state, self._state.colour, drawn(self._state.colour_facet, message))

    def _find(self, message: Mapping[str, Any]) -> None:
        self._part = str(message.get("part", ""))[:200].strip()
        self.found = self._matching(self._state)


class Fold(OfColours):
    """The button that folds the legend's card into a chip, which still says what the colours mean."""

    label = param.String()
    colours = param.List()
    smooth = param.Boolean(default=False)

    _esm = script("fold.js")
    _css = ("components.css", "fold.css")

    def _told(self, state: ViewState) -> dict[str, Any]:
        return chip(state.colouring, dark=state.dark)


def hint(state: ViewState) -> str:
    """What to do where the colour that was chosen has nothing to show yet."""
    waits = state.colour not in {"", *state.dataset.kinds} and state.colouring.kind == "none"
    return "Search for something: every image is then coloured by how well it fits." if waits else ""


def chip(colours: Colouring, *, dark: bool) -> dict[str, Any]:
    """A colouring in a few words: the column's name and its colours in a row."""
    if colours.kind == "category":
        shown = [colours.hex(entry.code, dark=dark) for entry in colours.entries]
        return {"label": colours.name, "colours": shown, "smooth": False}
    return {"label": colours.name or DENSITY, "colours": list(stops(colours.kind, dark=dark)), "smooth": True}


def legend(
    colours: Colouring,
    *,
    dark: bool,
    facet: Facet | None = None,
    condition: Condition | None = None,
    counts: np.ndarray | None = None,
) -> dict[str, Any]:
    """A colouring as what the legend shows.

    Args:
        colours: what is shown.
        dark: the theme.
        facet: what its column can be filtered by, None where it cannot.
        condition: on that column.
        counts: of its values among what the other conditions let pass; None: among all.
    """
    told: dict[str, Any] = {
        "kind": colours.kind, "entries": [], "ramp": [], "low": "", "high": "", "chart": {}, "others": 0,
    }  # fmt: skip
    entries = list(colours.entries)
    if colours.values is not None and colours.missing:
        entries.append(Entry(ABSENT, colours.missing, NO_VALUE))
    told["entries"] = [_line(entry, colours, facet, condition, counts, dark=dark) for entry in entries]
    if colours.kind == "category" and isinstance(facet, Values):
        told["others"] = max(0, len(facet.labels) - MAX_CATEGORIES)
    if colours.values is not None:
        words: Callable[[float], str] = moment if colours.kind == "time" else number
        told |= {
            "ramp": list(stops(colours.kind, dark=dark)),
            "low": words(colours.low),
            "high": words(colours.high),
        }
        if isinstance(facet, Scale):
            told["chart"] = histogram(facet, condition, counts)
    return told


def _line(
    entry: Entry,
    colours: Colouring,
    facet: Facet | None,
    condition: Condition | None,
    counts: np.ndarray | None,
    *,
    dark: bool,
) -> dict[str, Any]:
    """A line of the legend: what it says, and what pressing it means."""
    absent = entry.code == NO_VALUE
    label = None if absent else entry.label
    line = {"label": entry.label, "count": entry.count, "colour": colours.hex(entry.code, dark=dark)}
    if facet is None:
        return line
    now = entry.count
    on = shows(condition, label)
    if counts is not None and absent:
        now = int(counts[-1])
    elif isinstance(facet, Values):
        if entry.rest:
            rest = [value for value in facet.labels if value not in colours.assigned()]
            on = any(shows(condition, value) for value in rest)
        if counts is not None:
            codes = [facet.code_of[value] for value in rest] if entry.rest else [facet.code_of[label]]
            now = int(counts[codes].sum())
    return {**line, "now": now, "on": on, "value": label, "others": entry.rest}


def _bar_colours(colours: Colouring, facet: Facet | None, *, dark: bool) -> list[str]:
    """The ramp's colour in the middle of each bin."""
    if not isinstance(facet, Scale):
        return []
    edges = facet.scaled.edges
    share = np.clip(
        ((edges[1:] + edges[:-1]) / 2 - colours.low) / max(colours.high - colours.low, 1e-12), 0, 1
    )
    return [colours.hex(int(code), dark=dark) for code in (share * (NO_VALUE - 1)).round()]
