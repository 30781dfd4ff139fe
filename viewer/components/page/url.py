"""The page's URL: writes the state as a query string and reads it back, so that a link opens the same page.

`q` is the query, `colour` the column, `words` are the visitor's own words; `filters` and `chosen` are JSON,
`open` is an image's id; `cut` is the least similarity listed or, after a comma, the largest; `fold=1` and
`within=1` are the switches above the results, `panel` is the panel beside the map, `finding` the key of the
open finding, `concepts` what may be missing; `faces=0` and `names=0` leave images and names of clusters off
the map; `sort` is the column that sorts the selection, with `,up` after it the smallest first. `at`, the part
of the map in view, belongs to the browser (`components/map/camera.js`). Invalid values in a link are ignored.
What does not belong here: the browser's history and the map (`components/page/url.js`).
"""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import panel as pn
import param

from clipper.insight.classify import join_words
from clipper.query import MAX_TEXT_LENGTH
from clipper.query_syntax import parse
from viewer.components.base import Component
from viewer.dataset.columns.filters import (
    Filters,
    filter_rows,
    parse_filters,
    validate_filters,
    write_filters,
)
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.concepts import clean_concepts
from viewer.dataset.tag_rows import read_tag_rows
from viewer.pools import SELECT_POOL
from viewer.session.answers import Terms, normalize_spaces, query_problem
from viewer.session.background import in_background
from viewer.session.search import Searcher
from viewer.session.selection import (
    SelectionSource,
    combine,
    rows_of_target,
    with_context,
)
from viewer.session.state import PANELS, ViewState
from viewer.session.steps import SelectionStep, Tagged, Target, read_step, write_step
from viewer.session.workers.words import WordWorker, read_words

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np

MAX_LENGTH = 8_000  # characters of a query string; many servers and mail programs cut longer ones
MAX_STEPS = 40
MAX_CONCEPTS = 1_500  # characters of a list of concepts; a longer one is in no link
MAX_FIELDS = 40
ON, OFF = "1", "0"
UP = ",up"
DENSITY = "none"  # the value of `colour` without a column

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UrlState:
    """The state that a URL asks for; None or an empty value: the URL does not say."""

    terms: Terms = ()
    colour: str | None = None
    filters: Filters = field(default_factory=dict)  # not yet checked against the dataset
    steps: tuple[SelectionStep, ...] = ()
    opened: str = ""
    similarity: tuple[float | None, float | None] = (None, None)
    fold: bool = False
    only_selection: bool = False
    panel: str = ""
    faces: bool = True
    names: bool = True
    finding: str = ""
    sort: str = ""
    ascending: bool = False
    words: tuple[str, ...] = ()
    concepts: str = ""


def parse_query_string(search: str) -> UrlState:
    """Read a query string; leave out what is malformed."""
    try:
        fields = dict(parse_qsl(search.removeprefix("?")[:MAX_LENGTH], max_num_fields=MAX_FIELDS))
    except ValueError:
        return UrlState()
    colour = fields.get("colour")
    chosen = _read_json(fields.get("chosen", ""))
    steps = [read_step(step) for step in chosen[:MAX_STEPS]] if isinstance(chosen, list) else []
    return UrlState(
        terms=_read_query(fields.get("q", "")),
        colour="" if colour == DENSITY else colour,
        filters=parse_filters(_read_json(fields.get("filters", ""))),
        steps=tuple(step for step in steps if step is not None),
        opened=fields.get("open", ""),
        similarity=_read_range(fields.get("cut", "")),
        fold=fields.get("fold") == ON,
        only_selection=fields.get("within") == ON,
        panel=fields.get("panel", "") if fields.get("panel") in PANELS else "",
        faces=fields.get("faces") != OFF,
        names=fields.get("names") != OFF,
        finding=fields.get("finding", ""),
        sort=fields.get("sort", "").removesuffix(UP),
        ascending=fields.get("sort", "").endswith(UP),
        words=_read_words(fields.get("words", "")),
        concepts=clean_concepts(fields.get("concepts", "")),
    )


def query_string_of(arguments: Mapping[str, Sequence[bytes]]) -> str:
    """Return the query string that a page was opened with, from the request's arguments."""
    return urlencode({name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()})


def to_query_string(state: ViewState) -> str:
    """Write a state as a query string without its question mark; leave out a selection that is too long."""
    dataset, filters = state.dataset, state.filters
    fields = {
        "q": state.answer.text if state.answer else "",
        "colour": "" if state.colour == dataset.default_colour else state.colour or DENSITY,
        "words": join_words(state.words, comma=","),
        "filters": _compact_json(write_filters(filters)) if filters else "",
        "cut": _write_range(state.min_similarity, state.max_similarity) if state.answer else "",
        "fold": ON if state.fold else "",
        "faces": "" if state.faces else OFF,
        "names": "" if state.names else OFF,
        "open": dataset.id_of(state.selected),
        "finding": state.finding,
        "sort": state.sort and state.sort + (UP if state.ascending else ""),
        "concepts": state.concepts if len(state.concepts) <= MAX_CONCEPTS else "",
    }
    if _linkable(state, filters):
        steps = _compact_json([write_step(step) for step in state.steps])
        selection = {"chosen": steps, "within": ON if state.only_selection else ""}
        whole = _encode({**fields, **selection, **_panel_field(state, selected=True)})
        if len(whole) <= MAX_LENGTH:
            return whole
    return _encode({**fields, **_panel_field(state, selected=False)})


def _panel_field(state: ViewState, *, selected: bool) -> dict[str, str]:
    return {} if state.panel == _default_panel(selected=selected) else {"panel": state.panel}


def _default_panel(*, selected: bool) -> str:
    """Return the panel that a link opens if it names none."""
    return "selection" if selected else "results"


def _encode(fields: Mapping[str, str]) -> str:
    """Encode fields as browsers do, which leave some punctuation as it is: a third of the length."""
    # A browser can send half of a surrogate pair, which UTF-8 cannot encode.
    return urlencode({name: value for name, value in fields.items() if value}, safe=",:[]/", errors="replace")


def _linkable(state: ViewState, filters: Filters) -> bool:
    """Whether the steps, repeated with the other fields of the URL, select the same images."""
    text = state.answer.text if state.answer else ""
    same = all(
        step.filters == filters and step.query in {None, text} and not step.only_selection
        for step in state.steps
    )
    return same and 0 < len(state.steps) <= MAX_STEPS


def _read_query(text: str) -> Terms:
    """Parse a query; return no terms if it is too long."""
    query = normalize_spaces(text)
    terms = parse(query) if len(query) <= MAX_TEXT_LENGTH else ()
    return () if query_problem(terms) else terms


def _read_words(text: str) -> tuple[str, ...]:
    """Read a list of words; return none if it is not valid."""
    try:
        return read_words(text)
    except ValueError:
        return ()


def _write_range(low: float | None, high: float | None) -> str:
    """Write a range: "0.2", "0.2,0.3", ",0.3"."""
    ends = ["" if end is None else repr(end) for end in (low, high)]
    return ",".join(ends).rstrip(",")


def _read_range(text: str) -> tuple[float | None, float | None]:
    """Read a range that `_write_range` wrote; return open ends if the text is anything else."""
    low, _, high = text.partition(",")
    try:
        ends = [float(end) if end else None for end in (low, high)]
    except ValueError:
        return None, None
    known = [end for end in ends if end is not None]
    valid = all(map(math.isfinite, known)) and known == sorted(known)
    return (ends[0], ends[1]) if valid else (None, None)


def _compact_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _read_json(text: str) -> object:
    """Parse JSON; return None if it is invalid or holds half of a surrogate pair, which no text can."""
    try:
        value = json.loads(text) if text else None
        _compact_json(value).encode()
    except (ValueError, RecursionError):
        return None
    return value


class PageUrl(Component):
    """Writes the URL when the state changes, and follows it: at the start, and on Back and Forward."""

    search = param.String(doc="The state as a query string, without the part of the map in view.")
    pushes = param.Integer(doc="Changes with each step that Back can undo.")
    arrivals = param.Integer(doc="Changes whenever the state that a URL asked for is shown.")

    script = "page/url.js"
    _css = ()

    def follow(self, state: ViewState, searcher: Searcher, words: WordWorker | None = None) -> None:
        """Keep the URL and the state in step from now on."""
        self._state, self._searcher, self._words = state, searcher, words or WordWorker(state)
        self._actions = {"went": lambda message: self.open(str(message.get("search", "")))}
        self._before: tuple[Any, ...] | None = None
        self._target: UrlState | None = None  # what a URL asks for, until it is shown
        self._waits_for_answer = self._waits_for_words = False
        names = ["answer", "colour", "steps", "selected", "dataset", "filters", "searching"]
        names += ["min_similarity", "max_similarity", "fold", "only_selection", "panel", "faces", "names"]
        names += ["finding", "findings", "concepts", "sort", "ascending", "words", "asked_words"]
        state.param.watch(self._update, names)
        self._update()
        # Changes before the page has loaded would reach it one by one.
        pn.state.onload(partial(self.open, query_string_of(pn.state.session_args)))

    def open(self, search: str) -> None:
        """Show the state of a query string: some of it at once, the rest with the query's answer."""
        state = self._state
        target = self._target = parse_query_string(search)
        dataset = state.dataset
        known = target.colour in {*state.colour_choices, ""}
        state.colour = (target.colour if known else dataset.default_colour) or ""
        if target.words != state.words or state.asked_words:
            self._words.classify(target.words)
        self._waits_for_words = bool(state.asked_words)
        state.filters = validate_filters(state.facets, target.filters) if target.filters else {}
        state.param.update(fold=target.fold, only_selection=False, faces=target.faces, names=target.names)
        state.param.update(sort=target.sort, ascending=target.ascending)
        if target.terms and (state.answer is None or state.answer.terms != target.terms):
            self._waits_for_answer = True
            self._searcher.search(target.terms)
            return
        if not target.terms and (state.answer is not None or state.searching):
            self._searcher.search(())
        self._waits_for_answer = False
        if not self._waits_for_words:
            self._select()

    def _update(self, *events: Any) -> None:
        state = self._state
        if state.dataset is None or state.searching or state.asked_words:
            return
        if self._target is not None:
            self._arrive(self._target)
            return
        now = self._history_entry()
        # Findings that become known may close the one that a link asked for: no step of the visitor.
        visitor_did = all(event.name != "findings" for event in events)
        pushed = visitor_did and self._before is not None and now != self._before
        self._before = now
        search = to_query_string(state)
        if search != self.search:
            self.param.update(search=search, pushes=self.pushes + pushed)

    def _arrive(self, target: UrlState) -> None:
        """Show the rest of a URL, once its query has an answer and the images are classified by its words."""
        state = self._state
        if not (self._waits_for_answer or self._waits_for_words):
            return
        if self._waits_for_words and WORDS in target.filters:
            state.filters = validate_filters(state.facets, target.filters)
        self._waits_for_answer = self._waits_for_words = False
        self._select()

    def _history_entry(self) -> tuple[Any, ...]:
        """Return the values whose change Back undoes; opening the next image is no such change."""
        state = self._state
        text = state.answer.text if state.answer else None
        shown = state.selected is not None, state.fold, state.only_selection
        return text, state.words, state.steps, *shown, state.finding

    def _select(self) -> None:
        """Repeat the steps of the selection, now that the query, if any, has its answer."""
        target, state = self._target, self._state
        if target is None:
            return
        if not target.steps or list(target.steps) == [step.without_context() for step in state.steps]:
            if not target.steps:
                state.param.update(selection=None, steps=[])
            self._finish(target)
            return
        source = SelectionSource.of(state)
        kept = partial(filter_rows, state.facets, state.filters, masks={}) if state.filters else lambda: None
        work = partial(_repeat_steps, target.steps, source, kept, lambda: target is self._target)
        in_background(work, partial(self._selected, target, source.dataset), pool=SELECT_POOL)

    def _selected(self, target: UrlState, dataset: Dataset, done: "Future[np.ndarray | None]") -> None:
        state = self._state
        if target is not self._target or state.dataset is None:
            return
        if state.dataset is not dataset:  # rows mean other images there
            self._select()
            return
        if (error := done.exception()) is not None:
            log.error("the selection of a link failed", exc_info=error)
        rows = None if error is not None else done.result()
        steps = [with_context(step, state) for step in target.steps] if rows is not None else []
        state.param.update(selection=rows, steps=steps)
        self._finish(target)

    def _finish(self, target: UrlState) -> None:
        state = self._state
        row = state.dataset.row_of(target.opened) if target.opened else None
        low, high = target.similarity if state.answer else (None, None)
        state.param.update(
            selected=row,
            only_selection=target.only_selection and state.selection is not None,
            min_similarity=low,
            max_similarity=high,
            finding=target.finding,
            concepts=target.concepts if len(state.concepts) <= MAX_CONCEPTS else state.concepts,
            panel=target.panel or _default_panel(selected=state.selection is not None),
        )
        self._target, self._before = None, self._history_entry()
        self.param.update(search=to_query_string(state), arrivals=self.arrivals + 1)


def _repeat_steps(
    steps: tuple[SelectionStep, ...],
    source: SelectionSource,
    passing: "Callable[[], np.ndarray | None]",
    still_wanted: Callable[[], bool],
) -> "np.ndarray | None":
    """Return the rows that steps select, one after the other; None also when they are no longer wanted.

    Args:
        steps: the steps; equal targets are worked out once.
        source: the dataset and answer to select from.
        passing: returns which rows pass the link's filters, as the state may not know them yet.
        still_wanted: whether the visitor still waits for the result.
    """
    kept = passing()
    tags = read_tag_rows(source.dataset) if any(isinstance(step.target, Tagged) for step in steps) else {}
    known: dict[Target, np.ndarray] = {}
    selected = None
    for step in steps:
        if not still_wanted():
            return None
        if step.target not in known:
            known[step.target] = rows_of_target(step.target, source, tags, kept=kept)
        selected = combine(selected, known[step.target], mode=step.mode, n=source.dataset.n)
    return selected
