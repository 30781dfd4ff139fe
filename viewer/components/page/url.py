"""The page's address: the whole state as a query string, and back. A link opens the same picture.

`q` is the query, `colour` the column, `filters` and `chosen` are JSON, `open` is an image's id; `cut` is the
least similarity listed or, after a comma, the largest, `fold=1` and `within=1` are the switches over the
results, `panel` is what is beside the map. `at`, the part of the map in view, is the browser's own
(`components/map/camera.js`). Whatever a link says that cannot be is left out.
What does not belong here: history and the map (`components/page/url.js`).
"""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import panel as pn
import param

from clipper.query import MAX_TEXT
from clipper.query_syntax import parse
from viewer.components.base import Component
from viewer.dataset.columns.filters import filter_rows
from viewer.dataset.columns.filters import validate_filters as narrowable
from viewer.dataset.dataset import Dataset
from viewer.dataset.tag_rows import read_tag_rows
from viewer.pools import SELECT_POOL
from viewer.session.answers import normalize_spaces, query_problem
from viewer.session.background import in_background
from viewer.session.search import Searcher
from viewer.session.selection import SelectionContext, Step, combine, dated, plain, rows_of, validate_step
from viewer.session.state import PANELS, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np

MAX_LENGTH = 8_000  # characters of a query string; many servers and mailers cut longer ones
MAX_STEPS = 40
MAX_FIELDS = 40
ON = "1"
DENSITY = "none"  # how the address calls no column at all

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UrlState:
    """What an address asks for; None: it does not say."""

    query: str = ""
    colour: str | None = None
    filters: object = None  # as the link has them: sound once `filters.validate_filters` has seen them
    steps: tuple[Step, ...] = ()
    opened: str = ""
    similar: tuple[float | None, float | None] = (None, None)
    fold: bool = False
    only_selection: bool = False
    panel: str = ""  # "": what follows from the rest


def parse_query_string(search: str) -> UrlState:
    """What a query string asks for; of what is malformed, nothing."""
    try:
        fields = dict(parse_qsl(search.removeprefix("?")[:MAX_LENGTH], max_num_fields=MAX_FIELDS))
    except ValueError:
        return UrlState()
    query = normalize_spaces(fields.get("q", ""))
    query = "" if len(query) > MAX_TEXT or query_problem(parse(query)) else query
    colour = fields.get("colour")
    told = _read_json(fields.get("chosen", ""))
    steps = [validate_step(step) for step in told[:MAX_STEPS]] if isinstance(told, list) else []
    return UrlState(
        query=query,
        colour="" if colour == DENSITY else colour,
        filters=_read_json(fields.get("filters", "")),
        steps=tuple(step for step in steps if step is not None),
        opened=fields.get("open", ""),
        similar=_read_range(fields.get("cut", "")),
        fold=fields.get("fold") == ON,
        only_selection=fields.get("within") == ON,
        panel=fields.get("panel", "") if fields.get("panel") in PANELS else "",
    )


def query_string_of(arguments: Mapping[str, Sequence[bytes]]) -> str:
    """The query string that a page was opened with, from what the server says its arguments were."""
    return urlencode({name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()})


def to_query_string(state: ViewState) -> str:
    """A state as a query string without its question mark; without a selection that is too long to tell."""
    dataset, filters = state.dataset, state.filters
    fields = {
        "q": state.answer.text if state.answer else "",
        "colour": "" if state.colour == dataset.default_colour else state.colour or DENSITY,
        "filters": _compact_json(filters) if filters else "",
        "cut": _write_range(state.min_similarity, state.max_similarity) if state.answer else "",
        "fold": ON if state.fold else "",
        "open": "" if state.selected is None else dataset.atlas.ids[state.selected],
    }
    if _linkable(state, filters):
        chosen = {"chosen": _compact_json(plain(state.steps)), "within": ON if state.only_selection else ""}
        whole = _encode({**fields, **chosen, **_panel(state, chosen=True)})
        if len(whole) <= MAX_LENGTH:
            return whole
    return _encode({**fields, **_panel(state, chosen=False)})


def _panel(state: ViewState, *, chosen: bool) -> dict[str, str]:
    return {} if state.panel == _default_panel(chosen=chosen) else {"panel": state.panel}


def _default_panel(*, chosen: bool) -> str:
    """The panel that a link opens unless it names one: what is chosen is what one wants to see."""
    return "selection" if chosen else "results"


def _encode(fields: Mapping[str, str]) -> str:
    """As browsers write it: what they leave as it is makes a third of the length of what they do not."""
    # Half of a surrogate pair, which no UTF-8 holds, can come from a browser.
    return urlencode({name: value for name, value in fields.items() if value}, safe=",:[]/", errors="replace")


def _linkable(state: ViewState, filters: Mapping[str, Any]) -> bool:
    """Whether the steps, taken again with what else the address tells, choose the same images."""
    text = state.answer.text if state.answer else None
    same = all(
        step.get("under", {}) == filters and step.get("q", text) == text and not step.get("within")
        for step in state.steps
    )
    return same and 0 < len(state.steps) <= MAX_STEPS


def _write_range(low: float | None, high: float | None) -> str:
    """A range as the address tells it: "0.2", "0.2,0.3", ",0.3"."""
    ends = ["" if end is None else repr(end) for end in (low, high)]
    return ",".join(ends).rstrip(",")


def _read_range(text: str) -> tuple[float | None, float | None]:
    """The ends that `_write_range` told; open where the text is anything else."""
    low, _, high = text.partition(",")
    try:
        ends = [float(end) if end else None for end in (low, high)]
    except ValueError:
        return None, None
    known = [end for end in ends if end is not None]
    sound = all(map(math.isfinite, known)) and known == sorted(known)
    return (ends[0], ends[1]) if sound else (None, None)


def _compact_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _read_json(text: str) -> object:
    """What a link says; None where that is no JSON, or holds half of a surrogate pair, which no text can."""
    try:
        value = json.loads(text) if text else None
        _compact_json(value).encode()
    except (ValueError, RecursionError):
        return None
    return value


class PageUrl(Component):
    """Writes the address as the state changes, and follows it: at the start, and by Back and Forward."""

    search = param.String(doc="The state as a query string, but for the part of the map in view.")
    pushes = param.Integer(doc="Another number for each step that Back is to take back.")
    arrivals = param.Integer(doc="Another number each time that what an address asked for is shown.")

    script = "page/url.js"
    _css = ()

    def follow(self, state: ViewState, searcher: Searcher) -> None:
        """Mirror the state from now on."""
        self._state, self._searcher = state, searcher
        self._actions = {"went": lambda message: self.go(str(message.get("search", "")))}
        self._before: tuple[Any, ...] | None = None
        self._coming: UrlState | None = None
        self._waits = False
        names = ["answer", "colour", "steps", "selected", "dataset", "filters", "searching"]
        state.param.watch(
            self._update, [*names, "min_similarity", "max_similarity", "fold", "only_selection", "panel"]
        )
        self._update()
        # What changes before the page has loaded reaches it in parts.
        pn.state.onload(partial(self.go, query_string_of(pn.state.session_args)))

    def go(self, search: str) -> None:
        """Show what an address asks for: at once what can be, then the query's answer and what follows it."""
        state = self._state
        asked = self._coming = parse_query_string(search)
        dataset = state.dataset
        colour = asked.colour if asked.colour in {*state.colour_choices, ""} else dataset.default_colour
        state.colour = colour or ""
        state.filters = narrowable(state.facets, asked.filters) if asked.filters else {}
        state.param.update(fold=asked.fold, only_selection=False)
        if asked.query and (state.answer is None or state.answer.text != asked.query):
            self._waits = True
            self._searcher.ask(asked.query)
            return
        if not asked.query and (state.answer is not None or state.searching):
            self._searcher.ask("")
        self._waits = False
        self._arrive()

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None or state.searching:
            return
        if self._coming is not None:
            if self._waits:
                self._waits = False
                self._arrive()
            return
        now = self._step()
        pushed = self._before is not None and now != self._before
        self._before = now
        search = to_query_string(state)
        if search != self.search:
            self.param.update(search=search, pushes=self.pushes + pushed)

    def _step(self) -> tuple[Any, ...]:
        """What, when it changes, is a step that Back takes back; to the next image is none."""
        state = self._state
        text = state.answer.text if state.answer else None
        return text, state.steps, state.selected is not None, state.fold, state.only_selection

    def _arrive(self) -> None:
        """The query is answered, or there is none: what is chosen, then what is open."""
        asked, state = self._coming, self._state
        if asked is None:
            return
        if not asked.steps or list(asked.steps) == plain(state.steps):
            if not asked.steps:
                state.param.update(selection=None, steps=[])
            self._end(asked)
            return
        seen = SelectionContext.of(state)
        kept = partial(filter_rows, state.facets, state.filters, masks={}) if state.filters else lambda: None
        work = partial(_replay, asked.steps, seen, kept, lambda: asked is self._coming)
        in_background(work, partial(self._chosen, asked, seen.dataset), pool=SELECT_POOL)

    def _chosen(self, asked: UrlState, dataset: Dataset, done: "Future[np.ndarray | None]") -> None:
        state = self._state
        if asked is not self._coming or state.dataset is None:
            return
        if state.dataset is not dataset:  # rows mean other images there
            self._arrive()
            return
        if (error := done.exception()) is not None:
            log.error("what a link chooses could not be chosen", exc_info=error)
        rows = None if error is not None else done.result()
        again = [dated(step, state) for step in asked.steps] if rows is not None else []
        state.param.update(selection=rows, steps=again)
        self._end(asked)

    def _end(self, asked: UrlState) -> None:
        state = self._state
        row = state.dataset.row_of(asked.opened) if asked.opened else None
        low, high = asked.similar if state.answer else (None, None)
        state.param.update(
            selected=row,
            only_selection=asked.only_selection and state.selection is not None,
            min_similarity=low,
            max_similarity=high,
            panel=asked.panel or _default_panel(chosen=state.selection is not None),
        )
        self._coming, self._before = None, self._step()
        self.param.update(search=to_query_string(state), arrivals=self.arrivals + 1)


def _replay(
    steps: tuple[Step, ...],
    seen: SelectionContext,
    passing: "Callable[[], np.ndarray | None]",
    wanted_still: Callable[[], bool],
) -> "np.ndarray | None":
    """The rows that some steps choose, one after the other; what is asked twice is worked out once.

    `passing` are the filters of the link: the state may not know yet what passes them.
    """
    kept = passing()
    tagged = read_tag_rows(seen.dataset) if any("tag" in step for step in steps) else {}
    known: dict[str, np.ndarray] = {}
    chosen = None
    for step in steps:
        if not wanted_still():
            return None
        of = _compact_json({name: part for name, part in step.items() if name != "how"})
        if of not in known:
            known[of] = rows_of(step, seen, tagged, kept=kept)
        chosen = combine(chosen, known[of], how=step["how"], n=seen.dataset.n)
    return chosen
