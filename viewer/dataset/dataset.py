"""One version of an atlas, prepared for the viewer and shared by all sessions.

What belongs here: positions in drawing order, colours and facets of columns, thumbnails, an image's values.
What does not: those values as words (`dataset/image_words.py`), the state of one visitor, Panel, and which
versions are in memory (`dataset/versions.py`).
"""

import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from clipper.errors import ClipperError
from clipper.metadata.columns import INSIGHT, TAGS, Column
from clipper.metadata.join import tags_column
from clipper.metadata.keys.find import find_images, several_images
from clipper.similarity.similarities import Similarities
from viewer.dataset.atlas_reader import AtlasReader
from viewer.dataset.clusters import CLUSTER, ClusterMap
from viewer.dataset.clusters import TITLE as CLUSTER_TITLE
from viewer.dataset.columns.colouring import (
    SIMILARITY,
    Colouring,
    ColourKind,
    colour_kind,
    column_colouring,
    default_colour_column,
    is_missing,
    number_colouring,
    uniform_colouring,
)
from viewer.dataset.columns.facets import (
    Facet,
    ScaleFacet,
    ValueFacet,
    column_facet,
    scale_facet,
    text_facet,
)
from viewer.dataset.columns.local_times import UTC_ZONE, local_seconds, zone_words
from viewer.dataset.columns.novelty import NOVELTY, novelty_colouring, novelty_facet
from viewer.dataset.columns.novelty import TITLE as NOVELTY_TITLE
from viewer.dataset.columns.ordering import SortKey, sort_key
from viewer.dataset.columns.tag_column import TagColumn, TagRows
from viewer.dataset.columns.tag_column import tag_column_title as title_of_tags
from viewer.dataset.columns.word_column import TITLE as WORDS_TITLE
from viewer.dataset.columns.word_column import WORDS, WordColumn
from viewer.dataset.geometry.curve import curve_positions
from viewer.dataset.geometry.places import Places
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box
from viewer.dataset.thumbnails import Thumbnails

# Pseudo-columns beside those of the metadata: when a file was modified and first indexed, and its id.
MODIFIED, INDEXED, FILE = ":modified", ":indexed", ":file"
MAP_ORDER = ":map"  # sorts images as they lie on the map
TIMES = {MODIFIED: "modified", INDEXED: "indexed"}  # the atlas's attribute for each
TITLES = {
    MODIFIED: "File modified",
    INDEXED: "Indexed",
    FILE: "File",
    MAP_ORDER: "Place on the map",
    SIMILARITY: "Search similarity",
    CLUSTER: CLUSTER_TITLE,
    WORDS: WORDS_TITLE,
    NOVELTY: NOVELTY_TITLE,
}
GIVEN_COLOURS = "tag colours"  # the key in a dataset's cache of the colours that people gave tags
TAG_COLOURS = ":tags"  # the key for the colours of tags, as the column of tags may change its name
KEPT_OF_ZONES = 24  # facets, colours and orders of the times of files, for visitors in other time zones
SIMILAR_LIMIT = 2_000_000  # no similar images are looked up in more: each image that is opened asks for them

log = logging.getLogger(__name__)


class Dataset:
    """One version of an atlas, prepared for the viewer. Rows are the atlas's rows."""

    def __init__(self, atlas: AtlasReader, *, before: "Dataset | None" = None) -> None:
        """Prepare an atlas; categories keep the colours that they have in the version `before`."""
        self.atlas = atlas
        self.index = PointIndex.build(np.asarray(atlas.xy, np.float32))
        self.places = Places(self.index, self.view)
        self.priority = random_priorities(atlas.hashes)[self.index.order]
        self.thumbnails = Thumbnails(atlas.thumbnail)
        self.cache: dict[Any, Any] = {}  # what is derived from this dataset once
        self._colourings: dict[str, Colouring] = {}
        self._assigned = before.assigned_codes() if before else {}
        self._tag_column: TagColumn | None = None
        self._facets: dict[str, Facet | None] = {}
        self._zoned: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()
        self._facets_lock = threading.RLock()
        weakref.finalize(self, atlas.close).atexit = False

    @property
    def version(self) -> str:
        """The published version."""
        return self.atlas.version

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.atlas.ids)

    @property
    def title(self) -> str:
        """The dataset's name."""
        return self.atlas.title or "Clipper"

    @property
    def model(self) -> str:
        """The fingerprint of the model that made the vectors."""
        return self.atlas.fingerprint

    @property
    def further_model(self) -> str:
        """The name of the model that made vectors and map; "" for the first one of the atlas."""
        return "" if self.atlas.model == self.atlas.models[0] else self.atlas.model

    @property
    def view(self) -> Box:
        """The first view of the map."""
        x0, x1, y0, y1 = map(float, self.atlas.view)
        return x0, max(x1, x0 + 1e-6), y0, max(y1, y0 + 1e-6)

    @cached_property
    def clusters(self) -> ClusterMap | None:
        """The clusters; None in a version without."""
        found = self.atlas.clusters
        known = found is not None and len(found.faces) == self.n and len(found)
        return ClusterMap(found, self._cluster_names(), self.index) if found is not None and known else None

    def _cluster_names(self) -> Sequence[str]:
        """Return the clusters' names; the found ones if those that people gave cannot be read."""
        try:
            return self.atlas.cluster_names
        except ClipperError:
            return self.atlas.found_cluster_names

    def reread_cluster_names(self) -> ClusterMap | None:
        """Read the clusters' names again, as people may have given others; return the clusters with them.

        Raises:
            ClipperError: the names cannot be read.
        """
        before = self.clusters
        after = before.renamed(self.atlas.cluster_names) if before is not None else None
        if after is not before:
            with self._lock, self._facets_lock:
                self.__dict__["clusters"] = after
                self._colourings.pop(CLUSTER, None)
                self._facets.pop(CLUSTER, None)
        return after

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns of metadata, of scores and of words that the table of points has."""
        known = {**self.atlas.columns, **self.atlas.insight_columns}
        return {name: column for name, column in known.items() if name in self.atlas.points}

    @cached_property
    def colour_kinds(self) -> dict[str, ColourKind]:
        """The columns of metadata and of scores that can colour the map, and how each does."""
        found = {name: colour_kind(column) for name, column in self.columns.items()}
        return {name: kind for name, kind in found.items() if kind}

    @cached_property
    def default_colour(self) -> str:
        """The column that colours the map at the start: a category, else the clusters; "" for none."""
        clusters = CLUSTER if self.facet(CLUSTER) is not None else ""
        own = [column for name, column in self.columns.items() if name in self.atlas.columns]
        return default_colour_column(own) or clusters

    def prepare(self, *, colour: str) -> None:
        """Derive what a page shows, so that no visitor waits for it and damage is found now.

        Args:
            colour: the column that colours the map.

        Raises:
            StoreError: a part is damaged.
        """
        self.colouring(colour if colour in self.colour_choices else self.default_colour)
        _ = self.facets
        for part in ("failures", "stored"):
            getattr(self.atlas, part)
        if self.n:
            self.atlas.thumbnail(0)
            self.atlas.image_format(0)
            self.metadata(0)
        self.places.bands()

    @cached_property
    def colour_choices(self) -> dict[str, str]:
        """The columns that can colour the map, and their titles; for density alone there is ""."""
        own = [SIMILARITY, WORDS, *(name for name in (CLUSTER, NOVELTY, *TIMES) if self.facet(name))]
        known = {name: self.title_of(name) for name in self.colour_kinds}
        return {**known, **{name: TITLES[name] for name in own}}

    def colour_choices_with(self, tags: TagRows) -> dict[str, str]:
        """Return the title of each column to colour by when images have these tags."""
        return {
            **({self.tag_column_name: self.tag_column(tags).title} if tags else {}),
            **self.colour_choices,
        }

    @cached_property
    def sort_choices(self) -> dict[str, str]:
        """The columns that can sort images, and their titles: of many values each, scores and times first."""
        names = [*self.columns, CLUSTER, NOVELTY, *TIMES, FILE]
        known = {name: facet for name in names if (facet := self.facet(name)) is not None}
        order: dict[str, int] = {"number": 0, "time": 0, "values": 1, "text": 2}
        ranked = sorted(known, key=lambda name: order[known[name].kind])
        return {MAP_ORDER: TITLES[MAP_ORDER], **{name: self.title_of(name) for name in ranked}}

    def sort_key(self, name: str, *, zone: str = UTC_ZONE) -> SortKey | None:
        """Return what sorts images by a column, made once a zone; None if the column cannot sort them.

        The first call for a column of texts takes a second for a million images.
        """
        if name not in self.sort_choices:
            return None
        if name in TIMES and zone != UTC_ZONE:
            known = self.facet(name, zone=zone)
            local: SortKey | None = self._of_zone(
                "sort key", name, zone, lambda *_: known and sort_key(known)
            )
            return local
        key = ("sort key", name)
        if key not in self.cache:
            facet = self.facet(name)
            made = (
                SortKey(curve_positions(np.asarray(self.atlas.xy)).astype(np.float64))
                if facet is None
                else sort_key(facet)
            )
            self.cache[key] = made
        found: SortKey = self.cache[key]
        return found

    @cached_property
    def group_choices(self) -> dict[str, str]:
        """The columns whose values can group images, and their titles."""
        names = [CLUSTER, *self.columns]
        known = {name: self.facet(name) for name in names}
        return {name: self.title_of(name) for name, facet in known.items() if isinstance(facet, ValueFacet)}

    @cached_property
    def tag_column_name(self) -> str:
        """The column of tags: its name in this index, or the name that the next index would give it."""
        columns = self.atlas.columns
        mine = [name for name, column in columns.items() if column.origin == TAGS]
        return mine[0] if mine else tags_column(columns)

    def tag_column(self, rows: TagRows) -> TagColumn:
        """Make a column of these tags instead of the index's; sessions with the same tags share it."""
        with self._lock:
            known = self._tag_column
            if known is None or known.rows is not rows:
                codes = dict(known.colour_codes() if known else self._assigned.get(TAG_COLOURS, {}))
                codes |= self.cache.get(GIVEN_COLOURS, {})
                known = self._tag_column = TagColumn(self.tag_column_name, rows, self.index.rank, codes)
            return known

    @property
    def facets(self) -> dict[str, Facet]:
        """All facets but those of tags and of a visitor's words, which change at any time.

        The first call takes a second or two for a million images.
        """
        names = [*self.atlas.columns, CLUSTER, NOVELTY, *self.atlas.insight_columns, FILE, *TIMES]
        return {name: facet for name in names if (facet := self.facet(name)) is not None}

    def facets_with(
        self, tags: TagRows, words: WordColumn | None = None, *, zone: str = UTC_ZONE
    ) -> dict[str, Facet]:
        """Return all facets, with those of these tags and words, and with times of files in a zone."""
        facet = self.tag_column(tags).facet
        return {
            **({self.tag_column_name: facet} if facet else {}),
            **({WORDS: words.facet} if words else {}),
            **self.facets,
            **{name: local for name in TIMES if (local := self.facet(name, zone=zone)) is not None},
        }

    def facet(self, name: str, *, zone: str = UTC_ZONE) -> Facet | None:
        """Return the facet of one column; None if all images have the same value.

        Args:
            name: of the column.
            zone: the time zone on whose clock the times of files are shown.
        """
        if name in TIMES and zone != UTC_ZONE:
            local: Facet | None = self._of_zone("facet", name, zone, self._try_facet)
            return local
        with self._facets_lock:
            if name not in self._facets:
                self._facets[name] = self._try_facet(name, UTC_ZONE)
            return self._facets[name]

    def _of_zone(self, kind: str, name: str, zone: str, make: Callable[[str, str], Any]) -> Any:
        """Return what is made of the times of files for one time zone; only the latest are kept."""
        key = kind, name, zone
        with self._facets_lock:
            if key not in self._zoned:
                self._zoned = dict([*self._zoned.items(), (key, make(name, zone))][-KEPT_OF_ZONES:])
            return self._zoned[key]

    def _try_facet(self, name: str, zone: str) -> Facet | None:
        """Make a facet; a column that fails is logged and left out, and the other columns remain."""
        try:
            return self._make_facet(name, zone)
        except Exception:
            log.exception("no filter could be made of the column %r", name)
            return None

    def _make_facet(self, name: str, zone: str) -> Facet | None:
        if name == self.tag_column_name:
            return None
        if name in self.columns:
            return column_facet(self.columns[name], self.atlas.points[name])
        if name == CLUSTER:
            return self.clusters.facet if self.clusters is not None else None
        if name == NOVELTY:
            return novelty_facet(self.atlas.novelty)
        if name in TIMES:
            times = scale_facet(name, local_seconds(self._times(name), zone), time=True)
            return times if self.n > 1 and len(times.bins) > 1 else None
        return text_facet(name, self.atlas.points["id"]) if name == FILE and self.n > 1 else None

    def title_of(self, name: str) -> str:
        """Return a column's title on the page."""
        if name == self.tag_column_name:
            return title_of_tags(name)
        if name in self.atlas.insight_columns and self.atlas.insight_columns[name].origin == INSIGHT:
            title = name.replace("_", " ").capitalize()
            return f"{title} (Clipper)" if title in self.atlas.columns else title
        return name if name in self.columns else TITLES.get(name, name)

    def row_of(self, image_id: str) -> int | None:
        """Return the row of an image; None if it is not in this version."""
        try:
            return self.atlas.row(image_id)
        except KeyError:
            return None

    def named(self, key: str) -> tuple[str, str]:
        """Return the id of the image that a key names, as metadata keys do; or "", and why there is none."""
        if self.row_of(key) is not None:
            return key, ""
        rows = find_images(self.atlas.ids, key)
        if len(rows) == 1:
            return self.atlas.ids[rows[0]], ""
        if rows:
            return "", several_images(key, [self.atlas.ids[row] for row in rows])
        return "", f"No image is called “{key}”."

    def id_of(self, row: int | None) -> str:
        """Return the id of the image in a row; "" without a row."""
        return "" if row is None else self.atlas.ids[row]

    def content_stamp(self, row: int) -> str:
        """Return the content hash that an image's URLs carry, so that a browser may keep their answers."""
        return self.atlas.hashes[row].hex()

    def assigned_codes(self) -> dict[str, dict[str, int]]:
        """Return the colour codes of categories that have been assigned so far, by column."""
        with self._lock:
            own = {TAG_COLOURS: dict(self._tag_column.colour_codes())} if self._tag_column else {}
            made = {name: colours.assigned_codes() for name, colours in self._colourings.items()}
            return {**self._assigned, **made, **own}

    def colouring(self, name: str, *, zone: str = UTC_ZONE) -> Colouring:
        """Colour by a column ("" or unknown: density alone); arrays are in drawing order.

        The times of files are those on the clock of a time zone.
        """
        if name in TIMES and zone != UTC_ZONE:
            local: Colouring = self._of_zone("colouring", name, zone, self._make_colouring)
            return local
        with self._lock:
            if name not in self._colourings:
                self._colourings[name] = self._make_colouring(name, UTC_ZONE)
            return self._colourings[name]

    def _make_colouring(self, name: str, zone: str) -> Colouring:
        if name in TIMES and name not in self.colour_kinds:
            times = local_seconds(self._times(name), zone)[self.index.order]
            # The latest images are usually few, and the ones that people look for: they are no outliers.
            known = times[np.isfinite(times)] if name == INDEXED else []
            span = (float(np.min(known)), float(np.max(known))) if len(known) else None
            title = f"{TITLES[name]} ({zone_words(zone)})"
            return number_colouring(title, times, kind="time", span=span)
        if name == CLUSTER and name not in self.colour_kinds and self.clusters is not None:
            return self.clusters.colouring
        if name == NOVELTY and name not in self.colour_kinds and self.facet(name) is not None:
            return novelty_colouring(np.asarray(self.atlas.novelty)[self.index.order])
        if name not in self.colour_kinds:
            return uniform_colouring(self.n)
        facet = self.facet(name)
        if isinstance(facet, ScaleFacet):
            numbers = facet.offsets[self.index.order]
            return number_colouring(name, numbers, kind=self.colour_kinds[name], base=facet.bins.base)
        column = self.atlas.points[name].iloc[self.index.order]
        return column_colouring(name, column, kind=self.colour_kinds[name], assigned=self._assigned.get(name))

    def _times(self, name: str) -> np.ndarray:
        """Return the times of a pseudo-column in seconds since 1970, (n,) float64, NaN if unknown."""
        return np.asarray(getattr(self.atlas, TIMES[name]), np.float64)

    def label(self, row: int) -> str:
        """Return an image's name from its metadata, or the name of its file."""
        return self.atlas.name(row)

    def image_ref(self, row: int) -> dict[str, Any]:
        """Return how the page refers to an image: by id, as its row differs in the next version."""
        ref = {"id": self.atlas.ids[row], "stamp": self.content_stamp(row), "label": self.label(row)}
        return {**ref, "boxes": True} if self.atlas.has_objects else ref

    def metadata(self, row: int) -> dict[str, Any]:
        """Return an image's metadata without the tags of the index, which may have changed."""
        values = self.atlas.metadata(row)
        return {name: value for name, value in values.items() if name != self.tag_column_name}

    def found(self, row: int) -> dict[str, Any]:
        """Return what Clipper found of an image, as values of Python: scores, and words of kept lists."""
        names = [name for name in self.atlas.insight_columns if name in self.columns]
        cells = {name: self.atlas.points[name].iloc[row] for name in names}
        return {
            name: cell.tolist() if isinstance(cell, (np.ndarray, np.generic)) else cell
            for name, cell in cells.items()
            if not is_missing(cell)
        }

    def similar(self, row: int, *, k: int) -> list[tuple[int, float]]:
        """Return the rows and cosine similarities of the `k` most similar other images, best first."""
        if self.n > SIMILAR_LIMIT or self.n < 2:  # noqa: PLR2004 - a single image has no neighbours
            return []
        others = np.ones(self.n, bool)
        others[row] = False
        scores = Similarities.of(self.atlas.similarities(self.atlas.stored[row : row + 1][0]))
        rows, values = scores.best(k, among=others)
        return list(zip(rows.tolist(), values.tolist(), strict=True))


def random_priorities(hashes: Sequence[bytes]) -> np.ndarray:
    """Return a pseudo-random number of 0..1 for each image, (n,) float32, the same in every version."""
    first = np.frombuffer(b"".join(key[:8] for key in hashes), ">u8")
    return (first / 2.0**64).astype(np.float32)
