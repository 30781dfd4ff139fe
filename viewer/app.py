"""Puts one visitor's page together: the map, the panel beside it, the header; and wires them to one state.

What a part looks like or does is in its own file; here is only who is told what.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from clipper.errors import ClipperError
from clipper.query_syntax import Term
from viewer.components.base import Action, style_sheet
from viewer.components.map.controls import ZOOM, colour_select, map_buttons
from viewer.components.map.hover_card import HoverCard
from viewer.components.map.lasso import Lasso, toggle_image, toggle_tool
from viewer.components.map.legend import ColourKey, LegendToggle
from viewer.components.map.map import MapView
from viewer.components.map.query_marks import QueryMarks
from viewer.components.page.change_notice import ChangeNotice
from viewer.components.page.connection_lost import ConnectionLost
from viewer.components.page.follower import Follower
from viewer.components.page.no_atlas import no_atlas_page
from viewer.components.page.page import html_page
from viewer.components.page.query_bar import QueryBar
from viewer.components.page.shortcuts import Shortcuts
from viewer.components.page.theme_cookie import ThemeCookie, saved_dark
from viewer.components.page.url import PageUrl
from viewer.components.side.detail import Detail
from viewer.components.side.filter_panel import FilterChips, FilterPanel
from viewer.components.side.gallery import Gallery
from viewer.components.side.overview import Overview
from viewer.components.side.selection_panel import SelectionPanel
from viewer.components.side.status import Status
from viewer.components.side.tabs import Tabs
from viewer.dataset.dataset import Dataset
from viewer.dataset.versions import latest_loaded, load
from viewer.session.filter_worker import FilterWorker
from viewer.session.search import Searcher
from viewer.session.selection import clear_selection
from viewer.session.state import ViewState
from viewer.session.tag_worker import TagWorker
from viewer.session.uploads import Uploads

LOGO = Path(__file__).parent / "static" / "logo.svg"

pn.extension(notifications=False)


def page() -> pmui.Page:
    """The viewer's page; without an atlas, one that says what to do."""
    failed = ""
    try:
        dataset, trouble = _published()
        failed = dataset.version
        return Viewer(ViewState(dataset=dataset, trouble=trouble)).page
    except ClipperError as error:
        return no_atlas_page(error, failed=failed)


def _published() -> tuple[Dataset, str]:
    """The published version; where it cannot be opened, the one before, if it is in memory, and why.

    Raises:
        ClipperError: there is neither.
    """
    try:
        return load(), ""
    except ClipperError as error:
        dataset = latest_loaded()
        if dataset is None:
            raise
        return dataset, str(error)


class Viewer:
    """One session: its state, its parts, its page."""

    def __init__(self, state: ViewState) -> None:
        state.param.update(colour=state.dataset.default_colour, dark=saved_dark(default=state.dark))
        self.state = state
        # Before the address follows: a link may want another panel than an answer brings.
        state.param.watch(self._answered, ["answer", "dataset"])
        self.searcher = Searcher(state)
        self.narrower = FilterWorker(state)
        self.uploads = Uploads(state, ready=self.searcher.like)
        self.map = MapView(state, opened=self.open, asked=self.searcher.ask)
        self.tagger = TagWorker(state)
        self.page = html_page(
            has_map=True,
            title=state.dataset.title,
            meta_title="Clipper",
            logo=LOGO,
            site_url="#",
            header=[self._header()],
            main=[self._shell()],
            dark_theme=state.dark,
        )
        self.page.param.watch(lambda event: setattr(state, "dark", event.new), "dark_theme")
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(self._ended)

    def _ended(self, session_context: Any) -> None:
        """Pin nothing large; a session without a context is one that `--warm` keeps for visitors."""
        if session_context is not None:
            self.uploads.end()
            self.state.end()
            self.map.end()
            self.narrower.end()
            self.chosen.end()

    def _answered(self, *events: Any) -> None:
        """What was just searched for is what one wants to see; a search of another version is not."""
        event = events[0]
        if len(events) > 1 or event.name != "answer" or event.new is None:
            return
        if event.old is None or event.old.text != event.new.text:
            self.state.param.update(panel="results", overview=False)

    # -- actions

    def open(self, row: int | None) -> None:
        """Open an image's detail, or close it."""
        self.state.param.update(selected=row, hovered=None, pointed=None)

    def _escape(self, _message: Mapping[str, Any]) -> None:
        """One thing at a time: the tool in hand, the open image, what is chosen."""
        state = self.state
        if state.tool:
            state.tool = ""
        elif state.selected is not None:
            self.open(None)
        elif state.overview:
            state.overview = False
        elif state.selection is not None:
            clear_selection(state)

    def _step(self, by: object) -> None:
        """From the open image to the one before or after it, among those chosen or found."""
        row = self.detail.beside(1 if by == 1 else -1)
        if row is not None:
            self.open(row)

    def _message(self, name: str) -> Any:
        """Sets what the state calls `name` to the image that a message is about, if there is one."""

        def act(message: Mapping[str, Any]) -> None:
            image_id = message.get("id")
            row = self.state.dataset.row_of(image_id) if isinstance(image_id, str) else None
            setattr(self.state, name, row)

        return act

    def _toggle(self) -> None:
        """Choose the open image too, or not any more."""
        if self.state.selected is not None:
            toggle_image(self.state, self.state.selected)

    def _tag(self, change: Callable[[str, np.ndarray], None], text: object) -> None:
        """Give the open image a tag, or take one from it."""
        if self.state.selected is not None and isinstance(text, str):
            change(text[:500], np.array([self.state.selected], np.int64))

    def _locate(self, _message: Mapping[str, Any]) -> None:
        row = self.state.selected
        if row is None:
            return
        x, y = map(float, self.state.dataset.atlas.xy[row])
        x0, x1, y0, y1 = self.state.dataset.view
        reach = 0.06 * max(x1 - x0, y1 - y0)
        self.map.camera.to((x - reach, x + reach, y - reach, y + reach))

    def _show_news(self, _message: Mapping[str, Any]) -> None:
        """Mark what is new and go there."""
        self.state.mark_news()
        if self.state.news:
            ids = self.state.news.changes.notable
            self.map.camera.to_images([row for row in map(self.state.dataset.row_of, ids) if row is not None])

    def _asking(self) -> dict[str, Action]:
        """What messages about a query's terms and results do; `term` is a term as it is written."""
        searcher, state = self.searcher, self.state

        def like(message: Mapping[str, Any]) -> None:
            image_id = message.get("id")
            if isinstance(image_id, str) and state.dataset.row_of(image_id) is not None:
                searcher.like(image_id, minus=message.get("minus") is True)

        def weigh(message: Mapping[str, Any]) -> None:
            weight = message.get("weight")
            if isinstance(weight, (int, float)) and 0 < weight < math.inf:
                sign = {False: weight, True: -weight}
                searcher.change(str(message.get("term")), lambda term: term.with_weight(sign[term.minus]))

        def set_min_similarity(message: Mapping[str, Any]) -> None:
            at = message.get("at")
            known = float(at) if isinstance(at, (int, float)) and math.isfinite(at) else None
            low = None if known is None else round(known, 4)  # short in a link; nobody sees a difference
            inside = low is None or state.max_similarity is None or low <= state.max_similarity
            state.param.update(min_similarity=low, max_similarity=state.max_similarity if inside else None)

        return {
            "like": like,
            "weigh": weigh,
            "cut": set_min_similarity,
            "turn": lambda message: searcher.change(str(message.get("term")), Term.negated),
            "drop": lambda message: searcher.change(str(message.get("term")), lambda _: None),
            "forget": lambda message: state.forget(str(message.get("text", ""))),
            "fold": lambda message: setattr(state, "fold", message.get("on") is True),
            "within": lambda message: setattr(state, "only_selection", message.get("on") is True),
        }

    # -- parts

    def _header(self) -> pn.Row:
        box = QueryBar(css_classes=["clipper-search"], margin=0, actions={
            "ask": lambda message: self.searcher.words(str(message.get("text", ""))),
            "clear": lambda _: self.searcher.ask(""),
            "begin": self.uploads.begin, "part": self.uploads.part, "refuse": self.uploads.refuse,
            **self._asking(),
        })  # fmt: skip
        box.follow(self.state)
        keys = Shortcuts(margin=0, css_classes=["keys"], actions={
            "escape": self._escape, "tool": lambda message: toggle_tool(self.state, message.get("tool")),
            "step": lambda message: self._step(message.get("by")), "home": lambda _: self.map.camera.home(),
            "zoom": lambda message: self.map.camera.zoom(ZOOM if message.get("by") == 1 else 1 / ZOOM),
        })  # fmt: skip
        address = PageUrl(width=0, height=0, margin=0)
        address.follow(self.state, self.searcher)
        appearance = ThemeCookie(width=0, height=0, margin=0)
        appearance.follow(self.state)
        follower = Follower(state=self.state, width=0, height=0, margin=0)
        return pn.Row(
            box, keys, follower, address, appearance, sizing_mode="stretch_width", margin=0,
            stylesheets=[style_sheet("page/header.css")],
        )  # fmt: skip

    def _shell(self) -> pn.Row:
        return pn.Row(
            self._map_area(), self._side(), sizing_mode="stretch_both", margin=0,
            stylesheets=[style_sheet("page/app.css")],
        )  # fmt: skip

    def _map_area(self) -> pn.Column:
        legend = ColourKey(css_classes=["legend"], margin=0)
        fold = LegendToggle(css_classes=["fold"], margin=0)
        for part in (legend, fold):
            part.follow(self.state)
        card = HoverCard(margin=0)
        card.follow(self.state, self.map)
        outline = Lasso(css_classes=["outline-over"], margin=0)
        outline.follow(self.state, self.map)
        marks = QueryMarks(css_classes=["marks-over"], margin=0)
        marks.follow(self.state)
        colours = pn.Column(
            fold, colour_select(self.state), legend, css_classes=["legend-card"], margin=0,
            stylesheets=[style_sheet("map/legend_card.css")],
        )  # fmt: skip
        notice = ChangeNotice(css_classes=["notice"], margin=0, actions={
            "show": self._show_news, "dismiss": lambda _: self.state.dismiss(),
        })  # fmt: skip
        notice.follow(self.state)
        return pn.Column(
            self.map.pane, outline, marks, colours, map_buttons(self.map, self.state), card, notice,
            ConnectionLost(margin=0),
            sizing_mode="stretch_both", margin=0, css_classes=["map-area"],
            stylesheets=[style_sheet("map/map_area.css")],
        )  # fmt: skip

    def _side(self) -> pn.Column:
        show, point = self._message("selected"), self._message("pointed")
        gallery = Gallery(css_classes=["results"], margin=0, actions={
            "open": show, "point": point, "zoom": lambda _: self.map.camera.to_results(),
            "ask": lambda message: self.searcher.ask(str(message.get("text", ""))),
            "clear": lambda _: self.state.forget_all(),
            **self._asking(),
        })  # fmt: skip
        gallery.follow(self.state, more=self.searcher.more)
        self.detail = detail = Detail(css_classes=["detail"], margin=0, actions={
            "open": show, "point": point, "close": lambda _: self.open(None), "locate": self._locate,
            "step": lambda message: self._step(message.get("by")), "toggle": lambda _: self._toggle(),
            "tag": lambda message: self._tag(self.tagger.give, message.get("text")),
            "untag": lambda message: self._tag(self.tagger.take, message.get("tag")),
            **self._asking(),
        })  # fmt: skip
        self.chosen = chosen = SelectionPanel(
            css_classes=["chosen"], margin=0, actions={"open": show, "point": point}
        )
        chosen.follow(self.state, self.map, self.tagger)
        tabs = Tabs(css_classes=["tabs"], margin=0)
        status = Status(css_classes=["status"], margin=0)
        self.tagger.troubled.append(lambda why: setattr(detail, "trouble", why))
        overview = Overview(css_classes=["overview"], margin=0)
        chips = FilterChips(css_classes=["filters"], margin=0)
        columns = FilterPanel(css_classes=["filtering"], margin=0)
        for part in (tabs, chips, columns, detail, status, overview):
            part.follow(self.state)
        return pn.Column(
            tabs, chips, gallery, columns, chosen, status, overview, detail, margin=0, css_classes=["side"],
            stylesheets=[style_sheet("side/side.css")],
        )  # fmt: skip
