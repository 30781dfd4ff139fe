"""The map's picture as a pure function: points in view, colours, size and ranges in, RGBA out.

Few points are drawn as anti-aliased discs, many as shaded density (aggregated by datashader), thumbnails
above both. Nothing here knows of Panel, of sessions or of files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from viewer.theme import rgb, tokens
from viewer.viewport import Viewport

DISC_LIMIT = 60_000  # more points in view than this are drawn as density
RIMMED = 2.0  # pixels: smaller dots have no room for a rim
FAINT_SIZE = 0.7  # of a dot that does not pass the filters, as a part of one that does ...
FAINT_VEIL = 0.66  # ... and how much of its colour is the ground's
SAMPLED = 3  # of the lines and columns of a picture, every so many tell what a dense pixel is
GLOW_CELL = 9  # pixels that share one value of the soft light behind the dots
GLOW_MARGIN = 60  # pixels round the view whose points still light it
GLOW_REACH = 1.5  # standard deviation of each of two blurs, in cells


@dataclass(frozen=True)
class Tile:
    """A thumbnail on the map: its picture (h, w, 4) uint8, centre and size in pixels, its point's colour."""

    row: int
    image: np.ndarray
    cx: float
    cy: float
    width: float
    height: float
    ring: tuple[int, int, int]
    emphasised: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Layer:
    """Points in view: map positions (n,) float32, codes (n,) uint8 into `palette` (256, 3) uint8."""

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    palette: np.ndarray
    values: np.ndarray | None = None  # (n,) float32 of 0..1 or NaN where colour is a number

    def __len__(self) -> int:
        return len(self.x)

    def only(self, which: np.ndarray) -> "Layer":
        """Some of the points: `which` (n,) bool."""
        values = None if self.values is None else self.values[which]
        return Layer(self.x[which], self.y[which], self.codes[which], self.palette, values)


@dataclass(frozen=True)
class Scene:
    """All that one picture shows.

    `faint` are points that do not pass the filters: a ground without colour, so that the map keeps its shape.
    `hits` are the results of a query, `chosen` the images chosen: they stand out, the others step back.
    `marks` are ringed.
    """

    points: Layer
    faint: Layer | None = None
    hits: Layer | None = None
    chosen: Layer | None = None
    marks: Layer | None = None
    tiles: Sequence[Tile] = field(default_factory=tuple)
    dot: float = 4.0  # radius in pixels
    dark: bool = True
    recede: float = 1.0  # how far the points step back behind the thumbnails, 0..1
    behind: float = 1.0  # ... and behind the results


def render(scene: Scene, viewport: Viewport) -> np.ndarray:
    """The picture (height, width, 4) uint8, top row first, opaque.

    Raises:
        ValueError: the viewport has no area.
    """
    if not viewport.valid:
        raise ValueError(f"cannot draw the viewport {viewport}")
    from viewer import kernels

    look = tokens(dark=scene.dark)
    ground = _colour(look.canvas)
    canvas = np.empty((viewport.height, viewport.width, 4), np.uint8)
    canvas.view(np.uint32)[:] = np.append(ground, np.uint8(255)).view(np.uint32)
    if scene.faint is not None and len(scene.faint):
        _faint(canvas, scene.faint, viewport, scene.dot, ground, dark=scene.dark)
    if len(scene.points):
        _points(canvas, scene, viewport, ground)
    if scene.hits is not None or scene.chosen is not None:
        kernels.veil(canvas, ground, (0.62 if scene.dark else 0.68) * scene.behind)
    if scene.chosen is not None and len(scene.chosen):
        _chosen(canvas, scene.chosen, viewport, scene.dot, _colour(look.ink))
    if scene.tiles:
        kernels.veil(canvas, ground, 0.5 * scene.recede)
    if scene.hits is not None:
        _rings(canvas, scene.hits, viewport, scene.dot, _colour(look.ink))
    if scene.marks is not None and len(scene.marks):
        _marks(canvas, scene.marks, viewport, scene.dot, dark=scene.dark)
    _tiles(canvas, scene.tiles, _colour(look.ink), _colour(look.accent), ground, dark=scene.dark)
    return canvas


def _colour(text: str) -> np.ndarray:
    return np.array(rgb(text), np.uint8)


def _points(canvas: np.ndarray, scene: Scene, viewport: Viewport, ground: np.ndarray) -> None:
    """The points before a soft light in their colours; many are counted once for both."""
    from viewer import kernels

    points = scene.points
    if len(points) <= DISC_LIMIT:
        _glow(canvas, _aggregate(points, _lit_from(viewport, GLOW_CELL)), dark=scene.dark)
        _discs(canvas, points, viewport, scene.dot, ground)
        return
    wide = _aggregate(points, _lit_from(viewport, 1))
    _glow(canvas, kernels.summed(wide, GLOW_CELL), dark=scene.dark)
    rows = slice(GLOW_MARGIN, GLOW_MARGIN + viewport.height)
    columns = slice(GLOW_MARGIN, GLOW_MARGIN + viewport.width)
    _density(canvas, np.ascontiguousarray(wide[rows, columns]), scene.dot)


def _lit_from(viewport: Viewport, cell: int) -> Viewport:
    """The view and what lights it from outside, `cell` pixels of the view being one, in whole glow cells."""
    columns = -(-(viewport.width + 2 * GLOW_MARGIN) // GLOW_CELL)
    rows = -(-(viewport.height + 2 * GLOW_MARGIN) // GLOW_CELL)
    x0, _, _, y1 = viewport.grown(GLOW_MARGIN)
    step, parts = viewport.unit * GLOW_CELL, GLOW_CELL // cell
    return Viewport(x0, x0 + columns * step, y1 - rows * step, y1, columns * parts, rows * parts)


def _glow(canvas: np.ndarray, coarse: np.ndarray, *, dark: bool) -> None:
    """The density behind the dots, as a soft light in their colours: groups are seen before points are.

    `coarse` are the colour sums (h, w, 4) of glow cells, from `GLOW_MARGIN` pixels beyond the canvas.
    """
    from viewer import kernels

    for _ in range(2):
        coarse = _spread(coarse, GLOW_REACH)
    weights = coarse[..., 3]
    full = max(float(np.percentile(weights[weights > 0], 97)), 0.05) if weights.any() else 1.0
    strength = 0.34 if dark else 0.24
    kernels.glow(canvas, coarse, GLOW_CELL, GLOW_MARGIN, full, strength)


def _faint(
    canvas: np.ndarray, points: Layer, viewport: Viewport, dot: float, ground: np.ndarray, *, dark: bool
) -> None:
    """Points of one quiet colour, nearly the ground's."""
    from viewer import kernels

    plain = np.empty((256, 3), np.uint8)
    plain[:] = _colour(tokens(dark=dark).neutral)
    alike = Layer(points.x, points.y, np.zeros(len(points), np.uint8), plain)
    small = max(dot * FAINT_SIZE, 1.0)
    if len(points) <= DISC_LIMIT:
        _discs(canvas, alike, viewport, small, ground)
    else:
        _density(canvas, _aggregate(alike, viewport), small)
    kernels.veil(canvas, ground, FAINT_VEIL)


def _discs(canvas: np.ndarray, points: Layer, viewport: Viewport, dot: float, ground: np.ndarray) -> None:
    from viewer import kernels

    px, py = viewport.pixels(points.x, points.y)
    edge = min(1.0, dot * 0.22) if dot > 2 else 0.0  # noqa: PLR2004 - smaller dots have no room for a rim
    kernels.discs(canvas, px, py, points.codes, points.palette, dot, ground, edge, 0.92)


def _chosen(canvas: np.ndarray, chosen: Layer, viewport: Viewport, dot: float, ink: np.ndarray) -> None:
    """The chosen points in their colours, above all others; few enough to be told apart, each has a rim."""
    from viewer import kernels

    if len(chosen) > DISC_LIMIT:
        _density(canvas, _aggregate(chosen, viewport), dot)
        return
    px, py = viewport.pixels(chosen.x, chosen.y)
    rim = float(np.clip(dot * 0.25, 0.0, 1.0)) if dot > RIMMED else 0.0
    kernels.discs(canvas, px, py, chosen.codes, chosen.palette, dot + rim, ink, rim, 1.0)


def _rings(canvas: np.ndarray, hits: Layer, viewport: Viewport, dot: float, ink: np.ndarray) -> None:
    from viewer import kernels

    px, py = viewport.pixels(hits.x, hits.y)
    radius = max(dot * 1.25, 4.5)
    kernels.discs(canvas, px, py, hits.codes, hits.palette, radius + 1.5, ink, 1.5, 1.0)


def _marks(canvas: np.ndarray, marks: Layer, viewport: Viewport, dot: float, *, dark: bool) -> None:
    """A ring at a distance from its point: it is seen whatever the point's colour."""
    from viewer import kernels

    px, py = viewport.pixels(marks.x, marks.y)
    look, radius = tokens(dark=dark), max(dot, 3.0)
    for beyond, edge in ((5.0, look.accent), (2.5, look.canvas)):
        kernels.discs(canvas, px, py, marks.codes, marks.palette, radius + beyond, _colour(edge), 2.5, 1.0)


def _tiles(
    canvas: np.ndarray,
    tiles: Sequence[Tile],
    ink: np.ndarray,
    accent: np.ndarray,
    ground: np.ndarray,
    *,
    dark: bool,
) -> None:
    from viewer import kernels

    strength = 0.75 if dark else 0.28
    rivals = any(tile.emphasised for tile in tiles)
    drawn = [(tile, 0.35 if rivals and not tile.emphasised else 1.0) for tile in tiles]
    for tile, fade in drawn:
        corner = 0.14 * min(tile.width, tile.height)
        size = tile.width, tile.height, corner
        kernels.shadow(canvas, tile.cx, tile.cy + 2, *size, 7.0, strength * fade)
    for tile, fade in drawn:
        ring = accent if tile.marked else ink if tile.emphasised else np.array(tile.ring, np.uint8)
        corner = 0.14 * min(tile.width, tile.height)
        place = tile.cx, tile.cy, tile.width, tile.height, corner
        width = 3.0 if tile.marked else 2.5 if tile.emphasised else 1.5
        kernels.picture(canvas, tile.image, *place, ring, width, ground, fade)


def _density(canvas: np.ndarray, sums: np.ndarray, dot: float) -> None:
    """Many points, as colour sums (h, w, 4) of the canvas's pixels."""
    from viewer import kernels

    sigma = float(np.clip(dot * 0.55, 0.35, 1.2))
    layer = _spread(sums, sigma)
    weights = layer[..., 3]
    some = weights[::SAMPLED, ::SAMPLED]
    occupied = some[some > 0.05]  # noqa: PLR2004 - the tails of the blur do not count
    full = float(np.percentile(occupied, 99)) if len(occupied) else 1.0
    kernels.shade(canvas, layer, full, 0.42, 1.0)


def _spread(layer: np.ndarray, sigma: float) -> np.ndarray:
    """Colour sums (h, w, 4) float32, blurred by a Gaussian of `sigma` pixels."""
    from viewer import kernels

    flat = layer.reshape(len(layer), -1)
    out = np.empty_like(flat)  # not made by the kernel: NumPy asks for large pages, which cost less
    kernels.spread(out, flat, _taps(sigma), kernels.occupied(flat))
    return out.reshape(layer.shape)


def _taps(sigma: float) -> np.ndarray:
    """The weights of a Gaussian's pixels, the centre's first; those beyond would not be seen."""
    reach = max(1, int(np.ceil(1.8 * sigma)))
    taps = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(np.float32)


def _aggregate(points: Layer, viewport: Viewport) -> np.ndarray:
    """Summed colours and counts (h, w, 4) float32, top row first."""
    if points.values is not None:
        return _mean_colours(points, points.values, viewport)
    return _mixed_colours(points, viewport)


def _mixed_colours(points: Layer, viewport: Viewport) -> np.ndarray:
    """Each pixel's colour is the mean of its points' colours."""
    from viewer import kernels

    inks = np.ones((256, 4), np.float32)
    inks[:, :3] = points.palette
    out = np.zeros((viewport.height, viewport.width, 4), np.float32)
    scale_x = viewport.width / (viewport.x1 - viewport.x0)
    scale_y = viewport.height / (viewport.y1 - viewport.y0)
    places = (np.ascontiguousarray(array) for array in (points.x, points.y, points.codes))
    kernels.mixed(out, *places, inks, viewport.x0, viewport.y1, scale_x, scale_y)
    return out


def _mean_colours(points: Layer, values: np.ndarray, viewport: Viewport) -> np.ndarray:
    """Each pixel's colour is that of its points' mean value; points without a value count as neutral."""
    import datashader as ds
    import pandas as pd

    from viewer import kernels

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
    return kernels.averaged(*counts, total, np.ascontiguousarray(points.palette))
