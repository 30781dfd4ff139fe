"""A still picture of a map, laid out: where points, names and the legend are, in pixels of the picture.

What does not belong here: drawing it (`png.py`, `svg.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from clipper.errors import ClipperError
from clipper.export.drawing.colours import Colours
from clipper.export.drawing.palette import DARK, LIGHT, Look
from clipper.export.formats.dataset import Mapped
from clipper.text import one_line

if TYPE_CHECKING:
    import numpy as np

FONT = Path(__file__).parent / "fonts" / "inter-latin-wght-normal.woff2"
_ELSEWHERE = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
# What is below it, and these marks, are in Inter.
_LATIN, _MARKS = 0x100, "\u2013\u2014\u2018\u2019\u201c\u201d\u2026"
INCH = 25.4  # millimetres
MARGIN, LINE, TITLE, SMALL = 12.0, 14.0, 15.0, 9.5  # points, 72 to the inch
MOST_NAMES = 40
MOST_PIXELS = 100_000_000  # of a picture
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom
_LEGEND_SHARE = 0.34  # of the width, at most


class Word(NamedTuple):
    """A text: its left edge, the height of its middle, its size, in pixels; whether it is bold or quiet."""

    text: str
    x: float
    y: float
    size: float
    bold: bool = False
    quiet: bool = False
    right: bool = False  # x is its right edge


class Swatch(NamedTuple):
    """A colour of the legend: the middle and the radius of a dot, in pixels, and the colour as `#rrggbb`."""

    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True)
class Figure:
    """A picture of `width` x `height` pixels. `xy` (n, 2) float32 are the points' middles in it."""

    width: int
    height: int
    scale: float  # pixels of a point of 1/72 inch
    look: Look
    xy: "np.ndarray"
    colours: "np.ndarray"  # (n, 3) uint8
    radius: float
    opacity: float
    names: tuple[Word, ...]
    words: tuple[Word, ...]
    swatches: tuple[Swatch, ...]
    ramp: tuple[float, float, float, float] | None  # left, top, width, height of the ramp's bar
    title: str


def lay_out(
    atlas: Mapped,
    colours: Colours,
    *,
    size: tuple[float, float],
    dpi: float,
    dark: bool,
    names: bool = True,
    legend: bool = True,
) -> Figure:
    """Lay out a picture of a map.

    Args:
        atlas: whose map it is.
        colours: of its images.
        size: width and height in millimetres.
        dpi: pixels of an inch.
        dark: whether the ground is dark.
        names: whether the clusters' names are written on it.
        legend: whether what the colours mean stands beside it.

    Raises:
        ClipperError: the picture would be too large.
    """
    import numpy as np

    look = DARK if dark else LIGHT
    width, height = (max(64, round(side / INCH * dpi)) for side in size)
    if not 0 < width * height <= MOST_PIXELS:
        raise ClipperError(f"a picture of {width:,} x {height:,} pixels is too large; lower the dpi")
    scale = dpi / 72
    words, swatches, ramp, left = (
        _legend(colours, look, width, height, scale) if legend else ((), (), None, width)
    )
    margin = MARGIN * scale
    top = margin + (TITLE + 8) * scale if legend else margin
    box = (margin, top, left, height - margin)
    xy, zoom = _project(atlas, box)
    n = max(1, len(atlas.ids))
    # As large as leaves the map readable: half of the mean distance of points that were spread evenly.
    room = ((box[2] - box[0]) * (box[3] - box[1]) / n) ** 0.5
    radius = float(np.clip(0.17 * room, 0.45 * scale, 2.8 * scale))
    order = np.argsort(np.isin(colours.codes, (254, 255)), kind="stable")[::-1]  # values lie over no value
    title = one_line(f"{atlas.title}: {len(atlas.ids):,} images")
    heading = (Word(title, margin, margin + TITLE * scale / 2, TITLE * scale, bold=True),) if legend else ()
    return Figure(
        width, height, scale, look, xy[order], colours.palette(look)[colours.codes][order], radius,
        0.9 if n <= 5_000 else 0.7 if n <= 50_000 else 0.45,  # noqa: PLR2004 - denser maps need thinner points
        _names(atlas, zoom, box, scale) if names else (), (*heading, *words), swatches, ramp, title,
    )  # fmt: skip


@cache
def font(size: int, *, bold: bool = False, latin: bool = True) -> Any:
    """Return a font for Pillow: Inter, or one of the system's for what Inter's Latin part lacks."""
    from PIL import ImageFont

    for name in ([str(FONT)] if latin else []) + list(_ELSEWHERE) + [str(FONT)]:
        try:
            found = ImageFont.truetype(name, size)
        except OSError:
            continue
        if name == str(FONT):
            found.set_variation_by_axes([650 if bold else 450])
        return found
    return ImageFont.load_default(size)  # a Pillow that reads no WOFF2


def font_for(text: str, size: float, *, bold: bool = False) -> Any:
    """Return a font that has the letters of a text, where this machine has one."""
    latin = all(ord(c) < _LATIN or c in _MARKS for c in text)
    return font(max(1, round(size)), bold=bold, latin=latin)


def measure(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in pixels."""
    return float(font_for(text, size, bold=bold).getlength(text))


def shorten(text: str, size: float, most: float) -> str:
    """Cut a text to a width in pixels."""
    text = "".join(c if c.isprintable() else " " for c in text)[:200]
    if measure(text, size) <= most:
        return text
    while text and measure(f"{text}…", size) > most:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _legend(
    colours: Colours, look: Look, width: int, height: int, scale: float
) -> "tuple[tuple[Word, ...], tuple[Swatch, ...], tuple[float, float, float, float] | None, float]":
    """Return the legend's words, dots and ramp, and its left edge."""
    if colours.kind == "none":
        return (), (), None, width - MARGIN * scale
    size, line, margin = SMALL * scale, LINE * scale, MARGIN * scale
    most = width * _LEGEND_SHARE
    top = margin + (TITLE + 8) * scale
    fitting = max(1, int((height - top - margin - line) / line))
    entries = _fitting(colours, fitting)
    labels = [shorten(one.label, size, most - 6 * size) for one in entries]
    counts = [f"{one.images:,}" for one in entries]
    widest = max(
        (measure(a, size) + measure(b, size) for a, b in zip(labels, counts, strict=True)), default=0
    )
    left = width - margin - min(max(widest + 3.4 * size, 12 * size), most)
    right = width - margin
    words = [Word(shorten(colours.name, size, right - left), left, top + line / 2, size, bold=True)]
    y = top + 1.7 * line
    ramp = None
    if colours.kind != "category":
        ramp = (left, y - 0.3 * line, right - left, 0.6 * line)
        words += [Word(colours.texts[0], left, y + line, size, quiet=True)]
        words += [Word(colours.texts[1], right, y + line, size, quiet=True, right=True)]
        y += 2.2 * line
    palette, swatches = colours.palette(look), []
    for entry, label, count in zip(entries, labels, counts, strict=True):
        r, g, b = palette[entry.code].tolist()
        swatches.append(Swatch(left + 0.4 * size, y, 0.36 * size, f"#{r:02x}{g:02x}{b:02x}"))
        words.append(Word(label, left + 1.3 * size, y, size))
        words.append(Word(count, right, y, size, quiet=True, right=True))
        y += line
    return tuple(words), tuple(swatches), ramp, left - margin


def _fitting(colours: Colours, most: int) -> Sequence[Any]:
    """Return the legend's lines that fit; the last says how many do not."""
    entries = colours.entries
    if len(entries) <= most:
        return entries
    rest = entries[most - 1 :]
    more = entries[-1]._replace(label=f"{len(rest)} more", images=sum(one.images for one in rest), code=254)
    return [*entries[: most - 1], more]


def _project(atlas: Mapped, box: Box) -> "tuple[np.ndarray, Any]":
    """Return the points' middles in pixels, (n, 2) float32, and the function that made them."""
    import numpy as np

    x0, x1, y0, y1 = atlas.view
    left, top, right, bottom = box
    zoom = min((right - left) / max(x1 - x0, 1e-9), (bottom - top) / max(y1 - y0, 1e-9))

    def place(xy: "np.ndarray") -> "np.ndarray":
        x = (left + right) / 2 + (xy[:, 0] - (x0 + x1) / 2) * zoom
        y = (top + bottom) / 2 - (xy[:, 1] - (y0 + y1) / 2) * zoom
        return np.stack([x, y], axis=1).astype(np.float32)

    return place(np.asarray(atlas.xy, np.float64)), place


def _names(
    atlas: Mapped, place: Any, box: tuple[float, float, float, float], scale: float
) -> tuple[Word, ...]:
    """Return the clusters' names, the largest first; one that would lie on another is left out."""
    clusters = atlas.clusters
    if clusters is None or not len(clusters):
        return ()
    middles = place(clusters.centers.astype(float))
    order = sorted(range(len(clusters)), key=lambda c: (int(clusters.levels[c]), -int(clusters.sizes[c])))
    taken: list[Box] = []
    words: list[Word] = []
    for c in order:
        text = atlas.cluster_names[c]
        if not text or len(words) >= MOST_NAMES or text in {word.text for word in words}:
            continue
        size = (10.5 if clusters.levels[c] == 0 else 8.5) * scale
        text = shorten(text, size, (box[2] - box[0]) / 3)
        wide = measure(text, size, bold=True)
        x = min(max(float(middles[c, 0]) - wide / 2, box[0]), box[2] - wide)
        y = min(max(float(middles[c, 1]), box[1] + size), box[3] - size)
        own = (x - size / 2, y - size, x + wide + size / 2, y + size)
        if all(own[2] < a or own[0] > c2 or own[3] < b or own[1] > d for a, b, c2, d in taken):
            taken.append(own)
            words.append(Word(text, x, y, size, bold=True))
    return tuple(words)
