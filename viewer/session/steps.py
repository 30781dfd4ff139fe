"""The steps that make a selection: each replaces it, adds to it or subtracts from it.

Links hold steps as JSON objects. Links made earlier must open, so these names stay:

    {"how": "only" | "add" | "less" | "flip", ...}   replace the selection, add to it, subtract from it, or
                                               swap what is selected and what is not; and one of
    {"shape": [[x, y], ...]}                   the images inside an outline on the map; with "axes", two
                                               texts, on these axes; with "model", on the map of this model,
                                               which is not the first
    {"of": "results" | "kept" | "all"}         the query's results, all that pass the filters, all
    {"of": "listed", "n": [start, stop]}       the images from one position of a sorted list to another
    {"image": id}, {"tag": name}               one image, the images with a tag
    {"cluster": number}                        the images of a cluster, by its lasting identity
    {"finding": key}                           the images of a finding

A step of a finding may have "beside", an image's id: only its group; and "spare": not the images to keep.

A step of results also says which were listed: "n", "cut" and "cap" (the least and the largest similarity),
and "fold". A step of a sorted list has "cut" and "cap" too, and "sort", the column, with "up": true if the
smallest values came first.
What does not belong here: which images a step selects, and changing the selection (`selection.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from viewer.dataset.axes.lay_out import MAP, read_asked
from viewer.dataset.columns.filters import Filters
from viewer.dataset.geometry.lasso import MAX_CORNERS, MIN_CORNERS
from viewer.dataset.ranking import Listing

Mode = Literal["replace", "add", "subtract", "toggle"]
LINK_MODES: Mapping[Mode, str] = {  # as links spell them
    "replace": "only", "add": "add", "subtract": "less", "toggle": "flip",
}  # fmt: skip
LINK_SPELLINGS: Mapping[str, Mode] = {spelling: mode for mode, spelling in LINK_MODES.items()}
MAX_NAME = 4096  # characters of an image's id or a tag
MAX_COORDINATE = 1e30  # of a corner: the product of two stays finite
MAX_RESULTS, MAX_FOLDED = 20_000, 2_000  # results of a step that comes from a link


@dataclass(frozen=True)
class Outline:
    """The images inside an outline; its corners are in map units.

    With `axes`, it was drawn on these; with a `model`, on its map, which is not the first one's.
    """

    corners: tuple[tuple[float, float], ...]
    axes: tuple[str, str] = ("", "")
    model: str = ""


@dataclass(frozen=True)
class Results:
    """The results of the query.

    `listing` says which of them were listed; None: those that are listed now. It has no `passes`, because the
    filters of a step have their own field.
    """

    listing: Listing | None = None

    def __post_init__(self) -> None:
        if self.listing is not None and self.listing.passes is not None:
            raise ValueError("the listing of a step has no `passes`; set its filters instead")


@dataclass(frozen=True)
class AllImages:
    """All images that the filters do not hide. Links say "kept" if there were filters, else "all"."""

    of: Literal["kept", "all"]


@dataclass(frozen=True)
class Listed:
    """The images from one position of a sorted list to before another, counted from 0.

    `sort` is the column that sorts the list; "": it has the most similar images first, or without a query a
    mixture of the dataset. The limits are those of the similarity.
    """

    start: int
    stop: int
    sort: str = ""
    ascending: bool = False
    min_similarity: float | None = None
    max_similarity: float | None = None


@dataclass(frozen=True)
class OneImage:
    """One image."""

    image_id: str


@dataclass(frozen=True)
class Tagged:
    """The images with a tag."""

    tag: str


@dataclass(frozen=True)
class OneCluster:
    """The images of a cluster, by its lasting identity."""

    cluster_id: int


@dataclass(frozen=True)
class Found:
    """The images of a finding: all, or those of the group of the image `beside`, or those not to keep."""

    key: str
    beside: str = ""
    spare: bool = False


Target = Outline | Results | AllImages | Listed | OneImage | Tagged | OneCluster | Found


@dataclass(frozen=True)
class SelectionStep:
    """A change of the selection by the images of a target.

    The other fields are the step's context, which links leave out: the filters, and for results the text of
    the query ("" without one; None: the step depends on no query) and whether only images of the selection
    were listed.
    """

    mode: Mode
    target: Target
    query: str | None = None
    filters: Filters = field(default_factory=dict, hash=False)
    only_selection: bool = False

    def without_context(self) -> "SelectionStep":
        """Return the step as a link repeats it."""
        return SelectionStep(self.mode, self.target)


def read_step(value: object) -> SelectionStep | None:
    """Read a step as links hold it; leave out what is invalid; return None if it is no step."""
    if not isinstance(value, dict):
        return None
    how, target = value.get("how", "only"), read_target(value)
    mode = LINK_SPELLINGS.get(how) if isinstance(how, str) else None
    return SelectionStep(mode, target) if mode is not None and target is not None else None


def write_step(step: SelectionStep) -> dict[str, Any]:
    """Write a step as links hold it, without its context."""
    return {"how": LINK_MODES[step.mode], **_write_target(step.target)}


def read_mode(value: object) -> Mode | None:
    """Read a mode from a browser's message; return None if it is none."""
    return next((mode for mode in LINK_MODES if mode == value), None)


def read_target(value: Mapping[str, Any]) -> Target | None:  # noqa: PLR0911 - one for each kind
    """Read the target of a step from a link or a browser's message; return None if it has none."""
    if "shape" in value:
        outline = read_outline(value["shape"])
        if outline is None:
            return None
        return replace(outline, axes=_read_axes(value.get("axes")), model=_read_model(value.get("model")))
    match value.get("of"):
        case "results":
            return Results(_read_listing(value))
        case "kept" | "all" as of:
            return AllImages(of)
        case "listed":
            return _read_listed(value)
    image_id, tag, cluster_id = value.get("image"), value.get("tag"), value.get("cluster")
    if type(cluster_id) is int:
        return OneCluster(cluster_id)
    if isinstance(image_id, str) and len(image_id) <= MAX_NAME:
        return OneImage(image_id)
    if isinstance(tag, str) and len(tag) <= MAX_NAME:
        return Tagged(tag)
    return _read_found(value)


def _write_target(target: Target) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    match target:
        case Outline(corners, axes, model):
            shape = [[_shortest(x), _shortest(y)] for x, y in corners]
            on = {"axes": list(axes)} if any(axes) else {}
            return {"shape": shape, **on, **({"model": model} if model else {})}
        case Results(listing):
            return {"of": "results", **(_write_listing(listing) if listing is not None else {})}
        case AllImages(of):
            return {"of": of}
        case Listed():
            return _write_listed(target)
        case OneImage(image_id):
            return {"image": image_id}
        case Tagged(tag):
            return {"tag": tag}
        case OneCluster(cluster_id):
            return {"cluster": cluster_id}
        case Found(key, beside, spare):
            return {
                "finding": key,
                **({"beside": beside} if beside else {}),
                **({"spare": True} if spare else {}),
            }


def _read_found(value: Mapping[str, Any]) -> Found | None:
    key, beside = value.get("finding"), value.get("beside")
    if not isinstance(key, str) or len(key) > MAX_NAME:
        return None
    known = isinstance(beside, str) and len(beside) <= MAX_NAME
    return Found(key, str(beside) if known else "", value.get("spare") is True)


def read_outline(value: object) -> Outline | None:
    """Read an outline from a list of pairs; return None if it is none."""
    if not isinstance(value, Sequence) or not MIN_CORNERS <= len(value) <= MAX_CORNERS:
        return None
    try:
        corners = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    # A NaN is not less than anything.
    if corners.shape != (len(value), 2) or not np.abs(corners).max() < MAX_COORDINATE:
        return None
    return Outline(tuple((x, y) for x, y in corners.tolist()))


def _read_axes(value: object) -> tuple[str, str]:
    known = isinstance(value, list) and len(value) == 2  # noqa: PLR2004 - across and up
    return read_asked(*value) if known and isinstance(value, list) else MAP


def _read_model(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME else ""


def _shortest(coordinate: float) -> float:
    """Return a whole number as an integer, which JSON writes without a decimal point: links stay short."""
    whole = int(coordinate)
    return whole if whole == coordinate else coordinate


def _read_listing(value: Mapping[str, Any]) -> Listing | None:
    """Read which results were listed; return None if that is not known."""
    count, fold = value.get("n"), value.get("fold") is True
    if type(count) is not int or not 0 < count <= MAX_RESULTS:
        return None
    low, high = (_read_similarity(value.get(end)) for end in ("cut", "cap"))
    return Listing(None, low, high, fold, min(count, MAX_FOLDED) if fold else count)


def _read_listed(value: Mapping[str, Any]) -> Listed | None:
    ends, sort = value.get("n"), value.get("sort", "")
    if not isinstance(ends, list) or [type(end) for end in ends] != [int, int] or not 0 <= ends[0] < ends[1]:
        return None
    if not isinstance(sort, str) or len(sort) > MAX_NAME:
        return None
    low, high = (_read_similarity(value.get(end)) for end in ("cut", "cap"))
    return Listed(ends[0], ends[1], sort, value.get("up") is True, low, high)


def _write_listed(target: Listed) -> dict[str, Any]:
    sort = {"sort": target.sort} if target.sort else {}
    up = {"up": True} if target.ascending else {}
    limits = _write_limits(target.min_similarity, target.max_similarity)
    return {"of": "listed", "n": [target.start, target.stop], **sort, **up, **limits}


def _write_limits(low: float | None, high: float | None) -> dict[str, float]:
    ends = {"cut": low, "cap": high}
    return {name: similarity for name, similarity in ends.items() if similarity is not None}


def _read_similarity(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _write_listing(listing: Listing) -> dict[str, Any]:
    limits = _write_limits(listing.min_similarity, listing.max_similarity)
    return {"n": listing.count, **limits, **({"fold": True} if listing.fold else {})}
