"""How images come to be chosen: steps that each add some, take some away, or choose some instead.

A step is what JSON can hold, so that a link can repeat it: {"how": "only" | "add" | "less"} and one of
{"shape": [[x, y], ...]} (an outline on the map), {"of": "results" | "kept" | "all"}, {"image": id},
{"tag": name}. Of results it says, once taken, which were listed: "n", and "cut", "cap" and "fold".
What filters hide is not chosen. What does not belong here: drawing and showing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.lasso import MAX_CORNERS, MIN_CORNERS, rows_inside
from viewer.dataset.ranking import Listing, rank
from viewer.session.answers import Answer
from viewer.session.state import ViewState

Step = dict[str, Any]
HOWS = ("only", "add", "less")
SETS = ("results", "kept", "all")
MAX_STEPS = 200  # of which the latest are kept
MAX_NAME = 4096
MAX_RESULTS, MAX_FOLDED = 20_000, 2_000  # that a step from outside may be about


def validate_step(told: object) -> Step | None:
    """A step as it came from outside, None where it is none: its numbers are finite, its names texts."""
    if not isinstance(told, dict) or told.get("how", "only") not in HOWS:
        return None
    how = {"how": str(told.get("how", "only"))}
    if "shape" in told:
        shape = read_outline(told["shape"])
        return None if shape is None else {**how, "shape": write_outline(shape)}
    if told.get("of") in SETS:
        return {**how, "of": str(told["of"]), **(_listing(told) if told["of"] == "results" else {})}
    for name in ("image", "tag"):
        if isinstance(told.get(name), str) and len(told[name]) <= MAX_NAME:
            return {**how, name: told[name]}
    return None


def _listing(told: Mapping[str, Any]) -> dict[str, Any]:
    """Which results were listed, of what came from outside."""
    n = told.get("n")
    if type(n) is not int or not 0 < n <= MAX_RESULTS:
        return {}
    ends = {end: told[end] for end in ("cut", "cap") if isinstance(told.get(end), float)}
    finite = {end: value for end, value in ends.items() if math.isfinite(value)}
    if told.get("fold") is True:
        return {"n": min(n, MAX_FOLDED), **finite, "fold": True}
    return {"n": n, **finite}


def read_outline(told: object) -> np.ndarray | None:
    """Corners (m, 2) float64 from a list of pairs; None where it is none."""
    if not isinstance(told, Sequence) or not MIN_CORNERS <= len(told) <= MAX_CORNERS:
        return None
    try:
        corners = np.array(told, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return corners if corners.shape == (len(told), 2) and np.abs(corners).max() < 1e30 else None  # noqa: PLR2004 - squares stay finite; NaN is not less


def write_outline(shape: np.ndarray) -> list[list[float]]:
    """Corners (m, 2) as JSON has them, whole numbers without a point: a link is no longer than it need be."""
    return [[int(v) if v.is_integer() else v for v in corner] for corner in shape.tolist()]


class SelectionContext(NamedTuple):
    """What steps are about: a session may see another version before they are taken."""

    dataset: Dataset
    answer: Answer | None

    @classmethod
    def of(cls, state: ViewState) -> Self:
        """What a session sees now."""
        return cls(state.dataset, state.answer)


def rows_of(
    step: Mapping[str, Any],
    seen: SelectionContext,
    tagged: Mapping[str, np.ndarray],
    *,
    kept: np.ndarray | None,
) -> np.ndarray:
    """The rows (k,) int64 that a step is about, without those that filters hide.

    Args:
        step: a sound one.
        seen: what is shown and found.
        tagged: rows by tag.
        kept: which rows pass the filters, (n,) bool; None: all do.
    """
    rows = _meant(step, seen, tagged, kept)
    return rows if kept is None else rows[kept[rows]]


def _meant(
    step: Mapping[str, Any], seen: SelectionContext, tagged: Mapping[str, np.ndarray], kept: np.ndarray | None
) -> np.ndarray:
    dataset = seen.dataset
    none = np.empty(0, np.int64)
    if "shape" in step:
        return rows_inside(dataset.index, np.array(step["shape"], np.float64))
    if "image" in step:
        row = dataset.row_of(step["image"])
        return none if row is None else np.array([row], np.int64)
    if "tag" in step:
        return tagged.get(step["tag"], none)
    if step["of"] == "results":
        return none if seen.answer is None else _results(step, seen.dataset, seen.answer, kept)
    return np.arange(dataset.n)


def _results(
    step: Mapping[str, Any], dataset: Dataset, answer: Answer, kept: np.ndarray | None
) -> np.ndarray:
    """The results in view; for a step that is taken again, those that were."""
    known = answer.similarities
    if "n" not in step or known is None:
        return np.asarray(answer.rows)
    listing = Listing(kept, step.get("cut"), step.get("cap"), step.get("fold", False), step["n"])
    return rank(known, listing, vectors=dataset.atlas.stored.__getitem__).rows


def combine(before: np.ndarray | None, rows: np.ndarray, *, how: str, n: int) -> np.ndarray | None:
    """The chosen rows (k,) int64, ascending, of `n`, after a step about `rows`; None where none are left."""
    mask = np.zeros(n, bool)
    if before is not None and how != "only":
        mask[before] = True
    mask[rows] = how != "less"
    chosen = np.flatnonzero(mask)
    return chosen if len(chosen) else None


def dated(step: Step, state: ViewState) -> Step:
    """A step with what it depended on: the filters in force, and the query whose results it took."""
    filters = state.filters
    asked = _asked(step, state) if step.get("of") == "results" and state.answer else {}
    return {**step, **asked, **({"under": dict(filters)} if filters else {})}


def _asked(step: Step, state: ViewState) -> Step:
    """The query in view, and which of its results are listed; a step that is taken again says so itself."""
    told: dict[str, Any] = {"q": state.answer.text}
    if "n" not in step:
        within = state.only_selection and state.selection is not None
        told |= {"n": len(state.answer.rows), "cut": state.min_similarity, "cap": state.max_similarity}
        told |= {"fold": state.fold, "within": within}
    return {name: value for name, value in told.items() if value is not None and value is not False}


def plain(steps: Sequence[Step]) -> list[Step]:
    """Steps without what they depended on."""
    own = {"under", "q", "within"}
    return [{name: part for name, part in step.items() if name not in own} for step in steps]


def choose(state: ViewState, step: Step, rows: np.ndarray) -> None:
    """Take a step of now."""
    take_dated(state, dated(step, state), rows)


def take_dated(state: ViewState, step: Step, rows: np.ndarray) -> None:
    """Take a step that is `dated`: an "only" forgets those before it."""
    chosen = combine(state.selection, rows, how=step["how"], n=state.dataset.n)
    steps = [] if step["how"] == "only" else state.steps
    state.param.update(selection=chosen, steps=[*steps, step][-MAX_STEPS:] if chosen is not None else [])


def add_images(state: ViewState, rows: Sequence[int]) -> None:
    """Choose some images too, in one go."""
    ids = state.dataset.atlas.ids
    chosen = combine(state.selection, np.array(rows, np.int64), how="add", n=state.dataset.n)
    steps = [dated({"how": "add", "image": ids[row]}, state) for row in rows]
    state.param.update(selection=chosen, steps=[*state.steps, *steps][-MAX_STEPS:])


def clear_selection(state: ViewState) -> None:
    """Nothing is chosen."""
    state.param.update(selection=None, steps=[])
