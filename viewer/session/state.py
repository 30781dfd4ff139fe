"""What one visitor has asked for and looks at. Every view is a function of this; nothing here draws."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import param

from viewer.dataset.changes import DatasetChanges
from viewer.dataset.columns.colouring import SIMILARITY, Colouring
from viewer.dataset.columns.facets import Facet
from viewer.dataset.columns.filters import Condition, apply_filters, remove_values, validate_filters
from viewer.dataset.columns.tag_column import TagColumn, TagRows, tags_of_rows
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import PAGE_SIZE, Listing, listable_mask
from viewer.dataset.versions import register_holder
from viewer.session.answers import Answer, SimilarityColours, Upload, nearest_first
from viewer.session.migration import (
    MAX_MARKED,
    News,
    keep_duration,
    migrate_row,
    migrate_selection,
    migrate_steps,
    migrate_terms,
    new_rows,
)

HISTORY = 8  # queries kept on the map, the newest first
UPLOADS = 12  # uploaded images a session remembers
NO_LIMITS = {"min_similarity": None, "max_similarity": None}  # results of any similarity
NO_SEARCH = {"answer": None, "searching": False, "message": "", "asked": (), **NO_LIMITS}
ROW_FIELDS = ("selected", "hovered", "pointed")  # what names an image by its row
PANELS = ["results", "filter", "selection"]
_UNORDERED: tuple[None, None, np.ndarray] = (None, None, np.empty(0, np.int64))


class ViewState(param.Parameterized):
    """One session's state."""

    dataset = param.ClassSelector(
        class_=Dataset, allow_None=True, instantiate=False, doc="None only once the session is over."
    )
    colour = param.String(doc='The column the points are coloured by, "" for density alone.')
    dark = param.Boolean(default=True)
    answer = param.ClassSelector(class_=Answer, default=None, doc="The results in view.")
    history = param.List(item_type=Answer, doc="The latest queries, newest first.")
    selected = param.Integer(default=None, allow_None=True, doc="The row whose detail is open.")
    hovered = param.Integer(default=None, allow_None=True, doc="The row under the pointer.")
    pointed = param.Integer(default=None, allow_None=True, doc="The row pointed at in the panel.")
    filters = param.Dict(
        default={}, doc="A condition for each column that has one, see `dataset/filters.py`."
    )
    counts = param.Dict(default=None, allow_None=True, doc="Of each column, with `kept`; None: among all.")
    kept = param.Parameter(default=None, doc="Which rows pass the filters, (n,) bool; None: all do.")
    selection = param.Parameter(default=None, doc="The rows chosen, (k,) int64, ascending; None: none are.")
    steps = param.List(doc="How the rows came to be chosen, see `session/selection.py`; a link repeats it.")
    tool = param.Selector(default="", objects=["", "lasso", "box"], doc="What a drag on the map draws.")
    panel = param.Selector(default="results", objects=PANELS, doc="What is beside the map.")
    tags = param.Dict(default={}, doc="The rows (k,) int64, ascending, of each tag that people gave.")
    overview = param.Boolean(default=False, doc="Whether the sheet about the dataset is open.")
    asked = param.Parameter(default=(), doc="The terms of the query in view, or of the one under way.")
    min_similarity = param.Number(
        default=None, allow_None=True, doc="Results of a lower similarity are not listed."
    )
    max_similarity = param.Number(default=None, allow_None=True, doc="Nor are those of a higher one.")
    fold = param.Boolean(default=False, doc="Whether results alike are listed as one.")
    only_selection = param.Boolean(default=False, doc="Whether only images of the selection are listed.")
    chance = param.Number(default=None, allow_None=True, doc="What random words find; None: not known yet.")
    uploads = param.Dict(default={}, doc="Uploaded images, `Upload` by the name that a term's `like` has.")
    reading = param.String(doc="The name of the image that is being uploaded or read.")
    searching = param.Boolean(default=False)
    message = param.String(doc="Why the last search gave nothing.")
    news = param.ClassSelector(class_=News, default=None, doc="What has changed, until it is dismissed.")
    lately = param.ClassSelector(
        class_=DatasetChanges, default=DatasetChanges(), doc="The latest, dismissed or not."
    )
    marked = param.List(item_type=int, doc="Rows of images that are new, while they are marked.")
    trouble = param.String(doc="Why what is published cannot be shown.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._similar: SimilarityColours | None = None
        self._ordered: tuple[np.ndarray | None, Answer | None, np.ndarray] = _UNORDERED
        register_holder(self)

    @property
    def colouring(self) -> Colouring:
        """What the points are coloured by."""
        return self.own_colouring or self.dataset.colouring(self.colour)

    @property
    def own_colouring(self) -> Colouring | None:
        """Colours that the dataset does not have: by the similarity to the query, or by tags."""
        answer = self.answer
        if self.colour == self.dataset.tag_column_name:
            return self.tag_column.colouring
        if self.colour != SIMILARITY or SIMILARITY in self.dataset.colour_kinds:
            return None
        if answer is None or answer.similarities is None:
            return None
        if self._similar is None or self._similar.similarities is not answer.similarities:
            self._similar = SimilarityColours.of(answer, self.dataset)
        return self._similar.colouring

    @property
    def colour_facet(self) -> Facet | None:
        """What the points are coloured by, as something to filter by or to count."""
        similar = self._similar
        if similar is not None and self.own_colouring is similar.colouring:
            return similar.scale
        return self.facet(self.colour)

    def condition(self, column: str) -> Condition | None:
        """The filter on one column, None where there is none that makes sense."""
        facet = self.facet(column) if column in self.filters else None
        return validate_filters({column: facet}, self.filters).get(column) if facet else None

    @property
    def tag_column(self) -> TagColumn:
        """The tags as a column."""
        return self.dataset.tag_column(self.tags)

    @property
    def facets(self) -> dict[str, Facet]:
        """All that can be filtered by, tags as they are now among it."""
        return self.dataset.facets_with_tags(self.tags)

    def facet(self, column: str) -> Facet | None:
        """What the images can be filtered by in one column, None where it tells them not apart."""
        return self.tag_column.facet if column == self.dataset.tag_column_name else self.dataset.facet(column)

    @property
    def colour_choices(self) -> dict[str, str]:
        """What can be coloured by, and how a person calls it; density alone is ""."""
        return colour_choices_with_tags(self.dataset, self.tags)

    def tags_of(self, row: int) -> list[str]:
        """The tags of one image, in alphabetical order."""
        return tags_of_rows(self.tags, np.array([row]))[0]

    @property
    def passing(self) -> int:
        """How many images pass the filters."""
        return self.dataset.n if self.kept is None else int(np.count_nonzero(self.kept))

    def remember(self, answer: Answer) -> None:
        """Show an answer and put it in front of the history; the same query is kept once."""
        earlier = [old.remembered() for old in self.history if old.text != answer.text]
        history = [answer, *earlier][:HISTORY]
        self.param.update(answer=answer, history=history, searching=False, message="", marked=[])

    def relist(self, answer: Answer) -> None:
        """Show the same query with other results of it."""
        history = [answer if old.text == answer.text else old for old in self.history]
        self.param.update(answer=answer, history=history)

    def forget(self, text: str) -> None:
        """The one query is no more; a search that runs is called off with the query in view."""
        history = [old for old in self.history if old.text != text]
        in_view = self.answer is not None and self.answer.text == text
        self.param.update(history=history, **(NO_SEARCH if in_view else {}))

    def forget_all(self) -> None:
        """No query, no history; a search that runs is called off."""
        self.param.update(history=[], **NO_SEARCH)

    def upload(self, name: str, upload: Upload) -> None:
        """Remember an uploaded image; the latest are kept."""
        self.uploads = dict([*self.uploads.items(), (name, upload)][-UPLOADS:])

    def listing(self, *, count: int = PAGE_SIZE, limited: bool = True) -> Listing:
        """Which images are listed, as the state has it; rows of another version say nothing of this one's."""
        n = self.dataset.n
        kept = self.kept if self.kept is not None and len(self.kept) == n else None
        selection = (
            self.selection[self.selection < n] if self.only_selection and self.selection is not None else None
        )
        passes = listable_mask(n, kept=kept, selection=selection)
        low, high = (self.min_similarity, self.max_similarity) if limited else (None, None)
        return Listing(passes, low, high, self.fold, count)

    def retag(self, tags: TagRows) -> None:
        """Show other tags: what was filtered or coloured by a tag that is gone is not any more.

        Nothing of any other column is worked out again.
        """
        if tags is self.tags:
            return
        column, after = self.dataset.tag_column_name, self.dataset.tag_column(tags).facet
        filters = remove_values(self.filters, column, self.tags.keys() - tags.keys(), whole=after is None)
        counts = {name: known for name, known in (self.counts or {}).items() if name != column}
        if after is not None and column not in filters:  # else they are about to be counted
            counts[column] = after.count(self.kept)
        colours = {*colour_choices_with_tags(self.dataset, tags), ""}
        self.param.update(
            tags=tags,
            filters=filters,
            counts=None if self.counts is None else counts,
            colour=self.colour if self.colour in colours else self.dataset.default_colour,
        )

    def adopt(
        self,
        dataset: Dataset,
        *,
        changes: DatasetChanges,
        answers: Mapping[str, Answer | None] | None = None,
        tags: TagRows | None = None,
    ) -> None:
        """Show another version; everything else stays as far as that version has it.

        Args:
            dataset: the version.
            changes: from the version shown.
            answers: by text, what the queries asked so far find in it; None or missing: nothing is known.
                One whose images were renamed may have another text.
            tags: the rows that tags have there; None: whoever reads them does so at once.
        """
        old, found = self.dataset, answers or {}
        after = {name: migrate_row(dataset, old, changes, getattr(self, name)) for name in ROW_FIELDS}
        if changes.map_relaid:
            after["hovered"] = None  # whatever is under the pointer now, it is another
        gone = self.selected is not None and after["selected"] is None
        lost = old.label(self.selected) if gone else self.news.lost if self.news else ""
        news = News(self.news.changes.followed_by(changes) if self.news else changes, lost)
        marked = {
            *(migrate_row(dataset, old, changes, row) for row in self.marked),
            *new_rows(dataset, changes),
        }
        again = [keep_duration(found.get(asked.text), asked) for asked in self.history]
        pairs = list(zip(again, self.history, strict=True))
        current = next((new for new, was in pairs if self.answer and was.text == self.answer.text), None)
        tags = tags or {}
        called = {old.tag_column_name: dataset.tag_column_name}
        colour = called.get(self.colour, self.colour)
        self.param.update(
            dataset=dataset,
            **self._filtered(dataset, tags, called),
            colour=colour
            if colour in {*colour_choices_with_tags(dataset, tags), ""}
            else dataset.default_colour,
            history=[new if new is current else new.remembered() for new in again if new],
            answer=current,
            asked=migrate_terms(self.asked, changes.moved),
            chance=None,
            news=news,
            lately=news.changes,
            marked=sorted(row for row in marked if row is not None)[:MAX_MARKED],
            selection=migrate_selection(self.selection, old, dataset, changes),
            steps=migrate_steps(self.steps, changes.moved, {was.text: new.text for new, was in pairs if new}),
            tags=tags,
            **after,
        )

    def _filtered(self, dataset: Dataset, tags: TagRows, called: Mapping[str, str]) -> dict[str, Any]:
        """The filters as far as another version has them, and what passes; `called` is old column to new."""
        asked = {called.get(name, name): condition for name, condition in self.filters.items()}
        facets = dataset.facets_with_tags(tags) if asked else {}
        filters = validate_filters(facets, asked)
        if not filters:
            return {"filters": {}, "kept": None, "counts": None}
        narrowed = apply_filters(facets, filters)
        return {"filters": filters, "kept": narrowed.kept, "counts": dict(narrowed.counts)}

    def sequence(self) -> np.ndarray | None:
        """The rows (k,) that one steps through from an image to the next: those chosen, or the results."""
        if self.selection is not None and (self.panel == "selection" or self.answer is None):
            return self.chosen()
        return self.answer.rows if self.answer else None

    def chosen(self) -> np.ndarray:
        """The rows chosen (k,) int64, the nearest to the query first; put in order once."""
        if self.selection is None:
            return np.empty(0, np.int64)
        selection, answer, rows = self._ordered
        if selection is not self.selection or answer is not self.answer:
            rows = nearest_first(self.selection, self.answer)
            self._ordered = (self.selection, self.answer, rows)
        return rows

    def mark_news(self) -> None:
        """Mark what is new, also where a search has taken the marks away."""
        self.marked = new_rows(self.dataset, self.news.changes) if self.news else []

    def dismiss(self) -> None:
        """The news are known."""
        self.param.update(news=None, marked=[])

    def end(self) -> None:
        """The session is over: let go of what is large, whoever still holds this object; nobody is told."""
        with param.parameterized.discard_events(self):
            self.param.update(
                dataset=None, answer=None, history=[], news=None, lately=DatasetChanges(),
                filters={}, kept=None, counts=None, selection=None, steps=[], tags={}, uploads={},
            )  # fmt: skip
            self._similar, self._ordered = None, _UNORDERED


def colour_choices_with_tags(dataset: Dataset, tags: TagRows) -> dict[str, str]:
    """What a dataset with these tags can be coloured by, and how a person calls it."""
    return {
        **({dataset.tag_column_name: dataset.tag_column(tags).title} if tags else {}),
        **dataset.colour_choices,
    }
