"""How images come to be chosen: steps that each add some, take some away, or choose some instead.

A step is what JSON can hold, so that a link can repeat it: {"how": "only" | "add" | "less"} and one of
{"shape": [[x, y], ...]} (an outline on the map), {"of": "results" | "kept" | "all"}, {"image": id},
{"tag": name}. What filters hide is not chosen. What does not belong here: drawing and showing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from viewer.regions import LEAST_CORNERS, MOST_CORNERS, inside
from viewer.state import ViewState

Step = dict[str, Any]
HOWS = ("only", "add", "less")
WHOLES = ("results", "kept", "all")
MOST_STEPS = 200  # of which the latest are kept
LONGEST_NAME = 4096


def sound(told: object) -> Step | None:
    """A step as it came from outside, None where it is none: its numbers are finite, its names texts."""
    if not isinstance(told, dict) or told.get("how", "only") not in HOWS:
        return None
    how = {"how": str(told.get("how", "only"))}
    if "shape" in told:
        shape = outline(told["shape"])
        return None if shape is None else {**how, "shape": listed(shape)}
    if told.get("of") in WHOLES:
        return {**how, "of": str(told["of"])}
    for name in ("image", "tag"):
        if isinstance(told.get(name), str) and len(told[name]) <= LONGEST_NAME:
            return {**how, name: told[name]}
    return None


def outline(told: object) -> np.ndarray | None:
    """Corners (m, 2) float64 from a list of pairs; None where it is none."""
    if not isinstance(told, Sequence) or not LEAST_CORNERS <= len(told) <= MOST_CORNERS:
        return None
    try:
        corners = np.array(told, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return corners if corners.shape == (len(told), 2) and np.abs(corners).max() < 1e30 else None  # noqa: PLR2004 - squares stay finite; NaN is not less


def listed(shape: np.ndarray) -> list[list[float]]:
    """Corners (m, 2) as JSON has them, whole numbers without a point: a link is no longer than it need be."""
    return [[int(v) if v.is_integer() else v for v in corner] for corner in shape.tolist()]


def rows_of(step: Mapping[str, Any], state: ViewState, tagged: Mapping[str, np.ndarray]) -> np.ndarray:
    """The rows (k,) int64 that a step is about, without those that filters hide.

    Args:
        step: a sound one.
        state: what is shown, filtered and found.
        tagged: rows by tag.
    """
    rows = _meant(step, state, tagged)
    return rows if state.kept is None else rows[state.kept[rows]]


def _meant(step: Mapping[str, Any], state: ViewState, tagged: Mapping[str, np.ndarray]) -> np.ndarray:
    dataset = state.dataset
    none = np.empty(0, np.int64)
    if "shape" in step:
        return inside(dataset.index, np.array(step["shape"], np.float64))
    if "image" in step:
        row = dataset.row_of(step["image"])
        return none if row is None else np.array([row], np.int64)
    if "tag" in step:
        return tagged.get(step["tag"], none)
    if step["of"] == "results":
        return none if state.answer is None else state.answer.rows
    return np.arange(dataset.n)


def combined(before: np.ndarray | None, rows: np.ndarray, *, how: str, n: int) -> np.ndarray | None:
    """The chosen rows (k,) int64, ascending, of `n`, after a step about `rows`; None where none are left."""
    mask = np.zeros(n, bool)
    if before is not None and how != "only":
        mask[before] = True
    mask[rows] = how != "less"
    chosen = np.flatnonzero(mask)
    return chosen if len(chosen) else None


def dated(step: Step, state: ViewState) -> Step:
    """A step with what it depended on: the filters in force, and the query whose results it took."""
    filters = getattr(state, "filters", None) or {}
    asked = {"q": state.answer.text} if step.get("of") == "results" and state.answer else {}
    return {**step, **asked, **({"under": dict(filters)} if filters else {})}


def plain(steps: Sequence[Step]) -> list[Step]:
    """Steps without what they depended on."""
    return [{name: part for name, part in step.items() if name not in {"under", "q"}} for step in steps]


def choose(state: ViewState, step: Step, rows: np.ndarray) -> None:
    """Take a step: an "only" forgets those before it."""
    how, step = step["how"], dated(step, state)
    chosen = combined(state.selection, rows, how=how, n=state.dataset.n)
    steps = [] if how == "only" else state.steps
    state.param.update(selection=chosen, steps=[*steps, step][-MOST_STEPS:] if chosen is not None else [])


def add_images(state: ViewState, rows: Sequence[int]) -> None:
    """Choose some images too, in one go."""
    ids = state.dataset.atlas.ids
    chosen = combined(state.selection, np.array(rows, np.int64), how="add", n=state.dataset.n)
    steps = [dated({"how": "add", "image": ids[row]}, state) for row in rows]
    state.param.update(selection=chosen, steps=[*state.steps, *steps][-MOST_STEPS:])


def clear(state: ViewState) -> None:
    """Nothing is chosen."""
    state.param.update(selection=None, steps=[])
