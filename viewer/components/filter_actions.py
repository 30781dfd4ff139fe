"""Shared by legend and filter panel: charts for the page, and filters from presses and brushes.

What does not belong here: the meaning of a condition (`dataset/columns/filters.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clipper.query_filter import Condition, InRange
from viewer.dataset.columns.binning import format_number
from viewer.dataset.columns.colouring import MISSING, NO_VALUE_CODE, OTHER, Colouring
from viewer.dataset.columns.facets import Facet, ScaleFacet
from viewer.dataset.columns.filters import bins_to_condition, condition_to_bins, describe_range
from viewer.session.state import ViewState

Change = Callable[[Condition | None], Condition | None]


def change_filter(state: ViewState, column: str, change: Change) -> None:
    """Change the filter on one column; a change to None removes it."""
    filters = dict(state.filters)
    after = change(filters.pop(column, None))
    if after is not None:
        filters[column] = after
    if filters != state.filters:
        state.filters = filters


def brush_change(facet: Facet | None, message: Mapping[str, Any]) -> Change:
    """Return the change by a brush over a histogram; `from` and `to` are bins, null removes the brush."""
    ends = message.get("from"), message.get("to")

    def change(old: Condition | None) -> Condition | None:
        if not isinstance(facet, ScaleFacet):
            return old
        bins = [end for end in ends if isinstance(end, int)]
        if len(bins) != len(ends):
            return None
        first, last = sorted(max(0, min(end, len(facet.bins))) for end in bins)
        condition = bins_to_condition(facet, first, last) if last > first else None
        missing = isinstance(old, InRange) and old.missing
        return None if condition is None else replace(condition, missing=missing)

    return change


def similarity_condition(state: ViewState) -> InRange | None:
    """Return the range of similarities as a condition; None if there is no range."""
    if state.answer is None or (state.min_similarity is None and state.max_similarity is None):
        return None
    return InRange(state.min_similarity, state.max_similarity)


def describe_similarity(state: ViewState) -> str:
    """Describe the range of similarities in words."""
    return describe_range(
        *("" if end is None else format_number(end) for end in (state.min_similarity, state.max_similarity))
    )


def histogram_view(
    facet: ScaleFacet, condition: Condition | None, counts: np.ndarray | None
) -> dict[str, Any]:
    """Return a histogram for the page.

    Args:
        facet: a column of numbers or times.
        condition: the filter on it.
        counts: (b + 1,) images in each bin that pass the other filters; None: all images.
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


def bar_colours(colours: Colouring, facet: Facet | None, *, dark: bool) -> list[str]:
    """Return the ramp's colour in the middle of each bin of a scale."""
    if not isinstance(facet, ScaleFacet):
        return []
    edges = facet.bins.edges
    share = np.clip(
        ((edges[1:] + edges[:-1]) / 2 - colours.low) / max(colours.high - colours.low, 1e-12), 0, 1
    )
    return [colours.hex(int(code), dark=dark) for code in (share * (NO_VALUE_CODE - 1)).round()]


def value_colour(colours: Colouring, value: str | None, *, dark: bool) -> str:
    """Return the colour of a value on the map, which is coloured by its column."""
    code = MISSING if value is None else colours.assigned_codes().get(value, OTHER)
    return colours.hex(code, dark=dark)
