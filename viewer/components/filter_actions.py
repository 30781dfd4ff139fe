"""What the legend and the filter panel share: charts as the page draws them, presses as conditions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from viewer.dataset.columns.binning import number
from viewer.dataset.columns.facets import Facet, Scale
from viewer.dataset.columns.filters import Condition, bounded, ranged, spanning
from viewer.session.state import ViewState

Change = Callable[[Condition | None], Condition | None]


def press(state: ViewState, column: str, change: Change) -> None:
    """Change the condition on one column."""
    filters = dict(state.filters)
    after = change(filters.pop(column, None))
    if after:
        filters[column] = after
    if filters != state.filters:
        state.filters = filters


def drawn(facet: Facet | None, message: Mapping[str, Any]) -> Change:
    """The change that a brush over a histogram means; `from` and `to` are bins, null takes the brush away."""
    ends = message.get("from"), message.get("to")

    def change(old: Condition | None) -> Condition | None:
        if not isinstance(facet, Scale):
            return old
        bins = [end for end in ends if isinstance(end, int)]
        if len(bins) != len(ends):
            return None
        first, last = sorted(max(0, min(end, len(facet.scaled))) for end in bins)
        condition = ranged(facet, first, last) if last > first else None
        missing = condition and old and old.get("missing")
        return {**condition, "missing": True} if condition and missing else condition

    return change


def similar_enough(state: ViewState) -> Condition | None:
    """The range of similarities that is listed, as a condition; None where all are."""
    if state.answer is None or (state.cut is None and state.cap is None):
        return None
    return {"range": [state.cut, state.cap]}


def similar_said(state: ViewState) -> str:
    """That range in words."""
    return spanning(*("" if end is None else number(end) for end in (state.cut, state.cap)))


def histogram(facet: Scale, condition: Condition | None, counts: np.ndarray | None) -> dict[str, Any]:
    """A scale as the page draws it.

    Args:
        facet: the scale.
        condition: on it.
        counts: (b + 1,) of its bins among what the other conditions let pass; None: among all.
    """
    now = facet.whole if counts is None else counts
    span = bounded(facet, condition)
    return {
        "whole": facet.whole[:-1].tolist(), "now": now[:-1].tolist(), "labels": list(facet.scaled.labels),
        "tops": list(facet.scaled.tops),
        "span": list(span) if span else [], "colours": [],
        "low": f"≤ {facet.scaled.labels[1]}" if facet.scaled.below else facet.scaled.labels[0],
        "high": f"≥ {facet.scaled.labels[-2]}" if facet.scaled.above else facet.scaled.tops[-1],
    }  # fmt: skip
