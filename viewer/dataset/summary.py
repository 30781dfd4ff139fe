"""Summarises a dataset in figures: formats, sizes, dates, columns, the latest runs. Pure: no Panel.

What does not belong here: showing them (`components/side/overview.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clipper.errors import ClipperError
from clipper.metadata.values.times import wall_clock
from viewer.dataset.dataset import Dataset

MAX_BARS = 8  # of categories; one more counts all others
MAX_TIME_BARS = 24
SIDE_EDGES = (0, 256, 512, 1024, 2048, 4096, 8192)  # pixels of the longer side
TIME_SPANS = (
    (2, "h"),
    (60, "D"),
    (365 * 3, "M"),
    (10**9, "Y"),
)  # days; a shorter span of time has bars of this unit
# The counts of a run, and their words.
CHANGE_WORDS = {
    "added": "+{} new",
    "removed": "\N{MINUS SIGN}{} gone",
    "changed": "{} changed",
    "moved": "{} moved",
    "failed": "{} unreadable",
}
# The figures of a map's quality (0 to 1), and their meanings.
MEANINGS = {
    "trustworthiness": "how many of the images side by side on the map are similar",
    "neighbour_preservation": "how many of the 15 most similar images are among the 15 nearest on the map",
}
_TIME_FORMATS = {"h": "%Y-%m-%d %H:00", "D": "%Y-%m-%d", "M": "%Y-%m", "Y": "%Y"}

Bar = list[Any]  # a label and a count


def summarise(dataset: Dataset) -> dict[str, Any]:
    """Return the contents of the overview as JSON values; unknown ones are left out."""
    points = dataset.atlas.points
    return {
        "facts": key_figures(dataset),
        "layout": map_quality(dataset),
        "runs": last_runs(dataset),
        "formats": category_bars(points["format"]) if "format" in points else [],
        "sizes": size_bars(points) if {"width", "height"} <= {*points} else [],
        "taken": time_bars(points["taken_at"]) if "taken_at" in points else [],
        "columns": [
            [name, column.kind, column.source, int(points[name].notna().sum())]
            for name, column in dataset.atlas.columns.items()
            if name in points
        ],
    }


def key_figures(dataset: Dataset) -> list[list[str]]:
    """Return names and values: the number of images, their folder, the model."""
    found: list[list[str]] = [["Images", f"{dataset.n:,}"]]
    failed = len(dataset.atlas.failures)
    if failed:
        found.append(["Unreadable files", f"{failed:,}"])
    points = dataset.atlas.points
    if "bytes" in points:
        found.append(["On disk", format_bytes(float(pd.to_numeric(points["bytes"], errors="coerce").sum()))])
    info = _info(dataset)
    if info:
        found += [["Folder", str(info["folder"])], ["Home", str(info["home"])]]
        found.append(["Model", f"{info['model']} ({info['dimensions']} dimensions)"])
    return found


def map_quality(dataset: Dataset) -> list[list[str]]:
    """Return the figures of the map's quality: name, figure and meaning."""
    quality = _info(dataset).get("quality") or {}
    return [
        [_title(name), _format_figure(quality[name]), MEANINGS[name]] for name in MEANINGS if name in quality
    ]


def _info(dataset: Dataset) -> Mapping[str, Any]:
    """Return the atlas's info; nothing if one of its files cannot be read."""
    try:
        return dataset.atlas.info()
    except (ClipperError, OSError):
        return {}


def last_runs(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the runs that led to this version, newest first: time, duration, changes, version."""
    return [
        {
            "at": run.at.isoformat(),
            "version": run.version,
            "took": "" if run.seconds is None else format_duration(run.seconds),
            "images": run.counts.get("images"),
            "changes": [
                [kind, words.format(f"{run.counts[kind]:,}")]
                for kind, words in CHANGE_WORDS.items()
                if run.counts.get(kind)
            ],
        }
        for run in dataset.atlas.snapshot.runs
    ]


def format_duration(seconds: float) -> str:
    """Write a duration: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours:,} h", f"{minutes} min"] if hours else [f"{minutes} min", f"{rest} s"]
    return " ".join(part for part in parts if not part.startswith("0 "))


def category_bars(column: pd.Series) -> list[Bar]:
    """Count the commonest values; one more bar counts all others."""
    counts = column.dropna().astype(str).value_counts()
    bars: list[Bar] = [[str(label), int(n)] for label, n in counts.iloc[:MAX_BARS].items()]
    rest = int(counts.iloc[MAX_BARS:].sum())
    return [*bars, ["others", rest]] if rest else bars


def size_bars(points: pd.DataFrame) -> list[Bar]:
    """Count images by their longer side, in bins that double; empty bins at both ends are left out."""
    sides = [
        pd.to_numeric(points[name], errors="coerce").to_numpy(float, na_value=np.nan)
        for name in ("width", "height")
    ]
    longer = np.fmax(*sides)
    counts = np.histogram(longer[np.isfinite(longer)], [*SIDE_EDGES, np.inf])[0].tolist()
    labels = [f"up to {high:,} px" for high in SIDE_EDGES[1:]] + [f"over {SIDE_EDGES[-1]:,} px"]
    return _trimmed(list(zip(labels, counts, strict=True)))


def time_bars(column: pd.Series) -> list[Bar]:
    """Count images by the hour, day, month or year in which they were taken, whichever gives few bars."""
    texts = column.where(column.map(lambda cell: isinstance(cell, str)))
    when = wall_clock(pa.array(texts, pa.string(), from_pandas=True)).dropna()
    if when.empty:
        return []
    days = (when.max() - when.min()).days
    unit = next(unit for most, unit in TIME_SPANS if days < most)
    counts = when.dt.strftime(_TIME_FORMATS[unit]).value_counts().sort_index()
    bars: list[Bar] = [[str(label), int(n)] for label, n in counts.items()]
    return bars if len(bars) <= MAX_TIME_BARS * 2 else _merged(bars)


def format_bytes(count: float) -> str:
    """Write a number of bytes: "12 kB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _merged(bars: Sequence[Bar]) -> list[Bar]:
    """Merge neighbouring bars until there are about `MAX_TIME_BARS`."""
    step = -(-len(bars) // MAX_TIME_BARS)
    groups = [bars[start : start + step] for start in range(0, len(bars), step)]
    return [[f"{group[0][0]} to {group[-1][0]}", sum(n for _, n in group)] for group in groups]


def _trimmed(bars: Sequence[tuple[str, int]]) -> list[Bar]:
    there = [at for at, (_, n) in enumerate(bars) if n]
    return [list(bar) for bar in bars[there[0] : there[-1] + 1]] if there else []


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _format_figure(value: float) -> str:
    return f"{value:.3f}"
