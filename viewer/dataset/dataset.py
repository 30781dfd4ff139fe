"""An atlas made ready to be looked at, shared by all sessions.

What belongs here: positions in drawing order, columns as colours, thumbnails, what is said about one image.
Nothing of a single visitor, and nothing of Panel; which versions are in memory is `dataset/versions.py`'s.
"""

import logging
import threading
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from clipper.metadata.columns import TAGS
from clipper.metadata.join import tags_column
from viewer.dataset.columns.colouring import (
    SIMILARITY,
    Colouring,
    Kind,
    colouring,
    first_choice,
    graded,
    kind_of,
    plain,
)
from viewer.dataset.columns.facets import Facet, Scale, facet_of, scale, text
from viewer.dataset.columns.tag_column import Rows, Tagged
from viewer.dataset.columns.tag_column import title_of as title_of_tags
from viewer.dataset.spatial_index import PointIndex
from viewer.dataset.thumbnails import Thumbnails
from viewer.dataset.viewport import Box

# What the files tell, and when the index first had them: beside the columns of the metadata.
MODIFIED, INDEXED, FILE = ":modified", ":indexed", ":file"
TIMES = {MODIFIED: "modified", INDEXED: "indexed"}  # and what the atlas calls them
TITLES = {MODIFIED: "File modified", INDEXED: "Indexed", FILE: "File", SIMILARITY: "Search similarity"}
GIVEN = ":tags"  # the colours of tags are kept under this: their column may change its name
SHOWN_VALUES = 3  # metadata values on a hover card
LONGEST_VALUE = 60
EXACT = 1e15  # below it a float holds every whole number
SIMILAR_LIMIT = 2_000_000  # of more images no neighbours are scanned for: a million take a third of a second

log = logging.getLogger(__name__)


class Dataset:
    """One version of an atlas, as the viewer needs it. Rows are the atlas's rows."""

    def __init__(self, atlas: Any, *, before: "Dataset | None" = None) -> None:
        """Make an atlas ready; what was assigned in the version `before` it stays assigned."""
        self.atlas = atlas
        self.index = PointIndex.build(np.asarray(atlas.xy, np.float32))
        self.priority = priorities(atlas.hashes)[self.index.order]
        self.thumbnails = Thumbnails(atlas.thumbnail)
        self.remembered: dict[str, Any] = {}  # what views derive once from this dataset
        self._colourings: dict[str, Colouring] = {}
        self._assigned = before.assigned() if before else {}
        self._tagged: Tagged | None = None
        self._facets: dict[str, Facet | None] = {}
        self._lock = threading.Lock()
        self._facets_lock = threading.RLock()
        weakref.finalize(self, atlas.close).atexit = False

    @property
    def version(self) -> str:
        """The published version this was made from."""
        return str(self.atlas.version)

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.atlas.ids)

    @property
    def title(self) -> str:
        """The dataset's name."""
        return str(self.atlas.title or "Clipper")

    @property
    def model(self) -> str:
        """What tells the model that made the vectors from others."""
        return str(self.atlas.fingerprint)

    @property
    def view(self) -> Box:
        """The first view."""
        x0, x1, y0, y1 = map(float, self.atlas.view)
        return x0, max(x1, x0 + 1e-6), y0, max(y1, y0 + 1e-6)

    @cached_property
    def outline(self) -> list[Box]:
        """Boxes that hold all the points of the first view, and little else."""
        return self.index.bands(self.view)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The columns that can be coloured by, and how."""
        found = {
            name: kind_of(self.atlas.points[name], column.type)
            for name, column in self.atlas.columns.items()
            if name in self.atlas.points
        }
        return {name: kind for name, kind in found.items() if kind}

    @cached_property
    def first_colour(self) -> str:
        """The column to colour by at the start, "" for none."""
        return first_choice(self.kinds, {name: self.atlas.points[name] for name in self.kinds})

    def prepare(self, *, colour: str) -> None:
        """Derive now all that a page shows, so that neither waiting nor damage is left for later.

        Raises:
            StoreError: a part is damaged.
        """
        self.colouring(colour if colour in self.colours else self.first_colour)
        _ = self.facets
        for part in ("failures", "stored"):
            getattr(self.atlas, part)
        if self.n:
            self.atlas.thumbnail(0)
            self.atlas.image_format(0)
            self.card(0)
        _ = self.outline

    @cached_property
    def colours(self) -> dict[str, str]:
        """What can be coloured by, and how a person calls it; density alone is ""."""
        own = [SIMILARITY, *(name for name in TIMES if self.facet(name))]
        return {**{name: name for name in self.kinds}, **{name: TITLES[name] for name in own}}

    @cached_property
    def tag_column(self) -> str:
        """The column of the tags people give: the one of the index, else the one that the next would make."""
        columns = self.atlas.columns
        mine = [name for name, column in columns.items() if column.origin == TAGS]
        return mine[0] if mine else tags_column(columns)

    def tagged(self, rows: Rows) -> Tagged:
        """Tags as a column, whatever the index says of them; the same for all who show the same ones."""
        with self._lock:
            known = self._tagged
            if known is None or known.rows is not rows:
                codes = known.codes() if known else self._assigned.get(GIVEN, {})
                known = self._tagged = Tagged(self.tag_column, rows, self.index.rank, codes)
            return known

    @property
    def facets(self) -> dict[str, Facet]:
        """All that can be filtered by but for tags, which change by the minute.

        The first call takes a while: a second or two at a million images.
        """
        names = [*self.atlas.columns, FILE, *TIMES]
        return {name: facet for name in names if (facet := self.facet(name)) is not None}

    def facets_with(self, tags: Rows) -> dict[str, Facet]:
        """All that can be filtered by where these rows have these tags."""
        facet = self.tagged(tags).facet
        return {**({self.tag_column: facet} if facet else {}), **self.facets}

    def facet(self, name: str) -> Facet | None:
        """What the images can be filtered by in one column, None where it tells them not apart."""
        with self._facets_lock:
            if name not in self._facets:
                self._facets[name] = self._found_facet(name)
            return self._facets[name]

    def _found_facet(self, name: str) -> Facet | None:
        """One column that nobody foresaw does not take the others away."""
        try:
            return self._faceted(name)
        except Exception:
            log.exception("the column %r cannot be filtered by", name)
            return None

    def _faceted(self, name: str) -> Facet | None:
        if name == self.tag_column:
            return None
        if name in self.atlas.columns and name in self.atlas.points:
            column = self.atlas.points[name]
            return facet_of(name, column, declared=self.atlas.columns[name].type, kind=self.kinds.get(name))
        if name in TIMES:
            times = scale(name, self._times(name), time=True)
            return times if self.n > 1 and len(times.scaled) > 1 else None
        return text(name, self.atlas.points["id"]) if name == FILE and self.n > 1 else None

    def title_of(self, name: str) -> str:
        """What a person calls a column."""
        if name == self.tag_column:
            return title_of_tags(name)
        return name if name in self.atlas.columns else TITLES.get(name, name)

    def row_of(self, image_id: str) -> int | None:
        """The row of an image, None when it is not here."""
        try:
            return int(self.atlas.row(image_id))
        except KeyError:
            return None

    def stamp(self, row: int) -> str:
        """What an image's addresses carry: as long as its bytes are the same, its pictures are."""
        return str(self.atlas.hashes[row].hex())

    def assigned(self) -> dict[str, dict[str, int]]:
        """The codes of the categories that have been coloured so far, by column."""
        with self._lock:
            own = {GIVEN: dict(self._tagged.codes())} if self._tagged else {}
            made = {name: colours.assigned() for name, colours in self._colourings.items()}
            return {**self._assigned, **made, **own}

    def colouring(self, name: str) -> Colouring:
        """Colours by the column `name` ("" or unknown: density alone), arrays in drawing order."""
        with self._lock:
            if name not in self._colourings:
                self._colourings[name] = self._coloured(name)
            return self._colourings[name]

    def _coloured(self, name: str) -> Colouring:
        if name in TIMES and name not in self.kinds:
            times = self._times(name)[self.index.order]
            # The latest images are few as a rule, and those one looks for: no outliers.
            known = times[np.isfinite(times)] if name == INDEXED else []
            span = (float(np.min(known)), float(np.max(known))) if len(known) else None
            return graded(TITLES[name], times, kind="time", span=span)
        if name not in self.kinds:
            return plain(self.n)
        facet = self.facet(name)
        if isinstance(facet, Scale):
            return graded(name, facet.values[self.index.order], kind=self.kinds[name])
        column = self.atlas.points[name].iloc[self.index.order]
        return colouring(name, column, kind=self.kinds[name], assigned=self._assigned.get(name))

    def _times(self, name: str) -> np.ndarray:
        """Times that no metadata tells, in seconds since 1970: (n,) float64, NaN where there is none."""
        return np.asarray(getattr(self.atlas, TIMES[name]), np.float64)

    def label(self, row: int) -> str:
        """What a person calls an image: its metadata's name, else its file's."""
        return str(self.atlas.name(row))

    def named(self, row: int) -> dict[str, Any]:
        """An image as the page knows it. Never by its row: the next version has it at another."""
        return {"id": self.atlas.ids[row], "stamp": self.stamp(row), "label": self.label(row)}

    def card(self, row: int, *, colour: str = "", tags: Sequence[str] = ()) -> dict[str, Any]:
        """An image in a few words: id, label and the first values, the one that colours the map in front."""
        values = {**self._told(row), **({self.tag_column: list(tags)} if tags else {})}
        names = [name for name in [colour, *values] if name in values and name != "name"]
        unique = list(dict.fromkeys(names))
        plain_first = sorted(unique, key=lambda name: isinstance(values[name], list) and name != colour)
        return {
            **self.named(row),
            "values": [[self.title_of(name), short(values[name])] for name in plain_first[:SHOWN_VALUES]],
        }

    def detail(self, row: int) -> dict[str, Any]:
        """All that is known of one image, as text; but for its tags, which may be others by now."""
        return {**self.named(row), "values": [[name, long(value)] for name, value in self._told(row).items()]}

    def _told(self, row: int) -> dict[str, Any]:
        """What is told of an image, without the tags that the index knew of."""
        values = self.atlas.metadata(row)
        return {name: value for name, value in values.items() if name != self.tag_column}

    def similar(self, row: int, *, k: int) -> list[tuple[int, float]]:
        """The `k` nearest other images by cosine similarity, best first."""
        if self.n > SIMILAR_LIMIT or self.n < 2:  # noqa: PLR2004 - an image alone has no neighbours
            return []
        scores = np.array(self.atlas.similarities(self.atlas.stored[row : row + 1][0]))
        scores[row] = -np.inf
        k = min(k, self.n - 1)
        best = np.argpartition(-scores, k - 1)[:k]
        best = best[np.argsort(-scores[best])]
        return [(int(other), float(scores[other])) for other in best]


def priorities(hashes: Sequence[bytes]) -> np.ndarray:
    """A number of 0..1 for each image, (n,) float32: random, and the same in every version and session."""
    first = np.frombuffer(b"".join(key[:8] for key in hashes), ">u8")
    return (first / 2.0**64).astype(np.float32)


def long(value: object) -> object:
    """A metadata value for the detail table: a text, or a list of texts."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < EXACT else f"{value:,.6g}"
    return str(value)


def short(value: object) -> str:
    """A metadata value for a card: one short line."""
    known = long(value)
    text = ", ".join(known) if isinstance(known, list) else str(known)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
