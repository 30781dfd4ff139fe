"""Draw a map as SVG: points as round dots that stay sharp, text as text.

What does not belong here: where everything is (`figure.py`).
"""

import base64
import io
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from clipper.export.drawing.figure import Figure, Word
from clipper.export.drawing.png import points_only

MOST_DOTS = 20_000  # beyond it, the points are one picture within the drawing
_FONT = 'Inter, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'


def draw(figure: Figure) -> str:
    """Return the drawing; all text in it is escaped."""
    return "".join(_parts(figure))


def _parts(figure: Figure) -> Iterator[str]:
    inches = figure.scale * 72
    size = f'width="{figure.width / inches:.4g}in" height="{figure.height / inches:.4g}in"'
    size += f' viewBox="0 0 {figure.width} {figure.height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
    yield f"<title>{escape(figure.title)}</title>\n"
    yield f'<rect width="100%" height="100%" fill="{figure.look.canvas}"/>\n'
    yield from _dots(figure) if len(figure.xy) <= MOST_DOTS else _picture(figure)
    yield from _ramp(figure)
    for x, y, radius, tint in figure.swatches:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{tint}"/>\n'
    yield f"<g font-family={quoteattr(_FONT)}>\n"
    for word in figure.words:
        yield _text(word, figure, halo=0)
    for word in figure.names:
        yield _text(word, figure, halo=3.2 * figure.scale)
    yield "</g>\n</svg>\n"


def _dots(figure: Figure) -> Iterator[str]:
    """Yield the points of each colour as one path of lines without length, whose ends are round."""
    paths: dict[tuple[int, ...], list[str]] = {}
    for (x, y), colour in zip(figure.xy.tolist(), map(tuple, figure.colours.tolist()), strict=True):
        paths.setdefault(colour, []).append(f"M{x:.1f} {y:.1f}h0")
    width = f'stroke-width="{2 * figure.radius:.2f}" stroke-opacity="{figure.opacity}"'
    for (r, g, b), path in paths.items():
        tint = f"#{r:02x}{g:02x}{b:02x}"
        yield f'<path fill="none" stroke="{tint}" {width} stroke-linecap="round" d="{"".join(path)}"/>\n'


def _picture(figure: Figure) -> Iterator[str]:
    buffer = io.BytesIO()
    points_only(figure).save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    yield f'<image width="{figure.width}" height="{figure.height}" href="data:image/png;base64,{data}"/>\n'


def _ramp(figure: Figure) -> Iterator[str]:
    if figure.ramp:
        left, top, width, height = figure.ramp
        stops = figure.look.ramp
        yield '<defs><linearGradient id="ramp">'
        for at, tint in enumerate(stops):
            yield f'<stop offset="{at / (len(stops) - 1):.3f}" stop-color="{tint}"/>'
        yield "</linearGradient></defs>"
        box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
        yield f'<rect {box} fill="url(#ramp)"/>\n'


def _text(word: Word, figure: Figure, *, halo: float) -> str:
    tint = figure.look.muted if word.quiet else figure.look.text
    edge = f' stroke="{figure.look.canvas}" stroke-width="{halo:.1f}" stroke-linejoin="round"' if halo else ""
    edge += ' paint-order="stroke"' if halo else ""
    weight = ' font-weight="650"' if word.bold else ""
    anchor = ' text-anchor="end"' if word.right else ""
    place = f'x="{word.x:.1f}" y="{word.y:.1f}" font-size="{word.size:.1f}" dominant-baseline="central"'
    return f'<text {place}{anchor}{weight} fill="{tint}"{edge}>{escape(word.text)}</text>\n'
