"""The images chosen: a gallery of them, and what can be done with them. Without any, how to choose some."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import param

from viewer.components.base import Component
from viewer.components.map.lasso import apply_in_background
from viewer.components.map.map import MapView
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import count_tags
from viewer.dataset.exports import CONTENT_TYPES, Export
from viewer.session.export_offers import MAX_OFFERS, offer, withdraw
from viewer.session.selection import clear_selection, validate_step
from viewer.session.state import ViewState
from viewer.session.tag_worker import TagWorker

PAGE = 60  # images told at a time


class SelectionPanel(Component):
    """The panel of the selection; what a person clicks arrives as messages."""

    count = param.Integer()
    total = param.Integer()
    start = param.Integer(doc="The place of the first of `items` among those chosen.")
    items = param.List(doc="One page of those chosen.")
    turn = param.Integer(doc="Another number for each page that is told.")
    given = param.List(doc="The tags of those chosen: name, and how many have it.")
    known = param.List(doc="All tags: name, and how many images have it.")
    ranked = param.Boolean(doc="Whether the nearest to a query come first.")
    found = param.Integer(doc="How many results there are.")
    among = param.Integer(doc="How many of them are chosen.")
    kept = param.Integer(-1, doc="How many images pass the filters, -1 without any.")
    trouble = param.String()
    offered = param.Dict(default={}, doc="An export to fetch: its token and kind.")
    selected = param.String(doc="The id of the image that is open.")

    script = "side/selection_panel.js"
    _css = ("components.css", "side/gallery.css", "side/tagging.css", "side/selection_panel.css")

    def follow(self, state: ViewState, view: MapView, tagger: TagWorker) -> None:
        """Show the state's selection, now and whenever it changes."""
        self._state, self._view, self._tagger = state, view, tagger
        self._rows, self._told = np.empty(0, np.int64), ("", "")
        self._tokens: deque[str] = deque(maxlen=MAX_OFFERS)
        tagger.troubled.append(lambda why: setattr(self, "trouble", why))
        self._actions |= {
            "more": self._more,
            "zoom": lambda _: view.camera.to_images(self._rows),
            "clear": lambda _: clear_selection(state),
            "whole": lambda m: self._take({"of": m.get("of"), "how": m.get("how", "only")}),
            "tagged": lambda m: self._take({"tag": m.get("tag")}),
            "tag": lambda m: tagger.give(str(m.get("text", ""))[:500], self._chosen()),
            "untag": lambda m: tagger.take(str(m.get("tag", "")), self._chosen()),
            "export": self._export,
        }
        state.param.watch(self._update, ["selection", "dataset", "answer", "kept", "panel"])
        state.param.watch(self._opened, ["selected", "dataset"])
        state.param.watch(self._tagged, ["tags", "selection", "dataset"])
        self._update()
        self._tagged()

    def end(self) -> None:
        """The session is over: let go of what may be large."""
        self._rows = np.empty(0, np.int64)
        withdraw(self._tokens)

    def _chosen(self) -> np.ndarray:
        chosen = self._state.selection
        return np.empty(0, np.int64) if chosen is None else chosen

    def _take(self, step: Mapping[str, Any]) -> None:
        found = validate_step({"how": "only", **step})
        if found is not None:
            apply_in_background(self._state, found, self._state.tags)

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.visible = state.panel == "selection"
        rows = state.chosen()
        ranked = state.answer is not None and state.answer.similarities is not None
        told = state.dataset.version, state.answer.text if state.answer and ranked else ""
        anew = not np.array_equal(rows, self._rows) or told != self._told
        self._rows, self._told = rows, told
        self.param.update(
            count=len(rows),
            total=state.dataset.n,
            ranked=ranked,
            found=len(state.answer.rows) if state.answer else 0,
            among=count_members(state.answer.rows, self._chosen()) if state.answer else 0,
            kept=-1 if state.kept is None else int(np.count_nonzero(state.kept)),
        )
        if anew:
            self._tell(0)

    def _opened(self, *_events: Any) -> None:
        row, ids = self._state.selected, self._state.dataset.atlas.ids
        self.selected = "" if row is None else ids[row]

    def _tell(self, start: int) -> None:
        state, answer = self._state, self._state.answer
        scores = answer.similarities if answer else None
        items = [
            {**state.dataset.image_ref(row), **({} if scores is None else {"similarity": float(scores[row])})}
            for row in self._rows[start : start + PAGE].tolist()
        ]
        self.param.update(start=start, items=items, turn=self.turn + 1)

    def _more(self, message: Mapping[str, Any]) -> None:
        """The page asks for the images after those it has."""
        start = message.get("start")
        if isinstance(start, int) and 0 <= start < len(self._rows):
            self._tell(start)

    def _tagged(self, *_events: Any) -> None:
        tags = self._state.tags
        self.param.update(
            given=[[tag, count] for tag, count in count_tags(tags, self._chosen()).items()],
            known=[[tag, len(rows)] for tag, rows in sorted(tags.items())],
        )

    def _export(self, message: Mapping[str, Any]) -> None:
        kind, state = message.get("format"), self._state
        if kind not in CONTENT_TYPES or not len(self._rows):
            return
        scores = state.answer.similarities if state.answer else None
        export = Export(state.dataset, self._rows, dict(state.tags), scores)
        token = offer(export, kind)
        self._tokens.append(token)
        self.offered = {"token": token, "kind": kind}


def count_members(rows: np.ndarray, chosen: np.ndarray) -> int:
    """How many of some rows (k,) are among those chosen, (m,) ascending."""
    return int(np.count_nonzero(is_member(rows, chosen)))
