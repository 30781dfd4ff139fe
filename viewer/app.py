"""Puts one visitor's page together: the map, the panel beside it, the header; and wires them to one state.

What a part looks like or does is in its own file; here is only who is told what.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from clipper.errors import ClipperError
from viewer.absent import absent_page
from viewer.component import source
from viewer.controls import colour_select, map_buttons, search_box
from viewer.data import Dataset
from viewer.detail import Detail
from viewer.follow import Follower
from viewer.gallery import Gallery
from viewer.hover import HoverCard
from viewer.keys import Keys
from viewer.legend import ColourKey, Fold
from viewer.map import MapView
from viewer.notice import Notice
from viewer.search import Searcher
from viewer.session import let_go_of
from viewer.state import ViewState
from viewer.status import Status
from viewer.theme import FONT_FACES, page_css, page_sx, theme_config
from viewer.versions import latest, load

STATIC = "viewer/static"
LOGO = Path(__file__).parent / "static" / "logo.svg"

pn.extension(notifications=False)


def page() -> pmui.Page:
    """The viewer's page; without an atlas, one that says what to do."""
    pn.config.raw_css = [FONT_FACES.replace("STATIC", STATIC)]
    failed = ""
    try:
        dataset, trouble = _published()
        failed = dataset.version
        return Viewer(ViewState(dataset=dataset, trouble=trouble)).page
    except ClipperError as error:
        return absent_page(error, failed=failed)


def _published() -> tuple[Dataset, str]:
    """The published version; where it cannot be opened, the one before, if it is in memory, and why.

    Raises:
        ClipperError: there is neither.
    """
    try:
        return load(), ""
    except ClipperError as error:
        dataset = latest()
        if dataset is None:
            raise
        return dataset, str(error)


class Viewer:
    """One session: its state, its parts, its page."""

    def __init__(self, state: ViewState) -> None:
        state.colour = state.dataset.first_colour
        self.state = state
        self.searcher = Searcher(state)
        self.map = MapView(state, opened=self.open)
        self.page = let_go_of(
            pmui.Page(
                title=state.dataset.title,
                meta_title="Clipper",
                logo=LOGO,
                site_url="#",
                header=[self._header()],
                main=[self._shell()],
                dark_theme=state.dark,
                theme_config=theme_config(),
                sx=page_sx(),
                stylesheets=[page_css()],
                busy_indicator=None,
            )
        )
        self.page.param.watch(lambda event: setattr(state, "dark", event.new), "dark_theme")
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(self._ended)

    def _ended(self, session_context: Any) -> None:
        """Pin nothing large; a session without a context is one that `--warm` keeps for visitors."""
        if session_context is not None:
            self.state.end()
            self.map.end()

    # -- actions

    def open(self, row: int | None) -> None:
        """Open an image's detail, or close it."""
        self.state.param.update(selected=row, hovered=None, pointed=None)

    def _message(self, name: str) -> Any:
        """Sets what the state calls `name` to the image that a message is about, if there is one."""

        def act(message: Mapping[str, Any]) -> None:
            image_id = message.get("id")
            row = self.state.dataset.row_of(image_id) if isinstance(image_id, str) else None
            setattr(self.state, name, row)

        return act

    def _locate(self, _message: Mapping[str, Any]) -> None:
        row = self.state.selected
        if row is None:
            return
        x, y = map(float, self.state.dataset.atlas.xy[row])
        x0, x1, y0, y1 = self.state.dataset.view
        reach = 0.06 * max(x1 - x0, y1 - y0)
        self.map.fly((x - reach, x + reach, y - reach, y + reach))

    def _show_news(self, _message: Mapping[str, Any]) -> None:
        """Mark what is new and go there."""
        self.state.mark_news()
        if self.state.news:
            ids = self.state.news.changes.worth_a_look
            self.map.fly_to([row for row in map(self.state.dataset.row_of, ids) if row is not None])

    # -- parts

    def _header(self) -> pn.Row:
        box = search_box(self.searcher.ask, state=self.state)
        keys = Keys(actions={"escape": lambda _: self.open(None)}, width=0, height=0, margin=0)
        follower = Follower(state=self.state, width=0, height=0, margin=0)
        return pn.Row(
            box, keys, follower, sizing_mode="stretch_width", margin=0, stylesheets=[source("header.css")]
        )

    def _shell(self) -> pn.Row:
        return pn.Row(
            self._map_area(), self._side(), sizing_mode="stretch_both", margin=0,
            stylesheets=[source("app.css")],
        )  # fmt: skip

    def _map_area(self) -> pn.Column:
        legend = ColourKey(css_classes=["legend"], margin=0)
        fold = Fold(css_classes=["fold"], margin=0)
        for part in (legend, fold):
            part.follow(self.state)
        card = HoverCard(margin=0)
        card.follow(self.state, self.map)
        colours = pn.Column(
            fold, colour_select(self.state), legend, css_classes=["legend-card"], margin=0,
            stylesheets=[source("legend_card.css")],
        )  # fmt: skip
        notice = Notice(css_classes=["notice"], margin=0, actions={
            "show": self._show_news, "dismiss": lambda _: self.state.dismiss(),
        })  # fmt: skip
        notice.follow(self.state)
        return pn.Column(
            self.map.pane, colours, map_buttons(self.map), card, notice, sizing_mode="stretch_both", margin=0,
            css_classes=["map-area"], stylesheets=[source("map_area.css")],
        )  # fmt: skip

    def _side(self) -> pn.Column:
        show, point = self._message("selected"), self._message("pointed")
        gallery = Gallery(css_classes=["results"], margin=0, actions={
            "open": show, "point": point, "zoom": lambda _: self.map.fly_to_results(),
            "ask": lambda message: self.searcher.ask(str(message.get("text", ""))),
            "clear": lambda _: self.state.forget(),
        })  # fmt: skip
        detail = Detail(css_classes=["detail"], margin=0, actions={
            "open": show, "point": point, "close": lambda _: self.open(None), "locate": self._locate,
        })  # fmt: skip
        status = Status(css_classes=["status"], margin=0)
        for part in (gallery, detail, status):
            part.follow(self.state)
        return pn.Column(
            gallery, status, detail, margin=0, css_classes=["side"], stylesheets=[source("side.css")]
        )
