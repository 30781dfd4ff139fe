"""The legend: the meaning of the map's colours, with counts, and filters by a press or a brush."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import param

from clipper.query_filter import AnyOf, Condition, InRange, NoneOf
from clipper.store.snapshots import short_name
from viewer.components.base import Component
from viewer.components.filter_actions import (
    bar_colours,
    brush_change,
    change_filter,
    histogram_view,
    similarity_condition,
)
from viewer.components.map.words import WORD_FIELDS, word_actions, words_view
from viewer.dataset.columns.binning import format_numbers, format_time
from viewer.dataset.columns.colouring import (
    MAX_CATEGORIES,
    NO_VALUE_CODE,
    OTHER,
    SIMILARITY,
    Colouring,
    LegendEntry,
    ramp_stops,
)
from viewer.dataset.columns.facets import Facet, ScaleFacet, ValueFacet
from viewer.dataset.columns.filters import find_labels, listed_values, shows_value, toggle_values
from viewer.dataset.columns.local_times import zone_words
from viewer.dataset.columns.word_column import TITLE as WORDS_TITLE
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.dataset import TIMES
from viewer.session.state import ViewState
from viewer.session.workers.words import WordWorker

DENSITY = "Density only"  # the label of the choice without a column
NO_VALUE_LABEL = "No value"
COLOURS = ("colour", "dark", "dataset", "answer", "tags", "clusters", "word_column", "zone")
MAX_MATCHES = 20  # values that a search in the legend lists


class ColourPart(Component):
    """A component that shows the colours of the state."""

    __abstract = True

    _watched: ClassVar[tuple[str, ...]] = COLOURS

    def follow(self, state: ViewState) -> None:
        """Show the colours of the state, now and whenever they change."""
        self._state = state
        state.param.watch(self._update, list(self._watched))
        self._update()

    def _update(self, *_events: Any) -> None:
        self.param.update(**self._view(self._state))

    def _view(self, state: ViewState) -> dict[str, Any]:
        raise NotImplementedError


class ColourKey(ColourPart):
    """A line for each category, or a histogram in the ramp's colours. Both filter the column they show.

    Similarity is no column: its brush sets the range of similarities, as the slider over the results does.
    It is not named `Legend`: Material UI would take it for Bokeh's and set properties it does not have.
    """

    column = param.String()
    kind = param.String("none")
    entries = param.List()
    ramp = param.List()
    low = param.String()
    high = param.String()
    chart = param.Dict(default={})
    hint = param.String()
    others = param.Integer(doc="How many values have no colour of their own; a visitor can search for them.")
    found = param.List()
    words = param.Dict(default={}, doc="What `words_view` returns; nothing unless the words colour the map.")

    script = "map/legend.js"
    _css = ("components.css", "histogram.css", "map/legend.css", "map/words.css")
    _watched = (
        *COLOURS,
        *WORD_FIELDS,
        "counts",
        "kept",
        "filters",
        "selection",
        "min_similarity",
        "max_similarity",
    )

    def __init__(self, **params: Any) -> None:
        actions = {"toggle": self._toggle, "only": self._only, "range": self._brush, "find": self._find}
        super().__init__(actions=actions, **params)
        self._search = ""

    def follow(self, state: ViewState, words: WordWorker | None = None) -> None:
        """Show the colours of the state; what a visitor types goes to `words`."""
        self._actions |= word_actions(words or WordWorker(state))
        super().follow(state)

    def _view(self, state: ViewState) -> dict[str, Any]:
        colours, known = state.colouring, _column_state(state)
        if state.colour != self.column:
            self._search = ""
        view = legend_view(colours, dark=state.dark, known=known)
        if state.own_colouring is not None and isinstance(known.facet, ScaleFacet):
            listed = similarity_condition(state)
            view["chart"] = histogram_view(known.facet, listed, known.facet.count(state.unlimited_rows))
        if view["chart"]:
            view["chart"]["colours"] = bar_colours(colours, known.facet, dark=state.dark)
        words = words_view(state)
        return {
            **view,
            "column": state.colour,
            "found": self._matching(state),
            "hint": hint(state),
            "words": words,
        }

    def _matching(self, state: ViewState) -> list[dict[str, Any]]:
        known, colours = _column_state(state), state.colouring
        if not self._search or not isinstance(known.facet, ValueFacet) or colours.kind != "category":
            return []
        facet, named = known.facet, colours.assigned_codes()
        entries = [
            LegendEntry(label, int(facet.total_counts[facet.code_of[label]]), named.get(label, OTHER))
            for label in find_labels(facet, part=self._search, most=MAX_MATCHES)
        ]
        return [_line(entry, colours, known, dark=state.dark) for entry in entries]

    def _toggle(self, message: Mapping[str, Any]) -> None:
        label = message.get("label")
        if message.get("others") is True:
            change_filter(self._state, self._state.colour, self._toggle_others)
        elif label is None or isinstance(label, str):
            change_filter(self._state, self._state.colour, lambda old: toggle_values(old, [label], hide=True))

    def _toggle_others(self, old: Condition | None) -> Condition | None:
        """Hide or show all values without a colour of their own, by a condition on those that have one."""
        on = _others_pass(_column_state(self._state), self._state.colouring.assigned_codes())
        named = tuple(value for value in self._named() if shows_value(old, value) == on)
        if not named:
            return None
        return AnyOf(named) if on else NoneOf(named)

    def _only(self, message: Mapping[str, Any]) -> None:
        others, label = message.get("others") is True, message.get("label")
        alone = NoneOf(self._named()) if others else AnyOf((label,))
        if others or label is None or isinstance(label, str):
            change_filter(self._state, self._state.colour, lambda old: None if old == alone else alone)

    def _named(self) -> tuple[str | None, ...]:
        colours = self._state.colouring
        return (*colours.assigned_codes(), *([None] if colours.missing else []))

    def _brush(self, message: Mapping[str, Any]) -> None:
        state = self._state
        change = brush_change(state.colour_facet, message)
        if state.own_colouring is None:
            change_filter(state, state.colour, change)
        else:
            span = change(None)
            low, high = (span.low, span.high) if isinstance(span, InRange) else (None, None)
            state.param.update(min_similarity=low, max_similarity=high)

    def _find(self, message: Mapping[str, Any]) -> None:
        self._search = str(message.get("part", ""))[:200].strip()
        self.found = self._matching(self._state)


class LegendToggle(ColourPart):
    """The button that folds the legend's card into a chip with the column's name and colours.

    Beside the map of another model the chip also says which model's map this is, as the open card does.
    """

    label = param.String()
    model_name = param.String(doc='The model, by a short name; "" if there is no map beside.')
    colours = param.List()
    smooth = param.Boolean(default=False)

    script = "map/fold.js"
    _css = ("components.css", "map/fold.css")
    _watched = (*COLOURS, "dataset", "beside", "narrow")

    def _view(self, state: ViewState) -> dict[str, Any]:
        view = toggle_view(state.colouring, dark=state.dark)
        are_two = state.beside and not state.narrow and state.dataset is not None
        view["model_name"] = short_name(state.dataset.atlas.model) if are_two else ""
        return {**view, "label": WORDS_TITLE} if state.colour == WORDS else view


def hint(state: ViewState) -> str:
    """Return what to do if the chosen colour has nothing to show yet, or on whose clock its times are."""
    if state.colour in TIMES and state.colouring.kind == "time":
        return f"Times are shown {zone_words(state.zone)}."
    waits = state.colour == SIMILARITY and state.colouring.kind == "none"
    return "Search for something: every image is then coloured by how well it matches." if waits else ""


def toggle_view(colours: Colouring, *, dark: bool) -> dict[str, Any]:
    """Return the name of the colouring's column and its colours in a row."""
    if colours.kind == "category":
        shown = [colours.hex(entry.code, dark=dark) for entry in colours.entries]
        return {"label": colours.name, "colours": shown, "smooth": False}
    return {
        "label": colours.name or DENSITY,
        "colours": list(ramp_stops(colours.kind, dark=dark)),
        "smooth": True,
    }


class ColumnState(NamedTuple):
    """The column that colours the map: its facet (None if it cannot be filtered by) and its filter.

    `counts` has how many images of each value pass the other filters; None: without filters.
    """

    facet: Facet | None = None
    condition: Condition | None = None
    counts: np.ndarray | None = None


NO_COLUMN = ColumnState()


def legend_view(colours: Colouring, *, dark: bool, known: ColumnState = NO_COLUMN) -> dict[str, Any]:
    """Return a colouring for the legend."""
    view: dict[str, Any] = {
        "kind": colours.kind, "entries": [], "ramp": [], "low": "", "high": "", "chart": {}, "others": 0,
    }  # fmt: skip
    entries = list(colours.entries)
    if colours.values is not None and colours.missing:
        entries.append(LegendEntry(NO_VALUE_LABEL, colours.missing, NO_VALUE_CODE))
    view["entries"] = [_line(entry, colours, known, dark=dark) for entry in entries]
    if colours.kind == "category" and isinstance(known.facet, ValueFacet):
        view["others"] = max(0, len(known.facet.labels) - MAX_CATEGORIES)
    if colours.values is not None:
        low, high = _ramp_ends(colours)
        view |= {"ramp": list(ramp_stops(colours.kind, dark=dark)), "low": low, "high": high}
        if isinstance(known.facet, ScaleFacet):
            view["chart"] = histogram_view(known.facet, known.condition, known.counts)
    return view


def _ramp_ends(colours: Colouring) -> Sequence[str]:
    """Write the numbers or times at the ends of a ramp."""
    ends = colours.low, colours.high
    if colours.kind == "time":
        return [format_time(end) for end in ends]
    return format_numbers([colours.base + round(end) for end in ends] if colours.base else ends)


def _line(entry: LegendEntry, colours: Colouring, known: ColumnState, *, dark: bool) -> dict[str, Any]:
    """Return a line of the legend: its label and counts, and the value that a press filters by."""
    line = {"label": entry.label, "count": entry.count, "colour": colours.hex(entry.code, dark=dark)}
    if known.facet is None:
        return line
    label = None if entry.code == NO_VALUE_CODE else entry.label
    on = _others_pass(known, colours.assigned_codes()) if entry.rest else shows_value(known.condition, label)
    return {
        **line,
        "now": _passing_count(entry, label, colours, known),
        "on": on,
        "value": label,
        "others": entry.rest,
    }


def _passing_count(entry: LegendEntry, label: str | None, colours: Colouring, known: ColumnState) -> int:
    """Return how many images with this value pass the other filters."""
    facet, counts = known.facet, known.counts
    if counts is None:
        return entry.count
    if not isinstance(facet, ValueFacet):
        return int(counts[-1])
    if entry.rest:
        return int(counts[:-1].sum()) - sum(
            int(counts[facet.code_of[name]]) for name in colours.assigned_codes()
        )
    return int(counts[facet.code_of[label]])


def _others_pass(known: ColumnState, named: Container[str]) -> bool:
    """Whether the filter passes any value without a colour of its own."""
    if known.condition is None or not isinstance(known.facet, ValueFacet):
        return True
    rare = sum(isinstance(value, str) and value not in named for value in listed_values(known.condition))
    return rare > 0 if isinstance(known.condition, AnyOf) else rare < len(known.facet.labels) - MAX_CATEGORIES


def _column_state(state: ViewState) -> ColumnState:
    counts = (state.counts or {}).get(state.colour)
    return ColumnState(state.colour_facet, state.condition(state.colour), counts)
