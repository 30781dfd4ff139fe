"""Colours for a metadata column: a code for each image, a palette for each theme, the entries of a legend.

Pure data: pandas and numpy in, arrays out. What does not belong here: drawing (`render/raster.py`), and
showing the legend (`components/map/legend.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import pandas as pd

from clipper.export.drawing import palette
from clipper.export.drawing.palette import (
    CATEGORY_DARK,
    CATEGORY_LIGHT,
    PLAIN_DARK,
    PLAIN_LIGHT,
    RAMP_DARK,
    RAMP_LIGHT,
)
from clipper.metadata.columns import WORDS, Column
from clipper.metadata.values.integers import as_offsets, split
from viewer.dataset.columns.binning import robust_range
from viewer.theme import rgb, tokens

SIMILARITY = ":similarity"  # the pseudo-column that colours by similarity to the query
MAX_CATEGORIES, OTHER, MISSING = palette.MAX_CATEGORIES, palette.OTHER, palette.MISSING
MIN_DISTINCT, MAX_DISTINCT = 2, 40  # a column that colours the map at the start has so many values
SIMILARITY_PERCENTILES = (50.0, 99.9)  # the ramp runs between these percentiles of the similarities
NO_VALUE_CODE = 255  # the code of a missing number; 0..254 is the ramp
NO_VALUE = "No value"  # how a legend and a filter name images without a value

# The weak end is close to the ground, the strong end far from it: what is similar stands out in both themes.
SIMILAR_DARK = ("#2c3242", "#4a3f7d", "#a0408f", "#f0705a", "#ffdb57")
SIMILAR_LIGHT = ("#dce0e9", "#d9c4e1", "#d088c6", "#cf3f98", "#b8005c")

ColourKind = Literal["none", "category", "number", "time", "similarity"]
RAMPS: dict[ColourKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "number": (RAMP_DARK, RAMP_LIGHT),
    "time": (RAMP_DARK, RAMP_LIGHT),
    "similarity": (SIMILAR_DARK, SIMILAR_LIGHT),
}


@dataclass(frozen=True)
class LegendEntry:
    """One line of a legend: a value, how many images have it, and its code.

    With `rest`, the line stands for all values without a colour of their own.
    """

    label: str
    count: int
    code: int
    rest: bool = False


@dataclass(frozen=True)
class Colouring:
    """The colours of the points by one column.

    `codes` (n,) uint8 index the palette. For numbers, `values` (n,) float32 are 0..1, or NaN without a value.
    `low` and `high` are the numbers at the ends of the ramp, less by `base` if they are too large for floats.
    """

    name: str
    kind: ColourKind
    codes: np.ndarray
    entries: tuple[LegendEntry, ...] = ()
    values: np.ndarray | None = None
    low: float = 0.0
    high: float = 1.0
    missing: int = 0
    base: int = 0
    palettes: dict[bool, np.ndarray] = field(default_factory=dict, repr=False)

    def palette(self, *, dark: bool) -> np.ndarray:
        """Return the colour of each code, (256, 3) uint8."""
        if dark not in self.palettes:
            self.palettes[dark] = _palette(self.kind, dark=dark)
        return self.palettes[dark]

    def assigned_codes(self) -> dict[str, int]:
        """Return the code of each category that has a colour of its own."""
        return {entry.label: entry.code for entry in self.entries if entry.code < MAX_CATEGORIES}

    def hex(self, code: int, *, dark: bool) -> str:
        """Return the colour of a code as `#rrggbb`."""
        r, g, b = self.palette(dark=dark)[code]
        return f"#{r:02x}{g:02x}{b:02x}"


def ramp(stops: tuple[str, ...], n: int) -> np.ndarray:
    """Interpolate `n` colours (n, 3) uint8 evenly between `stops`."""
    known = np.array([rgb(stop) for stop in stops], float)
    at = np.linspace(0, len(known) - 1, n)
    channels = [np.interp(at, np.arange(len(known)), known[:, c]) for c in range(3)]
    return np.stack(channels, 1).round().astype(np.uint8)


def ramp_stops(kind: ColourKind, *, dark: bool) -> tuple[str, ...]:
    """Return the colours that a ramp runs through."""
    in_dark, in_light = RAMPS.get(kind, (PLAIN_DARK, PLAIN_LIGHT))
    return in_dark if dark else in_light


def _palette(kind: ColourKind, *, dark: bool) -> np.ndarray:
    colours = np.empty((256, 3), np.uint8)
    look = tokens(dark=dark)
    colours[:] = rgb(look.neutral)
    colours[MISSING] = rgb(look.absent)
    if kind in RAMPS:
        colours[:NO_VALUE_CODE] = ramp(ramp_stops(kind, dark=dark), NO_VALUE_CODE)
    elif kind == "category":
        named = CATEGORY_DARK if dark else CATEGORY_LIGHT
        colours[: len(named)] = [rgb(text) for text in named]
    else:
        colours[:] = rgb(ramp_stops(kind, dark=dark)[1])
    return colours


def uniform_colouring(n: int) -> Colouring:
    """Give all points one colour, so that only their density shows."""
    return Colouring("", "none", np.zeros(n, np.uint8))


def column_colouring(
    name: str, column: pd.Series, *, kind: ColourKind, assigned: Mapping[str, int] | None = None
) -> Colouring:
    """Colour by a metadata column, as categories or as numbers.

    A category keeps the code that it was `assigned` in an earlier version of the dataset.
    """
    if kind == "number":
        return _numbers(name, column)
    return _categories(name, column, assigned or {})


def _categories(name: str, column: pd.Series, assigned: Mapping[str, int]) -> Colouring:
    raw, distinct = pd.factorize(column)  # -1 for a missing value, which indexes the last code below
    labels = [value_label(value) for value in distinct]
    counts: Counter[str] = Counter()
    for value, count in zip(
        labels, np.bincount(raw + 1, minlength=len(labels) + 1)[1:].tolist(), strict=True
    ):
        counts[value] += count
    absent = int((raw < 0).sum())
    entries = _entries(counts, absent, assigned)
    code_of = {entry.label: entry.code for entry in entries if entry.code < MAX_CATEGORIES}
    codes = np.array([*(code_of.get(value, OTHER) for value in labels), MISSING], np.uint8)[raw]
    return Colouring(name, "category", codes, entries, missing=absent)


def tag_colouring(
    name: str, rows: Mapping[str, np.ndarray], *, rank: np.ndarray, assigned: Mapping[str, int]
) -> Colouring:
    """Colour by tags. An image with several tags takes the rarest one's colour, so that each tag is visible.

    Args:
        name: the column's name.
        rows: the rows (k,) that have each tag.
        rank: the position of each row in drawing order, (n,) int64.
        assigned: the codes that tags have so far, which they keep.
    """
    codes = np.full(len(rank), MISSING, np.uint8)
    for tag in rows:  # first every tag, then the ones with a colour of their own
        codes[rank[rows[tag]]] = OTHER
    absent = int(np.count_nonzero(codes == MISSING))
    entries = _entries({tag: len(having) for tag, having in rows.items()}, absent, assigned)
    for entry in entries:
        if entry.code < MAX_CATEGORIES:
            codes[rank[rows[entry.label]]] = entry.code
    return Colouring(name, "category", codes, entries, missing=absent)


def _entries(counts: Mapping[str, int], absent: int, assigned: Mapping[str, int]) -> tuple[LegendEntry, ...]:
    """Make a legend's lines: the commonest values, then all others as one, then images without a value."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    code_of = _codes([value for value, _ in kept], assigned)
    entries = [LegendEntry(value, count, code_of[value]) for value, count in kept]
    if rest:
        entries.append(LegendEntry(f"{len(rest)} others", sum(count for _, count in rest), OTHER, rest=True))
    if absent:
        entries.append(LegendEntry(NO_VALUE, absent, MISSING))
    return tuple(entries)


def _codes(values: Sequence[str], assigned: Mapping[str, int]) -> dict[str, int]:
    """Return a code for each value: the one it was assigned, or the lowest free one."""
    kept = {value: assigned[value] for value in values if value in assigned}
    free = iter(sorted(set(range(MAX_CATEGORIES)) - set(kept.values())))
    return {value: kept[value] if value in kept else next(free) for value in values}


def free_codes(wanted: Sequence[int]) -> list[int]:
    """Return a different code for each of at most `MAX_CATEGORIES` wishes: the wish, or a free code."""
    taken = set(wanted)
    free = iter(code for code in range(MAX_CATEGORIES) if code not in taken)
    given: set[int] = set()
    codes = []
    for code in wanted:
        codes.append(next(free) if code in given else code)
        given.add(code)
    return codes


def value_label(value: object) -> str:
    """Return the text that stands for a value on the page and in filters."""
    if isinstance(value, (bool, np.bool_)):
        return "Yes" if value else "No"
    return str(value)


def is_missing(cell: object) -> bool:
    """Whether a cell of a table of pandas has no value: None, NaN or `pd.NA`; a list is a value."""
    if isinstance(cell, np.ndarray):
        return False
    return cell is None or cell is pd.NA or cell != cell  # noqa: PLR0124 - NaN


def _numbers(name: str, column: pd.Series) -> Colouring:
    if (whole := split(column)) is not None:
        offsets, base = as_offsets(*whole)
        return number_colouring(name, offsets, base=base)
    return number_colouring(name, pd.to_numeric(column, errors="coerce").astype("float64").to_numpy())


def number_colouring(
    name: str,
    raw: np.ndarray,
    *,
    kind: ColourKind = "number",
    span: tuple[float, float] | None = None,
    base: int = 0,
) -> Colouring:
    """Colour by numbers (n,); a number that is not finite counts as missing.

    Args:
        name: the column's name.
        raw: the numbers, in drawing order.
        kind: "number", "time" or "similarity".
        span: the range of the ramp, by default the numbers' range without its outermost hundredths.
        base: what was subtracted from each number, because it is too large for a float.
    """
    known = raw[np.isfinite(raw)]
    low, high = span or robust_range(known)
    with np.errstate(invalid="ignore"):
        scaled = np.clip((raw - low) / max(high - low, 1e-12), 0, 1)
    scaled[~np.isfinite(raw)] = np.nan
    codes = np.where(np.isnan(scaled), NO_VALUE_CODE, np.nan_to_num(scaled) * (NO_VALUE_CODE - 1))
    return Colouring(
        name,
        kind,
        codes.round().astype(np.uint8),
        values=scaled.astype(np.float32),
        low=low,
        high=high,
        missing=len(raw) - len(known),
        base=base,
    )


def similarity_colouring(query: str, similarities: np.ndarray) -> Colouring:
    """Colour by the similarity (n,) of each image to a query, from the median to the best.

    Half of a dataset has nothing to do with a query, so only the upper half has different colours.
    """
    known = similarities[:: max(1, len(similarities) // 100_000)]
    low, high = np.percentile(known, SIMILARITY_PERCENTILES) if len(known) else (0.0, 1.0)
    high = max(high, float(low) + 1e-6)
    span = float(low), float(high)
    return number_colouring(f"Similarity to “{query}”", similarities, kind="similarity", span=span)


def colour_kind(column: Column) -> ColourKind | None:
    """Return how a column colours the map; None for lists, texts and constants."""
    if column.origin == WORDS and column.distinct:  # also of one word: the other images have none
        return "category"
    if column.distinct < MIN_DISTINCT or column.role in {"list", "text", None}:
        return None
    return cast("ColourKind", column.role)


def default_colour_column(columns: Sequence[Column]) -> str:
    """Return the column to colour by at the start: the first category with few values; "" for none."""
    for column in columns:
        most = min(MAX_DISTINCT, column.filled // 2)  # beyond it hardly any two images have the same colour
        if colour_kind(column) == "category" and column.distinct <= most:
            return column.name
    return ""
