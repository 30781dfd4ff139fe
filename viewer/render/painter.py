"""Draws the map for one viewport: picks points and thumbnails, which `render/raster.py` draws.

It runs in a thread and knows datasets. What does not belong here: Panel, and when to draw
(`render/render_loop.py`).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from viewer.dataset.columns.colouring import Colouring
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.places import Places
from viewer.dataset.geometry.spatial_index import PointIndex
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.pools import THUMBNAIL_POOL
from viewer.render.density import GLOW_MARGIN, Layer
from viewer.render.names import Name
from viewer.render.overview import Overview
from viewer.render.placing import MOST_STRONG, Placed, QueryMark, place
from viewer.render.raster import DISC_LIMIT, Scene, Tile, render
from viewer.render.tiles import cell_size, choose_tiles, crowded, fitted, move_off, place_tile

CROWDED_DOT = 0.27  # a dot's radius, as a part of the space for one point in the first view
OCCUPIED = 0.4  # roughly the part of a map that has points
SMALLEST_DOT, LARGEST_DOT = 0.8, 8.0
LARGEST_AT_FIRST = (
    4.5  # pixels of a dot's radius in the first view, however large the window and few the images
)
FANNED = 10  # results that fan out around their query's mark
FEW_SELECTED = 12  # so few selected images have their thumbnails before others
SEEN_THROUGH = 0.2  # fading of points behind results if their colours show the similarity
GROWTH = 0.4  # dots grow with this power of the zoom


@dataclass(frozen=True)
class RenderRequest:
    """What a picture shows.

    `hits` are rows, best first, None without a query; `selected` is the row of the open image, `marked` are
    rows of new images. By sorted position: `selection` (n,) bool, None without one, and `kept` (n,) bool, the
    points that pass the filters, None for all. `own_colouring` replaces a colouring of the dataset.
    `overview` has the map's names and thumbnails, which keep clear of the queries' `query_marks`; without
    one, and with one that has names only, there are thumbnails where it is not crowded. `covered` are boxes,
    in pixels, that cards lie over. `places` are where the points lie; None: on the map. Sorted positions are
    theirs.
    """

    dataset: Dataset
    viewport: Viewport
    colour: str
    dark: bool
    hits: np.ndarray | None = None
    selected: int | None = None
    marked: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    selection: np.ndarray | None = None
    kept: np.ndarray | None = None
    own_colouring: Colouring | None = None
    overview: Overview | None = None
    query_marks: tuple[QueryMark, ...] = ()
    covered: tuple[Box, ...] = ()
    places: Places | None = None

    @property
    def laid(self) -> Places:
        """Where the points lie."""
        return self.places or self.dataset.places

    def colours(self) -> Colouring:
        """Return the colours of the points, in the order of their places."""
        found, laid = self.own_colouring or self.dataset.colouring(self.colour), self.laid
        if laid.is_map:
            return found
        values = None if found.values is None else laid.ordered(found.values)
        return replace(found, codes=laid.ordered(found.codes), values=values)


@dataclass(frozen=True)
class Picture:
    """A drawn picture, its thumbnails (row, centre and size in pixels), and the names over it."""

    dataset: Dataset
    pixels: np.ndarray  # (h, w, 4) uint8, top row first, opaque
    viewport: Viewport  # in pixels of the page, which may be fewer or more than the picture's
    tiles: tuple[tuple[int, float, float, float, float], ...] = ()
    names: tuple[Name, ...] = ()
    places: Places | None = None

    def tile_at(self, px: float, py: float) -> tuple[int, float, float, float, float] | None:
        """Return the topmost thumbnail under a pixel."""
        for tile in reversed(self.tiles):
            _, cx, cy, width, height = tile
            if abs(px - cx) <= width / 2 and abs(py - cy) <= height / 2:
                return tile
        return None

    def without_pixels(self) -> "Picture":
        """Return a copy without pixels, which still knows its thumbnails."""
        return replace(self, pixels=np.empty((0, 0, 4), np.uint8))

    def tile_of(self, row: int) -> tuple[int, float, float, float, float] | None:
        """Return the thumbnail of a row, if it has one."""
        return next((tile for tile in self.tiles if tile[0] == row), None)


def dot_radius(places: Places, viewport: Viewport) -> float:
    """Return a dot's radius in pixels: smaller the more points the map has, larger with the zoom."""
    first = Viewport.fitted(places.view, width=viewport.width, height=viewport.height)
    room = np.sqrt(OCCUPIED * viewport.width * viewport.height / max(len(places.index), 1))
    zoom = max(first.units_per_pixel / viewport.units_per_pixel, 0.25)
    first_dot = min(CROWDED_DOT * room, LARGEST_AT_FIRST)
    return float(np.clip(first_dot * zoom**GROWTH, SMALLEST_DOT, LARGEST_DOT))


def paint(request: RenderRequest, scale: float = 1.0) -> Picture:
    """Draw one picture, with `scale` pixels for one of the page in each direction.

    The scale changes neither what is in it nor how large that is on the page.
    """
    dataset, viewport, index = request.dataset, request.viewport, request.laid.index
    colours = request.colours()
    dot = dot_radius(request.laid, viewport)
    box = viewport.expand(max(GLOW_MARGIN, 2 * dot, cell_size(viewport) / viewport.units_per_pixel))
    palette = colours.palette(dark=request.dark)
    runs = _many(request, box)
    tiles: list[Tile] = []
    legible = 0.0
    placed = _placed(request)
    if runs is None:
        inside = index.inside(box)
        if len(inside) <= DISC_LIMIT:
            # In a fixed random order, so that no category hides another because it is drawn last.
            inside = inside[np.argsort(-request.laid.ordered(dataset.priority)[inside], kind="stable")]
    if placed is not None and placed.faces:
        tiles, legible = _overview_tiles(request, placed, colours, scale), placed.near
    elif runs is None:
        passing = inside if request.kept is None else inside[request.kept[inside]]
        tiles, legible = _tiles(request, passing, colours, scale)
    names = placed.names if placed is not None else ()
    if placed is not None and not placed.faces:
        tiles, names = _parted(tiles, names, viewport)
    at = inside if runs is None else runs
    points, faint, chosen = _apart(request, at, _layer(index, colours, at, palette))
    scene = Scene(
        points=points,
        faint=faint,
        hits=_hits(request, colours, palette),
        selection=chosen,
        marks=_layer(index, colours, index.rank[request.marked], palette),
        tiles=[tile.scaled(scale) for tile in tiles],
        dot=dot,
        scale=scale,
        dark=request.dark,
        fade_behind_tiles=legible,
        fade_behind_hits=1.0
        if request.own_colouring is None or request.own_colouring.values is None
        else SEEN_THROUGH,
    )
    places = tuple((t.row, t.cx, t.cy, t.width, t.height) for t in tiles)
    return Picture(dataset, render(scene, viewport.scaled(scale)), viewport, places, names, request.laid)


def paint_points(request: RenderRequest, scale: float = 1.0) -> np.ndarray:
    """Draw the points alone, without images and names, as pixels (h, w, 4) uint8."""
    viewport, colours = request.viewport, request.colours()
    at = [slice(0, request.dataset.n)]
    layer = _layer(request.laid.index, colours, at, colours.palette(dark=request.dark))
    points, faint, _chosen = _apart(request, at, layer)
    dot = dot_radius(request.laid, viewport)
    scene = Scene(points, faint=faint, dot=dot, scale=scale, dark=request.dark)
    return render(scene, viewport.scaled(scale))


def _apart(
    request: RenderRequest, at: np.ndarray | list[slice], points: Layer
) -> tuple[Layer, Layer | None, Layer | None]:
    """Part the points in view: those that pass the filters, those that do not, the selected ones."""
    passes = None if request.kept is None else _some(request.kept, at)
    chosen = None if request.selection is None else _some(request.selection, at)
    if passes is not None and chosen is not None:
        chosen = chosen & passes
    return (
        points if passes is None else points.select(passes),
        None if passes is None else points.select(~passes),
        None if chosen is None else points.select(chosen),
    )


def _many(request: RenderRequest, box: Box) -> list[slice] | None:
    """Return runs that hold the points in view, if they are so many that only density is drawn.

    The points just outside the view do no harm, and copying runs is faster than picking points.
    """
    runs = request.laid.index.runs(box)
    n = sum(run.stop - run.start for run in runs)
    hits = 0 if request.hits is None else len(request.hits)
    return runs if n > 2 * DISC_LIMIT and crowded(n // 2, request.viewport, hits=hits + 1) else None


def _some(array: np.ndarray, at: np.ndarray | list[slice]) -> np.ndarray:
    """Return an array's values at sorted positions, or at runs of them."""
    if not isinstance(at, list):
        return np.asarray(array[at])
    return array[at[0]] if len(at) == 1 else np.concatenate([array[run] for run in at])


def _layer(index: PointIndex, colours: Colouring, at: np.ndarray | list[slice], palette: np.ndarray) -> Layer:
    values = None if colours.values is None else _some(colours.values, at)
    ranked = colours.kind == "similarity"
    return Layer(_some(index.x, at), _some(index.y, at), _some(colours.codes, at), palette, values, ranked)


def _hits(request: RenderRequest, colours: Colouring, palette: np.ndarray) -> Layer | None:
    if request.hits is None:
        return None
    at = request.laid.index.rank[request.hits[::-1]]  # the best is drawn last, on top
    return _layer(request.laid.index, colours, at, palette)


def _wanted(request: RenderRequest, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each point in view its priority for a thumbnail (lowest first), and if it is a result."""
    priority = request.laid.ordered(request.dataset.priority)[inside]
    if request.hits is None:
        return priority, np.zeros(len(inside), bool)
    position_of = np.full(request.dataset.n, -1, np.int64)
    position_of[request.laid.index.rank[request.hits]] = np.arange(len(request.hits))
    ranks = position_of[inside]
    first = -1.0 + ranks / (len(request.hits) + 1)
    return np.where(ranks >= 0, first, priority), ranks >= 0


def _tiles(
    request: RenderRequest, inside: np.ndarray, colours: Colouring, scale: float
) -> tuple[list[Tile], float]:
    dataset, viewport = request.dataset, request.viewport
    index = request.laid.index
    priority, hit = _wanted(request, inside)
    marked = np.isin(inside, index.rank[request.marked])
    priority = np.where(marked & ~hit, priority - 1.0, priority)  # new images come before others
    among = np.zeros(len(inside), bool) if request.selection is None else request.selection[inside]
    priority = np.where(among & ~hit, priority - 1.0, priority)
    opened = inside == (-1 if request.selected is None else index.rank[request.selected])
    priority = np.where(opened, -2.0, priority)
    chosen = choose_tiles(index.x[inside], index.y[inside], priority, hit | opened, viewport)
    at_of = inside[[choice.at for choice in chosen.choices]] if chosen.choices else inside[:0]
    rows = index.order[at_of]
    px, py = (axis.tolist() for axis in viewport.pixels(index.x[at_of], index.y[at_of]))
    longest = cell_size(viewport) / viewport.units_per_pixel * max(scale, 1.0)
    pictures = dataset.thumbnails.get(rows.tolist(), pixels=longest, pool=THUMBNAIL_POOL)
    palette = colours.palette(dark=request.dark)
    stars = [_on_page(mark.box(viewport.units_per_pixel), viewport) for mark in request.query_marks[:1]]
    tiles = []
    for choice, row, at, x, y in zip(chosen.choices, rows.tolist(), at_of, px, py, strict=True):
        image = pictures.get(row)
        if image is None:
            continue
        where = place_tile(choice, x, y, image.shape[1] / image.shape[0])
        where = move_off(where, stars) if hit[choice.at] else where
        r, g, b = palette[colours.codes[at]].tolist()
        rivals = request.hits is not None or request.selection is not None
        strong = hit[choice.at] or among[choice.at] or (opened[choice.at] and rivals)
        tiles.append(Tile(row, image, *where, (r, g, b), bool(strong), bool(marked[choice.at])))
    return tiles, chosen.legible


def _placed(request: RenderRequest) -> Placed | None:
    """Return the names and images of the overview in view; None without an overview."""
    overview, index = request.overview, request.laid.index
    if overview is None:
        return None
    first = [*([request.selected] if request.selected is not None else [])]
    first += [] if request.hits is None else request.hits.tolist()
    strong = [*index.rank[first].tolist(), *index.rank[request.marked[:MOST_STRONG]].tolist()]
    chosen = np.empty(0, np.int64)
    if request.selection is not None and overview.faces:
        chosen = overview.foremost(request.selection, most=MOST_STRONG)
    best = index.rank[request.hits[:FANNED]] if request.hits is not None and overview.faces else chosen[:0]
    few = len(chosen) <= FEW_SELECTED
    strong += chosen.tolist() if few else []
    return place(
        overview,
        request.viewport,
        index,
        strong=strong if overview.faces else [],
        dodging=len(first),
        later=[] if few else chosen,
        marks=request.query_marks,
        best=best,
        covered=[_on_map(box, request.viewport) for box in request.covered],
    )


def _on_page(box: Box, viewport: Viewport) -> Box:
    """Return a box in map units as left, right, top and bottom in pixels."""
    px, py = viewport.pixels(np.array(box[:2]), np.array(box[2:]))
    return float(px[0]), float(px[1]), float(py[1]), float(py[0])


def _on_map(box: Box, viewport: Viewport) -> Box:
    """Return a box of the view, left, right, top and bottom in pixels, in map units."""
    (x0, y1), (x1, y0) = viewport.position(box[0], box[2]), viewport.position(box[1], box[3])
    return x0, x1, y0, y1


def _overview_tiles(request: RenderRequest, placed: Placed, colours: Colouring, scale: float) -> list[Tile]:
    """Return the thumbnails of the overview's images, which stand out as those of `_tiles` do."""
    dataset, viewport, index = request.dataset, request.viewport, request.laid.index
    at = np.array([spot.at for spot in placed.spots], np.int64)
    rows = index.order[at]
    pictures = dataset.thumbnails.get(
        rows.tolist(), pixels=placed.face * max(scale, 1.0), pool=THUMBNAIL_POOL
    )
    px, py = viewport.pixels(np.array([s.x for s in placed.spots]), np.array([s.y for s in placed.spots]))
    own_x, own_y = viewport.pixels(index.x[at], index.y[at])
    hit = np.isin(rows, request.hits if request.hits is not None else [])
    among = request.selection[at] if request.selection is not None else np.zeros(len(at), bool)
    rivals = request.hits is not None or request.selection is not None
    strong = hit | among | (rivals & (rows == request.selected))
    marked = np.isin(rows, request.marked)
    palette = colours.palette(dark=request.dark)
    tiles = []
    for i, row in enumerate(rows.tolist()):
        image = pictures.get(row)
        if image is None:
            continue
        size = fitted(placed.face, image.shape[1] / image.shape[0])
        r, g, b = palette[colours.codes[at[i]]].tolist()
        where = float(px[i]), float(py[i]), *size
        leader = (float(own_x[i]), float(own_y[i])) if placed.spots[i].beside else None
        tiles.append(Tile(row, image, *where, (r, g, b), bool(strong[i]), bool(marked[i]), leader))
    return tiles


def _parted(
    tiles: list[Tile], names: tuple[Name, ...], viewport: Viewport
) -> tuple[list[Tile], tuple[Name, ...]]:
    """Keep apart thumbnails and names: thumbnails that stand out come before names, others after them."""
    unit = viewport.units_per_pixel

    def touch(tile: Tile, name: Name) -> bool:
        x, y = viewport.position(tile.cx, tile.cy)
        aside, away = (name.width + tile.width) / 2 * unit, (name.height + tile.height) / 2 * unit
        return abs(x - name.x) < aside and abs(y - name.y) < away

    first = [tile for tile in tiles if tile.emphasised or tile.marked]
    kept = tuple(name for name in names if not any(touch(tile, name) for tile in first))
    beside = [t for t in tiles if t.emphasised or t.marked or not any(touch(t, name) for name in kept)]
    return beside, kept
