"""What the legend and the filter panel share: charts as the page draws them, presses as conditions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from viewer.dataset.columns.binning import format_number
from viewer.dataset.columns.facets import Facet, ScaleFacet
from viewer.dataset.columns.filters import Condition, bins_to_condition, condition_to_bins, describe_range
from viewer.session.state import ViewState

Change = Callable[[Condition | None], Condition | None]


def change_filter(state: ViewState, column: str, change: Change) -> None:
    """Change the condition on one column."""
    filters = dict(state.filters)
    after = change(filters.pop(column, None))
    if after:
        filters[column] = after
    if filters != state.filters:
        state.filters = filters


def brush_change(facet: Facet | None, message: Mapping[str, Any]) -> Change:
    """The change that a brush over a histogram means; `from` and `to` are bins, null takes the brush away."""
    ends = message.get("from"), message.get("to")

    def change(old: Condition | None) -> Condition | None:
        if not isinstance(facet, ScaleFacet):
            return old
        bins = [end for end in ends if isinstance(end, int)]
        if len(bins) != len(ends):
            return None
        first, last = sorted(max(0, min(end, len(facet.bins))) for end in bins)
        condition = bins_to_condition(facet, first, last) if last > first else None
        missing = condition and old and old.get("missing")
        return {**condition, "missing": True} if condition and missing else condition

    return change


def similarity_condition(state: ViewState) -> Condition | None:
    """The range of similarities that is listed, as a condition; None where all are."""
    if state.answer is None or (state.min_similarity is None and state.max_similarity is None):
        return None
    return {"range": [state.min_similarity, state.max_similarity]}


def describe_similarity(state: ViewState) -> str:
    """That range in words."""
    return describe_range(
        *("" if end is None else format_number(end) for end in (state.min_similarity, state.max_similarity))
    )


def histogram_view(
    facet: ScaleFacet, condition: Condition | None, counts: np.ndarray | None
) -> dict[str, Any]:
    """A scale as the page draws it.

    Args:
        facet: the scale.
        condition: on it.
        counts: (b + 1,) of its bins among what the other conditions let pass; None: among all.
    """
    now = facet.total_counts if counts is None else counts
    span = condition_to_bins(facet, condition)
    return {
        "whole": facet.total_counts[:-1].tolist(), "now": now[:-1].tolist(),
        "labels": list(facet.bins.labels),
        "tops": list(facet.bins.upper_labels),
        "span": list(span) if span else [], "colours": [],
        "low": f"≤ {facet.bins.labels[1]}" if facet.bins.below else facet.bins.labels[0],
        "high": f"≥ {facet.bins.labels[-2]}" if facet.bins.above else facet.bins.upper_labels[-1],
    }  # fmt: skip
