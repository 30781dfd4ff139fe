"""A visitor's filters as a line of text: written, read with errors at the word, completed with counts.

What does not belong here: the grammar (`clipper/predicate/`), and the panel that shows the line
(`side/filter_panel.py`).
"""

from collections.abc import Mapping
from typing import Any

from clipper.errors import PredicateError
from clipper.predicate.completing import Option, complete
from clipper.predicate.fields import Field, Kind, fields_of
from clipper.predicate.reading import MAX_LENGTH, read_predicate
from clipper.predicate.writing import write_predicate
from viewer.dataset.columns.facets import Facet, ScaleFacet, ValueFacet
from viewer.dataset.columns.filters import Filters, validate_filters
from viewer.dataset.columns.local_times import zone_words
from viewer.dataset.dataset import TIMES
from viewer.session.state import ViewState

KINDS: Mapping[Kind, str] = {
    "category": "values", "list": "list", "number": "number", "time": "date", "text": "text",
}  # fmt: skip


class FilterText:
    """The line of one visitor: what was typed last stays as it was typed while the filters are its own."""

    def __init__(self) -> None:
        self._typed = ""
        self._meant: Filters = {}

    def written(self, state: ViewState) -> str:
        """Return the filters of the state as a line."""
        if self._typed.strip() and dict(state.filters) == dict(self._meant):
            return self._typed
        return write_predicate(state.filters, predicate_fields(state))

    def say(self, state: ViewState, text: str) -> dict[str, Any]:
        """Filter by a line; return what is wrong with it, as text, start, end and message, {} if nothing."""
        facets = state.facets
        try:
            found = read_predicate(text, predicate_fields(state))
        except PredicateError as error:
            return {"text": text, "start": error.start, "end": error.end, "message": error.message}
        self._typed, self._meant = text, validate_filters(facets, found)
        if self._meant != state.filters:
            state.filters = dict(self._meant)
        return {}


def predicate_fields(state: ViewState) -> dict[str, Field]:
    """Return the columns that a filter can be about."""
    facets = state.facets
    return fields_of(_field(facet, state.dataset.title_of(name)) for name, facet in facets.items())


def _field(facet: Facet, title: str) -> Field:
    if isinstance(facet, ValueFacet):
        kind: Kind = "category" if facet.rows is None else "list"
        return Field(facet.name, kind, title, labels=facet.code_of.keys())
    if isinstance(facet, ScaleFacet):
        return Field(facet.name, "time" if facet.kind == "time" else "number", title, facet.bins.integers)
    return Field(facet.name, "text", title)


def completions(state: ViewState, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the line in a message may go on at its cursor, for the page."""
    text, at = str(message.get("text", ""))[:MAX_LENGTH], message.get("at")
    if not isinstance(at, int) or not 0 <= at <= len(text):
        return {}
    found = complete(text, at, predicate_fields(state))
    options = [
        {"text": option.text, "insert": option.insert, "note": _note(state, option)}
        for option in found.options
    ]
    return {"text": text, "at": at, "start": found.start, "end": found.end, "options": options}


def _note(state: ViewState, option: Option) -> str:
    """Return what stands beside an option: how many images have a value, or what kind a column is."""
    if option.field is None:
        return ""
    if option.value is None:
        clock = f" {zone_words(state.zone)}" if option.field.name in TIMES else ""
        return KINDS[option.field.kind] + clock
    facet = state.facet(option.field.name)
    if not isinstance(facet, ValueFacet):
        return ""
    counts = (state.counts or {}).get(facet.name, facet.total_counts)
    return f"{int(counts[facet.code_of[option.value]]):,}"
