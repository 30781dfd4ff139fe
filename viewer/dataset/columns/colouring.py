"""From a metadata column to colours: a code for every image, a palette for every theme, a legend.

Pure data: pandas and numpy in, arrays out. Drawing is `render/raster.py`'s, showing the legend
`components/map/legend.py`'s.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from viewer.dataset.columns.binning import are_dates, robust_range
from viewer.theme import rgb, tokens

SIMILARITY = ":similarity"  # coloured by how near each image is to the query
MAX_CATEGORIES = 20  # more than these are "other"
FEW, MANY = 2, 40  # a column worth colouring by at the start has this many values
SIMILAR = (50.0, 99.9)  # percentiles between which similarities take the ramp
OTHER, MISSING = 254, 255  # codes beside the categories' own
NO_VALUE = 255  # the code of a missing number; 0..254 is the ramp

# The first ten stay at least 0.08 apart in OKLab with protanopia, deuteranopia and tritanopia
# (matrices of Machado et al. 2009, doi:10.1109/TVCG.2009.113); found by a search, kept by a test.
CATEGORY_DARK = (
    "#5b74ff", "#f39a2b", "#3cb9ac", "#fb5a6e", "#a274bd", "#f3d3b0", "#74f2ff", "#d79bff", "#bdf24a",
    "#b8702a", "#8fb0ff", "#4f9d5d", "#ff9db0", "#2f83b8", "#e3c94a", "#c45ca5", "#8fd9a8",
    "#8d7f6a", "#ffbf87", "#7a63d6",
)  # fmt: skip
CATEGORY_LIGHT = (
    "#5b2cda", "#b28603", "#208b88", "#f92c85", "#5a3a60", "#e1ae95", "#2cd1fe", "#9c88fd", "#9ed305",
    "#98470d", "#2563c9", "#3f7d2c", "#d65f6e", "#0f5f86", "#d9b400", "#b0389b", "#56b98a",
    "#74685a", "#e88a3c", "#8a4fd0",
)  # fmt: skip
# Viridis (van der Walt and Smith, CC0) without the end that would vanish on the ground.
RAMP_DARK = ("#4a5fb0", "#2f7f9c", "#1f9e89", "#44bf70", "#9bd93c", "#fde725")
RAMP_LIGHT = ("#b7dd29", "#5cc863", "#21a685", "#26828e", "#3a548c", "#46085c")
PLAIN_DARK = ("#4d55c9", "#7c80f5", "#c9cbff")  # density alone
PLAIN_LIGHT = ("#a9a7f5", "#6d65ee", "#3226b8")

Kind = Literal["none", "category", "number", "time"]


@dataclass(frozen=True)
class Entry:
    """One line of a legend: a value, how many images have it, and its code.

    `rest` says that it stands for all values without a colour of their own.
    """

    label: str
    count: int
    code: int
    rest: bool = False


@dataclass(frozen=True)
class Colouring:
    """What the points are coloured by.

    `codes` (n,) uint8 index the palette; `values` (n,) float32 are 0..1 or NaN.
    """

    name: str
    kind: Kind
    codes: np.ndarray
    entries: tuple[Entry, ...] = ()
    values: np.ndarray | None = None
    low: float = 0.0
    high: float = 1.0
    missing: int = 0
    palettes: dict[bool, np.ndarray] = field(default_factory=dict, repr=False)

    def palette(self, *, dark: bool) -> np.ndarray:
        """Colours (256, 3) uint8 by code."""
        if dark not in self.palettes:
            self.palettes[dark] = _palette(self.kind, dark=dark)
        return self.palettes[dark]

    def assigned(self) -> dict[str, int]:
        """The code of each category that has a colour of its own."""
        return {entry.label: entry.code for entry in self.entries if entry.code < MAX_CATEGORIES}

    def hex(self, code: int, *, dark: bool) -> str:
        """The colour of a code as `#rrggbb`."""
        r, g, b = self.palette(dark=dark)[code]
        return f"#{r:02x}{g:02x}{b:02x}"


def ramp(stops: tuple[str, ...], n: int) -> np.ndarray:
    """`n` colours (n, 3) uint8 evenly between `stops`."""
    known = np.array([rgb(stop) for stop in stops], float)
    at = np.linspace(0, len(known) - 1, n)
    channels = [np.interp(at, np.arange(len(known)), known[:, c]) for c in range(3)]
    return np.stack(channels, 1).round().astype(np.uint8)


def stops(kind: Kind, *, dark: bool) -> tuple[str, ...]:
    """The colours a ramp runs through."""
    if kind in {"number", "time"}:
        return RAMP_DARK if dark else RAMP_LIGHT
    return PLAIN_DARK if dark else PLAIN_LIGHT


def _palette(kind: Kind, *, dark: bool) -> np.ndarray:
    colours = np.empty((256, 3), np.uint8)
    look = tokens(dark=dark)
    colours[:] = rgb(look.neutral)
    colours[MISSING] = rgb(look.absent)
    if kind in {"number", "time"}:
        colours[:NO_VALUE] = ramp(stops(kind, dark=dark), NO_VALUE)
    elif kind == "category":
        named = CATEGORY_DARK if dark else CATEGORY_LIGHT
        colours[: len(named)] = [rgb(text) for text in named]
    else:
        colours[:] = rgb(stops(kind, dark=dark)[1])
    return colours


def plain(n: int) -> Colouring:
    """All points alike: only their density shows."""
    return Colouring("", "none", np.zeros(n, np.uint8))


def colouring(
    name: str, column: pd.Series, *, kind: Kind, assigned: Mapping[str, int] | None = None
) -> Colouring:
    """Colours for one metadata column, as a category or as a number.

    A category that was `assigned` a code in another version of the dataset keeps it.
    """
    if kind == "number":
        return _numbers(name, column)
    return _categories(name, column, assigned or {})


def _categories(name: str, column: pd.Series, assigned: Mapping[str, int]) -> Colouring:
    raw, told = pd.factorize(column)  # -1 where there is none: the last of what follows
    labels = [label(value) for value in told]
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


def by_tags(
    name: str, rows: Mapping[str, np.ndarray], *, rank: np.ndarray, assigned: Mapping[str, int]
) -> Colouring:
    """Colours by tags. An image that has several takes the rarest one's: so every tag is seen where it is.

    Args:
        name: of the column.
        rows: of each tag the rows (k,) that have it.
        rank: the place of each row in drawing order, (n,) int64.
        assigned: the codes that tags had so far; they keep them.
    """
    codes = np.full(len(rank), MISSING, np.uint8)
    for tag in rows:  # first all, then those with a colour of their own
        codes[rank[rows[tag]]] = OTHER
    absent = int(np.count_nonzero(codes == MISSING))
    entries = _entries({tag: len(having) for tag, having in rows.items()}, absent, assigned)
    for entry in entries:
        if entry.code < MAX_CATEGORIES:
            codes[rank[rows[entry.label]]] = entry.code
    return Colouring(name, "category", codes, entries, missing=absent)


def _entries(counts: Mapping[str, int], absent: int, assigned: Mapping[str, int]) -> tuple[Entry, ...]:
    """The lines of a legend: the commonest values first, then the others as one, then those without any."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    code_of = _codes([value for value, _ in kept], assigned)
    entries = [Entry(value, count, code_of[value]) for value, count in kept]
    if rest:
        entries.append(Entry(f"{len(rest)} others", sum(count for _, count in rest), OTHER, rest=True))
    if absent:
        entries.append(Entry("No value", absent, MISSING))
    return tuple(entries)


def _codes(values: Sequence[str], assigned: Mapping[str, int]) -> dict[str, int]:
    """A code for each value: the one it was assigned, else the lowest that is free."""
    kept = {value: assigned[value] for value in values if value in assigned}
    free = iter(sorted(set(range(MAX_CATEGORIES)) - set(kept.values())))
    return {value: kept[value] if value in kept else next(free) for value in values}


def label(value: object) -> str:
    """A single value as it is shown and as filters name it."""
    if isinstance(value, (bool, np.bool_)):
        return "Yes" if value else "No"
    return str(value)


def _numbers(name: str, column: pd.Series) -> Colouring:
    return graded(name, pd.to_numeric(column, errors="coerce").astype("float64").to_numpy())


def graded(
    name: str, raw: np.ndarray, *, kind: Kind = "number", span: tuple[float, float] | None = None
) -> Colouring:
    """Colours for numbers (n,) as they are drawn; what is not finite has no value.

    Args:
        name: of the column.
        raw: the numbers.
        kind: "number" or "time".
        span: what the ramp runs through, by default the range without its outermost hundredths.
    """
    known = raw[np.isfinite(raw)]
    low, high = span or robust_range(known)
    with np.errstate(invalid="ignore"):
        scaled = np.clip((raw - low) / max(high - low, 1e-12), 0, 1)
    scaled[~np.isfinite(raw)] = np.nan
    codes = np.where(np.isnan(scaled), NO_VALUE, np.nan_to_num(scaled) * (NO_VALUE - 1))
    return Colouring(
        name,
        kind,
        codes.round().astype(np.uint8),
        values=scaled.astype(np.float32),
        low=low,
        high=high,
        missing=len(raw) - len(known),
    )


def similar(query: str, similarities: np.ndarray) -> Colouring:
    """Colours for every image's similarity (n,) to a query: from the middling one to the best.

    Half of a dataset has nothing to do with a query; what tells is the upper end.
    """
    known = similarities[:: max(1, len(similarities) // 100_000)]
    low, high = np.percentile(known, SIMILAR) if len(known) else (0.0, 1.0)
    high = max(high, float(low) + 1e-6)
    return graded(f"Similarity to “{query}”", similarities, span=(float(low), float(high)))


def kind_of(column: pd.Series, declared: str) -> Kind | None:
    """How a column can be shown; None where colours say nothing (lists, names, constants)."""
    if declared.startswith("list") or not len(column):
        return None
    values = column.dropna()
    different = values.nunique()
    if different < FEW:
        return None
    if declared in {"int", "float"}:
        return "number"
    if declared == "bool":
        return "category"
    if are_dates(values):
        return "time"
    mostly_unique = different > max(MANY, len(values) // 2)
    return None if mostly_unique else "category"


def first_choice(kinds: dict[str, Kind], columns: dict[str, pd.Series]) -> str:
    """The column to colour by at the start: the first category of few values; "" for none."""
    categories = [name for name, kind in kinds.items() if kind == "category"]
    for name in categories:
        values = columns[name].dropna()
        if FEW <= values.nunique() <= min(MANY, len(values) // 2):  # else hardly two have the same colour
            return name
    return ""
