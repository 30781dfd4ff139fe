"""Lays a dataset's images out on two axes that a visitor asks for, each once for all sessions.

An axis is asked for by a text: `night <-> day`, one word, or `column:name`; "" leaves it without a meaning.
What does not belong here: how an image gets its place (`clipper.projection.axes`), when images are laid out
(`session/workers/axes.py`), and what the page says along the axes (`ticks.py`).
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from clipper.errors import ClipperError
from clipper.projection.axes import Axis, category_axis, jitters, number_axis, rank_codes, spread_axis
from clipper.projection.axis_text import COLUMN, MAX_LENGTH, AxisText, parse_axis
from clipper.query import Query, Scores
from clipper.query_syntax import Term
from viewer.dataset.columns.colouring import SIMILARITY, is_missing, value_label
from viewer.dataset.columns.facets import Facet, ScaleFacet, ValueFacet
from viewer.dataset.columns.local_times import UTC_ZONE, zone_words
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.columns.word_column import WORDS, WordColumn
from viewer.dataset.dataset import TIMES, Dataset
from viewer.dataset.geometry.places import Places, places_on_axes

Asked = tuple[str, str]  # the axis across and the one up, as they are asked for
Terms = tuple[Term, ...]
QueryPlace = tuple[float | None, float | None]  # in map units; None where the axis says nothing of a text
QUERIES = "queries"  # in the cache of places: the `QueryPlace` of each query
MAP: Asked = ("", "")  # neither: the map
KEPT_AXES, KEPT_PLACES = 8, 3  # of each version; a million images take 12 and 50 MB

_making = threading.Lock()


class AxesError(ClipperError):
    """An axis cannot be made; `problems` has a sentence for each axis, "" for none."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(filter(None, problems)))
        self.problems = (problems[0], problems[1])


@dataclass(frozen=True)
class Around:
    """What differs from visitor to visitor: tags, words, the answer to a query in view, the time zone."""

    tags: TagRows = field(default_factory=dict)
    words: WordColumn | None = None
    similarities: Scores | None = None
    query: str = ""
    zone: str = UTC_ZONE  # on whose clock the times of files are shown


def read_asked(x: object, y: object) -> Asked:
    """Read both axes from a link or a message, which may hold anything."""
    return _read(x), _read(y)


def _read(said: object) -> str:
    text = said if isinstance(said, str) and len(said) <= MAX_LENGTH else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def lay_out(dataset: Dataset, asked: Asked, around: Around) -> Places:
    """Lay images out; the first time it takes seconds for a million images.

    Raises:
        AxesError: an axis cannot be made.
    """
    if asked == MAP:
        return dataset.places
    with _making:
        kept: dict[tuple[Asked, str], Places] = dataset.cache.get("places", {})
        lasting = not any(_is_own(dataset, said) for said in asked)
        key = asked, (around.zone if any(map(is_of_file_times, asked)) else "")
        if lasting and key in kept:
            return kept[key]
        x, y = _axes(dataset, asked, around)
        places = places_on_axes(x, y, dataset.places)
        if lasting:
            dataset.cache["places"] = dict([*kept.items(), (key, places)][-KEPT_PLACES:])
        return places


def place_queries(dataset: Dataset, places: Places, asked: Asked, queries: Sequence[Terms]) -> None:
    """Find where queries of words alone lie between an axis's texts, and remember it with the places.

    Raises:
        ClipperError: the model cannot be found.
    """
    known: dict[Terms, QueryPlace] = dict(places.cache.get(QUERIES, {}))
    for terms in queries:
        found: list[float | None] = [None, None]
        for at, said in enumerate(asked):
            text = parse_axis(said) if said and not _is_own(dataset, said) else AxisText()
            if text.high:
                value = dataset.atlas.text_on_axis(text.low, text.high, Query(terms=terms))
                found[at] = places.on_axis(at, value)
        known[terms] = found[0], found[1]
    places.cache[QUERIES] = known


def _axes(dataset: Dataset, asked: Asked, around: Around) -> tuple[Axis, Axis]:
    made: list[Axis] = []
    problems = ["", ""]
    for at, said in enumerate(asked):
        try:
            made.append(_axis(dataset, said, at, around))
        except (ClipperError, ValueError) as error:
            problems[at] = _sentence(error)
    if any(problems):
        raise AxesError(problems)
    return made[0], made[1]


def is_of_file_times(said: str) -> bool:
    """Whether an axis shows times of files, which differ with the visitor's time zone."""
    return said.removeprefix(COLUMN) in TIMES and said.startswith(COLUMN)


def _is_own(dataset: Dataset, said: str) -> bool:
    """Whether an axis shows what changes with the visitor: tags, words, similarity."""
    return said.removeprefix(COLUMN) in {SIMILARITY, WORDS, dataset.tag_column_name}


def _axis(dataset: Dataset, said: str, at: int, around: Around) -> Axis:
    if "jitters" not in dataset.cache:
        dataset.cache["jitters"] = jitters(dataset.atlas.hashes)
    jitter: np.ndarray = dataset.cache["jitters"][at]
    if not said:
        return spread_axis(jitter)
    if _is_own(dataset, said):
        return _own_axis(dataset, said.removeprefix(COLUMN), jitter, around)
    kept: dict[tuple[str, int, str], Axis] = dataset.cache.get("axes", {})
    key = said, at, (around.zone if is_of_file_times(said) else "")
    if key not in kept:
        text = parse_axis(said)
        axis = (
            _column_axis(dataset, text.column, jitter, around.zone)
            if text.column
            else dataset.atlas.text_axis(text.low, text.high)
        )
        kept = dataset.cache["axes"] = dict([*kept.items(), (key, axis)][-KEPT_AXES:])
    return kept[key]


def _own_axis(dataset: Dataset, name: str, jitter: np.ndarray, around: Around) -> Axis:
    title = dataset.title_of(name)
    if name == SIMILARITY and SIMILARITY not in dataset.columns:
        known = around.similarities
        if known is None or len(known) != dataset.n:
            return spread_axis(jitter, title="Search for something: its similarity goes here")
        return number_axis(f"Similarity to {around.query}", np.asarray(known, np.float64), jitter=jitter)
    if name == WORDS and WORDS not in dataset.columns:
        if around.words is None:
            raise ValueError("there are no words of yours yet: choose “Your words” in “Colour by” first")
        return _facet_axis(around.words.facet, title, jitter)
    facet = dataset.tag_column(around.tags).facet
    if facet is None:
        raise ValueError("no image has a tag yet: give some first")
    return _facet_axis(facet, title, jitter)


def _column_axis(dataset: Dataset, name: str, jitter: np.ndarray, zone: str) -> Axis:
    facet = dataset.facet(name, zone=zone)
    if facet is not None:
        title = dataset.title_of(name) + (f" ({zone_words(zone)})" if name in TIMES else "")
        return _facet_axis(facet, title, jitter)
    if name not in dataset.columns:
        raise ValueError(f"this version has no column “{name}”: choose another")
    cells = np.array(
        [None if is_missing(cell) else value_label(cell) for cell in dataset.atlas.points[name]], object
    )
    return category_axis(name, *rank_codes(cells), jitter=jitter)  # all have the same value, or none


def _facet_axis(facet: Facet, title: str, jitter: np.ndarray) -> Axis:
    if isinstance(facet, ScaleFacet):
        time = facet.kind == "time"
        return number_axis(title, facet.offsets, jitter=jitter, time=time, base=facet.bins.base)
    if not isinstance(facet, ValueFacet):
        raise ValueError(  # noqa: TRY004 - no error of the program: the message is for the visitor
            f"“{title}” differs from image to image: choose numbers, times or categories"
        )
    codes = facet.codes
    if facet.rows is not None:  # of several values the commonest, whose code is the lowest
        codes = np.full(facet.n, len(facet.labels), np.int64)
        np.minimum.at(codes, facet.rows, facet.codes)
    return category_axis(title, list(facet.labels), codes, jitter=jitter)


def axis_choices(dataset: Dataset, *, tags: bool, words: bool) -> dict[str, dict[str, str]]:
    """Return the columns that can be an axis, their titles, by heading. The first call makes their facets."""
    names = [SIMILARITY] if SIMILARITY not in dataset.columns else []
    found = {**dataset.group_choices, **dataset.sort_choices}
    own = {name for name in found if name in dataset.atlas.columns}
    fits = {name: title for name, title in found.items()
            if isinstance(dataset.facet(name), (ScaleFacet, ValueFacet))}  # fmt: skip
    yours = {dataset.tag_column_name} if tags else set()
    yours |= {WORDS} if words else set()
    groups = {
        "Columns": {name: title for name, title in fits.items() if name in own - yours},
        "Search": {name: dataset.title_of(name) for name in names},
        "Your tags and words": {name: dataset.title_of(name) for name in sorted(yours)},
        "Measured by Clipper": {name: title for name, title in fits.items() if name not in own | yours},
    }
    return {heading: choices for heading, choices in groups.items() if choices}


def _sentence(error: BaseException) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
