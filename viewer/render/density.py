"""Draws many points as density: counted by pixel, blurred into dots and shaded, before a soft glow.

datashader aggregates numbers, a compiled loop mixes categories; both return colour sums (h, w, 4) float32:
red, green, blue and the number of points, top row first.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np

from viewer.dataset.geometry.viewport import Viewport

SAMPLE_STEP = 3  # every so many lines and columns are looked at to find the weight of a dense pixel
GLOW_CELL = 10  # pixels of the page that share one value of the glow
GLOW_MARGIN = 60  # pixels of the page around the view whose points still glow into it
GLOW_REACH = 2.0  # standard deviation of the glow, in radii of a dot, ...
LEAST_GLOW, MOST_GLOW = 5.0, 10.0  # ... and its limits in pixels of the page
GLOW_COVER = 0.5  # a cell glows fully where dots cover this part of it, or less if nothing in view is denser
SINGLE_WEIGHT, MIN_OPACITY = 4.0, 0.42  # opacity of a lone point's pixels by weight, and of any visible one
OPACITY_STEPS = 2048  # of the table of opacities
MAX_SCRATCH = 1 << 23  # numbers in each of a thread's reused arrays: a picture of 2 megapixels

_LOCAL = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """Return this thread's array of that name, with whatever values it holds.

    New memory for each picture, some 50 MB, takes half as long as the drawing.
    """
    size = math.prod(shape)
    if size > MAX_SCRATCH:
        return np.empty(shape, dtype)
    known = _LOCAL.__dict__.get(name)
    if known is None or len(known) < size:
        known = np.empty(size, dtype)
        setattr(_LOCAL, name, known)
    return known[:size].reshape(shape)


@dataclass(frozen=True)
class Layer:
    """Points in view: map positions (n,) float32, codes (n,) uint8 into `palette` (256, 3) uint8."""

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    palette: np.ndarray
    values: np.ndarray | None = None  # (n,) float32 of 0..1 or NaN where colour is a number
    ranked: bool = False  # whether the largest values are what one looks for

    def __len__(self) -> int:
        return len(self.x)

    def select(self, which: np.ndarray) -> "Layer":
        """Return the points of a mask (n,) bool."""
        values = None if self.values is None else self.values[which]
        return Layer(self.x[which], self.y[which], self.codes[which], self.palette, values, self.ranked)


def count_pixels(points: Layer, viewport: Viewport, scale: float) -> np.ndarray:
    """Return the colour sums of the view's pixels, with a margin of `GLOW_MARGIN` pixels.

    The array is valid until this thread counts again. `scale` is the number of pixels for one of the page.
    """
    return _aggregate(points, _wide(viewport, 1, scale))


def count_cells(points: Layer, viewport: Viewport, scale: float) -> np.ndarray:
    """Return the colour sums of glow cells, for points too few to count by pixel."""
    return _aggregate(points, _wide(viewport, _cell(scale), scale))


def sum_cells(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Return the colour sums of glow cells, from those of pixels."""
    from viewer.render import density_kernels

    return density_kernels.sum_cells(pixels.reshape(len(pixels), -1), _cell(scale))


def glow(canvas: np.ndarray, cells: np.ndarray, dot: float, scale: float, *, dark: bool) -> None:
    """Blend the density of glow cells over the canvas as a soft glow, which shows groups of points.

    It is as strong as the dots cover their surroundings and reaches little beyond them: a few points have
    none that anybody sees. `dot` is a dot's radius in pixels of the page.
    """
    from viewer.render import density_kernels

    reach = float(np.clip(GLOW_REACH * dot, LEAST_GLOW, MOST_GLOW)) / GLOW_CELL / math.sqrt(2)
    for _ in range(2):
        cells = blur(cells, reach)
    weights = cells[..., 3:]
    covered = GLOW_COVER * GLOW_CELL**2 / (math.pi * max(dot, 1.0) ** 2)
    full = max(float(np.percentile(weights[weights > 0], 97)), covered) if weights.any() else 1.0
    opacity = (0.30 if dark else 0.22) * np.minimum(weights / np.float32(full), 1.0)
    colours = cells / np.maximum(weights, np.float32(1e-12))
    colours[..., 3] = 255
    kept = np.repeat(1 - opacity, 4, axis=2)
    density_kernels.glow(
        canvas.reshape(len(canvas), -1), colours * opacity, kept, _cell(scale), _margin(scale)
    )


def shade(canvas: np.ndarray, pixels: np.ndarray, dot: float, scale: float) -> None:
    """Blend counted points over the canvas, as dots with a radius in pixels of the page."""
    from viewer.render import density_kernels

    shape = canvas.shape[:2]
    weights, colours = scratch("weights", shape), scratch("colours", (*shape, 3), np.uint8)
    flat = pixels.reshape(len(pixels), -1)
    taps = _taps(float(np.clip(dot * scale * 0.55, 0.35, 1.2 * max(scale, 1.0))))
    density_kernels.blur_dots(
        weights, colours, flat, taps, density_kernels.occupied_spans(flat), _margin(scale)
    )
    some = weights[::SAMPLE_STEP, ::SAMPLE_STEP]
    seen = some[some > 0.05]  # noqa: PLR2004 - the tails of the blur do not count
    full = float(np.percentile(seen, 99)) if len(seen) else 1.0
    density_kernels.shade(canvas, weights, colours, _opacities(full), full)


def _opacities(full: float) -> np.ndarray:
    """Return opacities by even steps of the square root of a pixel's weight: 1 at the weight `full`."""
    weight = np.linspace(0, 1, OPACITY_STEPS) ** 2 * full
    dense = np.log1p(weight) / np.log1p(full)
    return ((MIN_OPACITY + (1 - MIN_OPACITY) * dense) * np.minimum(1.0, weight * SINGLE_WEIGHT)).astype(
        np.float32
    )


def blur(layer: np.ndarray, sigma: float) -> np.ndarray:
    """Blur colour sums (h, w, 4) float32 by a Gaussian of `sigma` pixels."""
    from viewer.render import density_kernels

    flat = layer.reshape(len(layer), -1)
    out = np.empty_like(flat)
    density_kernels.blur(out, flat, _taps(sigma), density_kernels.occupied_spans(flat))
    return out.reshape(layer.shape)


def _taps(sigma: float) -> np.ndarray:
    """Return the weights of a Gaussian's pixels, the centre first; the invisible tail is left out."""
    reach = max(1, int(np.ceil(1.8 * sigma)))
    taps = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(np.float32)


def _cell(scale: float) -> int:
    return round(GLOW_CELL * scale)


def _margin(scale: float) -> int:
    return round(GLOW_MARGIN * scale)


def _wide(viewport: Viewport, cell: int, scale: float) -> Viewport:
    """Return the view with its margin, in whole glow cells, at one pixel for `cell` pixels of the view."""
    whole, margin = _cell(scale), _margin(scale)
    columns = -(-(viewport.width + 2 * margin) // whole)
    rows = -(-(viewport.height + 2 * margin) // whole)
    # A coarse picture has a whole number of pixels, so its units differ a little between the axes.
    across, down = viewport.units_per_pixel, (viewport.y1 - viewport.y0) / viewport.height
    x0, y1, parts = viewport.x0 - margin * across, viewport.y1 + margin * down, whole // cell
    x1, y0 = x0 + columns * whole * across, y1 - rows * whole * down
    return Viewport(x0, x1, y0, y1, columns * parts, rows * parts)


def _aggregate(points: Layer, viewport: Viewport) -> np.ndarray:
    if points.values is not None and not points.ranked:
        return _mean_colours(points, points.values, viewport)
    return _mixed_colours(points, viewport)


def _mixed_colours(points: Layer, viewport: Viewport) -> np.ndarray:
    """Sum colours so that a pixel's colour is the mean of its points' colours."""
    from viewer.render import density_kernels

    inks = np.ones((256, 4), np.float32)
    inks[:, :3] = points.palette
    out = scratch("sums", (viewport.height, viewport.width, 4))
    out[:] = 0.0
    scale_x = viewport.width / (viewport.x1 - viewport.x0)
    scale_y = viewport.height / (viewport.y1 - viewport.y0)
    places = (np.ascontiguousarray(array) for array in (points.x, points.y, points.codes))
    density_kernels.mix_colours(out, *places, inks, viewport.x0, viewport.y1, scale_x, scale_y)
    return out


def _mean_colours(points: Layer, values: np.ndarray, viewport: Viewport) -> np.ndarray:
    """Sum colours so that a pixel has the colour of its points' mean value; a missing value is neutral."""
    import datashader as ds
    import pandas as pd

    from viewer.render import density_kernels

    cv = ds.Canvas(
        plot_width=viewport.width,
        plot_height=viewport.height,
        x_range=(viewport.x0, viewport.x1),
        y_range=(viewport.y0, viewport.y1),
    )
    frame = pd.DataFrame({"x": points.x, "y": points.y, "value": values}, copy=False)
    wanted = ds.summary(n=ds.count(), known=ds.count("value"), total=ds.sum("value"))
    agg = cv.points(frame, "x", "y", wanted)
    counts = (np.ascontiguousarray(agg[name].to_numpy(), np.uint32) for name in ("n", "known"))
    total = np.ascontiguousarray(agg["total"].to_numpy(), np.float64)
    return density_kernels.average_colours(*counts, total, np.ascontiguousarray(points.palette))
