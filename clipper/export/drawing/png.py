"""Draw a map as pixels.

What does not belong here: where everything is (`figure.py`).
"""

from typing import TYPE_CHECKING

from clipper.export.drawing.figure import Figure, Swatch, Word, font_for
from clipper.export.drawing.palette import rgb

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


def draw(figure: Figure) -> "Image.Image":
    """Return the picture, RGB."""
    import numpy as np
    from PIL import Image, ImageDraw

    pixels = np.empty((figure.height, figure.width, 3), np.float32)
    pixels[:] = rgb(figure.look.canvas)
    alpha, colour = _points(figure)
    pixels += alpha[:, :, None] * (colour - pixels)
    if figure.ramp:
        _fill_ramp(pixels, figure)
    for swatch in figure.swatches:
        _fill_dot(pixels, swatch)
    image = Image.fromarray(np.clip(pixels.round(), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for word in figure.words:
        _write(pen, word, figure, halo=0)
    for word in figure.names:
        _write(pen, word, figure, halo=max(1, round(1.6 * figure.scale)))
    return image


def points_only(figure: Figure) -> "Image.Image":
    """Return the points alone on a clear ground, RGBA."""
    import numpy as np
    from PIL import Image

    alpha, colour = _points(figure)
    layers = np.concatenate([colour, alpha[:, :, None] * 255], axis=2)
    return Image.fromarray(np.clip(layers.round(), 0, 255).astype(np.uint8), "RGBA")


def _points(figure: Figure) -> "tuple[np.ndarray, np.ndarray]":
    """Return how much of each pixel is covered, (h, w) float32, and the mean colour there, (h, w, 3).

    All points are added up at their pixels, then each is spread to a disc, as sum or as image: the cost does
    not depend on their number. Where k points lie on each other, 1 - (1 - opacity)^k is covered.
    """
    import numpy as np
    from scipy.signal import oaconvolve

    disc = _disc(figure.radius)
    weights = [np.ones(len(figure.xy)), *figure.colours.T.astype(np.float64)]
    sums = [oaconvolve(_splat(figure, weight), disc, mode="same").astype(np.float32) for weight in weights]
    covered = np.clip(sums[0], 0, None)
    alpha = 1 - (1 - figure.opacity) ** covered
    alpha[covered < 1e-3] = 0  # noqa: PLR2004 - the rounding of the transform
    mean = np.stack(sums[1:], axis=2) / np.maximum(covered, 1e-6)[:, :, None]
    return alpha, np.clip(mean, 0, 255)


def _splat(figure: Figure, weight: "np.ndarray") -> "np.ndarray":
    """Add up weights (n,) at the four pixels around each point: (h, w) float32."""
    import numpy as np

    x, y = figure.xy.T.astype(np.float64) - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    total = np.zeros(figure.height * figure.width)
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            there = (
                (left + dx >= 0) & (left + dx < figure.width) & (top + dy >= 0) & (top + dy < figure.height)
            )
            at = (top + dy)[there] * figure.width + (left + dx)[there]
            total += np.bincount(at, (share * weight)[there], minlength=len(total))
    return total.reshape(figure.height, figure.width).astype(np.float32)


def _disc(radius: float) -> "np.ndarray":
    """Return a disc with a soft edge of one pixel, (k, k) float32; a tiny one covers less than a pixel."""
    import numpy as np

    reach = int(np.ceil(radius + 0.5))
    at = np.arange(-reach, reach + 1)
    distance = np.hypot(at[:, None], at[None, :])
    disc: np.ndarray = np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
    return disc


def _fill_ramp(pixels: "np.ndarray", figure: Figure) -> None:
    import numpy as np

    assert figure.ramp is not None
    left, top, width, height = (round(side) for side in figure.ramp)
    stops = np.array([rgb(text) for text in figure.look.ramp], np.float32)
    at = np.linspace(0, len(stops) - 1, max(1, width))
    bar = np.stack([np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=1)
    room = pixels[top : top + height, left : left + width]
    room[:] = bar[: room.shape[1]]


def _fill_dot(pixels: "np.ndarray", swatch: Swatch) -> None:
    """Fill a dot of the legend, with a soft edge."""
    import numpy as np

    x, y, radius, tint = swatch
    left, top = int(x - radius - 1), int(y - radius - 1)
    room = pixels[top : top + int(2 * radius + 4), left : left + int(2 * radius + 4)]
    rows, columns = np.indices(room.shape[:2])
    cover = np.clip(radius + 0.5 - np.hypot(columns + left + 0.5 - x, rows + top + 0.5 - y), 0, 1)
    room += cover[:, :, None].astype(np.float32) * (np.array(rgb(tint), np.float32) - room)


def _write(pen: object, word: Word, figure: Figure, *, halo: int) -> None:
    face = font_for(word.text, word.size, bold=word.bold)
    anchor = "rm" if word.right else "lm"
    tint = figure.look.muted if word.quiet else figure.look.text
    options = {"stroke_width": halo, "stroke_fill": figure.look.canvas} if halo else {}
    pen.text((word.x, word.y), word.text, fill=tint, font=face, anchor=anchor, **options)  # type: ignore[attr-defined]
