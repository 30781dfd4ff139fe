"""How a visitor selects images: in steps that each replace the selection, add to it or subtract from it.

A step is a JSON object, so that a link can hold it and repeat it:

    {"how": "only" | "add" | "less", ...}      replace the selection, add to it, subtract from it; and one of
    {"shape": [[x, y], ...]}                   the images inside an outline on the map
    {"of": "results" | "kept" | "all"}         the query's results, all that pass the filters, all
    {"image": id}, {"tag": name}               one image, the images with a tag

Once applied, a step of results also records which were listed: "n", "cut", "cap" (the least and the largest
similarity) and "fold". Its context, which links leave out, is "q" (the query), "under" (the filters) and
"within" (only in the selection). Links made earlier must open: these names stay.
Images that the filters hide are never selected. What does not belong here: drawing and showing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.lasso import MAX_CORNERS, MIN_CORNERS, rows_inside
from viewer.dataset.ranking import Listing
from viewer.session.answers import Answer
from viewer.session.search import rank_dataset
from viewer.session.state import ViewState

SelectionStep = dict[str, Any]
MODES = ("only", "add", "less")
SETS = ("results", "kept", "all")
CONTEXT = {"under", "q", "within"}
MAX_STEPS = 200  # the latest are kept
MAX_NAME = 4096
MAX_RESULTS, MAX_FOLDED = 20_000, 2_000  # results of a step that comes from a link


def validate_step(value: object) -> SelectionStep | None:
    """Return what is valid of a step from a link or a browser; None if it is no step."""
    if not isinstance(value, dict) or value.get("how", "only") not in MODES:
        return None
    how = {"how": str(value.get("how", "only"))}
    if "shape" in value:
        shape = read_outline(value["shape"])
        return None if shape is None else {**how, "shape": write_outline(shape)}
    if value.get("of") in SETS:
        listed = _validate_listing(value) if value["of"] == "results" else {}
        return {**how, "of": str(value["of"]), **listed}
    for name in ("image", "tag"):
        if isinstance(value.get(name), str) and len(value[name]) <= MAX_NAME:
            return {**how, name: value[name]}
    return None


def _validate_listing(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step validly says about which results were listed."""
    n = value.get("n")
    if type(n) is not int or not 0 < n <= MAX_RESULTS:
        return {}
    ends = {end: value[end] for end in ("cut", "cap") if isinstance(value.get(end), float)}
    finite = {end: similarity for end, similarity in ends.items() if math.isfinite(similarity)}
    if value.get("fold") is True:
        return {"n": min(n, MAX_FOLDED), **finite, "fold": True}
    return {"n": n, **finite}


def read_outline(value: object) -> np.ndarray | None:
    """Return corners (m, 2) float64 from a list of pairs; None if it is no outline."""
    if not isinstance(value, Sequence) or not MIN_CORNERS <= len(value) <= MAX_CORNERS:
        return None
    try:
        corners = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return corners if corners.shape == (len(value), 2) and np.abs(corners).max() < 1e30 else None  # noqa: PLR2004 - squares stay finite; NaN is not less


def write_outline(shape: np.ndarray) -> list[list[float]]:
    """Write corners (m, 2) for JSON, whole numbers without a decimal point: that keeps a link short."""
    return [[int(v) if v.is_integer() else v for v in corner] for corner in shape.tolist()]


class SelectionContext(NamedTuple):
    """The dataset and answer that a step is about, also if the session shows others by then."""

    dataset: Dataset
    answer: Answer | None

    @classmethod
    def of(cls, state: ViewState) -> Self:
        """Return the dataset and answer that a session shows now."""
        return cls(state.dataset, state.answer)


def rows_of_step(
    step: Mapping[str, Any],
    context: SelectionContext,
    tags: Mapping[str, np.ndarray],
    *,
    kept: np.ndarray | None,
) -> np.ndarray:
    """Return the rows (k,) int64 of a step, without those that the filters hide.

    Args:
        step: a valid step.
        context: the dataset and answer it is about.
        tags: rows by tag.
        kept: which rows pass the filters, (n,) bool; None: all.
    """
    rows = _all_rows_of_step(step, context, tags, kept)
    return rows if kept is None else rows[kept[rows]]


def _all_rows_of_step(
    step: Mapping[str, Any],
    context: SelectionContext,
    tags: Mapping[str, np.ndarray],
    kept: np.ndarray | None,
) -> np.ndarray:
    dataset, answer = context
    none = np.empty(0, np.int64)
    if "shape" in step:
        return rows_inside(dataset.index, np.array(step["shape"], np.float64))
    if "image" in step:
        row = dataset.row_of(step["image"])
        return none if row is None else np.array([row], np.int64)
    if "tag" in step:
        return tags.get(step["tag"], none)
    if step["of"] == "results":
        return none if answer is None else _results(step, dataset, answer, kept)
    return np.arange(dataset.n)


def _results(
    step: Mapping[str, Any], dataset: Dataset, answer: Answer, kept: np.ndarray | None
) -> np.ndarray:
    """Return the listed results; for a repeated step, those that were listed when it was first applied."""
    known = answer.similarities
    if "n" not in step or known is None:
        return np.asarray(answer.rows)
    listing = Listing(kept, step.get("cut"), step.get("cap"), step.get("fold", False), step["n"])
    return rank_dataset(dataset, known, listing).rows


def combine(before: np.ndarray | None, rows: np.ndarray, *, how: str, n: int) -> np.ndarray | None:
    """Return the selected rows (k,) int64, ascending, of `n`, after a step; None if none are left."""
    mask = np.zeros(n, bool)
    if before is not None and how != "only":
        mask[before] = True
    mask[rows] = how != "less"
    selected = np.flatnonzero(mask)
    return selected if len(selected) else None


def with_context(step: SelectionStep, state: ViewState) -> SelectionStep:
    """Add to a step what it depends on: the filters, and of results the query and how they were listed."""
    filters = state.filters
    listed = _listing_now(step, state) if step.get("of") == "results" and state.answer else {}
    return {**step, **listed, **({"under": dict(filters)} if filters else {})}


def _listing_now(step: SelectionStep, state: ViewState) -> SelectionStep:
    """Return the query in view and how its results are listed; a repeated step has its own listing."""
    listed: dict[str, Any] = {"q": state.answer.text}
    if "n" not in step:
        within = state.only_selection and state.selection is not None
        listed |= {"n": len(state.answer.rows), "cut": state.min_similarity, "cap": state.max_similarity}
        listed |= {"fold": state.fold, "within": within}
    return {name: value for name, value in listed.items() if value is not None and value is not False}


def without_context(steps: Sequence[SelectionStep]) -> list[SelectionStep]:
    """Return steps as links hold them."""
    return [{name: part for name, part in step.items() if name not in CONTEXT} for step in steps]


def apply_step(state: ViewState, step: SelectionStep, rows: np.ndarray) -> None:
    """Change the selection by a step about these rows, and record the step with its context."""
    record_step(state, with_context(step, state), rows)


def record_step(state: ViewState, step: SelectionStep, rows: np.ndarray) -> None:
    """Change the selection by a step that has its context; a step that replaces forgets those before it."""
    selected = combine(state.selection, rows, how=step["how"], n=state.dataset.n)
    steps = [] if step["how"] == "only" else state.steps
    state.param.update(selection=selected, steps=[*steps, step][-MAX_STEPS:] if selected is not None else [])


def add_images(state: ViewState, rows: Sequence[int]) -> None:
    """Add some images to the selection at once."""
    ids = state.dataset.atlas.ids
    selected = combine(state.selection, np.array(rows, np.int64), how="add", n=state.dataset.n)
    steps = [with_context({"how": "add", "image": ids[row]}, state) for row in rows]
    state.param.update(selection=selected, steps=[*state.steps, *steps][-MAX_STEPS:])


def clear_selection(state: ViewState) -> None:
    """Select nothing."""
    state.param.update(selection=None, steps=[])
