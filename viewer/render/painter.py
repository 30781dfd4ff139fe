"""The map's picture for one viewport: pick points and thumbnails, and let `render/raster.py` draw them.

Runs in a thread. Knows datasets, not Panel.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from viewer.dataset.columns.colouring import Colouring
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.pools import THUMBNAIL_POOL
from viewer.render.density import GLOW_MARGIN, Layer
from viewer.render.raster import DISC_LIMIT, Scene, Tile, render
from viewer.render.tiles import cell_size, choose_tiles, crowded, place_tile

CROWDED_DOT = 0.33  # a dot's radius, as a part of the room that a point has at the first view
OCCUPIED = 0.4  # the part of a map that has points on it, roughly
SMALLEST_DOT, LARGEST_DOT = 1.0, 8.0
SEEN_THROUGH = 0.2  # how far points step back behind results whose likeness is what their colours show
GROWTH = 0.4  # dots grow with this power of the zoom


@dataclass(frozen=True)
class RenderRequest:
    """A picture somebody wants: what, where, how.

    `hits` are rows, best first, None without a query; `selected` is the row that is open, `marked` are those
    of new images. By place in the index: `chosen` (n,) bool, None where no image is chosen, and `kept` (n,)
    bool, those that pass the filters, None: all do. `own` are colours that the dataset does not have.
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


@dataclass(frozen=True)
class Picture:
    """A drawn picture, and where its thumbnails are (row, centre and size in pixels)."""

    dataset: Dataset
    pixels: np.ndarray  # (h, w, 4) uint8, top row first, opaque
    viewport: Viewport  # in pixels of the page, which may be fewer or more than the picture's
    tiles: tuple[tuple[int, float, float, float, float], ...] = ()

    def tile_at(self, px: float, py: float) -> tuple[int, float, float, float, float] | None:
        """The thumbnail under a pixel, the topmost one."""
        for tile in reversed(self.tiles):
            _, cx, cy, width, height = tile
            if abs(px - cx) <= width / 2 and abs(py - cy) <= height / 2:
                return tile
        return None

    def without_pixels(self) -> "Picture":
        """The same for those who ask only what is where."""
        return replace(self, pixels=np.empty((0, 0, 4), np.uint8))

    def tile_of(self, row: int) -> tuple[int, float, float, float, float] | None:
        """The thumbnail of a row, if it has one here."""
        return next((tile for tile in self.tiles if tile[0] == row), None)


def dot_radius(dataset: Dataset, viewport: Viewport) -> float:
    """A dot's radius in pixels: from how crowded the whole map is, growing gently with the zoom."""
    first = Viewport.fitted(dataset.view, width=viewport.width, height=viewport.height)
    room = np.sqrt(OCCUPIED * viewport.width * viewport.height / max(dataset.n, 1))
    zoom = max(first.units_per_pixel / viewport.units_per_pixel, 0.25)
    return float(np.clip(CROWDED_DOT * room * zoom**GROWTH, SMALLEST_DOT, LARGEST_DOT))


def paint(request: RenderRequest, scale: float = 1.0) -> Picture:
    """Draw one picture, with so many pixels for each of the page in each direction.

    What is in it, and how large on the page, does not depend on that.
    """
    dataset, viewport = request.dataset, request.viewport
    colours = request.own_colouring or dataset.colouring(request.colour)
    dot = dot_radius(dataset, viewport)
    box = viewport.expand(max(GLOW_MARGIN, 2 * dot, cell_size(viewport) / viewport.units_per_pixel))
    palette = colours.palette(dark=request.dark)
    runs = _many(request, box)
    tiles: list[Tile] = []
    legible = 0.0
    if runs is None:
        inside = dataset.index.inside(box)
        if len(inside) <= DISC_LIMIT:
            # A fixed random order: no category hides another by chance of its place.
            inside = inside[np.argsort(-dataset.priority[inside], kind="stable")]
        passing = inside if request.kept is None else inside[request.kept[inside]]
        tiles, legible = _tiles(request, passing, colours, scale)
    at = inside if runs is None else runs
    points, faint, chosen = _apart(request, at, _layer(dataset, colours, at, palette))
    scene = Scene(
        points=points,
        faint=faint,
        hits=_hits(request, colours, palette),
        selection=chosen,
        marks=_layer(dataset, colours, dataset.index.rank[request.marked], palette),
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
    return Picture(dataset, render(scene, viewport.scaled(scale)), viewport, places)


def _apart(
    request: RenderRequest, at: np.ndarray | list[slice], points: Layer
) -> tuple[Layer, Layer | None, Layer | None]:
    """The points in view that pass the filters, those that do not, and those of the first that are chosen."""
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
    """Where so many points are in view that they are density, without thumbnails: runs that hold them.

    Those just out of view do no harm there, and to copy runs is quicker than to pick points.
    """
    runs = request.dataset.index.runs(box)
    n = sum(run.stop - run.start for run in runs)
    hits = 0 if request.hits is None else len(request.hits)
    return runs if n > 2 * DISC_LIMIT and crowded(n // 2, request.viewport, hits=hits + 1) else None


def _some(array: np.ndarray, at: np.ndarray | list[slice]) -> np.ndarray:
    """An array's values at sorted positions, or at runs of them."""
    if not isinstance(at, list):
        return np.asarray(array[at])
    return array[at[0]] if len(at) == 1 else np.concatenate([array[run] for run in at])


def _layer(dataset: Dataset, colours: Colouring, at: np.ndarray | list[slice], palette: np.ndarray) -> Layer:
    index = dataset.index
    values = None if colours.values is None else _some(colours.values, at)
    return Layer(_some(index.x, at), _some(index.y, at), _some(colours.codes, at), palette, values)


def _hits(request: RenderRequest, colours: Colouring, palette: np.ndarray) -> Layer | None:
    if request.hits is None:
        return None
    at = request.dataset.index.rank[request.hits[::-1]]  # the best is drawn last, on top
    return _layer(request.dataset, colours, at, palette)


def _wanted(request: RenderRequest, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For the points in view: who gets a cell's thumbnail (lowest first), and who is a result."""
    dataset = request.dataset
    if request.hits is None:
        return dataset.priority[inside], np.zeros(len(inside), bool)
    place_of = np.full(dataset.n, -1, np.int64)
    place_of[dataset.index.rank[request.hits]] = np.arange(len(request.hits))
    ranks = place_of[inside]
    first = -1.0 + ranks / (len(request.hits) + 1)
    return np.where(ranks >= 0, first, dataset.priority[inside]), ranks >= 0


def _tiles(
    request: RenderRequest, inside: np.ndarray, colours: Colouring, scale: float
) -> tuple[list[Tile], float]:
    dataset, viewport = request.dataset, request.viewport
    index = dataset.index
    priority, hit = _wanted(request, inside)
    marked = np.isin(inside, index.rank[request.marked])
    priority = np.where(marked & ~hit, priority - 1.0, priority)  # what is new is seen before what is not
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
    tiles = []
    for choice, row, at, x, y in zip(chosen.choices, rows.tolist(), at_of, px, py, strict=True):
        image = pictures.get(row)
        if image is None:
            continue
        where = place_tile(choice, x, y, image.shape[1] / image.shape[0])
        r, g, b = palette[colours.codes[at]].tolist()
        rivals = request.hits is not None or request.selection is not None
        strong = hit[choice.at] or among[choice.at] or (opened[choice.at] and rivals)
        tiles.append(Tile(row, image, *where, (r, g, b), bool(strong), bool(marked[choice.at])))
    return tiles, chosen.legible
