"""The words along an axis: round numbers, times, the names of lanes; as many as have room.

Pure data. What does not belong here: where on the screen they are (`components/axes/axes.js`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clipper.projection.axes import NO_VALUE, Axis
from viewer.dataset.columns.binning import (
    MONTH_STEPS,
    SECOND_STEPS,
    format_integer,
    format_numbers,
    format_time,
)

NO_VALUE_TEXT = "no value"
MAX_TEXT = 60  # characters of a lane's name
MONTH = 30.44 * 86_400


class Tick(NamedTuple):
    """A place of 0..1 on an axis, and the text there."""

    at: float
    text: str


def axis_ticks(axis: Axis, low: float, high: float, *, most: int) -> list[Tick]:
    """Return the ticks between two places of an axis, from low to high.

    Args:
        axis: the axis.
        low: where the part in view begins, in places of 0..1.
        high: where it ends.
        most: ticks of a scale; lanes have one each, and the page leaves out what has no room.
    """
    missing = [Tick(NO_VALUE, NO_VALUE_TEXT)] if axis.missing else []
    if axis.kind == "category":
        middles = axis.places_of(np.arange(len(axis.lanes), dtype=np.float64)).tolist()
        return missing + [Tick(at, lane[:MAX_TEXT]) for at, lane in zip(middles, axis.lanes, strict=True)]
    if axis.kind not in {"number", "time"} or not axis.span[1] > axis.span[0]:
        single = axis.kind in {"number", "time"} and axis.missing < len(axis.values)
        return missing + ([Tick(0.5, _texts(axis, [axis.span[0]], 1.0)[0])] if single else [])
    first, last = (axis.value_at(min(max(place, 0.0), 1.0)) for place in (low, high))
    if not last > first:
        return missing
    values, step = _values(axis, first, last, most)
    places = axis.places_of(np.array(values, np.float64)).tolist()
    return missing + [Tick(at, text) for at, text in zip(places, _texts(axis, values, step), strict=True)]


def _texts(axis: Axis, values: Sequence[float], step: float) -> Sequence[str]:
    if axis.kind == "time":
        return [format_time(value, step=step) for value in values]
    if axis.base:
        return [format_integer(axis.base + round(value)) for value in values]
    return format_numbers(values)


def _values(axis: Axis, first: float, last: float, most: int) -> tuple[list[float], float]:
    """Return round values from `first` to `last`, and the step between two of them."""
    if axis.kind == "time":
        return _times(first, last, most)
    if axis.scale != "linear" and last > 4 * max(first, 1e-300):
        values = _powers(first, last, most)
        if len(values) > 1:
            return values, 1.0
    step = 10.0 ** math.floor(math.log10((last - first) / most))
    step *= next(part for part in (1, 2, 5, 10) if (last - first) / (step * part) <= most)
    step = max(step, 1.0) if axis.base else step  # integers
    begin = math.ceil(first / step - 1e-9)
    count = math.floor(last / step + 1e-9) - begin + 1
    decimals = int(np.clip(2 - math.floor(math.log10(step)), 0, 300))
    return [round((begin + i) * step, decimals) for i in range(min(count, 2 * most))], step


def _powers(first: float, last: float, most: int) -> list[float]:
    """Return 0, if it is there, and powers of ten, with their doubles and fives if there are few."""
    zero = [0.0] if first <= 0 else []
    least = math.floor(math.log10(max(first, 1e-12)))
    if first <= 0:
        least = max(0, least)
    top = math.ceil(math.log10(last))
    for parts in ((1, 2, 5), (1,)):
        found = [part * 10.0**power for power in range(least, top + 1) for part in parts]
        values = zero + [value for value in found if first <= value <= last]
        if len(values) <= most:
            return values
    return values[:: math.ceil(len(values) / most)]


def _times(first: float, last: float, most: int) -> tuple[list[float], float]:
    step = next((s for s in SECOND_STEPS if (last - first) / s <= most), None)
    if step is not None:
        begin = math.ceil(first / step)
        return [float((begin + i) * step) for i in range(math.floor(last / step) - begin + 1)], float(step)
    months = next((m for m in MONTH_STEPS if (last - first) / (m * MONTH) <= most), MONTH_STEPS[-1])
    ends = np.array([first, last]).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    firsts = np.arange(ends[0] // months, ends[1] // months + 2) * months
    seconds = firsts.astype("datetime64[M]").astype("datetime64[s]").astype(np.int64).astype(np.float64)
    return [value for value in seconds.tolist() if first <= value <= last], months * MONTH
