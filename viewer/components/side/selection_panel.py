"""The selection panel: a gallery of the selected images, with tags and export; or how to select some.

The export menu is our own: panel-material-ui's `MenuButton` would be a component apart from this one, and the
panel would be laid out twice. What does not belong here: how a selection is made (`session/selection.py`).
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import param

from clipper.export.formats.dataset import EXCLUDED
from viewer.components.base import Component
from viewer.components.map.lasso import apply_in_background
from viewer.components.map.map import MapView
from viewer.components.side.result_cards import image_card, sortable_columns
from viewer.dataset.clusters import ClusterMap, one_line
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import count_tags
from viewer.dataset.dataset import Dataset
from viewer.dataset.exports import Export, class_column, without_excluded
from viewer.session.export_offers import MAX_OFFERS, offer, withdraw
from viewer.session.selection import clear_selection
from viewer.session.state import LAYOUT, ViewState
from viewer.session.steps import OneCluster, SelectionStep, read_mode, read_target
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.listing import sort_by
from viewer.session.workers.tags import TagWorker

PAGE_SIZE = 60  # images sent at a time


class SelectionPanel(Component):
    """The contents of the panel."""

    count = param.Integer()
    total = param.Integer()
    start = param.Integer(doc="The position of the first of `items` in the selection.")
    items = param.List(doc="One page of the selection.")
    turn = param.Integer(doc="Changes with each page that is sent.")
    given = param.List(doc="The tags of the selection: name, and how many selected images have it.")
    colours = param.Dict(default={}, doc="The colours of the tags of the selection.")
    known = param.List(doc="All tags: name, and how many images have it.")
    ranked = param.Boolean(doc="Whether the most similar to a query come first.")
    sort = param.String(doc='The column that sorts the images; "": none.')
    ascending = param.Boolean(doc="Whether its smallest values come first.")
    sortable = param.List(doc="The columns that can sort them: name, title and kind.")
    found = param.Integer(doc="How many results are listed.")
    among = param.Integer(doc="How many of them are selected.")
    kept = param.Integer(-1, doc="How many images pass the filters; -1 without filters.")
    excluded = param.Integer(doc="How many selected images exports leave out.")
    trouble = param.String()
    offered = param.Dict(default={}, doc="An export to download: its token and format.")
    selected = param.String(doc="The id of the image that is open.")
    cluster = param.Dict(
        default={}, doc="The cluster that is selected: its names, shown and found; {}: something else is."
    )
    refused = param.String(doc="Why the cluster could not be named.")
    tried = param.Integer(doc="Changes with each try to name the cluster.")

    script = "side/selection_panel.js"
    _css = (
        "components.css",
        "menu.css",
        "side/gallery.css",
        "side/tagging.css",
        "side/selection_panel.css",
        "side/cluster_title.css",
        "side/stages.css",
        "boxes.css",
        "side/comparison.css",
    )

    def follow(
        self, state: ViewState, view: MapView, tag_worker: TagWorker, names: ClusterNameWorker
    ) -> None:
        """Show the state's selection, now and whenever it changes."""
        self._state, self._view, self._tag_worker = state, view, tag_worker
        self._rows = np.empty(0, np.int64)
        self._shown: tuple[str, ...] = ()
        self._tokens: deque[str] = deque(maxlen=MAX_OFFERS)
        tag_worker.on_error.append(lambda why: setattr(self, "trouble", why))
        self._actions |= {
            "more": self._more,
            "zoom": lambda _: view.camera.show_images(self._selection()),
            "clear": lambda _: clear_selection(state),
            "whole": lambda m: self._select(m, {"of": m.get("of")}),
            "tagged": lambda m: self._select(m, {"tag": m.get("tag")}),
            "tag": lambda m: tag_worker.add(str(m.get("text", ""))[:500], self._selection()),
            "untag": lambda m: tag_worker.remove(str(m.get("tag", "")), self._selection()),
            "export": self._export,
            "sort": self._sort,
            "rename": lambda m: self._name_cluster(names, m),
        }
        listed = ["selection", "dataset", "answer", "kept", "sort", "ascending", "ordered", *LAYOUT]
        state.param.watch(self._update, listed)
        state.param.watch(self._opened, ["selected", "dataset"])
        state.param.watch(self._tagged, ["tags", "selection", "dataset", "dark"])
        names.on_done.append(lambda why: self.param.update(refused=why, tried=self.tried + 1))
        state.param.watch(self._titled, ["steps", "clusters", "dataset"])
        self._update()
        self._tagged()
        self._titled()

    def end(self) -> None:
        """End the session: release what may be large."""
        self._rows = np.empty(0, np.int64)
        withdraw(self._tokens)

    def _selection(self) -> np.ndarray:
        selection = self._state.selection
        return np.empty(0, np.int64) if selection is None else selection

    def _select(self, message: Mapping[str, Any], named: Mapping[str, Any]) -> None:
        """Select the images that a message names; a message without a mode replaces the selection."""
        mode, target = read_mode(message.get("mode", "replace")), read_target(named)
        if mode is not None and target is not None:
            apply_in_background(self._state, SelectionStep(mode, target), self._state.tags)

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.visible = state.shows("selection")
        sort = state.sort if state.sort_key is not None else ""
        ranked = not sort and state.answer is not None and state.answer.similarities is not None
        shown = state.dataset.version, sort, state.answer.text if state.answer and ranked else ""
        is_listed = self.visible or state.selection is None
        rows = state.listed_selection if is_listed else None  # the earlier images stay while it is sorted
        anew = rows is not None and (shown != self._shown or not np.array_equal(rows, self._rows))
        if rows is not None:
            self._rows, self._shown = rows, shown
        self.param.update(
            count=len(self._selection()),
            total=state.dataset.n,
            ranked=ranked,
            sort=sort,
            ascending=state.ascending,
            sortable=sortable_columns(state.dataset),
            found=len(state.answer.rows) if state.answer else 0,
            among=count_members(state.answer.rows, self._selection()) if state.answer else 0,
            kept=-1 if state.kept is None else int(np.count_nonzero(state.kept)),
        )
        if anew:
            self._send(0)

    def _titled(self, *_events: Any) -> None:
        """Show the name of the cluster that is selected."""
        state, targets = self._state, [step.target for step in self._state.steps]
        clusters, target = state.clusters, targets[0] if len(targets) == 1 else None
        row = clusters.row_of(target.cluster_id) if clusters and isinstance(target, OneCluster) else None
        shown = {} if row is None else cluster_title(state.dataset, clusters, row)
        if shown.get("id") != self.cluster.get("id"):
            self.refused = ""
        self.cluster = shown

    def _name_cluster(self, names: ClusterNameWorker, message: Mapping[str, Any]) -> None:
        cluster_id, text = message.get("id"), message.get("text")
        if type(cluster_id) is int and isinstance(text, str):
            names.rename(cluster_id, text)

    def _opened(self, *_events: Any) -> None:
        self.selected = self._state.dataset.id_of(self._state.selected)

    def _send(self, start: int) -> None:
        page = self._rows[start : start + PAGE_SIZE].tolist()
        self.param.update(start=start, items=list(map(self._card, page)), turn=self.turn + 1)

    def _card(self, row: int) -> dict[str, Any]:
        """Return the card of an image, with the value that sorts it or its similarity to the query."""
        state, answer = self._state, self._state.answer
        if (sort := state.sort_key) is not None:
            return {**image_card(state.dataset, row), "value": sort.text_of(row)}
        scores = answer.similarities if answer else None
        return image_card(state.dataset, row, None if scores is None else float(scores[row]))

    def _sort(self, message: Mapping[str, Any]) -> None:
        """Sort the images by a column, or by none."""
        sort_by(self._state, message.get("column"), ascending=message.get("ascending") is True)

    def _more(self, message: Mapping[str, Any]) -> None:
        """Send the images that follow those the page has, unless they are of an earlier version."""
        start, version = message.get("start"), self._state.dataset.version
        if self._shown[:1] == (version,) and isinstance(start, int) and 0 <= start < len(self._rows):
            self._send(start)

    def _tagged(self, *_events: Any) -> None:
        tags, selection = self._state.tags, self._selection()
        given = count_tags(tags, selection)
        self.param.update(
            colours={tag: self._state.tag_hex(tag) for tag in given},
            excluded=given.get(EXCLUDED, 0),
            given=[[tag, count] for tag, count in given.items() if tag != EXCLUDED],
            known=[[tag, len(rows)] for tag, rows in sorted(tags.items())],
        )

    def _export(self, message: Mapping[str, Any]) -> None:
        """Offer the selected images; leave out the excluded ones unless the message asks for them."""
        kind, state = message.get("format"), self._state
        listed = state.listed_selection
        rows = self._selection() if listed is None else listed
        if message.get("excluded") is not True:
            rows = without_excluded(rows, state.tags)
        if kind not in Export.kinds or not len(rows):
            return
        scores = state.answer.similarities if state.answer else None
        label = class_column(state.dataset, state.colour)
        if kind == "yolo" and not label:
            self.trouble = "Colour the map by a column of classes first: each class becomes a folder."
            return
        export = Export(state.dataset, rows, dict(state.tags), scores, label)
        token = offer(export, kind)
        self._tokens.append(token)
        self.trouble = ""
        self.offered = {"token": token, "kind": kind}


def cluster_title(dataset: Dataset, clusters: ClusterMap, row: int) -> dict[str, Any]:
    """Return a cluster's identity, the name that it is shown by, and the one that Clipper found."""
    cluster_id = int(clusters.table.ids[row])
    found = one_line(dataset.atlas.found_cluster_names[row])
    return {"id": cluster_id, "name": clusters.label_of(cluster_id), "found": found}


def count_members(rows: np.ndarray, selection: np.ndarray) -> int:
    """Count which of some rows (k,) are in the selection, (m,) ascending."""
    return int(np.count_nonzero(is_member(rows, selection)))
