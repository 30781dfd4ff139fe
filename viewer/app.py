"""Assembles one visitor's page: the map, the panel beside it and the header, wired to one state.

What does not belong here: what a component looks like or does, which its own file has.
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
from viewer.components.axes.axes_form import AxesForm
from viewer.components.axes.axis_words import AxisWords
from viewer.components.base import Action, style_sheet
from viewer.components.beside.map_beside import MapBeside
from viewer.components.layout.layout_menu import LayoutMenu, saved_arrangement
from viewer.components.layout.workspace import Workspace
from viewer.components.lists.table import Table
from viewer.components.map.controls import ZOOM, colour_select, map_buttons, model_selects
from viewer.components.map.guide import MapGuide
from viewer.components.map.hover_card import HoverCard
from viewer.components.map.lasso import Lasso, toggle_image
from viewer.components.map.layers import MapLayers
from viewer.components.map.legend import ColourKey, LegendToggle
from viewer.components.map.map import MapView
from viewer.components.map.names import ClusterNames, select_cluster
from viewer.components.map.query_marks import QueryMarks
from viewer.components.page.change_notice import ChangeNotice
from viewer.components.page.connection_lost import ConnectionLost
from viewer.components.page.follower import Follower
from viewer.components.page.no_atlas import no_atlas_page
from viewer.components.page.page import html_page
from viewer.components.page.query_bar import QueryBar
from viewer.components.page.shortcuts import Shortcuts
from viewer.components.page.theme_cookie import ThemeCookie, saved_dark
from viewer.components.page.undo import UndoButtons
from viewer.components.page.url import PageUrl
from viewer.components.page.views_menu import ViewsMenu
from viewer.components.side.coverage import CoveragePanel
from viewer.components.side.detail import Detail
from viewer.components.side.drift_card import DriftCard
from viewer.components.side.filter_panel import FilterChips, FilterPanel
from viewer.components.side.gallery import Gallery
from viewer.components.side.insights import InsightsPanel
from viewer.components.side.label_line import LabelLine
from viewer.components.side.overview import Overview
from viewer.components.side.selection_panel import SelectionPanel
from viewer.components.side.status import Status
from viewer.components.zone_cookie import follow_zone, saved_zone
from viewer.dataset.dataset import Dataset
from viewer.dataset.versions import latest_loaded, load
from viewer.homes import home_of_session, named_homes
from viewer.session.search import Searcher
from viewer.session.selection import clear_selection
from viewer.session.state import LAYOUT, ViewState
from viewer.session.uploads import Uploads
from viewer.session.workers.axes import AxesWorker
from viewer.session.workers.beside import BesideWorker
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.explorer import register_page
from viewer.session.workers.filters import FilterWorker
from viewer.session.workers.listing import ListWorker, SelectionOrderWorker
from viewer.session.workers.tags import TagWorker
from viewer.session.workers.undo import UndoWorker
from viewer.session.workers.views import ViewWorker
from viewer.session.workers.words import WordWorker

LOGO = Path(__file__).parent / "static" / "logo.svg"

pn.extension(notifications=False)


def page() -> pmui.Page:
    """Make the viewer's page; without an atlas, one that says what to do."""
    failed = ""
    try:
        dataset, load_error = _published()
        failed = dataset.version
        return Viewer(ViewState(dataset=dataset, load_error=load_error)).page
    except ClipperError as error:
        return no_atlas_page(error, failed=failed)


def _published() -> tuple[Dataset, str]:
    """Open the published version; if that fails, return the latest one in memory, and the reason.

    Raises:
        ClipperError: nothing can be opened, and no version is in memory.
    """
    try:
        return load(home_of_session(), model=_asked_model()), ""
    except ClipperError as error:
        dataset = latest_loaded(home_of_session())
        if dataset is None:
            raise
        return dataset, str(error)


def _asked_model() -> str:
    """Return the model that the page's link names, "" for the first."""
    asked = pn.state.session_args.get("model", [b""]) if pn.state.curdoc is not None else [b""]
    return asked[-1].decode("utf-8", "replace")


class Viewer:
    """One session: its state, its components, its page."""

    def __init__(self, state: ViewState) -> None:
        state.param.update(
            model=state.dataset.further_model,
            colour=state.dataset.default_colour,
            dark=saved_dark(default=state.dark),
            arrangement=saved_arrangement(),
            zone=saved_zone(),
        )
        follow_zone(state)
        self.state = state
        # Before the URL follows: a link may ask for another panel than an answer shows.
        state.param.watch(self._show_results, ["answer", "dataset"])
        self.searcher = Searcher(state)
        self.filter_worker = FilterWorker(state)
        self.word_worker = WordWorker(state)
        self.axes_worker = AxesWorker(state)
        self.tag_worker = TagWorker(state)
        self.view_worker = ViewWorker(state)
        self.list_worker = ListWorker(state)
        self.selection_worker = SelectionOrderWorker(state)
        self.uploads = Uploads(state, ready=self.searcher.add_image)
        self.map = MapView(
            state,
            on_image=self.open,
            on_query=lambda answer: self.searcher.search(answer.terms),
            on_cluster=lambda cluster_id: select_cluster(state, cluster_id),
        )
        self.beside_worker = BesideWorker(state)
        self.cluster_name_worker = ClusterNameWorker(state)
        self.page = html_page(
            has_map=True,
            beside=state.arrangement.width if state.arrangement.beside else 0,
            title=state.dataset.title,
            meta_title="Clipper",
            logo=LOGO,
            site_url="/" if named_homes() else "#",
            header=[self._header()],
            main=[self._workspace().shell],
            dark_theme=state.dark,
        )
        self.page.param.watch(lambda event: setattr(state, "dark", event.new), "dark_theme")
        self.list_worker.begin()
        state.param.watch(lambda event: setattr(self.page, "dark_theme", event.new), "dark")
        self.open_page = register_page(state, self.searcher)
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(self._ended)

    def _ended(self, session_context: Any) -> None:
        """Release what is large; a session without a context belongs to `--warm`, which keeps it."""
        if session_context is not None:
            if self.open_page is not None:
                self.open_page.end()
            self.uploads.end()
            self.state.end()
            self.map.end()
            self.map_beside.end()
            self.beside_worker.end()
            self.filter_worker.end()
            self.list_worker.end()
            self.selection_worker.end()
            self.gallery.end()
            self.undo_worker.end()
            self.selection_panel.end()
            self.insights.end()
            self.coverage.end()
            self.table.end()

    def _show_results(self, *events: Any) -> None:
        """Show the results of another query; the same query may be answered again in another version."""
        event = events[0]
        if len(events) > 1 or event.name != "answer" or event.new is None:
            return
        if event.old is None or event.old.terms != event.new.terms:
            self.state.overview = False
            self.state.show_panel("results")

    # -- actions

    def open(self, row: int | None) -> None:
        """Open an image, or close it with None."""
        self.state.param.update(selected=row, hovered=None, pointed=None)

    def _escape(self, _message: Mapping[str, Any]) -> None:
        """Close one thing at a time: the open image, the overview, the finding, the selection."""
        state = self.state
        if state.selected is not None:
            self.open(None)
        elif state.overview:
            state.overview = False
        elif state.panel == "insights" and state.finding:
            self.insights.close()
        elif state.selection is not None:
            clear_selection(state)

    def _step(self, by: object) -> None:
        """Open the previous or next image of the selection or the results."""
        row = self.detail.row_beside(1 if by == 1 else -1)
        if row is not None:
            self.open(row)

    def _message(self, name: str) -> Any:
        """Return an action that sets a field of the state to the row of the message's image, or None."""

        def act(message: Mapping[str, Any]) -> None:
            image_id = message.get("id")
            row = self.state.dataset.row_of(image_id) if isinstance(image_id, str) else None
            setattr(self.state, name, row)

        return act

    def _toggle(self) -> None:
        """Add the open image to the selection, or subtract it."""
        if self.state.selected is not None:
            toggle_image(self.state, self.state.selected)

    def _tag(self, change: Callable[[str, np.ndarray], None], text: object) -> None:
        """Add a tag to the open image, or remove one."""
        if self.state.selected is not None and isinstance(text, str):
            change(text[:500], np.array([self.state.selected], np.int64))

    def _locate(self, _message: Mapping[str, Any]) -> None:
        row = self.state.selected
        if row is None:
            return
        x, y = self.state.places.positions(np.array([row]))[0].tolist()
        x0, x1, y0, y1 = self.state.places.view
        reach = 0.06 * max(x1 - x0, y1 - y0)
        self.map.camera.show((x - reach, x + reach, y - reach, y + reach))

    def _show_news(self, _message: Mapping[str, Any]) -> None:
        """Mark the new images and glide to them."""
        self.state.mark_news()
        if self.state.news:
            ids = self.state.news.changes.notable
            self.map.camera.show_images(
                [row for row in map(self.state.dataset.row_of, ids) if row is not None]
            )

    def _query_actions(self) -> dict[str, Action]:
        """Return the actions of messages about a query and its results; `term` is the text of a term."""
        searcher, state = self.searcher, self.state

        def like(message: Mapping[str, Any]) -> None:
            image_id = message.get("id")
            if isinstance(image_id, str) and state.dataset.row_of(image_id) is not None:
                searcher.add_image(image_id, minus=message.get("minus") is True)

        def weigh(message: Mapping[str, Any]) -> None:
            weight = message.get("weight")
            if isinstance(weight, (int, float)) and 0 < weight < math.inf:
                sign = {False: weight, True: -weight}
                searcher.change_term(
                    str(message.get("term")), lambda term: term.with_weight(sign[term.minus])
                )

        def set_min_similarity(message: Mapping[str, Any]) -> None:
            at = message.get("at")
            known = float(at) if isinstance(at, (int, float)) and math.isfinite(at) else None
            low = None if known is None else round(known, 4)  # short in a link, and exact enough
            inside = low is None or state.max_similarity is None or low <= state.max_similarity
            state.param.update(min_similarity=low, max_similarity=state.max_similarity if inside else None)

        return {
            "like": like,
            "weigh": weigh,
            "min_similarity": set_min_similarity,
            "turn": lambda message: searcher.change_term(str(message.get("term")), Term.negated),
            "drop": lambda message: searcher.change_term(str(message.get("term")), lambda _: None),
            "forget": lambda message: state.remove_query(str(message.get("text", ""))),
            "fold": lambda message: setattr(state, "fold", message.get("on") is True),
            "only_selection": lambda message: setattr(state, "only_selection", message.get("on") is True),
        }

    # -- components

    def _header(self) -> pn.Row:
        query_bar = QueryBar(css_classes=["clipper-search"], margin=0, actions={
            "ask": lambda message: self.searcher.ask_words(str(message.get("text", ""))),
            "clear": lambda _: self.searcher.ask(""),
            "begin": self.uploads.begin, "part": self.uploads.part, "refuse": self.uploads.refuse,
            **self._query_actions(),
        })  # fmt: skip
        query_bar.follow(self.state)
        layout_menu = LayoutMenu(margin=0, css_classes=["arrange"])
        layout_menu.follow(self.state)
        shortcuts = Shortcuts(margin=0, css_classes=["keys"], actions={
            "escape": self._escape,
            "step": lambda message: self._step(message.get("by")),
            "labelling": lambda _: setattr(self.state, "labelling", not self.state.labelling),
            "home": lambda _: self.map.camera.show_all(), "grow": layout_menu.grow,
            "zoom": lambda message: self.map.camera.zoom(ZOOM if message.get("by") == 1 else 1 / ZOOM),
        })  # fmt: skip
        url = PageUrl(width=0, height=0, margin=0)
        url.follow(
            self.state, self.searcher, self.word_worker, self.axes_worker, resolve=self.view_worker.resolve
        )
        self.undo_worker = UndoWorker(
            self.state, self.tag_worker, show=url.restore, shows=lambda: url.is_arriving
        )
        url.param.watch(self.undo_worker.arrived, "arrivals")
        undo = UndoButtons(margin=0, css_classes=["undo"])
        undo.follow(self.undo_worker)
        views_menu = ViewsMenu(margin=0, css_classes=["saved"])
        views_menu.follow(self.state, self.view_worker)
        theme_cookie = ThemeCookie(width=0, height=0, margin=0)
        theme_cookie.follow(self.state)
        follower = Follower(state=self.state, width=0, height=0, margin=0)
        return pn.Row(
            query_bar, undo, views_menu, layout_menu, shortcuts, follower, url, theme_cookie,
            sizing_mode="stretch_width", margin=0, stylesheets=[style_sheet("page/header.css")],
        )  # fmt: skip

    def _map_area(self) -> pn.Column:
        legend = ColourKey(css_classes=["legend"], margin=0)
        fold = LegendToggle(css_classes=["fold"], margin=0)
        layers = MapLayers(css_classes=["layers"], margin=0)
        legend.follow(self.state, self.word_worker)
        for part in (fold, layers):
            part.follow(self.state)
        card = HoverCard(margin=0)
        card.follow(self.state, self.map)
        lasso = Lasso(css_classes=["outline-over"], margin=0)
        lasso.follow(self.state, self.map)
        marks = QueryMarks(css_classes=["marks-over"], margin=0)
        marks.follow(self.state)
        names = ClusterNames(css_classes=["names-over"], margin=0)
        names.follow(self.state, self.map)
        guide = MapGuide(css_classes=["guide-over"], margin=0)
        guide.follow(self.state, self.map)
        axes_form = AxesForm(css_classes=["axes-form"], margin=0)
        axes_form.follow(self.state, self.axes_worker, home=self.map.camera.show_all)
        axis_words = AxisWords(css_classes=["axes-over"], margin=0)
        axis_words.follow(self.state, self.map)
        colours = pn.Column(
            fold, model_selects(self.state), colour_select(self.state), legend, layers, axes_form,
            css_classes=["legend-card"], margin=0,
            stylesheets=[style_sheet("map/legend_card.css")],
        )  # fmt: skip
        notice = ChangeNotice(css_classes=["notice"], margin=0, actions={
            "show": self._show_news, "dismiss": lambda _: self.state.dismiss_news(),
        })  # fmt: skip
        notice.follow(self.state)
        return pn.Column(
            self.map.pane, axis_words, names, lasso, marks, guide, colours,
            map_buttons(self.map), card, notice, ConnectionLost(margin=0),
            sizing_mode="stretch_both", margin=0, css_classes=["map-area"],
            stylesheets=[style_sheet("map/map_area.css")],
        )  # fmt: skip

    def _workspace(self) -> Workspace:
        show, point = self._message("selected"), self._message("pointed")
        self.gallery = gallery = Gallery(css_classes=["results"], margin=0, actions={
            "open": show, "point": point, "zoom": lambda _: self.map.camera.show_results(),
            "ask": lambda message: self.searcher.ask(str(message.get("text", ""))),
            "clear": lambda _: self.state.clear_queries(),
            **self._query_actions(),
        })  # fmt: skip
        gallery.follow(self.state, more=self.searcher.list_more)
        self.detail = detail = Detail(css_classes=["detail"], margin=0, actions={
            "open": show, "point": point, "close": lambda _: self.open(None), "locate": self._locate,
            "step": lambda message: self._step(message.get("by")), "toggle": lambda _: self._toggle(),
            "tag": lambda message: self._tag(self.tag_worker.add, message.get("text")),
            "untag": lambda message: self._tag(self.tag_worker.remove, message.get("tag")),
            **self._query_actions(),
        })  # fmt: skip
        self.selection_panel = selection_panel = SelectionPanel(
            css_classes=["chosen"], margin=0, actions={"open": show, "point": point}
        )
        selection_panel.follow(self.state, self.map, self.tag_worker, self.cluster_name_worker)
        self.insights = insights = InsightsPanel(
            css_classes=["insights"], margin=0, actions={"open": show, "point": point}
        )
        insights.follow(self.state, self.map, self.tag_worker)
        self.coverage = coverage = CoveragePanel(css_classes=["coverage"], margin=0)
        coverage.follow(self.state, self.map)
        drift = DriftCard(css_classes=["drift"], margin=0)
        drift.follow(self.state)
        found = pn.Column(
            insights, drift, coverage, margin=0, css_classes=["insights-area"],
            stylesheets=[style_sheet("side/insights_area.css")],
        )  # fmt: skip
        found.visible = self.state.shows("insights")
        self.state.param.watch(
            lambda *_events: setattr(found, "visible", self.state.shows("insights")), LAYOUT
        )
        status = Status(css_classes=["status"], margin=0)
        self.tag_worker.on_error.append(lambda error: setattr(detail, "trouble", error))
        overview = Overview(css_classes=["overview"], margin=0)
        chips = FilterChips(css_classes=["filters"], margin=0)
        labels = LabelLine(css_classes=["labelling"], margin=0)
        labels.follow(self.state, self.tag_worker, step=self._step)
        columns = FilterPanel(css_classes=["filtering"], margin=0)
        for part in (chips, columns, detail, status, overview):
            part.follow(self.state)
        self.table = table = Table(css_classes=["table"], margin=0, actions={
            "open": show, "point": point,
        })  # fmt: skip
        table.follow(self.state)
        panels = {
            "results": gallery, "filter": columns, "selection": selection_panel, "insights": found,
            "table": table,
        }  # fmt: skip
        self.map_beside = MapBeside(
            self.state,
            self.beside_worker,
            self._map_area(),
            on_query=lambda answer: self.searcher.search(answer.terms),
        )
        return Workspace(
            self.state, self.map_beside.shell, panels, above=[chips, labels], below=[status, overview, detail]
        )
