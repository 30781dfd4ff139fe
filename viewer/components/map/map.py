"""The map: a figure whose picture one render loop keeps up with what the visitor looks at.

The browser tells every change of the ranges at once; the loop draws the latest and hands the browser a frame
of it, which `components/map/frame.js` puts into the figure. HoloViews builds the figure; choosing and drawing
what is in it is `render/painter.py`'s, marks above it `components/map/overlays.py`'s, moving it
`components/map/camera.py`'s.
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

from viewer.components.base import callback
from viewer.components.map.camera import Camera, box_columns
from viewer.components.map.overlays import QueryStars, Rings
from viewer.dataset.columns.filters import select_passing
from viewer.dataset.geometry.spatial_index import SortedMask
from viewer.dataset.geometry.viewport import PADDING, Viewport
from viewer.render.jpeg import Frame, encode_frame
from viewer.render.painter import Picture, RenderRequest, dot_radius, paint
from viewer.render.render_loop import PAGE_SCALE, RenderLoop
from viewer.session.state import ViewState
from viewer.theme import tokens

DEEPEST, WIDEST = 4000.0, 3.0  # how far one can zoom in and out, from the first view
HIGHLIGHTED = 24  # results that stand out on the map; the panel lists more
FEW, HALF_THUMBNAIL = 200, 44.0  # images, of which the first view shows thumbnails; pixels of half of one
POINTER_RADIUS = 14  # pixels within which a point is meant by the pointer
SHARPEST, MOST_PIXELS = 2.0, 6e6  # for each pixel of the page, in each direction, and altogether

hv.extension("bokeh")


def _figure() -> figure:
    """An empty figure without axes, toolbar or border, built by HoloViews round one RGB element."""
    empty = hv.RGB(np.zeros((2, 2, 4), np.uint8), bounds=(0, 0, 1, 1), vdims=list("RGBA"))
    options = hv.opts.RGB(responsive=True, xaxis=None, yaxis=None, toolbar=None, default_tools=[])
    plot = hv.renderer("bokeh").get_plot(empty.opts(options))
    plot.document = None  # else it hangs on the session's end, on which `panel serve --warm` stumbles
    fig = plot.state
    fig.update(
        sizing_mode="stretch_both", outline_line_color=None, toolbar_location=None,
        x_range=Range1d(0, 1), y_range=Range1d(0, 1), background_fill_alpha=0, border_fill_alpha=0,
        css_classes=["clipper-map"], margin=0,
        min_border_left=0, min_border_right=0, min_border_top=0, min_border_bottom=0,
    )  # fmt: skip
    fig.renderers[0].glyph.origin = "top_left"
    fig.output_backend = "canvas"  # a few rings: WebGL takes longer to hand over than to draw
    fig.grid.visible = False
    fig.title.visible = False
    return fig


# What another picture is drawn for when it changes.
REDRAWN_FOR = (
    "colour", "dark", "answer", "history", "dataset", "selected", "marked", "kept", "selection", "tags",
)  # fmt: skip


class MapView:
    """One session's map."""

    def __init__(
        self,
        state: ViewState,
        *,
        opened: Callable[[int | None], None],
        asked: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`opened` is told the row of an image that is clicked, `asked` the query whose mark is."""
        self.state = state
        self._asked = asked
        self._shown: Picture | None = None
        self._kept, self._chosen = SortedMask(), SortedMask()
        self._opened = opened
        self._pending = False
        self.fig = _figure()
        self._frame = ColumnDataSource({name: [] for name in ("jpeg", "x", "y", "dw", "dh")})
        self.rings, self.queries = Rings(self.fig), QueryStars(self.fig)
        self.camera = Camera(state, turn=self._locked)
        self.moved: list[Callable[[], None]] = []
        self._loop: RenderLoop[RenderRequest, Picture, Frame] = RenderLoop(
            draw=paint,
            encode=encode_frame,
            show=self._show,
            schedule=self._locked,
            later=self._later,
            screen_scale=self._finest,
        )
        self._wire()
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
        self._screen = ColumnDataSource({"ratio": [1.0]})
        pan, wheel = PanTool(), WheelZoomTool(maintain_focus=True)
        fig.tools = [pan, wheel, TapTool(renderers=[])]
        fig.toolbar.update(active_drag=pan, active_scroll=wheel, autohide=True, logo=None)
        # `target` and `frame` are arguments of all so that the page holds the sources that scripts listen to.
        args = {
            "fig": fig, "home": self._home, "target": self.camera.target, "frame": self._frame,
            "padding": PADDING,
        }  # fmt: skip
        fit = callback("map/fit.js", **args, deepest=DEEPEST, widest=WIDEST, screen=self._screen)
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

        Panel handles a visitor's messages without it, where writing to a Bokeh model fails now and then.
        """
        document = self.fig.document
        if document is None or document.session_context is None:
            call()
        else:
            document.add_next_tick_callback(call)

    def _later(self, call: Callable[[], None], seconds: float) -> None:
        """The same, after a while."""
        document = self.fig.document
        if document is not None and document.session_context is not None:
            document.add_timeout_callback(call, round(seconds * 1000))

    def _finest(self) -> float:
        """How many pixels the visitor's screen has for each of the page, within reason."""
        ratio, seen = self._screen.data["ratio"][0], self.viewport
        if seen is None or not isinstance(ratio, (int, float)) or not ratio > 1:
            return PAGE_SCALE
        return float(max(PAGE_SCALE, min(ratio, SHARPEST, np.sqrt(MOST_PIXELS / (seen.width * seen.height)))))

    # -- the viewport

    @property
    def viewport(self) -> Viewport | None:
        """What is in view, None before the browser has laid out the page."""
        fig = self.fig
        sizes = [fig._property_values.get(name) for name in ("inner_width", "inner_height")]  # noqa: SLF001 - reading it raises before the first layout
        if not all(isinstance(size, (int, float)) and size > 0 for size in sizes):
            return None
        ends = (fig.x_range.start, fig.x_range.end, fig.y_range.start, fig.y_range.end)
        x0, x1, y0, y1 = map(float, ends)
        seen = Viewport(x0, x1, y0, y1, width=round(sizes[0]), height=round(sizes[1]))
        return seen if seen.valid else None

    def _viewport_changed(self, _attr: str, _old: object, _new: object) -> None:
        """Ranges come one end at a time: all ends of one message are taken together."""
        if not self._pending:
            self._pending = True
            self._locked(self._settle)

    def _settle(self) -> None:
        self._pending = False
        viewport = self.viewport
        if viewport is None or not viewport.square:
            return  # the other axis is on its way
        for call in self.moved:
            call()
        self.refresh()

    def refresh(self) -> None:
        """Draw what is in view, as the state says."""
        viewport, state = self.viewport, self.state
        if viewport is None:
            return
        hits = None if state.answer is None else state.answer.lit(HIGHLIGHTED)
        marked = select_passing(np.array(state.marked, np.int64), state.kept)
        request = RenderRequest(
            state.dataset, viewport, state.colour, state.dark, hits, state.selected, marked
        )
        index = state.dataset.index
        kept, chosen = self._kept.of(state.kept, index), self._chosen.of(state.selection, index)
        self._loop.ask(replace(request, kept=kept, selection=chosen, own_colouring=state.own_colouring))

    @property
    def picture(self) -> Picture | None:
        """The picture in view, None while it is still that of another dataset: its rows mean others."""
        shown = self._shown
        return shown if shown is not None and shown.dataset is self.state.dataset else None

    def _show(self, frame: Frame) -> None:
        if frame.picture.dataset is not self.state.dataset:
            return  # overtaken: that of the dataset now in view has been asked for
        self._shown = frame.picture
        seen = frame.picture.viewport
        self._word(seen)
        self._frame.data = {
            "jpeg": [frame.jpeg], "x": [seen.x0], "y": [seen.y0],
            "dw": [seen.x1 - seen.x0], "dh": [seen.y1 - seen.y0],
        }  # fmt: skip
        self._ring()

    def end(self) -> None:
        """The session is over: let go of the picture."""
        self._shown = None
        self._kept, self._chosen = SortedMask(), SortedMask()
        self._frame.data = {}

    def _first_view(self) -> dict[str, list[float]]:
        """The first view, and the boxes of its points: no card is to hide them, nor the thumbnails of few."""
        dataset = self.state.dataset
        boxes = box_columns([dataset.view, *dataset.content_boxes])
        reach = [HALF_THUMBNAIL if dataset.n <= FEW else 0.0] * len(boxes["x0"])
        return {**boxes, "reach_x": reach, "reach_y": reach}

    # -- the pointer

    def row_at(self, x: float, y: float) -> int | None:
        """The image meant by a map position: the thumbnail under it, else the nearest point within reach."""
        viewport = self.viewport
        if viewport is None:
            return None
        if self.picture is not None and self.picture.viewport == viewport:
            px, py = viewport.pixels(np.array([x]), np.array([y]))
            tile = self.picture.tile_at(float(px[0]), float(py[0]))
            if tile is not None:
                return tile[0]
        index = self.state.dataset.index
        return index.nearest(x, y, radius=POINTER_RADIUS * viewport.units_per_pixel, kept=self.state.kept)

    def _pointed(self, _attr: str, _old: object, new: dict[str, list[float]]) -> None:
        inside, x, y = new["inside"][0], new["x"][0], new["y"][0]
        known = inside and isinstance(x, (int, float)) and isinstance(y, (int, float))
        self.state.hovered = self.row_at(float(x), float(y)) if known else None

    def _tapped(self, event: Any) -> None:
        viewport = self.viewport
        if event.x is None or event.y is None or viewport is None:
            return
        x, y = float(event.x), float(event.y)
        query = self.queries.at(x, y, viewport)
        if query:
            self._asked(query)
        else:
            self._opened(self.row_at(x, y))

    def where(self, row: int) -> tuple[float, float, float] | None:
        """Centre and half height in pixels of an image on the map, None when it is out of view."""
        viewport = self.viewport
        if viewport is None:
            return None
        if self.picture is not None and (tile := self.picture.tile_of(row)):
            return tile[1], tile[2], tile[4] / 2
        xy = self.state.dataset.atlas.xy[row]
        px, py = viewport.pixels(xy[:1], xy[1:])
        inside = 0 <= px[0] <= viewport.width and 0 <= py[0] <= viewport.height
        return (float(px[0]), float(py[0]), dot_radius(self.state.dataset, viewport)) if inside else None

    # -- looks

    def _restyle(self, names: set[str]) -> None:
        if names == {"tags"} and self.state.colour != self.state.dataset.tag_column_name:
            return  # nobody sees them here
        if "dataset" in names and (home := self._first_view()) != self._home.data:
            self._home.data = home
        if names & {"history", "answer", "dark", "dataset"}:
            self.queries.show(self.state.history, self.state.answer, dark=self.state.dark)
            if (viewport := self.viewport) is not None:
                self._word(viewport)
        self.refresh()

    def _word(self, viewport: Viewport) -> None:
        """Of queries whose words would lie on one another, only the newest has any."""
        if self.queries.arrange(viewport):
            self.queries.show(self.state.history, self.state.answer, dark=self.state.dark)

    def _ring(self) -> None:
        if self.picture is None:
            return  # the rings go with the picture that is on its way: rows mean its images
        look, state = tokens(dark=self.state.dark), self.state
        touched = {state.hovered, state.pointed} - {state.selected, None}
        colours = dict.fromkeys(touched, look.ink)
        if state.selected is not None:
            colours[state.selected] = look.accent
        marks = [self._mark(row, colour=colour) for row, colour in colours.items()]
        self.rings.show([mark for mark in marks if mark])

    def _mark(self, row: int, *, colour: str) -> dict[str, Any] | None:
        viewport, dataset = self.viewport, self.state.dataset
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
        x, y = map(float, dataset.atlas.xy[row])
        return {"x": x, "y": y, "size": 2 * dot_radius(dataset, viewport) + 10, "colour": colour}
