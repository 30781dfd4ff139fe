"""What helps to find one's way on the map: a small map of the whole, a scale, and words where they help.

What does not belong here: moving the map (`camera.py`), and measuring the scale
(`dataset/geometry/map_scale.py`).
"""

import base64
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.map_scale import measure_scale
from viewer.dataset.geometry.places import Places
from viewer.dataset.geometry.spatial_index import SortedMask
from viewer.dataset.geometry.viewport import Box, Viewport
from viewer.pools import BASELINE_POOL, RANK_POOL
from viewer.render.jpeg import to_jpeg
from viewer.render.painter import RenderRequest, paint_points
from viewer.session.background import failed, in_background, when_loaded
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

LONGER_SIDE = 132  # pixels of the small map
SHARPNESS = 2.0  # pixels of its picture for each of the page
FEW = 200  # points in view: cards may hide all of them
MANY = 50_000  # points about the view: some of so many are in it
# A change of any of these needs another picture of the whole.
REDRAWN_FOR = ("dataset", "colour", "dark", "kept", "answer", "tags", "clusters", "word_column", "laid")


class MapGuide(Component):
    """Lies over the map."""

    picture = param.String(doc='The whole map, small, as the URL of its data; "": not drawn yet.')
    whole = param.List(doc="The part of the map in that picture: x0, x1, y0, y1.")
    size = param.List(doc="Its width and height in pixels of the page.")
    scale = param.List(doc="Distances in map units, the longest first, and what similarity each stands for.")
    empty = param.String(doc='Why there is nothing in view; "": there is something.')
    elsewhere = param.Boolean(default=True, doc="Whether there are images outside of the view.")

    script = "map/guide.js"
    _css = ("components.css", "map/over.css", "map/guide.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show where the view of the map is, from now on."""
        self._actions = {"home": lambda _message: view.camera.show_all()}
        self._state, self._view, self._kept = state, view, SortedMask()
        self._drawn: RenderRequest | None = None
        self._scaled: Dataset | None = None
        self._loaded = False
        view.on_picture.append(self._look)
        state.param.watch(self._renew, [*REDRAWN_FOR])
        when_loaded(self._begin)

    def _begin(self) -> None:
        """Look at the first picture; a change before the page has loaded would not reach it."""
        self._loaded = True
        self._renew()

    def _renew(self, *_events: Any) -> None:
        """Forget the small map, whose next one is drawn when it is needed."""
        if self._state.dataset is None or not self._loaded:
            return
        self._drawn = None
        whole = _whole(self._state.places)
        self.param.update(whole=[whole.x0, whole.x1, whole.y0, whole.y1], size=[whole.width, whole.height])
        self._look()

    def _look(self) -> None:
        """Say whether anything is in view; draw the whole once only a part of it is."""
        dataset, viewport = self._state.dataset, self._view.viewport
        if dataset is None or viewport is None or not self._loaded:
            return
        self.param.update(empty=self._why_empty(viewport), elsewhere=dataset.n > 0)
        if not self._state.places.is_map:
            self.scale = []  # a distance between axes stands for no similarity
            self._scaled = None
        elif self._scaled is not dataset:
            self._measure(dataset)
        x0, x1, y0, y1 = self._state.places.view
        if viewport.x0 <= x0 and viewport.x1 >= x1 and viewport.y0 <= y0 and viewport.y1 >= y1:
            return  # the whole map is in view
        if self._drawn is None:
            self._draw()

    def _why_empty(self, viewport: Viewport) -> str:
        state = self._state
        if state.dataset.n == 0:
            return "This atlas has no images"
        index, box = state.places.index, viewport.expand(0)
        if sum(run.stop - run.start for run in index.runs(box)) > MANY:
            return ""
        inside = index.inside(box)
        kept = self._kept.of(state.kept, index)
        if len(inside) <= FEW:
            inside = inside[_uncovered(self._view.covered, viewport, index.x[inside], index.y[inside])]
        if not len(inside):
            return "No images here"
        return (
            "No image that passes the filters is here" if kept is not None and not kept[inside].any() else ""
        )

    def _draw(self) -> None:
        state = self._state
        request = RenderRequest(
            state.dataset, _whole(state.places), state.colour, state.dark,
            kept=self._kept.of(state.kept, state.places.index), own_colouring=state.own_colouring,
            places=state.places,
        )  # fmt: skip
        self._drawn = request
        in_background(partial(_picture, request), partial(self._show, request), pool=RANK_POOL)

    def _measure(self, dataset: Dataset) -> None:
        self._scaled = dataset
        in_background(partial(_scale, dataset), partial(self._show_scale, dataset), pool=BASELINE_POOL)

    def _show(self, request: RenderRequest, done: "Future[str]") -> None:
        if not failed(done, "the small map") and self._drawn is request:
            self.picture = done.result()

    def _show_scale(self, dataset: Dataset, done: "Future[list[list[float]]]") -> None:
        if not failed(done, "the map's scale") and dataset is self._state.dataset and dataset is self._scaled:
            self.scale = done.result()


def _uncovered(cards: Sequence[Box], viewport: Viewport, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which positions no card hides, (n,) bool."""
    px, py = viewport.pixels(x, y)
    free = np.ones(len(px), bool)
    for left, right, top, bottom in cards:
        free &= (px < left) | (px > right) | (py < top) | (py > bottom)
    return free


def _whole(places: Places) -> Viewport:
    """Return a small view of the whole, in its own proportions."""
    x0, x1, y0, y1 = places.view
    across, down = max(x1 - x0, 1e-9), max(y1 - y0, 1e-9)
    part = LONGER_SIDE / max(across, down)
    width, height = (max(round(side * part), LONGER_SIDE // 3) for side in (across, down))
    return Viewport.fitted(places.view, width=width, height=height)


def _picture(request: RenderRequest) -> str:
    jpeg = to_jpeg(paint_points(request, SHARPNESS)).tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _scale(dataset: Dataset) -> list[list[float]]:
    if "scale" not in dataset.cache:
        stored = dataset.atlas.stored
        dataset.cache["scale"] = [*measure_scale(dataset.index, dataset.view, stored.__getitem__)]
    found: list[list[float]] = dataset.cache["scale"]
    return found
