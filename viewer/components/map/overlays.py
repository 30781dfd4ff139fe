"""The marks above the map's picture: rings around images, the queries' stars and labels.

They are Bokeh glyphs. Bokeh draws text on the canvas, so no label can become markup.
"""

import math
from collections.abc import Sequence
from typing import Any

from bokeh.core.properties import value
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from viewer.dataset.geometry.viewport import Viewport
from viewer.render.placing import QueryMark
from viewer.session.answers import Answer
from viewer.theme import FONT, tokens

LABEL_LENGTH = 28  # characters of a query shown on the map
WIDE_LETTER = 8.0  # pixels of a wide letter
LABEL_TOP = 44.0  # pixels from a query's position to the top of its label; at least half a thumbnail
MIN_OPACITY = 0.62  # of an old query
# Pixels. The star and the label of a query can be clicked.
STAR_RADIUS, LABEL_MIDDLE, LABEL_HEIGHT, TYPICAL_LETTER = 13.0, 25.0, 26.0, 6.6


class Rings:
    """A ring around the image under the pointer, and one around the open image."""

    def __init__(self, fig: figure) -> None:
        self._dots = ColumnDataSource({"x": [], "y": [], "size": [], "colour": []})
        self._frames = ColumnDataSource({"x": [], "y": [], "w": [], "h": [], "colour": []})
        fig.scatter(
            "x", "y", size="size", source=self._dots, marker="circle",
            fill_alpha=0, line_color="colour", line_width=2.5,
        )  # fmt: skip
        fig.block(
            "x", "y", width="w", height="h", source=self._frames, border_radius=10,
            fill_alpha=0, line_color="colour", line_width=3,
        )  # fmt: skip

    def show(self, marks: Sequence[dict[str, Any]]) -> None:
        """Draw rings: each has x, y, colour, and `size` in pixels or `w`, `h` in map units from a corner."""
        dots = [mark for mark in marks if "size" in mark]
        frames = [mark for mark in marks if "w" in mark]
        for source, rows in ((self._dots, dots), (self._frames, frames)):
            data = {name: [row[name] for row in rows] for name in source.data}
            if data != dict(source.data):
                source.data = data


def short_label(text: str) -> str:
    """Return the label of a query on the map."""
    return text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 1] + "…"


def label_extent(text: str) -> tuple[float, float]:
    """Return how many pixels, across and down, labels and thumbnails extend beyond their positions."""
    return max(LABEL_TOP, len(short_label(text)) * WIDE_LETTER / 2 + 8), LABEL_TOP


def label_half_width(answer: Answer) -> float:
    """Return how many pixels a query's label extends from its middle to its end."""
    return len(short_label(answer.title)) * TYPICAL_LETTER / 2 + 8


class QueryStars:
    """The query in view and those before it: a star at each position on the map, and a label above it."""

    def __init__(self, fig: figure) -> None:
        self._history: Sequence[Answer] = ()
        self._current = ""
        self._unlabelled: set[str] = set()
        names = ("x", "y", "label", "text", "star", "ground", "ink", "edge", "alpha", "size", "opaque")
        self.source = ColumnDataSource({name: [] for name in names})
        fig.scatter(
            "x", "y", size="size", source=self.source, marker="star",
            fill_color="star", line_color="edge", line_width=1.5, alpha="alpha",
        )  # fmt: skip
        fig.text(
            "x", "y", text="text", source=self.source, y_offset=-LABEL_MIDDLE, text_align="center",
            text_font=value(FONT), text_font_size="12.5px",
            text_font_style="bold", text_baseline="middle", text_color="ink", alpha="alpha",
            background_fill_color="ground", background_fill_alpha="opaque", border_radius=8,
            padding=[8, 4], border_line_color="edge", border_line_alpha=0.0,
        )  # fmt: skip

    def show(self, history: Sequence[Answer], current: Answer | None, *, dark: bool) -> None:
        """Draw the history, the oldest first; old queries fade."""
        look = tokens(dark=dark)
        rows: list[dict[str, Any]] = []
        for age, answer in reversed(list(enumerate(history))):
            words = short_label(answer.title)
            now = current is not None and answer.text == current.text
            rows.append({
                "x": answer.x, "y": answer.y, "label": words, "text": words,
                "star": look.accent if now else look.muted,
                "ground": look.accent if now else look.raised,
                "ink": look.accent_text if now else look.text,
                "edge": look.ink if now else look.canvas,
                "alpha": 1.0 if now else max(MIN_OPACITY, 0.8 - 0.09 * age),
                "size": 27 if now else 16,
                "opaque": 1.0 if now else 0.9,
            })  # fmt: skip
            if answer.text in self._unlabelled:
                rows[-1] |= {"text": "", "opaque": 0.0}
        rows.sort(key=lambda row: row["alpha"])
        self._history, self._current = history, current.text if current else ""
        self.source.data = {name: [row[name] for row in rows] for name in self.source.data}

    def arrange(self, viewport: Viewport) -> bool:
        """Hide labels that would cover the label of a newer query; return whether that changed any."""
        ranked = sorted(self._history, key=lambda answer: answer.text != self._current)
        boxes: list[tuple[float, float, float]] = []
        unlabelled = set()
        for answer in ranked:
            x, y = answer.x / viewport.units_per_pixel, answer.y / viewport.units_per_pixel
            half = label_half_width(answer)
            if any(abs(x - ox) < half + reach and abs(y - oy) < LABEL_HEIGHT for ox, oy, reach in boxes):
                unlabelled.add(answer.text)
            else:
                boxes.append((x, y, half))
        changed, self._unlabelled = unlabelled != self._unlabelled, unlabelled
        return changed

    def extents(self) -> tuple[QueryMark, ...]:
        """Return how far the star and label of each query extend on the map."""
        up = LABEL_MIDDLE + LABEL_HEIGHT / 2
        return tuple(
            QueryMark(answer.x, answer.y, STAR_RADIUS, STAR_RADIUS, STAR_RADIUS)
            if answer.text in self._unlabelled
            else QueryMark(answer.x, answer.y, max(label_half_width(answer), STAR_RADIUS), up, STAR_RADIUS)
            for answer in self._history
        )

    def at(self, x: float, y: float, viewport: Viewport) -> Answer | None:
        """Return the newest query whose star or label is at a map position; None if there is none."""
        for answer in self._history:
            right, up = (x - answer.x) / viewport.units_per_pixel, (y - answer.y) / viewport.units_per_pixel
            labelled = answer.text not in self._unlabelled and abs(right) <= label_half_width(answer)
            on_label = labelled and abs(up - LABEL_MIDDLE) <= LABEL_HEIGHT / 2
            if on_label or math.hypot(right, up) <= STAR_RADIUS:
                return answer
        return None
