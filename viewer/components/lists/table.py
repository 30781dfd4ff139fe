"""The table of the listed images: rows are sent as they come into view, so a million are no more than ten.

It shows the list that the gallery shows, in the same order. What does not belong here: the text of its cells
(`cells.py`).
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import param

from viewer.components.base import Action, Component
from viewer.components.lists.cells import (
    MAX_COPIED,
    CopiedRows,
    cell_texts,
    column_titles,
    first_columns,
    shorten,
)
from viewer.components.lists.picking import Picker
from viewer.session.export_offers import MAX_OFFERS, offer, withdraw
from viewer.session.state import LAYOUT, ViewState
from viewer.session.workers.listing import sort_by

MAX_WINDOW = 400  # rows sent at a time
MAX_COLUMNS = 60


class Table(Component):
    """The contents of the panel."""

    total = param.Integer(doc="How many images are listed.")
    list_number = param.Integer(doc="Changes with the list, and with what its rows show.")
    columns = param.List(doc="Name, title and whether it sorts, of each column in view.")
    choices = param.List(doc="Name and title of every column.")
    sort = param.String()
    ascending = param.Boolean()
    window = param.Dict(default={}, doc="Some rows, the position of the first, and the number of their list.")
    chosen = param.List(doc="The ids of the selected images among the rows sent last.")
    selected = param.String(doc="The id of the image that is open.")
    near = param.String(doc="The id of the image under the pointer on the map.")
    near_at = param.Integer(-1, doc="Its position in the list; -1: it is not listed.")
    offered = param.Dict(default={}, doc="A copy to fetch: its token, kind and number of rows.")

    script = "lists/table.js"
    _css = ("components.css", "menu.css", "lists/table.css")

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        self._picker = Picker()
        own = {
            "window": self._window, "sort": self._sort, "columns": self._choose, "copy": self._copy,
            **self._picker.actions,
        }  # fmt: skip
        super().__init__(actions={**own, **(actions or {})}, **params)
        self._names: list[str] | None = None  # None: those of the first view
        self._sent = np.empty(0, np.int64)
        self._tokens: deque[str] = deque(maxlen=MAX_OFFERS)

    def follow(self, state: ViewState) -> None:
        """Show the list of the state while the panel is in view."""
        self._state = state
        self._picker.follow(state)
        state.param.watch(self._update, ["dataset", "answer", "images", "sort", "ascending", "tags", *LAYOUT])
        state.param.watch(self._mark, ["selection"])
        state.param.watch(self._point, ["hovered", "images"])
        state.param.watch(self._open, ["selected", "dataset"])
        self._update()

    def end(self) -> None:
        """End the session: withdraw what waits for its download."""
        withdraw(self._tokens)

    @property
    def _titles(self) -> dict[str, str]:
        """The columns in view, in their order, and their titles."""
        titles = column_titles(self._state)
        names = first_columns([*titles]) if self._names is None else self._names
        return {name: titles[name] for name in names if name in titles}

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.visible = state.shows("table")
        is_awaited = state.images is None and state.answer is None  # another version's list, or the first
        if not self.visible or state.dataset is None or is_awaited:
            return
        sortable = state.dataset.sort_choices
        self.param.update(
            columns=[[name, title, name in sortable] for name, title in self._titles.items()],
            choices=[list(choice) for choice in column_titles(state).items()],
            sort=state.sort,
            ascending=state.ascending,
            total=len(self._picker.listed_rows()),
            list_number=self.list_number + 1,
        )

    def _window(self, message: Mapping[str, Any]) -> None:
        """Send some rows of the list."""
        start, count, state = message.get("start"), message.get("count"), self._state
        if type(start) is not int or type(count) is not int or state.dataset is None:
            return
        rows = self._picker.listed_rows()
        start = min(max(start, 0), max(len(rows) - 1, 0))
        self._sent = rows[start : start + min(max(count, 0), MAX_WINDOW)]
        cells = cell_texts(
            state.dataset, self._sent, [*self._titles], tags=state.tags,
            similarities=state.answer.similarities if state.answer else None,
        )  # fmt: skip
        sent = [
            {**state.dataset.image_ref(row), "cells": list(map(shorten, texts))}
            for row, texts in zip(self._sent.tolist(), cells, strict=True)
        ]
        self._mark()
        self.window = {"start": start, "rows": sent, "list": self.list_number}

    def _sort(self, message: Mapping[str, Any]) -> None:
        sort_by(self._state, message.get("column"), ascending=message.get("ascending") is True)

    def _choose(self, message: Mapping[str, Any]) -> None:
        """Show these columns, in this order; none: those of the first view."""
        names = message.get("names")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            self._names = list(dict.fromkeys(names))[:MAX_COLUMNS] or None
            self._update()

    def _copy(self, _message: Mapping[str, Any]) -> None:
        """Offer the selected images of the list as text, or all of the list if none of them is selected."""
        state, rows = self._state, self._picker.listed_rows()
        if state.selection is not None:
            among = np.zeros(state.dataset.n, bool)
            among[state.selection] = True
            picked = rows[among[rows]]
            rows = picked if len(picked) else rows
        rows = rows[:MAX_COPIED]
        scores = state.answer.similarities if state.answer else None
        token = offer(CopiedRows(state.dataset, rows, self._titles, state.tags, scores), "tsv")
        self._tokens.append(token)
        self.offered = {"token": token, "kind": "tsv", "count": len(rows)}

    def _mark(self, *_events: Any) -> None:
        if self._state.dataset is not None:
            self.chosen = self._picker.chosen_ids(self._sent[self._sent < self._state.dataset.n])

    def _point(self, *_events: Any) -> None:
        """Mark the row of the image under the pointer on the map."""
        state = self._state
        if not self.visible or state.dataset is None:
            return
        row = -1 if state.hovered is None else state.hovered
        at = np.flatnonzero(self._picker.listed_rows() == row)
        self.param.update(near_at=int(at[0]) if len(at) else -1, near=state.dataset.id_of(state.hovered))

    def _open(self, *_events: Any) -> None:
        if self._state.dataset is not None:
            self.selected = self._state.dataset.id_of(self._state.selected)
