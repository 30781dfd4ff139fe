"""Numbers and times on an axis: bins with round edges, their labels, and times as text.

Pure numbers. Times are seconds since 1970 on the wall clock: eight in the morning is the same number in any
zone. Whole numbers are exact to 64 bits: their edges are Python's integers.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clipper.metadata.values.times import wall_seconds
from clipper.text import write_apart

MAX_BINS = 40
SECOND_STEPS = (
    1,
    5,
    15,
    30,
    60,
    300,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 12_000, 120_000)
DAY = 86_400
MONTH = 28 * DAY
_FIRST_MONTH = (1 - 1970) * 12  # January of the year 1, in months since 1970
ROOMY = 1.6  # if all values span less than this times the percentiles below, the bins hold all of them
OUTER_PERCENTILES = (1.0, 99.0)  # the bins lie between these; the outermost also hold what is beyond
SAMPLED = 100_000  # values of a sample, of which percentiles hardly differ from those of all
ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")


@dataclass(frozen=True)
class Bins:
    """Bins of a scale.

    `edges` (b + 1,) float64 ascend. `bin_of_row` (n,) uint8 has each row's bin, b for a missing value.
    `labels` are the texts of the edges, `upper_labels` of the last value before each. With `integers`, all
    values are whole numbers; `below` and `above` mean that there are values beyond the edges. Of integers too
    large for floats, `edges` are less by `base`, and `whole_edges` are the edges themselves.
    """

    edges: np.ndarray
    bin_of_row: np.ndarray
    labels: tuple[str, ...]
    upper_labels: tuple[str, ...]
    integers: bool
    below: bool
    above: bool
    base: int = 0
    whole_edges: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.edges) - 1

    def range_of(self, first: int, last: int) -> tuple[float | None, float | None]:
        """Return the range of values, ends included, of the bins first..last - 1; None: open at that end."""
        if self.whole_edges:
            ends = self.whole_edges
            return None if first <= 0 else ends[first], None if last >= len(self) else ends[last] - 1
        low = None if first <= 0 else float(self.edges[first])
        if last >= len(self):
            return low, None
        edge = float(self.edges[last])
        return low, edge - 1.0 if self.integers else math.nextafter(edge, -math.inf)

    def bins_of(self, low: float | None, high: float | None) -> tuple[int, int]:
        """Return the bins that a range touches: the first, and the one after the last."""
        inner = self.whole_edges[1:-1] or self.edges[1:-1].tolist()
        first = 0 if low is None else bisect_right(inner, low)
        last = len(self) if high is None else bisect_right(inner, high) + 1
        return first, max(last, first + 1)


def make_bins(values: np.ndarray, *, time: bool) -> Bins:
    """Make bins for values (n,) float64, NaN for a missing one."""
    known = values[~np.isnan(values)]
    low, high = robust_range(known)
    least, most = (float(known.min()), float(known.max())) if len(known) else (low, high)
    if most - least <= ROOMY * (high - low):
        low, high = least, max(most, least + 1e-300)
    whole = time or bool(len(known) and (np.abs(known) < 2**53).all() and (known == np.floor(known)).all())
    if time:
        edges = _time_edges(low, high)
    else:
        edges = np.array(_whole_edges(low, high), np.float64) if whole else _round_edges(low, high)
    bins = np.searchsorted(edges[1:-1], values, side="right").astype(np.uint8)
    bins[np.isnan(values)] = len(edges) - 1
    step = float(edges[1] - edges[0])
    labels, tops = (
        tuple(format_time(edge, step=step) for edge in ends.tolist())
        if time
        else tuple(format_numbers(ends.tolist()))
        for ends in (edges, edges - (1 if whole else 0))
    )
    return Bins(edges, bins, labels, tops, whole, least < edges[0], most > edges[-1])


def make_even_bins(values: np.ndarray) -> Bins:
    """Make bins of one width for values (n,) float32, n > 0, all finite; a sample tells their range.

    A value within rounding of an edge may be counted on its other side.
    """
    some = values[:: max(1, len(values) // SAMPLED)].astype(np.float64)
    bins = make_bins(np.append(some, [values.min(), values.max()]), time=False)
    first, last = float(bins.edges[0]), float(bins.edges[-1])
    at = (values - np.float32(first)) * np.float32(len(bins) / max(last - first, 1e-300))
    return replace(bins, bin_of_row=at.clip(0, len(bins) - 1).astype(np.uint8))


def make_integer_bins(numbers: np.ndarray, missing: np.ndarray, *, base: int) -> Bins:
    """Make bins for integers that are too large for floats.

    Args:
        numbers: (n,) int64, at least one of which is known.
        missing: (n,) bool, which of them are none.
        base: what is subtracted from the edges that are floats.
    """
    known = numbers[~missing]
    least, most = int(known.min()), int(known.max())
    # From the smallest on, where a float of the difference is as exact as the bins must be.
    inner = robust_range((known.astype(np.uint64) - np.uint64(least % 2**64)).astype(np.float64))
    low, high = least + math.floor(inner[0]), min(least + math.ceil(inner[1]), most)
    if most - least <= ROOMY * (high - low):
        low, high = least, most
    edges = _whole_edges(low, high)
    bins = np.searchsorted(np.array(edges[1:-1], np.int64), numbers, side="right").astype(np.uint8)
    bins[missing] = len(edges) - 1
    return Bins(
        np.array([edge - base for edge in edges], np.float64),
        bins,
        tuple(format_numbers(edges)),
        tuple(format_numbers([edge - 1 for edge in edges])),
        integers=True,
        below=least < edges[0],
        above=most >= edges[-1],
        base=base,
        whole_edges=tuple(edges),
    )


def robust_range(known: np.ndarray) -> tuple[float, float]:
    """Return the range of finite values without its outermost hundredths, which may be outliers."""
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, OUTER_PERCENTILES)
    if high <= low:
        low, high = known.min(), known.max()
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def _whole_edges(low: float, high: float) -> list[int]:
    """Place edges of whole numbers at multiples of a round step that is whole, too."""
    steps = [int(step) for step in _round_steps(high - low) if step >= 1 and step == np.floor(step)] or [1]
    step = _fitting(steps, high - low)
    first, last = math.floor(low) // step, math.floor(high) // step
    return [at * step for at in range(first, last + 2)]


def _round_steps(span: float) -> list[float]:
    """Return 1, 2, 2.5, 5 and 10 times the power of ten that the step between edges may have."""
    tens = 10.0 ** np.floor(np.log10(max(span / MAX_BINS, 1e-300)))
    return [float(tens * part) for part in (1, 2, 2.5, 5, 10)]


def _fitting(steps: Sequence[float], span: float) -> Any:
    """Return the smallest step with which the bins are few enough."""
    return next((step for step in steps if span / step <= MAX_BINS - 1), steps[-1])


def _round_edges(low: float, high: float) -> np.ndarray:
    """Place edges at multiples of 1, 2, 2.5 or 5 times a power of ten."""
    step = _fitting(_round_steps(high - low), high - low)
    first = np.floor(low / step)
    count = int(np.floor(high / step) - first) + 1
    decimals = int(np.clip(2 - np.floor(np.log10(step)), 0, 300))
    edges: np.ndarray = np.round((first + np.arange(count + 1)) * step, decimals)
    if not (np.diff(edges) > 0).all():  # a range too narrow for its numbers' precision
        return np.linspace(low, max(high, np.nextafter(low, np.inf)), 2)
    return edges


def _time_edges(low: float, high: float) -> np.ndarray:
    """Place edges at full seconds, minutes, hours, days or weeks; for long spans, at the first of a month."""
    step = next((s for s in SECOND_STEPS if (high - low) / s <= MAX_BINS - 1), None)
    if step is not None:
        first = np.floor(low / step)
        return np.asarray((first + np.arange(np.floor(high / step) - first + 2)) * step, np.float64)
    ends = np.array([low, high]).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    month = next((m for m in MONTH_STEPS if (ends[1] - ends[0]) / m <= MAX_BINS - 2), MONTH_STEPS[-1])
    first, last = ends // month
    edges = (
        np.maximum(np.arange(first, last + 2) * month, _FIRST_MONTH)
        .astype("datetime64[M]")
        .astype("datetime64[s]")
    )
    return edges.astype(np.int64).astype(np.float64)


def format_number(value: float) -> str:
    """Write a number as short as it reads well: "2024" (often a year, so no comma), "50,000", "0.1235"."""
    if float(value).is_integer() and abs(value) < 10_000:  # noqa: PLR2004
        return str(int(value))
    if abs(value) >= 1e6:  # noqa: PLR2004
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"  # noqa: PLR2004


def format_numbers(values: Sequence[float]) -> list[str]:
    """Write numbers that stand beside each other: short, but different ones differently."""
    return write_apart(values, format_number)


def format_integer(number: int) -> str:
    """Write an integer with all its digits: "2024", "50,000", "20240305123456789"."""
    return format_number(number) if abs(number) < 1_000_000 else str(number)  # noqa: PLR2004


def format_time(seconds: float, *, step: float = DAY) -> str:
    """Write a time as exactly as steps of `step` seconds need: "2024", "2024-05", "2024-05-03 14:00"."""
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        is_year = abs(seconds) < 1e13  # noqa: PLR2004 - the edge after 9999 is some year
        year = np.datetime64(int(seconds), "s").astype("datetime64[Y]") if is_year else None
        return str(year) if is_year else format_number(seconds)
    if step >= 12 * MONTH and (when.month, when.day) == (1, 1):
        return f"{when.year:04d}"
    shape = "%m" if step >= MONTH and when.day == 1 else "%m-%d" if step >= DAY else "%m-%d %H:%M"
    shape += ":%S" if step < 60 else ""  # noqa: PLR2004 - a minute
    return f"{when.year:04d}-{when.strftime(shape)}"


def to_iso(seconds: float) -> str:
    """Write a time as filters do, `YYYY-MM-DDTHH:MM:SS`."""
    return str(np.datetime64(int(np.floor(seconds)), "s"))


def parse_time(text: str) -> float | None:
    """Return the wall clock of an ISO date in seconds since 1970; None for any other text."""
    if not ISO.fullmatch(text):
        return None
    found = parse_times(pd.Series([text]))[0]
    return float(found) if np.isfinite(found) else None


def parse_times(column: pd.Series) -> np.ndarray:
    """Return the wall clocks of ISO dates in seconds since 1970, (n,) float64; NaN for any other text."""
    return wall_seconds(pa.array(column, pa.string(), from_pandas=True))
