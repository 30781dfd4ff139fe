"""Renders the map's picture as a pure function: a scene and a viewport in, RGBA pixels out.

Few points are drawn as anti-aliased discs, many as density (`render/density.py`), thumbnails on top. What
does not belong here: Panel, sessions, datasets and files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from viewer.dataset.columns.colouring import NO_VALUE_CODE
from viewer.dataset.geometry.viewport import Viewport
from viewer.render import density
from viewer.render.density import Layer
from viewer.theme import rgb, tokens

DISC_LIMIT = 60_000  # more points in view than this are drawn as density
MIN_RIM_DOT = 2.0  # pixels of the page: smaller dots have no rim
LEAST_OPAQUE, MOST_OPAQUE = 0.52, 0.8  # of a dot: where two lie on each other, both are seen
MIN_STRONG_DOT = 1.8  # pixels of the page: a radius at which a colour is seen
STRONG_BANDS = ((153, 1.0), (190, 1.2), (225, 1.45))  # codes of strong values, and how large their dots are
LEADER_WIDTH, LEADER_OPACITY = 1.5, 0.5  # of the line to a thumbnail's point: pixels of the page, and 0..1
FAINT_SIZE = 0.7  # of a dot that does not pass the filters, as a part of one that does ...
FAINT_OPACITY = 1.0  # ... how opaque it is ...
FAINT_FADE = 0.66  # ... and how much of its colour is the ground's


@dataclass(frozen=True)
class Tile:
    """A thumbnail on the map: its image (h, w, 4) uint8, centre and size in pixels, its point's colour."""

    row: int
    image: np.ndarray
    cx: float
    cy: float
    width: float
    height: float
    ring: tuple[int, int, int]
    emphasised: bool = False
    marked: bool = False
    leader: tuple[float, float] | None = None  # where a line leads to, its point, if it lies away from there

    def scaled(self, scale: float) -> "Tile":
        """Return the same thumbnail in a picture with `scale` times the pixels in each direction."""
        places = {name: getattr(self, name) * scale for name in ("cx", "cy", "width", "height")}
        leader = None if self.leader is None else (self.leader[0] * scale, self.leader[1] * scale)
        return replace(self, **places, leader=leader)


@dataclass(frozen=True)
class Scene:
    """Everything that one picture shows.

    `faint` are points that do not pass the filters, drawn without colour so that the map keeps its shape.
    `hits` are the results of a query, `selection` the selected images: they stand out, all others fade.
    `marks` have rings. Tiles have positions and sizes in pixels of the picture.
    """

    points: Layer
    faint: Layer | None = None
    hits: Layer | None = None
    selection: Layer | None = None
    marks: Layer | None = None
    tiles: Sequence[Tile] = field(default_factory=tuple)
    dot: float = 4.0  # radius in pixels of the page
    scale: float = 1.0  # pixels of the picture for each of the page, in each direction
    dark: bool = True
    fade_behind_tiles: float = 1.0  # how much points fade behind thumbnails, 0..1
    fade_behind_hits: float = 1.0  # ... and behind results


def render(scene: Scene, viewport: Viewport) -> np.ndarray:
    """Draw a scene as an opaque picture (height, width, 4) uint8, top row first.

    Raises:
        ValueError: the viewport has no area.
    """
    if not viewport.valid:
        raise ValueError(f"cannot draw the viewport {viewport}")

    look = tokens(dark=scene.dark)
    ground = _colour(look.canvas)
    canvas = np.empty((viewport.height, viewport.width, 4), np.uint8)
    canvas.view(np.uint32)[:] = np.append(ground, np.uint8(255)).view(np.uint32)
    if scene.faint is not None and len(scene.faint):
        _faint(canvas, scene.faint, viewport, scene, ground)
    if len(scene.points):
        _points(canvas, scene, viewport)
    if scene.hits is not None or scene.selection is not None:
        _fade(canvas, ground, (0.62 if scene.dark else 0.68) * scene.fade_behind_hits)
    if scene.selection is not None and len(scene.selection):
        _selection(canvas, scene.selection, viewport, scene, _colour(look.ink))
    if scene.tiles:
        _fade(canvas, ground, 0.5 * scene.fade_behind_tiles)
    _leaders(canvas, scene, _colour(look.ink))
    if scene.hits is not None:
        _rings(canvas, scene.hits, viewport, scene, _colour(look.ink))
    if scene.marks is not None and len(scene.marks):
        _marks(canvas, scene.marks, viewport, scene)
    _tiles(canvas, scene, _colour(look.ink), _colour(look.accent), ground)
    return canvas


def _colour(text: str) -> np.ndarray:
    return np.array(rgb(text), np.uint8)


def _fade(canvas: np.ndarray, ground: np.ndarray, amount: float) -> None:
    """Fade the whole canvas towards the background by an amount of 0..1."""
    from viewer.render import kernels

    added = np.append(ground, 255).astype(np.float32) * np.float32(amount) + np.float32(0.5)
    flat = canvas.reshape(len(canvas), -1)
    kernels.fade_canvas(flat, np.tile(added, canvas.shape[1]), np.float32(1 - amount))


def _points(canvas: np.ndarray, scene: Scene, viewport: Viewport) -> None:
    """Draw the points before a soft glow in their colours; many points are counted once for both."""
    points, dot, scale, dark = scene.points, scene.dot, scene.scale, scene.dark
    many = len(points) > DISC_LIMIT
    pixels = density.count_pixels(points, viewport, scale) if many else None
    strong = points.select(_is_strong(points)) if points.ranked else None
    if pixels is not None and strong is None:
        cells = density.sum_cells(pixels, scale)
    else:
        cells = density.count_cells(points if strong is None else strong, viewport, scale)
    density.glow(canvas, cells, dot, scale, dark=dark)
    if pixels is not None:
        density.shade(canvas, pixels, dot, scale)
    else:
        _discs(canvas, points, viewport, scene, opacity=dot_opacity(dot))
    if strong is not None:
        _strong(canvas, strong, viewport, scene)


def _is_strong(points: Layer) -> np.ndarray:
    return (points.codes >= STRONG_BANDS[0][0]) & (points.codes < NO_VALUE_CODE)


def _strong(canvas: np.ndarray, points: Layer, viewport: Viewport, scene: Scene) -> None:
    """Draw points of strong values again, larger the stronger they are and the strongest on top."""
    from viewer.render import kernels

    if len(points) > DISC_LIMIT:
        density.shade(canvas, density.count_pixels(points, viewport, scene.scale), scene.dot, scene.scale)
        points = points.select(points.codes >= STRONG_BANDS[-1][0])
    if len(points) > DISC_LIMIT:
        return
    ground = _colour(tokens(dark=scene.dark).canvas)
    points = points.select(np.argsort(points.codes, kind="stable"))
    ends = [*(least for least, _ in STRONG_BANDS[1:]), NO_VALUE_CODE]
    for (least, growth), end in zip(STRONG_BANDS, ends, strict=True):
        band = points.select((points.codes >= least) & (points.codes < end))
        px, py = viewport.pixels(band.x, band.y)
        dot = max(scene.dot, MIN_STRONG_DOT) * growth
        edge = scene.scale * min(1.0, dot * 0.22)
        kernels.draw_discs(
            canvas, px, py, band.codes, band.palette, dot * scene.scale + edge, ground, edge, 1.0
        )


def _faint(canvas: np.ndarray, points: Layer, viewport: Viewport, scene: Scene, ground: np.ndarray) -> None:
    """Draw points in one colour close to the background's."""
    plain = np.empty((256, 3), np.uint8)
    plain[:] = _colour(tokens(dark=scene.dark).neutral)
    alike = Layer(points.x, points.y, np.zeros(len(points), np.uint8), plain)
    small = max(scene.dot * FAINT_SIZE, 1.0)
    if len(points) <= DISC_LIMIT:
        _discs(canvas, alike, viewport, replace(scene, dot=small), opacity=FAINT_OPACITY)
    else:
        density.shade(canvas, density.count_pixels(alike, viewport, scene.scale), small, scene.scale)
    _fade(canvas, ground, FAINT_FADE)


def _discs(canvas: np.ndarray, points: Layer, viewport: Viewport, scene: Scene, *, opacity: float) -> None:
    from viewer.render import kernels

    px, py = viewport.pixels(points.x, points.y)
    radius, ground = scene.dot * scene.scale, _colour(tokens(dark=scene.dark).canvas)
    kernels.draw_discs(canvas, px, py, points.codes, points.palette, radius, ground, 0.0, opacity)


def dot_opacity(dot: float) -> float:
    """Return how opaque dots of a radius in pixels are: of many, small ones, those beneath show through."""
    return float(np.interp(dot, (1.0, 8.0), (LEAST_OPAQUE, MOST_OPAQUE)))


def _selection(
    canvas: np.ndarray, selection: Layer, viewport: Viewport, scene: Scene, ink: np.ndarray
) -> None:
    """Draw selected points in their colours, on top; if they are few, each has a rim."""
    from viewer.render import kernels

    dot, scale = scene.dot, scene.scale
    if len(selection) > DISC_LIMIT:
        density.shade(canvas, density.count_pixels(selection, viewport, scale), dot, scale)
        return
    px, py = viewport.pixels(selection.x, selection.y)
    rim = scale * float(np.clip(dot * 0.25, 0.0, 1.0)) if dot > MIN_RIM_DOT else 0.0
    kernels.draw_discs(canvas, px, py, selection.codes, selection.palette, dot * scale + rim, ink, rim, 1.0)


def _leaders(canvas: np.ndarray, scene: Scene, ink: np.ndarray) -> None:
    """Draw lines from thumbnails to the points that they lie away from."""
    from viewer.render import kernels

    for tile in scene.tiles:
        if tile.leader is not None:
            ends = tile.cx, tile.cy, *tile.leader
            kernels.draw_line(canvas, *ends, LEADER_WIDTH * scene.scale, ink, LEADER_OPACITY)


def _rings(canvas: np.ndarray, hits: Layer, viewport: Viewport, scene: Scene, ink: np.ndarray) -> None:
    from viewer.render import kernels

    px, py = viewport.pixels(hits.x, hits.y)
    radius, edge = scene.scale * max(scene.dot * 1.25, 4.5), scene.scale * 1.5
    kernels.draw_discs(canvas, px, py, hits.codes, hits.palette, radius + edge, ink, edge, 1.0)


def _marks(canvas: np.ndarray, marks: Layer, viewport: Viewport, scene: Scene) -> None:
    """Draw a ring around each marked point with a gap, visible on any colour of the point."""
    from viewer.render import kernels

    px, py = viewport.pixels(marks.x, marks.y)
    look, radius, scale = tokens(dark=scene.dark), max(scene.dot, 3.0), scene.scale
    for beyond, colour in ((5.0, look.accent), (2.5, look.canvas)):
        size, edge = scale * (radius + beyond), scale * 2.5
        kernels.draw_discs(canvas, px, py, marks.codes, marks.palette, size, _colour(colour), edge, 1.0)


def _tiles(canvas: np.ndarray, scene: Scene, ink: np.ndarray, accent: np.ndarray, ground: np.ndarray) -> None:
    from viewer.render import kernels

    scale, strength = scene.scale, 0.75 if scene.dark else 0.28
    rivals = any(tile.emphasised for tile in scene.tiles)
    drawn = [(tile, 0.35 if rivals and not tile.emphasised else 1.0) for tile in scene.tiles]
    for tile, fade in drawn:
        corner = 0.14 * min(tile.width, tile.height)
        size = tile.width, tile.height, corner
        drop, blur = 2.0 * scale, 7.0 * scale
        kernels.draw_shadow(canvas, tile.cx, tile.cy, *size, drop, blur, strength * fade)
    for tile, fade in drawn:
        ring = accent if tile.marked else ink if tile.emphasised else np.array(tile.ring, np.uint8)
        corner = 0.14 * min(tile.width, tile.height)
        place = tile.cx, tile.cy, tile.width, tile.height, corner
        width = scale * (3.0 if tile.marked else 2.5 if tile.emphasised else 1.5)
        kernels.draw_thumbnail(canvas, tile.image, *place, ring, width, ground, fade)
