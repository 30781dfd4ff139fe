"""Which image of an exported map has which colour: by a column, by clusters, or all the same.

The codes are those of the viewer: the commonest value has the first colour. What does not belong here: the
colours themselves (`palette.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from clipper.errors import ClipperError
from clipper.export.drawing.palette import MAX_CATEGORIES, MISSING, OTHER, Look, rgb
from clipper.export.formats.dataset import Mapped, value_text
from clipper.metadata.columns import WORDS, Column
from clipper.metadata.values.integers import as_offsets
from clipper.metadata.values.times import wall_seconds
from clipper.store.parts.clusters import untitled
from clipper.text import write_apart

if TYPE_CHECKING:
    import numpy as np

CLUSTER = "cluster"
NO_VALUE = "No value"
MAX_DISTINCT = 40  # a column that colours a map unasked has at most so many values
RAMP_CODES = 254  # codes 0 to 253 are a ramp
_CUT = (1.0, 99.0)  # percentiles between which a ramp runs, unless all values lie near them
_ROOMY = 1.6
_FEW = 50_000  # values whose percentiles are exact


class Entry(NamedTuple):
    """A line of a legend: a value, how many images have it, and its code."""

    label: str
    images: int
    code: int


@dataclass(frozen=True)
class Colours:
    """The colours of all images by one column: `codes` (n,) uint8; a ramp runs from `low` to `high`."""

    name: str
    kind: Literal["none", "category", "number", "time"]
    codes: "np.ndarray"
    entries: tuple[Entry, ...] = ()
    low: float = 0.0
    high: float = 1.0
    texts: tuple[str, str] = field(default=("", ""))

    def palette(self, look: Look) -> "np.ndarray":
        """Return the colour of each code, (256, 3) uint8."""
        import numpy as np

        table = np.empty((256, 3), np.uint8)
        table[:] = rgb(look.neutral)
        table[MISSING] = rgb(look.absent)
        if self.kind == "category":
            table[: len(look.categories)] = [rgb(text) for text in look.categories]
        elif self.kind == "none":
            table[:] = rgb(look.plain)
        else:
            stops = np.array([rgb(text) for text in look.ramp], float)
            at = np.linspace(0, len(stops) - 1, RAMP_CODES)
            channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
            table[:RAMP_CODES] = np.stack(channels, 1).round().astype(np.uint8)
        return table


def default_column(atlas: Mapped) -> str:
    """Return the column that colours a map unasked: the first category with few values; "" for none."""
    for column in atlas.columns.values():
        if column.role == "category" and 1 < column.distinct <= min(MAX_DISTINCT, column.filled // 2):
            return column.name
    return ""


def colourable(column: Column) -> bool:
    """Whether a column can colour a map: no list, no text, not the same value everywhere."""
    if column.origin == WORDS:
        return column.distinct > 0
    return column.distinct > 1 and column.role in {"category", "number", "time"}


def colour_by(atlas: Mapped, name: str) -> Colours:
    """Colour all images by a column; `cluster` colours by clusters, "" all the same.

    Raises:
        ClipperError: there is no such column, or it cannot colour.
    """
    import numpy as np

    columns = {**atlas.columns, **atlas.insight_columns}
    if not name:
        return Colours("", "none", np.zeros(len(atlas.ids), np.uint8))
    if name == CLUSTER and name not in columns:
        return _clusters(atlas)
    if name not in columns:
        known = ", ".join(one for one, column in columns.items() if colourable(column))
        raise ClipperError(f"there is no column {name!r} to colour by; there are {known or 'none'}, cluster")
    column = columns[name]
    if not colourable(column):
        raise ClipperError(f"{name} cannot colour a map: its values are all the same, or lists, or texts")
    table = atlas.metadata_table if name in atlas.columns else atlas.insight_table
    assert table is not None
    cells = table[name].to_pylist()
    return _ramp(name, cells, column) if column.role in {"number", "time"} else _categories(name, cells)


def _categories(name: str, cells: Sequence[object]) -> Colours:
    import numpy as np

    counts = Counter(value_text(cell) for cell in cells if cell is not None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    code_of = {label: code for code, (label, _) in enumerate(ranked[:MAX_CATEGORIES])}
    codes = [MISSING if cell is None else code_of.get(value_text(cell), OTHER) for cell in cells]
    return Colours(name, "category", np.array(codes, np.uint8), _entries(ranked, len(cells)))


def _entries(ranked: Sequence[tuple[str, int]], n: int) -> tuple[Entry, ...]:
    entries = [Entry(label, count, code) for code, (label, count) in enumerate(ranked[:MAX_CATEGORIES])]
    rest = ranked[MAX_CATEGORIES:]
    if rest:
        entries.append(Entry(f"{len(rest)} others", sum(count for _, count in rest), OTHER))
    if missing := n - sum(count for _, count in ranked):
        entries.append(Entry(NO_VALUE, missing, MISSING))
    return tuple(entries)


def _clusters(atlas: Mapped) -> Colours:
    import numpy as np

    clusters = atlas.clusters
    if clusters is None or not len(clusters):
        raise ClipperError("there are no clusters to colour by")
    counts = [len(clusters.rows_at(level)) for level in range(clusters.members.shape[1])]
    level = max((at for at, count in enumerate(counts) if 0 < count <= MAX_CATEGORIES), default=0)
    names, ids = atlas.cluster_names, clusters.ids
    label = {int(c): names[c] or untitled(ids[c]) for c in clusters.rows_at(level)}
    members = clusters.members[:, level].tolist()
    often = Counter(label.values())
    named = {c: text if often[text] == 1 else f"{text} ({ids[c]})" for c, text in label.items()}
    found = _categories("Cluster", [named.get(c) for c in members])
    absent = [one._replace(label="In no cluster") for one in found.entries if one.code == MISSING]
    entries = (*(one for one in found.entries if one.code != MISSING), *absent)
    return Colours(found.name, "category", np.asarray(found.codes), entries)


def numbers_of(cells: Sequence[object], column: Column) -> "tuple[np.ndarray, int]":
    """Return numbers, or the wall clocks of times as seconds since 1970: (n,) float64, NaN without a value.

    Integers too large for floats are less by the second value.
    """
    import numpy as np
    import pyarrow as pa

    if column.type == "int":
        numbers = np.array([cell if isinstance(cell, int) else 0 for cell in cells], np.int64)
        return as_offsets(numbers, np.array([cell is None for cell in cells], bool))
    if column.role == "time":
        texts = pa.array([cell if isinstance(cell, str) else None for cell in cells], pa.string())
        return wall_seconds(texts), 0
    return np.array([_number(cell) for cell in cells], np.float64), 0


def number_texts(values: Sequence[float], column: Column, base: int) -> list[str]:
    """Write numbers that stand beside each other: different ones differently; times as their dates.

    Args:
        values: the numbers, less by `base`.
        column: that they are of.
        base: as `numbers_of` returns it.
    """
    if column.role == "time":
        return [datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d") for value in values]
    if base:
        return [str(base + round(value)) for value in values]
    return write_apart(values, _number_text)


def _number_text(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"  # noqa: PLR2004


def _ramp(name: str, cells: Sequence[object], column: Column) -> Colours:
    import numpy as np

    raw, base = numbers_of(cells, column)
    known = np.isfinite(raw)
    low, high = span(raw[known])
    scaled = np.clip((np.where(known, raw, low) - low) / max(high - low, 1e-12), 0, 1)
    codes = np.where(known, (scaled * (RAMP_CODES - 1)).round(), MISSING).astype(np.uint8)
    missing = int(np.count_nonzero(~known))
    entries = (Entry(NO_VALUE, missing, MISSING),) if missing else ()
    texts = number_texts((low, high), column, base)
    kind: Literal["number", "time"] = "time" if column.role == "time" else "number"
    return Colours(name, kind, codes, entries, low, high, (texts[0], texts[1]))


def span(known: "np.ndarray") -> tuple[float, float]:
    """Return the ends of a ramp over numbers (k,): a few stray values must not take all the colours."""
    import numpy as np

    if not len(known):
        return 0.0, 1.0
    inner = np.percentile(known[:: max(1, len(known) // _FEW)], _CUT)
    whole = float(known.min()), float(known.max())
    roomy = whole[1] - whole[0] <= _ROOMY * float(inner[1] - inner[0])
    return whole if roomy or inner[0] == inner[1] else (float(inner[0]), float(inner[1]))


def _number(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else float("nan")
