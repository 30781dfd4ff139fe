"""Changes a page to another version of the dataset: what the version still has is kept.

What does not belong here: how each value is carried over (`migration.py`), and when to change the version
(`components/page/follower.py`).
"""

from collections.abc import Mapping
from typing import Any

from viewer.dataset.changes import DatasetChanges
from viewer.dataset.clusters import CLUSTER
from viewer.dataset.columns.filters import apply_filters, validate_filters
from viewer.dataset.columns.part import Part
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.columns.word_column import WordColumn
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import known_findings
from viewer.dataset.geometry.places import Places
from viewer.session.answers import Answer, Terms
from viewer.session.migration import (
    MAX_MARKED,
    News,
    keep_first_search,
    migrate_row,
    migrate_selection,
    migrate_steps,
    migrate_terms,
    migrate_unanswered,
    new_rows,
)
from viewer.session.state import NO_LIMITS, ViewState

ROW_FIELDS = ("selected", "hovered", "pointed")  # each holds the row of an image


def change_version(
    state: ViewState,
    dataset: Dataset,
    *,
    changes: DatasetChanges,
    answers: Mapping[Terms, Answer | None] | None = None,
    tags: TagRows | None = None,
    words: WordColumn | None = None,
    laid: Places | None = None,
) -> None:
    """Show another version, and keep everything else that the version still has.

    Args:
        state: of the page.
        dataset: the version.
        changes: from the version shown.
        answers: the answers there to the queries of the history, by another model also to those that had
            none; None or missing: not known. An answer has other terms than its query if images were renamed.
        tags: the rows of each tag there; None: the tag worker reads them.
        words: the column of the visitor's words there; None: the word worker makes it.
        laid: where images lie there on the axes in view; None: the axes' worker lays them out.
    """
    old, tags, answers = state.dataset, tags or {}, answers or {}
    after = {name: migrate_row(dataset, old, changes, getattr(state, name)) for name in ROW_FIELDS}
    same_version = old.version == dataset.version  # as another model sees it
    if changes.map_relaid or same_version:
        after["hovered"] = None  # another image is under the pointer now
    gone = state.selected is not None and after["selected"] is None
    lost = old.label(state.selected) if gone else state.news.lost if state.news else ""
    news = News(state.news.changes.followed_by(changes) if state.news else changes, lost)
    is_other_model = old.model != dataset.model
    queries = state.queries if is_other_model else state.history
    again = [keep_first_search(answers.get(before.terms), before) for before in queries]
    pairs = list(zip(again, queries, strict=True))
    current = next((new for new, was in pairs if was.terms == state.shown_terms), None)
    unanswered = [was for new, was in pairs if new is None] if is_other_model else state.unanswered
    words = words if words is not None and words.words == state.words else None
    of_model = {"message": "", **NO_LIMITS} if is_other_model else {}  # similarities are on another scale
    renamed = {old.tag_column_name: dataset.tag_column_name}
    colour = renamed.get(state.colour, state.colour)
    known = {*dataset.colour_choices_with(tags), ""}
    state.param.update(
        dataset=dataset,
        **_migrate_filters(state, dataset, tags, words, renamed),
        colour=colour if colour in known else dataset.default_colour,
        history=[new if new is current else new.for_history() for new in again if new],
        unanswered=migrate_unanswered(unanswered, changes.moved),
        answer=current,
        terms=migrate_terms(state.terms, changes.moved),
        baseline=None,
        news=state.news if same_version else news,
        latest_changes=state.latest_changes if same_version else news.changes,
        marked=_migrate_marks(state, dataset, changes),
        selection=migrate_selection(state.selection, old, dataset, changes),
        steps=migrate_steps(state.steps, changes.moved, {was.text: new.text for new, was in pairs if new}),
        tags=tags,
        word_column=words,
        laid=laid,
        images=None,  # its rows are other images there: the list's worker makes another
        findings=known_findings(dataset),
        **of_model,
        **after,
    )


def _migrate_filters(
    state: ViewState,
    dataset: Dataset,
    tags: TagRows,
    words: WordColumn | None,
    column_names: Mapping[str, str],
) -> dict[str, Any]:
    """Return the filters that another version has, and what passes; `column_names` is old to new."""
    renamed = {column_names.get(name, name): condition for name, condition in state.filters.items()}
    if state.dataset.model != dataset.model:
        renamed.pop(CLUSTER, None)  # clusters of two models may be called alike, and are others
    facets = dataset.facets_with(tags, words) if renamed else {}
    filters = validate_filters(facets, renamed)
    if not filters:
        return {"filters": {}, "kept": None, "counts": None, "part": None}
    narrowed = apply_filters(facets, filters)
    kept = narrowed.kept
    part = None if kept is None else Part(kept, filtered=True)
    return {"filters": filters, "kept": kept, "counts": dict(narrowed.counts), "part": part}


def _migrate_marks(state: ViewState, dataset: Dataset, changes: DatasetChanges) -> list[int]:
    """Return the rows that the map marks in another version: those marked before, and new ones."""
    before = {migrate_row(dataset, state.dataset, changes, row) for row in state.marked}
    marked = {*before, *new_rows(dataset, changes)}
    return sorted(row for row in marked if row is not None)[:MAX_MARKED]
