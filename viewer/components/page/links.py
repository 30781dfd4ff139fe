"""A visitor's page as the query string of a link, and the other way round.

`q` is the query, `colour` the column, `words` are the visitor's own words; `filters` and `chosen` are JSON,
`open` is an image's id; `cut` is the least similarity listed or, after a comma, the largest; `fold=1` and
`within=1` are the switches above the results, `panel` is the panel shown last, `layout` where all panels are,
`finding` the key of the open finding, `concepts` what may be missing; `excess=1` puts over-represented
values first in charts; `faces=0` and `names=0` leave images and names of clusters off the map; `sort` is the
column that sorts images, with `,up` after it the smallest first, `group` the column that groups them; `x` and
`y` are the axes that images lie on, the map without them; `model` is the model whose map it is, unless it is
the first, and `beside` the one whose map lies beside it. `at`, the part of the map in view, belongs to the
browser (`components/map/camera.js`). Invalid values in a link are ignored.
What does not belong here: when a page follows its link, and when it writes it (`url.py`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from clipper.insight.classify import join_words
from clipper.query import MAX_TEXT_LENGTH
from clipper.query_syntax import parse
from viewer.dataset.axes.lay_out import MAP, read_asked
from viewer.dataset.columns.filters import Filters, parse_filters, write_filters
from viewer.dataset.findings.concepts import clean_concepts
from viewer.session.answers import Terms, normalize_spaces, query_problem
from viewer.session.arrangement import PANELS, Arrangement, parse_arrangement, write_arrangement
from viewer.session.state import ViewState
from viewer.session.steps import SelectionStep, read_step, write_step
from viewer.session.workers.words import read_words

MAX_LENGTH = 8_000  # characters of a query string; many servers and mail programs cut longer ones
MAX_STEPS = 40
MAX_CONCEPTS = 1_500  # characters of a list of concepts; a longer one is in no link
MAX_FIELDS = 40
ON, OFF = "1", "0"
UP = ",up"
DENSITY = "none"  # the value of `colour` without a column


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
    excess: bool = False
    panel: str = ""
    layout: Arrangement | None = None
    faces: bool = True
    names: bool = True
    finding: str = ""
    sort: str = ""
    ascending: bool = False
    group: str = ""
    words: tuple[str, ...] = ()
    concepts: str = ""
    axes: tuple[str, str] = MAP
    model: str = ""
    beside: str = ""


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
        excess=fields.get("excess") == ON,
        panel=fields.get("panel", "") if fields.get("panel") in PANELS else "",
        layout=parse_arrangement(fields.get("layout", "")),
        faces=fields.get("faces") != OFF,
        names=fields.get("names") != OFF,
        finding=fields.get("finding", ""),
        sort=fields.get("sort", "").removesuffix(UP),
        ascending=fields.get("sort", "").endswith(UP),
        group=fields.get("group", ""),
        words=_read_words(fields.get("words", "")),
        concepts=clean_concepts(fields.get("concepts", "")),
        axes=read_asked(fields.get("x"), fields.get("y")),
        model=fields.get("model", ""),
        beside=fields.get("beside", ""),
    )


def query_string_of(arguments: Mapping[str, Sequence[bytes]]) -> str:
    """Return the query string that a page was opened with, from the request's arguments."""
    return urlencode({name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()})


def to_query_string(state: ViewState) -> str:
    """Write a state as a query string without its question mark; leave out a selection that is too long."""
    dataset, filters = state.dataset, state.filters
    x, y = state.asked_axes or state.axes
    fields = {
        "model": dataset.further_model,
        "beside": state.beside,
        "x": x,
        "y": y,
        "q": state.answer.text if state.answer else "",
        "colour": "" if state.colour == dataset.default_colour else state.colour or DENSITY,
        "words": join_words(state.words, comma=","),
        "filters": _compact_json(write_filters(filters)) if filters else "",
        "cut": _write_range(state.min_similarity, state.max_similarity) if state.answer else "",
        "fold": ON if state.fold else "",
        "excess": ON if state.excess else "",
        "layout": "" if state.arrangement.is_usual else write_arrangement(state.arrangement),
        "faces": "" if state.faces else OFF,
        "names": "" if state.names else OFF,
        "open": dataset.id_of(state.selected),
        "finding": state.finding,
        "sort": state.sort and state.sort + (UP if state.ascending else ""),
        "group": state.group,
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
    return {} if state.panel == default_panel(selected=selected) else {"panel": state.panel}


def default_panel(*, selected: bool) -> str:
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
