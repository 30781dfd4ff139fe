"""The map: a figure, and a render loop that draws the part of the map in view.

The browser sends every change of the ranges at once. The loop draws the latest and sends a frame, which
`components/map/frame.js` puts into the figure. What does not belong here: drawing the picture
(`render/painter.py`), marks above it (`overlays.py`), moving the map (`camera.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, PanTool, Range1d, TapTool, WheelZoomTool
from bokeh.plotting import figure

from viewer.compat import event_loop_caller, inner_size, render_figure
from viewer.components.base import callback
from viewer.components.map.camera import Camera, box_columns, read_boxes
from viewer.components.map.overlays import QueryStars, Rings
from viewer.dataset.columns.filters import select_passing
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.geometry.spatial_index import SortedMask
from viewer.dataset.geometry.viewport import PADDING, Box, Viewport
from viewer.render.jpeg import Frame, encode_frame
from viewer.render.names import Name
from viewer.render.overview import Overviews, closest_unit, face_size
from viewer.render.painter import Picture, RenderRequest, dot_radius, paint
from viewer.render.render_loop import PAGE_SCALE, RenderLoop
from viewer.session.answers import Answer
from viewer.session.state import ViewState
from viewer.theme import tokens

WIDEST = 1.6  # how far a visitor can zoom out, from the first view: all is in view there
HIGHLIGHTED = 24  # results that the map highlights; the panel lists more
FEW = 200  # up to so many images, the first view shows thumbnails
HALF_THUMBNAIL = 44.0  # pixels
# How far a cluster's image, and the name below it, reach beyond its points: to the sides, up and down.
CLUSTER_REACH = (26.0, 34.0)  # pixels
AXES_REACH = (30.0, 46.0)  # the same for the words along axes
POINTER_RADIUS = 14  # pixels from the pointer to a point that it still hits
CAMERA_SCRIPTS = ("find.js", "map/camera.js")  # before the scripts that move the map
SHARPEST, MAX_PIXELS = 2.0, 6e6  # screen pixels for each pixel of the page; and of a whole picture

PANE = "clipper-map"  # the class of the figure's element; `waiting` and `failed` say why it is empty

hv.extension("bokeh")


def _figure() -> figure:
    """Make an empty figure of one RGB element, without axes, toolbar or border."""
    empty = hv.RGB(np.zeros((2, 2, 4), np.uint8), bounds=(0, 0, 1, 1), vdims=list("RGBA"))
    options = hv.opts.RGB(responsive=True, xaxis=None, yaxis=None, toolbar=None, default_tools=[])
    fig = render_figure(empty.opts(options))
    fig.update(
        sizing_mode="stretch_both", outline_line_color=None, toolbar_location=None,
        x_range=Range1d(0, 1), y_range=Range1d(0, 1), background_fill_alpha=0, border_fill_alpha=0,
        css_classes=[PANE, "waiting"], margin=0,
        min_border_left=0, min_border_right=0, min_border_top=0, min_border_bottom=0,
    )  # fmt: skip
    fig.renderers[0].glyph.origin = "top_left"
    fig.output_backend = "canvas"  # for a few rings, WebGL takes longer than a canvas
    fig.grid.visible = False
    fig.title = None  # a browser measures even a hidden one, and fetches a font for it
    return fig


# A change of any of these needs another picture.
REDRAWN_FOR = (
    "colour", "dark", "answer", "history", "dataset", "selected", "marked", "kept", "selection", "tags",
    "faces", "names", "clusters", "word_column", "laid", "placed_queries",
)  # fmt: skip


# The name of the figure of the map beside the page's own, which `fit.js` knows.
BESIDE = "beside"


class MapView:
    """The map of one session."""

    def __init__(
        self,
        state: ViewState,
        *,
        beside: bool = False,
        on_image: Callable[[int | None], None],
        on_query: Callable[[Answer], None] = lambda _answer: None,
        on_cluster: Callable[[int], None] = lambda _cluster_id: None,
    ) -> None:
        """Call a function with what is clicked: an image's row, a mark's query, the identity of a cluster.

        The map `beside` the page's own has no part in the page's address.
        """
        self.state = state
        self._on_image, self._on_query, self._on_cluster = on_image, on_query, on_cluster
        self._shown: Picture | None = None
        self._kept, self._selection, self._overviews = SortedMask(), SortedMask(), Overviews()
        self._pending = False
        self.fig = _figure()
        self.fig.name = BESIDE if beside else None
        self._frame = ColumnDataSource({name: [] for name in ("jpeg", "x", "y", "dw", "dh")})
        self.rings, self.queries = Rings(self.fig), QueryStars(self.fig)
        self.camera = Camera(state, schedule=self._locked)
        self.on_move: list[Callable[[], None]] = []
        self.on_picture: list[Callable[[], None]] = []
        call_in_loop = event_loop_caller()
        self._loop: RenderLoop[RenderRequest, Picture, Frame] = RenderLoop(
            draw=paint,
            encode=encode_frame,
            show=self._show,
            fail=self._say_failed,
            schedule=lambda call: call_in_loop(partial(self._locked, call)),
            later=self._later,
            screen_scale=self._screen_scale,
        )
        self._wire()
        if state.dataset is not None:  # the map beside comes when there may be queries already
            self._show_queries()
        self.pane = pn.pane.Bokeh(self.fig, sizing_mode="stretch_both", margin=0)
        state.param.watch(
            lambda *events: self._locked(partial(self._restyle, {event.name for event in events})),
            [*REDRAWN_FOR],
        )
        state.param.watch(lambda *_events: self._locked(self._ring), ["selected", "hovered", "pointed"])

    # -- wiring

    def _wire(self) -> None:
        fig = self.fig
        self._home = ColumnDataSource(self._first_view())
        self._pointer = ColumnDataSource({"x": [0.0], "y": [0.0], "inside": [0]})
        self._screen = ColumnDataSource({"ratio": [1.0], "cards": [[]]})
        pan, wheel = PanTool(), WheelZoomTool(maintain_focus=True)
        fig.tools = [pan, wheel, TapTool(renderers=[])]
        fig.toolbar.update(active_drag=pan, active_scroll=wheel, autohide=True, logo=None)
        # `target` and `frame` are arguments of all scripts: only then are these sources on the page.
        args = {
            "fig": fig, "home": self._home, "target": self.camera.target, "frame": self._frame,
            "padding": PADDING,
        }  # fmt: skip
        fit = callback("map/fit.js", **args, widest=WIDEST, screen=self._screen)
        for name in ("inner_width", "inner_height"):
            fig.js_on_change(name, fit)
            fig.on_change(name, self._viewport_changed)
        self._home.js_on_change("data", fit)
        image = fig.renderers[0].data_source
        self._frame.js_on_change("data", callback("map/frame.js", **args, image=image))
        for ends in (fig.x_range, fig.y_range):
            ends.on_change("start", self._viewport_changed)
            ends.on_change("end", self._viewport_changed)
        self.camera.target.js_on_change("data", callback("map/fly.js", **args))
        pointer = callback("map/pointer.js", fig=fig, pointer=self._pointer)
        fig.js_on_event("mousemove", pointer)
        fig.js_on_event("mouseleave", pointer)
        self._pointer.on_change("data", self._pointed)
        self._screen.on_change("data", self._viewport_changed)
        fig.on_event("tap", self._tapped)

    def _locked(self, call: Callable[[], None]) -> None:
        """Change the figure under the session's lock.

        Panel handles a visitor's messages without the lock, and then a change of a Bokeh model can fail.
        """
        document = self.fig.document
        if document is None or document.session_context is None:
            call()
        else:
            document.add_next_tick_callback(call)

    def _later(self, call: Callable[[], None], seconds: float) -> None:
        """Change the figure under the lock after some seconds."""
        document = self.fig.document
        if document is not None and document.session_context is not None:
            document.add_timeout_callback(call, round(seconds * 1000))

    def _screen_scale(self) -> float:
        """Return the pixels of the visitor's screen for each pixel of the page, within our limits."""
        ratio, seen = self._screen.data["ratio"][0], self.viewport
        if seen is None or not isinstance(ratio, (int, float)) or not ratio > 1:
            return PAGE_SCALE
        return float(max(PAGE_SCALE, min(ratio, SHARPEST, np.sqrt(MAX_PIXELS / (seen.width * seen.height)))))

    # -- the viewport

    @property
    def viewport(self) -> Viewport | None:
        """Return the part of the map in view; None before the browser has laid out the page."""
        fig, size = self.fig, inner_size(self.fig)
        if size is None:
            return None
        ends = (fig.x_range.start, fig.x_range.end, fig.y_range.start, fig.y_range.end)
        x0, x1, y0, y1 = map(float, ends)
        seen = Viewport(x0, x1, y0, y1, width=round(size[0]), height=round(size[1]))
        return seen if seen.valid else None

    @property
    def covered(self) -> tuple[Box, ...]:
        """Return where cards lie over the view, in pixels: left, right, top and bottom of each."""
        return read_boxes(self._screen.data["cards"][0])

    def _viewport_changed(self, _attr: str, _old: object, _new: object) -> None:
        """Collect changes: the ends of the ranges come one by one, though in one message."""
        if not self._pending:
            self._pending = True
            self._locked(self._settle)

    def _settle(self) -> None:
        self._pending = False
        viewport = self.viewport
        if viewport is None or not viewport.square:
            return  # the other axis has not come yet
        for call in self.on_move:
            call()
        self.refresh()

    def refresh(self) -> None:
        """Draw the part of the map in view."""
        viewport, state = self.viewport, self.state
        if viewport is None:
            return
        hits = None if state.answer is None else state.answer.highlighted(HIGHLIGHTED)
        marked = select_passing(np.array(state.marked, np.int64), state.kept)
        request = RenderRequest(
            state.dataset, viewport, state.colour, state.dark, hits, state.selected, marked
        )
        index = state.places.index
        kept, selection = self._kept.of(state.kept, index), self._selection.of(state.selection, index)
        overview = self._overviews.of(
            state.dataset, kept, face=face_size(viewport.width), faces=state.faces, names=state.names,
            places=state.places,
        )  # fmt: skip
        self._loop.ask(
            replace(
                request,
                kept=kept,
                selection=selection,
                own_colouring=state.own_colouring,
                overview=overview,
                query_marks=self.queries.extents(),
                covered=self.covered,
                places=state.places,
            )
        )

    @property
    def picture(self) -> Picture | None:
        """Return the picture in view; None while it still shows another dataset or the images elsewhere."""
        shown = self._shown
        return shown if shown is not None and self._is_current(shown) else None

    def _is_current(self, picture: Picture) -> bool:
        state = self.state
        return picture.dataset is state.dataset and picture.places is state.places

    def _show(self, frame: Frame) -> None:
        if self.state.dataset is None or not self._is_current(frame.picture):
            return  # a picture of what is now in view is on its way
        self._shown = frame.picture
        seen = frame.picture.viewport
        self._arrange_labels(seen)
        self.fig.css_classes = [PANE]
        self._frame.data = {
            "jpeg": [frame.jpeg], "x": [seen.x0], "y": [seen.y0],
            "dw": [seen.x1 - seen.x0], "dh": [seen.y1 - seen.y0],
        }  # fmt: skip
        self._ring()
        for call in self.on_picture:
            self._locked(call)  # after the picture is sent: nothing shall delay it

    def _say_failed(self) -> None:
        self.fig.css_classes = [PANE, "failed"]

    def end(self) -> None:
        """End the session: release the picture."""
        self._shown = None
        self._kept, self._selection, self._overviews = SortedMask(), SortedMask(), Overviews()
        self._frame.data = {}

    def _first_view(self) -> dict[str, list[float]]:
        """Return the first view, and boxes around its points that no card may hide."""
        dataset, places = self.state.dataset, self.state.places
        boxes = box_columns([places.view, *places.bands()])
        reach = (
            (HALF_THUMBNAIL,) * 2 if dataset.n <= FEW else CLUSTER_REACH if dataset.clusters else (0.0, 0.0)
        )
        if not places.is_map:
            reach = AXES_REACH
        if "closest unit" not in places.cache:
            places.cache["closest unit"] = closest_unit(places.index.x, places.index.y, places.view)
        closest = places.cache["closest unit"]
        x, y, unit = ([value] * len(boxes["x0"]) for value in (*reach, closest))
        return {**boxes, "reach_x": x, "reach_y": y, "closest": unit}

    # -- the pointer

    def row_at(self, x: float, y: float) -> int | None:
        """Return the image at a map position: the thumbnail there, or the nearest point within reach."""
        viewport = self.viewport
        if viewport is None:
            return None
        if self.picture is not None and self.picture.viewport == viewport:
            px, py = viewport.pixels(np.array([x]), np.array([y]))
            tile = self.picture.tile_at(float(px[0]), float(py[0]))
            if tile is not None:
                return tile[0]
        index = self.state.places.index
        return index.nearest(x, y, radius=POINTER_RADIUS * viewport.units_per_pixel, kept=self.state.kept)

    def name_at(self, x: float, y: float) -> Name | None:
        """Return the name at a map position; None if there is none."""
        viewport, picture = self.viewport, self.picture
        if viewport is None or picture is None:
            return None
        boxes = ((name, name.box(viewport.units_per_pixel)) for name in picture.names)
        return next((name for name, (x0, x1, y0, y1) in boxes if x0 <= x <= x1 and y0 <= y <= y1), None)

    def _pointed(self, _attr: str, _old: object, new: dict[str, list[float]]) -> None:
        inside, x, y = new["inside"][0], new["x"][0], new["y"][0]
        known = inside and isinstance(x, (int, float)) and isinstance(y, (int, float))
        known = known and self.name_at(float(x), float(y)) is None
        self.state.hovered = self.row_at(float(x), float(y)) if known else None

    def _tapped(self, event: Any) -> None:
        viewport = self.viewport
        if event.x is None or event.y is None or viewport is None:
            return
        x, y = float(event.x), float(event.y)
        query = self.queries.at(x, y, viewport)
        name = None if query else self.name_at(x, y)
        if query:
            self._on_query(query)
        elif name is not None and self.state.dataset.clusters is not None:
            self._on_cluster(int(self.state.dataset.clusters.table.ids[name.cluster]))
        else:
            self._on_image(self.row_at(x, y))

    def position_of(self, row: int) -> tuple[float, float, float] | None:
        """Return the centre and the half height, in pixels, of an image on the map; None if out of view."""
        viewport = self.viewport
        if viewport is None:
            return None
        if self.picture is not None and (tile := self.picture.tile_of(row)):
            return tile[1], tile[2], tile[4] / 2
        places = self.state.places
        px, py = viewport.pixels(*places.positions(np.array([row])).T)
        inside = 0 <= px[0] <= viewport.width and 0 <= py[0] <= viewport.height
        return (float(px[0]), float(py[0]), dot_radius(places, viewport)) if inside else None

    # -- looks

    def _restyle(self, names: set[str]) -> None:
        if names == {"tags"} and self.state.colour != self.state.dataset.tag_column_name:
            return  # the map does not show them
        if names == {"word_column"} and self.state.colour != WORDS:
            return
        if names & {"dataset", "laid"} and (home := self._first_view()) != self._home.data:
            self._home.data = home
        if names & {"history", "answer", "dark", "dataset", "laid", "placed_queries"}:
            self._show_queries()
            if (viewport := self.viewport) is not None:
                self._arrange_labels(viewport)
        self.refresh()

    def _arrange_labels(self, viewport: Viewport) -> None:
        """Hide the labels of queries that would cover those of newer ones."""
        if self.queries.arrange(viewport):
            self._show_queries()

    def _show_queries(self) -> None:
        state = self.state
        self.queries.show([*map(state.placed, state.history)], state.answer, dark=state.dark)

    def _ring(self) -> None:
        if self.picture is None:
            return  # the next picture brings the rings: rows are of its dataset
        look, state = tokens(dark=self.state.dark), self.state
        touched = {state.hovered, state.pointed} - {state.selected, None}
        colours = dict.fromkeys(touched, look.ink)
        if state.selected is not None:
            colours[state.selected] = look.accent
        marks = [self._mark(row, colour=colour) for row, colour in colours.items()]
        self.rings.show([mark for mark in marks if mark])

    def _mark(self, row: int, *, colour: str) -> dict[str, Any] | None:
        viewport, places = self.viewport, self.state.places
        if viewport is None:
            return None
        if self.picture is not None and (tile := self.picture.tile_of(row)):
            seen = self.picture.viewport
            x, y = seen.position(tile[1] - tile[3] / 2, tile[2] + tile[4] / 2)
            return {
                "x": x,
                "y": y,
                "w": tile[3] * seen.units_per_pixel,
                "h": tile[4] * seen.units_per_pixel,
                "colour": colour,
            }
        x, y = places.positions(np.array([row]))[0].tolist()
        return {"x": x, "y": y, "size": 2 * dot_radius(places, viewport) + 10, "colour": colour}
