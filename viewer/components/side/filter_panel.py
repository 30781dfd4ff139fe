"""The filter panel: for each column a chart with counts, which is also its filter; filters as chips.

The chips are our own for the reason that `gallery.py` gives.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from clipper.query_filter import AnyOf, Condition, HasText, InRange
from viewer.components.base import Component
from viewer.components.filter_actions import (
    bar_colours,
    brush_change,
    change_filter,
    describe_similarity,
    histogram_view,
    similarity_condition,
    value_colour,
)
from viewer.components.filter_text import FilterText, completions
from viewer.dataset.columns.colouring import NO_VALUE, SIMILARITY, Colouring
from viewer.dataset.columns.facets import Facet, ScaleFacet, ValueFacet
from viewer.dataset.columns.filters import (
    MAX_TEXT_LENGTH,
    describe_condition,
    find_labels,
    listed_values,
    shows_value,
    toggle_values,
    validate_filters,
)
from viewer.dataset.columns.local_times import zone_words
from viewer.dataset.columns.part import over_representation, over_represented_first
from viewer.dataset.dataset import TIMES, Dataset
from viewer.pools import FILTER_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import LAYOUT, NO_LIMITS, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

ORDER = {"values": 0, "number": 1, "time": 1, "text": 2}  # of the charts
MAX_LINES = 20  # values of a column that the panel lists; a search finds the others


class FilterPanel(Component):
    """The facets of the dataset, with counts of the images that pass the filters."""

    # As JSON, as the names on the map are: Bokeh would look for models in each value of a list.
    items = param.String(default="[]", doc="Of each column: see `facet_view`; and its title.")
    ready = param.Boolean(default=False)
    narrowed = param.Boolean(doc="Whether any column has a filter.")
    caption = param.String(doc='What the charts count, "" for all images.')
    excess = param.Boolean(doc="Whether values that the part has more often than the whole come first.")
    text = param.String(doc="The filters as a line of text.")
    problem = param.Dict(default={}, doc="What is wrong with the line that was typed last: see `FilterText`.")
    completion = param.Dict(default={}, doc="How the line may go on: see `completions`.")

    script = "side/filter_panel.js"
    _css = ("components.css", "histogram.css", "side/filter_panel.css", "side/filter_text.css")

    def __init__(self, **params: Any) -> None:
        actions = {
            "toggle": self._toggle, "range": self._brush, "text": self._text, "find": self._find,
            "excess": self._excess, "say": self._say, "complete": self._complete,
        }  # fmt: skip
        super().__init__(actions=actions, **params)
        self._searches: dict[str, str] = {}
        self._line = FilterText()
        self._shown: Dataset | None = None

    def follow(self, state: ViewState) -> None:
        """Show the facets and filters of the state while the panel is in view."""
        self._state = state
        names = ["filters", "counts", "dataset", "tags", "clusters", "colour", "dark", "word_column", "zone"]
        state.param.watch(self._update, [*names, "excess", *LAYOUT])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.visible = state.shows("filter")
        if not self.visible:
            return
        if self._shown is state.dataset:
            self._show()
            return
        work = partial(state.dataset.facets_with, {}, zone=state.zone)
        in_background(work, partial(self._counted, state.dataset), pool=FILTER_POOL)

    def _counted(self, dataset: Dataset, done: "Future[Mapping[str, Facet]]") -> None:
        """Show the panel once the columns are counted, which happens when a visitor first opens it."""
        if not failed(done, "counting the columns") and dataset is self._state.dataset:
            self._shown = dataset
            self._show()

    def _show(self) -> None:
        state = self._state
        items = []
        for name, facet in sorted(state.facets.items(), key=lambda item: ORDER[item[1].kind]):
            view = facet_view(
                facet,
                state.condition(name),
                (state.counts or {}).get(name),
                part=self._searches.get(name, ""),
                excess=state.excess,
                colours=state.colouring if name == state.colour else None,
                dark=state.dark,
            )
            clock = zone_words(state.zone) if name in TIMES else ""
            items.append({**view, "title": state.dataset.title_of(name), "clock": clock})
        text = self._line.written(state)
        self.param.update(
            items=json.dumps(items, separators=(",", ":")),
            ready=True,
            narrowed=bool(state.filters),
            caption=state.part.caption if state.part else "",
            text=text,
            excess=state.excess,
            problem=self.problem if text == self.text else {},
        )

    def _excess(self, message: Mapping[str, Any]) -> None:
        """Show over-represented values first, or the commonest."""
        self._state.excess = message.get("on") is True

    def _say(self, message: Mapping[str, Any]) -> None:
        """Filter by the line of text, or say what is wrong with it."""
        text = message.get("text")
        if isinstance(text, str) and self.ready:
            self.problem = self._line.say(self._state, text)
            self._show()

    def _complete(self, message: Mapping[str, Any]) -> None:
        if self.ready:
            self.completion = completions(self._state, message)

    def _facet(self, message: Mapping[str, Any]) -> Facet | None:
        name = message.get("column")
        return self._state.facets.get(name) if isinstance(name, str) else None

    def _toggle(self, message: Mapping[str, Any]) -> None:
        facet, value = self._facet(message), message.get("value")
        if facet is not None and (value is None or isinstance(value, str)):
            change_filter(self._state, facet.name, lambda old: toggle_values(old, [value], hide=False))

    def _brush(self, message: Mapping[str, Any]) -> None:
        if (facet := self._facet(message)) is not None:
            change_filter(self._state, facet.name, brush_change(facet, message))

    def _text(self, message: Mapping[str, Any]) -> None:
        facet, part = self._facet(message), str(message.get("text", ""))[:MAX_TEXT_LENGTH]
        if facet is not None and facet.kind == "text":
            change_filter(self._state, facet.name, lambda _old: HasText(part) if part.strip() else None)

    def _find(self, message: Mapping[str, Any]) -> None:
        if (facet := self._facet(message)) is not None:
            self._searches[facet.name] = str(message.get("part", ""))[:MAX_TEXT_LENGTH]
            self._show()


class FilterChips(Component):
    """A chip for each filter, which removes it, and how many images pass.

    The range of similarities has a chip too; the images that pass it are the query's results.
    """

    items = param.List()
    passing = param.Integer()
    total = param.Integer()
    selected = param.Integer(doc="How many images are selected.")
    both = param.Integer(doc="How many of them pass.")

    script = "side/chips.js"
    _css = ("components.css", "side/chips.css")

    def follow(self, state: ViewState) -> None:
        """Show the filters of the state, now and whenever they change."""
        self._state = state
        self._actions = {"drop": self._drop, "clear": self._clear}
        state.param.watch(
            self._update,
            ["filters", "kept", "dataset", "answer", "min_similarity", "max_similarity", "part", "zone"],
        )
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        facets = state.facets if state.filters else {}
        items = [
            {
                "column": name,
                "title": state.dataset.title_of(name),
                "words": describe_condition(facets[name], condition)
                + (f" ({zone_words(state.zone)})" if name in TIMES else ""),
            }
            for name, condition in validate_filters(facets, state.filters).items()
        ]
        passing = state.passing_count
        if similarity_condition(state) is not None:
            items.append({"column": SIMILARITY, "title": "Similarity", "words": describe_similarity(state)})
            passing = state.answer.total
        part = state.part
        selected, both = (part.selected, part.size) if part is not None and part.selected else (0, 0)
        self.param.update(items=items, passing=passing, total=state.dataset.n, selected=selected, both=both)

    def _clear(self, _message: Mapping[str, Any]) -> None:
        self._state.param.update(filters={}, **NO_LIMITS)

    def _drop(self, message: Mapping[str, Any]) -> None:
        if message.get("column") == SIMILARITY and SIMILARITY not in self._state.filters:
            self._state.param.update(**NO_LIMITS)
            return
        change_filter(self._state, str(message.get("column")), lambda _old: None)


def facet_view(
    facet: Facet,
    condition: Condition | None,
    counts: np.ndarray | None,
    *,
    part: str = "",
    excess: bool = False,
    colours: Colouring | None = None,
    dark: bool = False,
) -> dict[str, Any]:
    """Return a facet for the panel.

    Args:
        facet: of a column.
        condition: the filter on it.
        counts: how many images of each value are in the part, see `dataset/columns/part.py`; None: all.
        part: a text to search its values for.
        excess: whether over-represented values come first.
        colours: those of the map if the column colours it.
        dark: of which theme.
    """
    whole, now = facet.count(), facet.count() if counts is None else counts
    view: dict[str, Any] = {
        "name": facet.name, "kind": facet.kind, "missing": {},
        "on": condition is not None, "picks": isinstance(condition, AnyOf),
    }  # fmt: skip
    categories = colours if colours is not None and colours.kind == "category" else None
    if whole[-1]:
        label = facet.absent if isinstance(facet, ValueFacet) else NO_VALUE
        missing = _line(None, int(whole[-1]), int(now[-1]), condition, categories, dark=dark)
        view["missing"] = {**missing, "label": label}
    if isinstance(facet, ValueFacet):
        shown = _shown_values(facet, condition, now, part=part, excess=excess and counts is not None)
        codes = [facet.code_of[value] for value in shown]
        lines = [
            _line(value, int(whole[code]), int(now[code]), condition, categories, dark=dark)
            for value, code in zip(shown, codes, strict=True)
        ]
        if counts is not None:
            times = over_representation(now, whole)
            lines = [
                {**line, "times": round(float(times[code]), 1)}
                for line, code in zip(lines, codes, strict=True)
            ]
        most = (
            max((int(whole[code]) for code in codes), default=1) if excess else int(whole[:-1].max(initial=1))
        )
        return {**view, "lines": lines, "most": most, "total": len(facet.labels), "part": part}
    if isinstance(facet, ScaleFacet):
        words = describe_condition(facet, condition) if isinstance(condition, InRange) else ""
        chart = histogram_view(facet, condition, counts)
        if colours is not None and colours.values is not None:
            chart["colours"] = bar_colours(colours, facet, dark=dark)
        return {**view, "chart": chart, "words": words}
    return {**view, "text": condition.text if isinstance(condition, HasText) else ""}


def _shown_values(
    facet: ValueFacet, condition: Condition | None, now: np.ndarray, *, part: str, excess: bool
) -> list[str]:
    """Return the values to list: the commonest, the over-represented or the found ones; those filtered by."""
    named = [value for value in listed_values(condition) if isinstance(value, str)]
    if excess and not part:
        first = over_represented_first(now, facet.total_counts, most=MAX_LINES)
        shown = [facet.labels[code] for code in first.tolist()]
    else:
        shown = find_labels(facet, part=part, most=MAX_LINES)
    return shown + [value for value in named if value in facet.code_of and value not in shown][:MAX_LINES]


def _line(
    value: str | None,
    whole: int,
    now: int,
    condition: Condition | None,
    colours: Colouring | None = None,
    *,
    dark: bool,
) -> dict[str, Any]:
    colour = "" if colours is None else value_colour(colours, value, dark=dark)
    return {"value": value, "whole": whole, "now": now, "on": shows_value(condition, value), "colour": colour}
