"""Which images the steps of a selection select, and how a step changes a visitor's selection.

Images that the filters hide are never selected.
What does not belong here: the types of steps, and how links spell them (`steps.py`); how a visitor draws an
outline (`components/map/lasso.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from clipper.errors import ClipperError
from clipper.store.parts.clusters import BLOCK
from viewer.dataset.axes.lay_out import Around, lay_out
from viewer.dataset.columns.local_times import UTC_ZONE
from viewer.dataset.columns.ordering import order_listed
from viewer.dataset.columns.word_column import WordColumn
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import found_rows
from viewer.dataset.geometry.lasso import rows_inside
from viewer.dataset.ranking import Listing, listed_rows
from viewer.dataset.suggestions import mixture
from viewer.dataset.versions import of_model
from viewer.session.answers import Answer
from viewer.session.search import rank_dataset
from viewer.session.state import ViewState
from viewer.session.steps import (
    AllImages,
    Found,
    Listed,
    Mode,
    OneCluster,
    OneImage,
    Outline,
    Results,
    SelectionStep,
    Tagged,
    Target,
)

MAX_STEPS = 200  # the latest are kept


class SelectionSource(NamedTuple):
    """The dataset and answer that a step selects from, also if the session shows others by then."""

    dataset: Dataset
    answer: Answer | None
    words: WordColumn | None = None
    zone: str = UTC_ZONE  # on whose clock the times of files are shown

    @classmethod
    def of(cls, state: ViewState) -> Self:
        """Return the dataset and answer that a session shows now."""
        return cls(state.dataset, state.answer, state.word_column, state.zone)


def rows_of_target(
    target: Target,
    source: SelectionSource,
    tags: Mapping[str, np.ndarray],
    *,
    kept: np.ndarray | None,
) -> np.ndarray:
    """Return the rows (k,) int64 of a step's target, without those that the filters hide.

    Args:
        target: the target.
        source: the dataset and answer to select from.
        tags: rows by tag.
        kept: which rows pass the filters, (n,) bool; None: all.
    """
    rows = _all_rows_of_target(target, source, tags, kept)
    return rows if kept is None else rows[kept[rows]]


def _all_rows_of_target(  # noqa: PLR0911 - one for each kind of target
    target: Target,
    source: SelectionSource,
    tags: Mapping[str, np.ndarray],
    kept: np.ndarray | None,
) -> np.ndarray:
    dataset, answer = source.dataset, source.answer
    none = np.empty(0, np.int64)
    match target:
        case Outline():
            return _inside(target, source, tags)
        case Results(listing):
            return none if answer is None else _results(listing, dataset, answer, kept)
        case Listed():
            return _listed(target, source, kept)
        case AllImages():
            return np.arange(dataset.n)
        case OneImage(image_id):
            row = dataset.row_of(image_id)
            return none if row is None else np.array([row], np.int64)
        case Tagged(tag):
            return tags.get(tag, none)
        case OneCluster(cluster_id):
            return _of_cluster(dataset, cluster_id)
        case Found(key, beside, spare):
            return found_rows(dataset, key, beside=beside, spare=spare)


def _inside(target: Outline, source: SelectionSource, tags: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the images inside an outline, where it was drawn: on axes, or on a model's map."""
    dataset, answer = source.dataset, source.answer
    on = dataset if any(target.axes) else of_model(dataset, target.model)
    known = answer.similarities if answer is not None else None
    title = answer.title if answer is not None else ""
    around = Around(tags, source.words, known, title, source.zone)
    try:
        places = lay_out(on, target.axes, around) if on is not None else None
    except ClipperError:  # this version cannot show what the outline was drawn on
        places = None
    if places is None:
        return np.empty(0, np.int64)
    return rows_inside(places.index, np.array(target.corners, np.float64))


def _of_cluster(dataset: Dataset, cluster_id: int) -> np.ndarray:
    """Return the images of a cluster; it may be one of another model.

    A number that this model gave to a cluster of the past opens no other model's map.
    """
    own = dataset.clusters
    is_own = own is not None and len(own) > 0 and int(own.table.ids[0]) // BLOCK == cluster_id // BLOCK
    others = () if is_own else ("", *dataset.atlas.models[1:])
    for model in dict.fromkeys((dataset.further_model, *others)):
        shown = of_model(dataset, model)
        clusters = shown.clusters if shown is not None else None
        if clusters is not None and clusters.row_of(cluster_id) is not None:
            return clusters.images_of(cluster_id)
    return np.empty(0, np.int64)


def _results(
    listing: Listing | None, dataset: Dataset, answer: Answer, kept: np.ndarray | None
) -> np.ndarray:
    """Return the listed results; for a repeated step, those that were listed when it was first applied."""
    known = answer.similarities
    if listing is None or known is None:
        return np.asarray(answer.rows)
    return rank_dataset(dataset, known, replace(listing, passes=kept)).rows


def _listed(target: Listed, source: SelectionSource, kept: np.ndarray | None) -> np.ndarray:
    """Return the rows at some positions of a sorted list."""
    dataset = source.dataset
    similarities = source.answer.similarities if source.answer else None
    listing = Listing(kept, target.min_similarity, target.max_similarity)
    sort = dataset.sort_key(target.sort, zone=source.zone) if target.sort else None
    rows = order_listed(
        listed_rows(dataset.n, listing, similarities), sort=sort, ascending=target.ascending,
        similarities=similarities, mixture=mixture(dataset),
    )  # fmt: skip
    return rows[target.start : target.stop]


def combine(before: np.ndarray | None, rows: np.ndarray, *, mode: Mode, n: int) -> np.ndarray | None:
    """Return the selected rows (k,) int64, ascending, of `n`, after a step; None if none are left."""
    mask = np.zeros(n, bool)
    if before is not None and mode != "replace":
        mask[before] = True
    mask[rows] = ~mask[rows] if mode == "toggle" else mode != "subtract"
    selected = np.flatnonzero(mask)
    return selected if len(selected) else None


def with_context(step: SelectionStep, state: ViewState) -> SelectionStep:
    """Add to a step what it depends on: the filters, and of results the query and how they were listed."""
    target, answer = step.target, state.answer
    step = replace(step, filters=dict(state.filters))
    if isinstance(target, Listed):
        return replace(step, query=answer.text if answer else "")
    if not isinstance(target, Results):
        return step
    if answer is None:
        return replace(step, query="")
    if target.listing is not None:  # a repeated step has its own
        return replace(step, query=answer.text)
    listing = Listing(None, state.min_similarity, state.max_similarity, state.fold, len(answer.rows))
    only_selection = state.only_selection and state.selection is not None
    return replace(step, target=Results(listing), query=answer.text, only_selection=only_selection)


def apply_step(state: ViewState, step: SelectionStep, rows: np.ndarray) -> None:
    """Change the selection by a step about these rows, and record the step with its context."""
    record_step(state, with_context(step, state), rows)


def record_step(state: ViewState, step: SelectionStep, rows: np.ndarray) -> None:
    """Change the selection by a step that has its context; a step that replaces forgets those before it.

    A step that adds or subtracts, and changes nothing, is not recorded.
    """
    before = state.selection
    selected = combine(before, rows, mode=step.mode, n=state.dataset.n)
    if step.mode != "replace" and _same_rows(selected, before):
        return
    steps = [] if step.mode == "replace" else state.steps
    state.param.update(selection=selected, steps=[*steps, step][-MAX_STEPS:] if selected is not None else [])


def _same_rows(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def add_images(state: ViewState, rows: Sequence[int]) -> None:
    """Add some images to the selection at once."""
    ids = state.dataset.atlas.ids
    selected = combine(state.selection, np.array(rows, np.int64), mode="add", n=state.dataset.n)
    steps = [with_context(SelectionStep("add", OneImage(ids[row])), state) for row in rows]
    state.param.update(selection=selected, steps=[*state.steps, *steps][-MAX_STEPS:])


def clear_selection(state: ViewState) -> None:
    """Select nothing."""
    state.param.update(selection=None, steps=[])
