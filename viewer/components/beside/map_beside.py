"""The map of another model, beside the page's own.

What does not belong here: its state (`session/workers/beside.py`).
"""

from collections.abc import Callable
from typing import Any

import panel as pn
import param
from panel_splitjs import HSplit

from clipper.store.snapshots import short_name
from viewer.components.base import Component, style_sheet
from viewer.components.map.hover_card import HoverCard
from viewer.components.map.lasso import Lasso
from viewer.components.map.map import MapView
from viewer.components.map.names import ClusterNames, select_cluster
from viewer.components.map.query_marks import QueryMarks
from viewer.session.answers import Answer
from viewer.session.background import in_one_message
from viewer.session.state import ViewState
from viewer.session.workers.beside import BesideWorker

GUTTER = 7  # pixels between the two maps
LEAST = 220  # pixels of a map's width


class BesideHeader(Component):
    """Lies over the map beside: which model's it is, and a button that closes it.

    panel-material-ui gives colours and fonts to each model whose class is called like one of Bokeh's: a name
    that ends with `Title` would make it fail.
    """

    model_name = param.String(doc="The model, by a short name.")

    script = "beside/title.js"
    _css = ("components.css", "beside/title.css")


class MapBeside:
    """Shows the map of the page, and that of another model beside it while the state asks for one."""

    def __init__(
        self,
        state: ViewState,
        worker: BesideWorker,
        map_area: pn.Column,
        *,
        on_query: Callable[[Answer], None],
    ) -> None:
        """Put the map area of the page on the left; `on_query` is called with a mark that is clicked."""
        self._state, self._worker, self._on_query = state, worker, on_query
        self._map: MapView | None = None
        self._area = pn.Column(
            sizing_mode="stretch_both", margin=0, css_classes=["map-beside"],
            stylesheets=[style_sheet("map/map_area.css")],
        )  # fmt: skip
        self.shell = HSplit(
            map_area, self._area, sizes=(50, 50), min_size=LEAST, gutter_size=GUTTER, margin=0,
            sizing_mode="stretch_both", css_classes=["maps", "alone"],
            stylesheets=[style_sheet("layout/split.css")],
        )  # fmt: skip
        worker.on_change.append(self._update)
        state.param.watch(self._update_room, "narrow")
        self._update()

    def end(self) -> None:
        """End the session: release the picture."""
        if self._map is not None:
            self._map.end()

    def _update(self) -> None:
        if self._map is not None:
            self._map.end()
        beside = self._worker.beside
        self._map = None
        if beside is None:
            self._area.objects = []
            self._update_room()
            return
        self._map = view = MapView(
            beside,
            beside=True,
            on_image=lambda row: beside.param.update(selected=row, hovered=None, pointed=None),
            on_query=self._on_query,
            on_cluster=lambda cluster_id: select_cluster(beside, cluster_id),
        )
        names = ClusterNames(css_classes=["names-over"], margin=0)
        lasso = Lasso(css_classes=["outline-over"], margin=0)
        card = HoverCard(margin=0)
        for part in (names, lasso, card):
            part.follow(beside, view)
        marks = QueryMarks(css_classes=["marks-over"], margin=0)
        marks.follow(beside)
        title = BesideHeader(
            model_name=short_name(beside.dataset.atlas.model), css_classes=["title-over"], margin=0,
            actions={"close": lambda _message: setattr(self._state, "beside", "")},
        )  # fmt: skip
        with in_one_message():
            self._area.objects = [view.pane, names, lasso, marks, title, card]
            self._update_room()

    def _update_room(self, *_events: Any) -> None:
        """Show one map where there are not two, or no room for them."""
        alone = self._worker.beside is None or self._state.narrow
        rest = [name for name in self.shell.css_classes if name != "alone"]
        self.shell.css_classes = [*rest, "alone"] if alone else rest
