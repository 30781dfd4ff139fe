"""The legend: what the colours on the map mean, with a count on every line."""

from typing import Any

import param

from viewer.colours import NO_VALUE, Colouring, stops
from viewer.component import Component, script
from viewer.state import ViewState

DENSITY = "Density only"  # what no column at all is called


class ColourKey(Component):
    """A line for each category, or a ramp with the ends of its range.

    Not named `Legend`: Material UI would take it for Bokeh's and set properties it does not have.
    """

    kind = param.String("none")
    entries = param.List()
    ramp = param.List()
    low = param.String()
    high = param.String()

    _esm = script("legend.js")
    _css = ("components.css", "legend.css")

    def follow(self, state: ViewState) -> None:
        """Show the colours of the state, now and whenever they change."""
        self._state = state
        state.param.watch(self._update, ["colour", "dark", "dataset"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.param.update(**legend(state.dataset.colouring(state.colour), dark=state.dark))


class Fold(Component):
    """The button that folds the legend's card into a chip, which still says what the colours mean."""

    label = param.String()
    colours = param.List()
    smooth = param.Boolean(default=False)

    _esm = script("fold.js")
    _css = ("components.css", "fold.css")

    def follow(self, state: ViewState) -> None:
        """Show the colours of the state, now and whenever they change."""
        self._state = state
        state.param.watch(self._update, ["colour", "dark", "dataset"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.param.update(**chip(state.dataset.colouring(state.colour), dark=state.dark))


def chip(colours: Colouring, *, dark: bool) -> dict[str, Any]:
    """A colouring in a few words: the column's name and its colours in a row."""
    if colours.kind == "category":
        shown = [colours.hex(entry.code, dark=dark) for entry in colours.entries]
        return {"label": colours.name, "colours": shown, "smooth": False}
    return {"label": colours.name or DENSITY, "colours": list(stops(colours.kind, dark=dark)), "smooth": True}


def legend(colours: Colouring, *, dark: bool) -> dict[str, Any]:
    """A colouring as what the legend shows."""
    entries = [
        {"label": e.label, "count": e.count, "colour": colours.hex(e.code, dark=dark)}
        for e in colours.entries
    ]
    if colours.kind == "number" and colours.missing:
        neutral = colours.hex(NO_VALUE, dark=dark)
        entries.append({"label": "No value", "count": colours.missing, "colour": neutral})
    if colours.kind == "category":
        return {"kind": "category", "entries": entries, "ramp": [], "low": "", "high": ""}
    if colours.kind == "none":
        return {"kind": "none", "entries": [], "ramp": [], "low": "", "high": ""}
    ends = number(colours.low), number(colours.high)
    return {
        "kind": "number", "entries": entries, "ramp": list(stops("number", dark=dark)),
        "low": ends[0], "high": ends[1],
    }  # fmt: skip


def number(value: float) -> str:
    """A number as short as it can be read: 4 digits, years without a comma."""
    if float(value).is_integer() and abs(value) < 10_000:  # noqa: PLR2004 - 2024 is a year more often than a count
        return str(int(value))
    return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.3g}"  # noqa: PLR2004
