"""What a page knows of a dataset, packed: a JSON document, and arrays as text that a script can hold.

Positions are two bytes an axis, a column one byte an image, so a million images are a few megabytes. What
does not belong here: the files (`build.py`).
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clipper.export.drawing.colours import (
    RAMP_CODES,
    colourable,
    default_column,
    number_texts,
    numbers_of,
    span,
)  # fmt: skip
from clipper.export.drawing.palette import DARK, LIGHT, MAX_CATEGORIES, MISSING, OTHER
from clipper.export.formats.dataset import Mapped, Selection, value_text
from clipper.metadata.columns import Column
from clipper.text import one_line

if TYPE_CHECKING:
    import numpy as np

MOST_COLUMNS = 24  # columns with a chart
MOST_VALUES = 250  # values of a category that have a bar each
MOST_ITEMS = 120  # items of a list
LONG_TEXT = 12  # letters of an edge
BINS = 24  # of a number, as in `charts.js`
CHUNK = 5_000  # images whose texts are in one chunk
MOST_TEXT = 160  # letters of a value on a card
CARD = 12  # values of an image that a page shows
_MOST_CLUSTERS = 400


def describe(atlas: Mapped, selection: Selection) -> dict[str, Any]:
    """Return what a page must know first; columns follow in `column_arrays`."""
    x0, x1, y0, y1 = _bounds(atlas, selection.rows)
    return {
        "title": one_line(atlas.title),
        "images": len(selection.rows),
        "indexed": f"{atlas.indexed_at:%Y-%m-%d}",
        "bounds": [x0, x1, y0, y1],
        "view": list(atlas.view),
        "clusters": _clusters(atlas),
        "colour": default_column(atlas),
        "looks": {name: look._asdict() for name, look in (("light", LIGHT), ("dark", DARK))},
        "codes": {"ramp": RAMP_CODES, "own": MAX_CATEGORIES, "other": OTHER, "missing": MISSING},
        "card": _card_names(selection),
        "chunk": CHUNK,
    }


def positions(atlas: Mapped, selection: Selection) -> str:
    """Return the positions, as two bytes an axis between the bounds: x of all, then y of all."""
    import numpy as np

    x0, x1, y0, y1 = _bounds(atlas, selection.rows)
    xy = np.asarray(atlas.xy, np.float64)[selection.rows]
    scaled = (xy - [x0, y0]) / [max(x1 - x0, 1e-9), max(y1 - y0, 1e-9)] * 65_535
    return packed(scaled.round().clip(0, 65_535).T.astype("<u2"))


def faces(atlas: Mapped, selection: Selection) -> str:
    """Return which images appear first on the map: four bytes an image, low ones first."""
    import numpy as np

    ranks = np.arange(len(atlas.ids)) if atlas.clusters is None else atlas.clusters.faces
    return packed(np.asarray(ranks)[selection.rows].astype("<u4"))


def columns(atlas: Mapped, selection: Selection) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each column that has a chart: what it is, and its packed cells."""
    known = {**atlas.columns, **atlas.insight_columns}
    shown = [one for one in known.values() if colourable(one) and one.name != selection.tags_name]
    lists = [one for one in known.values() if one.role == "list" and one.name != selection.tags_name]
    count = 0
    for column in shown:
        made = _column(atlas, selection, column) if count < MOST_COLUMNS else None
        if made is not None:
            count += 1
            yield made
    for name in [*([selection.tags_name] if selection.tagged else []), *(one.name for one in lists)]:
        made = _list(selection, name)
        if made is not None:
            yield made


def texts(atlas: Mapped, selection: Selection) -> Iterator[list[list[str]]]:
    """Yield the texts of the images, `CHUNK` at a time: id, name, then the values of a card."""
    names = _card_names(selection)
    for start in range(0, len(selection.rows), CHUNK):
        rows = selection.rows[start : start + CHUNK]
        values = selection.values(rows)
        yield [
            [atlas.ids[row], atlas.name(row), *(_text(value.get(name)) for name in names)]
            for row, value in zip(rows.tolist(), values, strict=True)
        ]


def packed(array: "np.ndarray") -> str:
    """Return the bytes of an array in base 64."""
    return base64.b64encode(array.tobytes()).decode()


def script(key: str, value: object) -> str:
    """Return a script that gives a page something: JSON that ends no script element and holds no comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"clipperData({json.dumps(key)}, {safe.encode('utf-8', 'replace').decode()})\n"


def _bounds(atlas: Mapped, rows: "np.ndarray") -> tuple[float, float, float, float]:
    import numpy as np

    if not len(rows):
        return (-1.0, 1.0, -1.0, 1.0)
    xy = np.asarray(atlas.xy)[rows]
    (x0, y0), (x1, y1) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    return x0, max(x1, x0 + 1e-6), y0, max(y1, y0 + 1e-6)


def _clusters(atlas: Mapped) -> list[list[Any]]:
    """Return name, level and place of the clusters that have a name, the large ones first."""
    clusters, names = atlas.clusters, atlas.cluster_names
    if clusters is None:
        return []
    order = sorted(range(len(clusters)), key=lambda c: (int(clusters.levels[c]), -int(clusters.sizes[c])))
    return [
        [one_line(names[c]), int(clusters.levels[c]), *map(float, clusters.centers[c])]
        for c in order
        if names[c]
    ][:_MOST_CLUSTERS]


def _card_names(selection: Selection) -> list[str]:
    named = [name for name in selection.names if name != "name"]
    return sorted(named, key=lambda name: name == selection.tags_name, reverse=True)[:CARD]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        value = f"{value:.6g}"
    text = one_line(", ".join(map(value_text, value)) if isinstance(value, list) else value_text(value))
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _cells(atlas: Mapped, selection: Selection, name: str) -> list[Any]:
    import pyarrow as pa

    table = atlas.metadata_table if name in atlas.columns else atlas.insight_table
    assert table is not None
    cells: list[Any] = table.select([name]).take(pa.array(selection.rows, pa.int64()))[name].to_pylist()
    return cells


def _column(atlas: Mapped, selection: Selection, column: Column) -> tuple[dict[str, Any], str] | None:
    """Return a column as codes: categories by their number of images, numbers as places on a ramp."""
    import numpy as np

    cells = _cells(atlas, selection, column.name)
    about: dict[str, Any] = {"name": column.name, "kind": column.role}
    if column.role in {"number", "time"}:
        raw, base = numbers_of(cells, column)
        known = np.isfinite(raw)
        if not known.any():
            return None
        low, high = span(raw[known])
        scaled = np.clip((np.where(known, raw, low) - low) / max(high - low, 1e-12), 0, 1)
        codes = np.where(known, (scaled * (RAMP_CODES - 1)).round(), MISSING).astype(np.uint8)
        edges, bins = (
            number_texts([low + (high - low) * at / count for at in range(count + 1)], column, base)
            for count in (4, BINS)
        )
        if max(map(len, edges)) > LONG_TEXT:  # for five of them there is no room
            edges = [edges[0], edges[-1]]
        return about | {"edges": edges, "bins": bins}, packed(codes)
    counts = Counter(value_text(cell) for cell in cells if cell is not None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    code_of = {label: code for code, (label, _) in enumerate(ranked[:MOST_VALUES])}
    codes = np.array(
        [MISSING if cell is None else code_of.get(value_text(cell), OTHER) for cell in cells], np.uint8
    )
    labels = [_text(label) or "(empty)" for label, _ in ranked[:MOST_VALUES]]
    return about | {"kind": "category", "labels": labels, "others": len(ranked) - len(labels)}, packed(codes)


def _list(selection: Selection, name: str) -> tuple[dict[str, Any], str] | None:
    """Return a column of lists: its commonest items, and the positions of the images that have each."""
    import numpy as np

    having: dict[str, list[int]] = {}
    at = 0
    for rows in selection.blocks():
        for labels in selection.labels(name, rows):
            for label in dict.fromkeys(labels):
                having.setdefault(label, []).append(at)
            at += 1
    ranked = sorted(having.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_ITEMS]
    if not ranked:
        return None
    places = np.concatenate([np.array(some, "<u4") for _, some in ranked])
    about = {"name": name, "kind": "list", "labels": [_text(label) for label, _ in ranked]}
    counts = [len(some) for _, some in ranked]
    return about | {"counts": counts, "others": len(having) - len(ranked)}, packed(places)
