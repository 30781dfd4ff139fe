"""The state of one visitor's page. Every view is a function of it; nothing here draws.

What does not belong here: working out answers (`search.py`), filters, tags and words (`workers/`), and
another version of the dataset (`version_change.py`).
"""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import param
from param.parameterized import Comparator

from clipper.atlas.findings import Finding
from clipper.export.drawing.palette import CATEGORY_DARK, CATEGORY_LIGHT
from clipper.query_filter import AnyOf, Condition, HasText, InRange, NoneOf
from viewer.dataset.axes.lay_out import QUERIES
from viewer.dataset.changes import DatasetChanges
from viewer.dataset.clusters import CLUSTER, ClusterMap
from viewer.dataset.columns.colouring import SIMILARITY, Colouring
from viewer.dataset.columns.facets import Facet, ValueFacet
from viewer.dataset.columns.filters import Filters, remove_values, rename_values, validate_filters
from viewer.dataset.columns.local_times import UTC_ZONE
from viewer.dataset.columns.ordering import SortKey
from viewer.dataset.columns.part import Part
from viewer.dataset.columns.tag_column import TagColumn, TagRows, tags_of_rows
from viewer.dataset.columns.word_column import WORDS, WordColumn
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import Findings, find_by_key
from viewer.dataset.geometry.places import Places
from viewer.dataset.ranking import PAGE_SIZE, Listing, listable_mask
from viewer.dataset.versions import register_holder
from viewer.session.answers import Answer, SimilarityColours, Terms, Unanswered, Upload
from viewer.session.arrangement import EXPLORE, PANELS, Arrangement
from viewer.session.migration import News, new_rows
from viewer.session.steps import SelectionStep

MAX_HISTORY = 8  # queries on the map
MAX_UPLOADS = 12  # uploaded images of a session
PLACED_BY = 10  # best results amid which a query lies on axes
NO_LIMITS = {"min_similarity": None, "max_similarity": None}  # results of any similarity
LAYOUT = ["panel", "arrangement", "narrow"]  # what decides which panels are in view
NO_WORDS_ASKED = {"asked_words": (), "words_problem": "", "kept_words": "", "keep_problem": ""}
NO_SEARCH: dict[str, Any] = {
    "answer": None,
    "searching": False,
    "message": "",
    "terms": (),
    "unknown": {},
    **NO_LIMITS,
}

# Setting equal filters or steps again causes no event. param takes values of unknown types as changed.
Comparator.equalities[AnyOf, NoneOf, InRange, HasText, SelectionStep, Arrangement] = operator.eq


class ImageList(NamedTuple):
    """Images in an order that the visitor chose: rows (k,) int64.

    `sort` is what sorts them, `group` what groups them, and `counts` (labels + 1,) int64 has how many images
    each group has; the last has those without a value.
    """

    rows: np.ndarray
    sort: SortKey | None = None
    group: ValueFacet | None = None
    counts: np.ndarray = np.empty(0, np.int64)


class OrderedSelection(NamedTuple):
    """A selection, rows (k,) int64 ascending, and the same rows in the order in which they are listed."""

    selection: np.ndarray
    rows: np.ndarray


class ViewState(param.Parameterized):
    """The state of one session."""

    dataset = param.ClassSelector(
        class_=Dataset, allow_None=True, instantiate=False, doc="None only after the session has ended."
    )
    model = param.String(doc='The model that was chosen in an atlas of several, "" for the first.')
    beside = param.String(doc='The model whose map lies beside the page\'s own, "" for none.')
    colour = param.String(doc='The column the points are coloured by, "" for density alone.')
    dark = param.Boolean(default=True)
    faces = param.Boolean(default=True, doc="Whether images stand for the clusters on the map.")
    names = param.Boolean(default=True, doc="Whether the clusters have their names on the map.")
    answer = param.ClassSelector(class_=Answer, default=None, doc="The answer in view.")
    history = param.List(item_type=Answer, doc="The latest queries, newest first.")
    unanswered = param.List(
        item_type=Unanswered,
        doc="Earlier queries that the model in view has no answer to; the next model is asked them again.",
    )
    selected = param.Integer(default=None, allow_None=True, doc="The row of the open image.")
    hovered = param.Integer(default=None, allow_None=True, doc="The row under the pointer.")
    pointed = param.Integer(default=None, allow_None=True, doc="The row pointed at in the panel.")
    filters: Filters = param.Dict(
        default={}, doc="A condition for each column that has one, see `dataset/columns/filters.py`."
    )
    counts = param.Dict(
        default=None,
        allow_None=True,
        doc="Counts of each column's values in `part`; None: of all images.",
    )
    part = param.ClassSelector(
        class_=Part, default=None, doc="What `counts` counts: what passes, is selected and is similar enough."
    )
    kept = param.Parameter(default=None, doc="Which rows pass the filters, (n,) bool; None: all.")
    selection = param.Parameter(default=None, doc="The selected rows, (k,) int64, ascending; None: none.")
    steps: list[SelectionStep] = param.List(item_type=SelectionStep, doc="The steps that made the selection.")
    sort = param.String(doc='The column that sorts images; "": the most similar to the query first.')
    ascending = param.Boolean(default=False, doc="Whether its smallest values come first.")
    group = param.String(doc='The column that groups the listed images, "" for none.')
    images = param.ClassSelector(
        class_=ImageList,
        default=None,
        doc="All listed images in their order; None: not known yet, or only the nearest ones are in view.",
    )
    ordered = param.ClassSelector(
        class_=OrderedSelection,
        default=None,
        doc="The selection in order; None: there is none, or its order is not known yet.",
    )
    panel = param.Selector(default="results", objects=[*PANELS], doc="The panel that was shown last.")
    arrangement: Arrangement = param.Parameter(default=EXPLORE, doc="Which panels are open, and where.")
    zone = param.String(default=UTC_ZONE, doc="The visitor's time zone, for the times of files.")
    narrow = param.Boolean(default=False, doc="Whether the page has room for one group of panels only.")
    findings: Findings | None = param.Parameter(
        default=None, doc="The findings of the version; None: not known yet."
    )
    finding = param.String(doc='The key of the open finding, "" for none.')
    concepts = param.String(
        doc='The concepts that the dataset is searched for, "vocabulary" for the shipped ones, "" for none.'
    )
    clusters = param.Parameter(
        default=None, doc="The clusters, None without any: another object when people named some anew."
    )
    tags = param.Dict(default={}, doc="The rows (k,) int64, ascending, of each tag.")
    labelling = param.Boolean(default=False, doc="Whether digits label images.")
    label_column = param.String(doc='The column whose labels the digits give, "" for tags.')
    labels: list[str] = param.List(item_type=str, doc="The tags that the digits from 1 give, at most nine.")
    words = param.Parameter(
        default=(), doc="The words that the images are classified by, as they were typed."
    )
    asked_words = param.Parameter(default=(), doc="Words whose classes are on their way; () for none.")
    word_column = param.Parameter(default=None, doc="The `WordColumn` of `words`; None: not known.")
    words_problem = param.String(doc="Why the words asked last have no classes.")
    kept_words = param.String(doc="The column that the words in view were just kept as.")
    keep_problem = param.String(doc="Why they could not be kept.")
    axes: tuple[str, str] = param.Parameter(
        default=("", ""), doc="What the map's place is laid out by, across and up; two empty ones: the map."
    )
    laid: Places | None = param.Parameter(default=None, doc="Where images lie on `axes`; None: on the map.")
    asked_axes: tuple[str, str] | None = param.Parameter(default=None, doc="Axes on their way; None: none.")
    axes_problems: tuple[str, str] = param.Parameter(
        default=("", ""), doc="Why the axes asked last could not be made, for each."
    )
    placed_queries = param.Integer(doc="Changes whenever queries have got their own places on axes.")
    failed_axes: tuple[str, str] = param.Parameter(default=("", ""), doc="Those axes.")
    overview = param.Boolean(default=False, doc="Whether the overview of the dataset is open.")
    terms = param.Parameter(default=(), doc="The terms of the query in view, or of the one under way.")
    unknown = param.Dict(default={}, doc="Why terms of the query count for nothing, by their `like`.")
    min_similarity = param.Number(
        default=None, allow_None=True, doc="Results of a lower similarity are not listed."
    )
    max_similarity = param.Number(
        default=None, allow_None=True, doc="Results of a higher similarity are not listed."
    )
    fold = param.Boolean(default=False, doc="Whether near-identical results are listed as one.")
    only_selection = param.Boolean(default=False, doc="Whether only images of the selection are listed.")
    excess = param.Boolean(
        default=False, doc="Whether charts begin with the values that a part has more often than the whole."
    )
    baseline = param.Number(
        default=None, allow_None=True, doc="The similarity that random words reach; None: not known yet."
    )
    uploads = param.Dict(default={}, doc="An `Upload` by the name in a term's `like`.")
    uploading = param.String(doc="The name of the image that is being uploaded or read.")
    searching = param.Boolean(default=False)
    message = param.String(doc="Why the last search has no answer.")
    news = param.ClassSelector(
        class_=News, default=None, doc="Changes of the dataset that the visitor has not dismissed."
    )
    latest_changes = param.ClassSelector(
        class_=DatasetChanges,
        default=DatasetChanges(),
        doc="The latest changes, dismissed or not.",
    )
    marked = param.List(item_type=int, doc="Rows of new images, as long as the map marks them.")
    load_error = param.String(doc="Why the published version cannot be shown.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._activate_panel()
        self._similar: SimilarityColours | None = None
        self.map_beside: ViewState | None = None  # the state of another model's map; None: it is not shown
        register_holder(self)

    @param.depends("panel", watch=True)
    def _activate_panel(self) -> None:
        if not self.arrangement.is_map_alone:
            self.arrangement = self.arrangement.show(self.panel)

    def show_panel(self, panel: str) -> None:
        """Show a panel, even if it was closed; a page that shows the map alone stays as it is."""
        self.panel = panel
        self._activate_panel()

    @property
    def layout(self) -> Arrangement:
        """Return the arrangement, as far as the page has room for it."""
        if not self.narrow:
            return self.arrangement
        merged = self.arrangement.merged()
        return merged.show(self.panel) if merged.is_open(self.panel) else merged

    def shows(self, panel: str) -> bool:
        """Whether a panel is in view."""
        return self.layout.shows(panel)

    @property
    def places(self) -> Places:
        """Return where images lie in this version: on the axes, or on the map."""
        first = self.dataset.places
        return self.laid if self.laid is not None and self.laid.first is first else first

    def placed(self, answer: Answer) -> Answer:
        """Return an answer at its place in view.

        On axes, words lie where they do between an axis's texts; everything else amid its best results.
        """
        places = self.places
        if places.is_map:
            return answer
        rows = answer.rows[:PLACED_BY]
        middle = np.median(places.positions(rows), axis=0).tolist() if len(rows) else places.middle
        own = places.cache.get(QUERIES, {}).get(answer.terms, (None, None))
        x, y = (known if known is not None else usual for known, usual in zip(own, middle, strict=True))
        return replace(answer, x=x, y=y)

    @property
    def colouring(self) -> Colouring:
        """Return the colours of the points."""
        return self.own_colouring or self.dataset.colouring(self.colour, zone=self.zone)

    @property
    def own_colouring(self) -> Colouring | None:
        """Return colours by similarity, tags or the visitor's words, which no dataset has itself."""
        answer = self.answer
        if self.colour == self.dataset.tag_column_name:
            return self.tag_column.colouring
        if self.colour == WORDS and WORDS not in self.dataset.columns:
            return self.word_column.colouring if self.word_column is not None else None
        if self.colour != SIMILARITY or SIMILARITY in self.dataset.colour_kinds:
            return None
        if answer is None or answer.similarities is None:
            return None
        if self._similar is None or self._similar.similarities is not answer.similarities:
            self._similar = SimilarityColours.of(answer, self.dataset)
        return self._similar.colouring

    def similarity_coloured(self) -> list[Dataset]:
        """Return the datasets whose maps are coloured by similarity: the page's, and that beside it."""
        if self.colour != SIMILARITY:
            return []
        shown = [self.dataset, *([self.map_beside.dataset] if self.map_beside else [])]
        return [dataset for dataset in shown if dataset.version == self.dataset.version]

    def keep_colours(self, similar: Mapping[Dataset, SimilarityColours]) -> None:
        """Keep the colours of each map by the next answer, which were made beside the event loop."""
        self._similar = similar.get(self.dataset, self._similar)
        if self.map_beside is not None:
            self.map_beside.keep_colours(similar)

    @property
    def colour_facet(self) -> Facet | None:
        """Return the facet of the column that colours the points."""
        similar = self._similar
        if similar is not None and self.own_colouring is similar.colouring:
            return similar.scale
        return self.facet(self.colour)

    def condition(self, column: str) -> Condition | None:
        """Return the valid filter on one column; None if there is none."""
        facet = self.facet(column) if column in self.filters else None
        return validate_filters({column: facet}, self.filters).get(column) if facet else None

    @property
    def tag_column(self) -> TagColumn:
        """Return the tags as a column."""
        return self.dataset.tag_column(self.tags)

    @property
    def facets(self) -> dict[str, Facet]:
        """Return the facets of all columns, with the present tags and words."""
        return self.dataset.facets_with(self.tags, self.word_column, zone=self.zone)

    def facet(self, column: str) -> Facet | None:
        """Return the facet of a column; None if all images have the same value there."""
        if column == self.dataset.tag_column_name:
            return self.tag_column.facet
        if column == WORDS and self.word_column is not None and WORDS not in self.dataset.columns:
            return self.word_column.facet
        return self.dataset.facet(column, zone=self.zone)

    @property
    def colour_choices(self) -> dict[str, str]:
        """Return the title of each column to colour by; density alone is not among them."""
        return self.dataset.colour_choices_with(self.tags)

    def tags_of(self, row: int) -> list[str]:
        """Return the tags of one image, in alphabetical order."""
        return tags_of_rows(self.tags, np.array([row]))[0]

    def tag_hex(self, tag: str) -> str:
        """Return the colour of a tag in the theme in view; "" for one without a colour of its own."""
        column = self.tag_column
        codes = column.colour_codes()
        if tag not in codes and tag in self.tags:  # given outside of the viewer: the map gives it one
            codes = column.colouring.assigned_codes()
        named = CATEGORY_DARK if self.dark else CATEGORY_LIGHT
        return named[codes[tag]] if tag in codes else ""

    @property
    def passing_count(self) -> int:
        """Return how many images pass the filters."""
        return self.dataset.n if self.kept is None else int(np.count_nonzero(self.kept))

    @property
    def unlimited_rows(self) -> np.ndarray | None:
        """Return which rows pass the filters and are selected, (n,) bool, of any similarity; None: all."""
        n = self.dataset.n
        selection = None if self.selection is None else self.selection[self.selection < n]
        return listable_mask(n, kept=self.kept, selection=selection)

    @property
    def queries(self) -> list[Answer | Unanswered]:
        """Return the latest queries, newest first: also those that the model in view has no answer to."""
        return sorted([*self.history, *self.unanswered], key=lambda each: -each.asked)[:MAX_HISTORY]

    @property
    def shown_terms(self) -> Terms:
        """Return the terms of the query in view: it has an answer, or the model in view has none to it."""
        if self.answer is not None:
            return self.answer.terms
        waits = not self.searching and any(each.terms == self.terms for each in self.unanswered)
        return self.terms if waits else ()

    def show_answer(self, answer: Answer) -> None:
        """Show an answer and put it first in the history, which holds each query once."""
        earlier = [old.for_history() for old in self.history if old.terms != answer.terms]
        history = [answer, *earlier][:MAX_HISTORY]
        unanswered = [each for each in self.unanswered if each.terms != answer.terms]
        self.param.update(
            answer=answer, history=history, unanswered=unanswered, searching=False, message="", marked=[]
        )

    def update_answer(self, answer: Answer) -> None:
        """Show other results of the same query."""
        history = [answer if old.terms == answer.terms else old for old in self.history]
        self.param.update(answer=answer, history=history)

    def remove_query(self, text: str) -> None:
        """Remove a query from the map; if it is the one in view, cancel a search that runs."""
        history = [old for old in self.history if old.text != text]
        unanswered = [old for old in self.unanswered if old.text != text]
        in_view = self.answer is not None and self.answer.text == text
        self.param.update(history=history, unanswered=unanswered, **(NO_SEARCH if in_view else {}))

    def clear_queries(self) -> None:
        """Remove all queries and cancel a search that runs."""
        self.param.update(history=[], unanswered=[], **NO_SEARCH)

    def add_upload(self, name: str, upload: Upload) -> None:
        """Keep an uploaded image; drop the oldest if there are too many."""
        self.uploads = dict([*self.uploads.items(), (name, upload)][-MAX_UPLOADS:])

    def listing(self, *, count: int = PAGE_SIZE, limited: bool = True) -> Listing:
        """Return which images to list; leave out row masks that belong to another version."""
        n = self.dataset.n
        kept = self.kept if self.kept is not None and len(self.kept) == n else None
        selection = (
            self.selection[self.selection < n] if self.only_selection and self.selection is not None else None
        )
        passes = listable_mask(n, kept=kept, selection=selection)
        low, high = (self.min_similarity, self.max_similarity) if limited else (None, None)
        return Listing(passes, low, high, self.fold, count)

    def set_tags(self, tags: TagRows) -> None:
        """Show other tags, and drop filters and colours by a tag that is gone; recompute no other column."""
        if tags is self.tags:
            return
        column, after = self.dataset.tag_column_name, self.dataset.tag_column(tags).facet
        filters = remove_values(self.filters, column, self.tags.keys() - tags.keys(), whole=after is None)
        counts = {name: known for name, known in (self.counts or {}).items() if name != column}
        if after is not None and column not in filters:  # else the filter worker counts them next
            counts[column] = after.count(self.part.rows if self.part else None)
        colours = {*self.dataset.colour_choices_with(tags), ""}
        self.param.update(
            tags=tags,
            filters=filters,
            counts=None if self.counts is None else counts,
            colour=self.colour if self.colour in colours else self.dataset.default_colour,
        )

    def set_clusters(self, clusters: ClusterMap | None) -> None:
        """Show the clusters with the names that they have now; a filter on clusters keeps its clusters."""
        before, filters = self.clusters, self.filters
        if clusters is before:
            return
        if before is not None and clusters is not None and before.table is clusters.table:
            old, new = (each.facet.labels if each.facet else [] for each in (before, clusters))
            filters = rename_values(filters, CLUSTER, dict(zip(old, new, strict=True)))
        self.param.update(clusters=clusters, filters=filters)

    def show_words(self, column: WordColumn | None) -> None:
        """Show the classes of other words, or none, and drop filters by words that are gone."""
        words = column.words if column else ()
        filters = remove_values(self.filters, WORDS, {*self.words} - {*words}, whole=column is None)
        counts = {name: known for name, known in (self.counts or {}).items() if name != WORDS}
        if column is not None and WORDS not in filters:  # else the filter worker counts them next
            counts[WORDS] = column.facet.count(self.part.rows if self.part else None)
        self.param.update(
            words=words,
            word_column=column,
            filters=filters,
            counts=None if self.counts is None else counts,
            **NO_WORDS_ASKED,
        )

    @property
    def open_finding(self) -> Finding | None:
        """Return the open finding; None also while the findings are not known."""
        return find_by_key(self.findings, self.finding)

    def found_positions(self) -> np.ndarray:
        """Return which images of the open finding pass the filters: positions (k,) int64 among its rows."""
        finding, kept = self.open_finding, self.kept
        rows = finding.rows if finding else np.empty(0, np.int64)
        passes = np.ones(len(rows), bool) if kept is None or len(kept) != self.dataset.n else kept[rows]
        return np.flatnonzero(passes)

    def sequence(self) -> np.ndarray | None:
        """Return the rows (k,) that previous and next step through: a finding, the selection, the results."""
        if self.panel == "insights" and (finding := self.open_finding) is not None:
            return finding.rows[self.found_positions()]
        images = self.images if self.panel == "table" else self.browsed
        listed = images is not None or self.answer is not None
        if self.selection is not None and (self.panel == "selection" or not listed):
            return self.listed_selection
        if images is not None:
            return images.rows
        return self.answer.rows if self.answer else None

    @property
    def listed_selection(self) -> np.ndarray | None:
        """Return the selected rows (k,) int64 in the order in which they are listed; None: not known yet."""
        if self.selection is None:
            return np.empty(0, np.int64)
        ordered = self.ordered
        return ordered.rows if ordered is not None and ordered.selection is self.selection else None

    @property
    def sort_key(self) -> SortKey | None:
        """Return what sorts images; None: no column that this version has."""
        return self.dataset.sort_key(self.sort, zone=self.zone) if self.sort else None

    @property
    def browsed(self) -> ImageList | None:
        """Return the list in view; None: the results of a query by similarity are, or it is not known yet."""
        return self.images if self.is_browsing else None

    @property
    def is_browsing(self) -> bool:
        """Whether the images are listed in another order than by similarity to a query."""
        return self.answer is None or bool(self.sort or self.group)

    def mark_news(self) -> None:
        """Mark the new images, also after a search has removed the marks."""
        self.marked = new_rows(self.dataset, self.news.changes) if self.news else []

    def dismiss_news(self) -> None:
        """Forget the changes that the notice shows, and the marks of new images."""
        self.param.update(news=None, marked=[])

    def end(self) -> None:
        """End the session: release what is large, without events; others may hold this object for a while."""
        with param.parameterized.discard_events(self):
            self.param.update(
                dataset=None, answer=None, history=[], news=None, latest_changes=DatasetChanges(),
                filters={}, kept=None, counts=None, part=None, selection=None, steps=[], tags={}, uploads={},
                findings=None, clusters=None, word_column=None, images=None, ordered=None, laid=None,
            )  # fmt: skip
            self._similar = None
