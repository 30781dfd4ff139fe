"""Labelling by keys: a line of up to nine tags with their digits, while one walks through images.

A digit gives its tag to the image with the focus, to the open image or to the selection; 0 takes all tags of
the line from it. What does not belong here: keeping tags (`session/workers/tags.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import param

from clipper.export.drawing.palette import CATEGORY_DARK, CATEGORY_LIGHT
from clipper.store.given.labels import clean_name as clean_label_column
from clipper.store.given.labels import clean_values, tag_of
from clipper.store.tags import clean_tag
from viewer.components.base import Component
from viewer.dataset.tag_rows import LABEL_COLUMNS
from viewer.session.state import ViewState
from viewer.session.workers.tags import TagWorker

MOST = 9  # digits
MAX_SENT = 500  # characters of a tag that a browser may send


class LabelLine(Component):
    """The line of labels; hidden until a person begins to label."""

    shown = param.Boolean(default=False)
    labels = param.List(doc="Tag, colour, count of each label, and whether the open image has it.")
    known = param.List(doc="All tags that are no labels yet.")
    palette = param.List(doc="The colours to choose from, by their place.")
    columns = param.List(doc="The columns of labels.")
    column = param.String(doc='The one in use, "" for tags.')
    target = param.String(doc="What a digit labels where no card has the focus.")
    trouble = param.String(doc="Why a label could not be given.")

    script = "side/label_line.js"
    _css = ("components.css", "side/label_line.css")

    def follow(self, state: ViewState, tags: TagWorker, *, step: Callable[[int], None]) -> None:
        """Label images of the state; `step` opens the next image."""
        self._state, self._tags, self._step = state, tags, step
        self._actions = {
            "toggle": lambda _: setattr(state, "labelling", not state.labelling),
            "label": self._label,
            "clear": self._clear,
            "set": self._set,
            "colour": self._colour,
            "column": self._choose,
            "define": self._define,
        }
        tags.on_error.append(lambda why: setattr(self, "trouble", why))
        names = ["labelling", "labels", "label_column", "tags", "selected", "selection", "dark", "dataset"]
        state.param.watch(self._update, names)
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        columns = state.dataset.cache.get(LABEL_COLUMNS, {})
        if state.label_column:
            values = columns.get(state.label_column, [])
            wanted = [tag_of(state.label_column, value) for value in values[:MOST]]
            if wanted != state.labels:
                state.labels = wanted
                return
        elif state.labelling and not state.labels and state.tags:
            commonest = sorted(state.tags, key=lambda tag: (-len(state.tags[tag]), tag))
            state.labels = commonest[:MOST]
            return
        self.visible = self.shown = state.labelling
        if not state.labelling:
            return
        mine = [] if state.selected is None else state.tags_of(state.selected)
        self.param.update(
            labels=[
                {"tag": tag, "colour": state.tag_hex(tag), "count": len(state.tags.get(tag, ())),
                 "on": tag in mine}
                for tag in state.labels
            ],
            columns=[*columns],
            column=state.label_column,
            known=[] if state.label_column else sorted(set(state.tags) - set(state.labels)),
            palette=[*(CATEGORY_DARK if state.dark else CATEGORY_LIGHT)],
            target=self._target(),
        )  # fmt: skip

    def _target(self) -> str:
        state = self._state
        if state.selected is not None:
            return "the open image"
        return "" if state.selection is None else f"{len(state.selection):,} selected"

    def _rows(self, message: Mapping[str, Any]) -> np.ndarray | None:
        """Return the rows of the card that a message names; without one, the open image or the selection."""
        state, image_id = self._state, message.get("id")
        if isinstance(image_id, str) and image_id:
            row = state.dataset.row_of(image_id)
            return None if row is None else np.array([row], np.int64)
        return state.selection if state.selected is None else np.array([state.selected], np.int64)

    def _label(self, message: Mapping[str, Any]) -> None:
        at, rows = message.get("at"), self._rows(message)
        if type(at) is not int or not 0 <= at < len(self._state.labels) or rows is None:
            return
        tag, column = self._state.labels[at], self._state.label_column
        if column:
            self._tags.label(column, tag.removeprefix(tag_of(column, "")), rows)
        else:
            self._tags.add_exactly(tag, rows)
        if not message.get("id") and self._state.selected is not None:
            self._step(1)

    def _clear(self, message: Mapping[str, Any]) -> None:
        rows = self._rows(message)
        if rows is not None and self._state.label_column:
            self._tags.label(self._state.label_column, None, rows)
        elif rows is not None and self._state.labels:
            self._tags.remove_all(self._state.labels, rows)

    def _set(self, message: Mapping[str, Any]) -> None:
        """Take other tags as labels; what is no tag, or is there twice, is left out."""
        found: list[str] = []
        sent, column = message.get("tags"), self._state.label_column
        if column and isinstance(sent, list):
            values = [str(text)[:MAX_SENT].removeprefix(tag_of(column, "")) for text in sent[:MOST]]
            self._tags.define(column, values)
            return
        for text in sent[: 2 * MOST] if isinstance(sent, list) else []:
            try:
                found.append(clean_tag(str(text)[:MAX_SENT]))
            except ValueError as error:
                self.trouble = str(error)
        self._state.labels = list(dict.fromkeys(found))[:MOST]

    def _choose(self, message: Mapping[str, Any]) -> None:
        column = message.get("column")
        if column == "" or column in self.columns:
            self._state.param.update(label_column=column, labels=[])

    def _define(self, message: Mapping[str, Any]) -> None:
        """Make a column of labels, and use it."""
        try:
            column = clean_label_column(str(message.get("name", ""))[:MAX_SENT])
            values = clean_values(str(message.get("values", ""))[: MOST * MAX_SENT].split(","))
        except ValueError as error:
            self.trouble = str(error)
            return
        if column not in self.columns:
            self._tags.define(column, values)
        self._state.param.update(label_column=column, labels=[])

    def _colour(self, message: Mapping[str, Any]) -> None:
        tag, place = message.get("tag"), message.get("place")
        if tag in self._state.labels and type(place) is int and 0 <= place < len(self.palette):
            self._tags.give_colour(str(tag), place)


def label_marks(state: ViewState, rows: np.ndarray) -> dict[str, list[list[str]]]:
    """Return the labels of some rows (k,), by the images' ids: digit, tag and colour of each."""
    if not state.labelling:
        return {}
    found: dict[str, list[list[str]]] = {}
    ids = state.dataset.atlas.ids
    for digit, tag in enumerate(state.labels, 1):
        if (having := state.tags.get(tag)) is not None:
            colour = state.tag_hex(tag)
            for row in rows[np.isin(rows, having)].tolist():
                found.setdefault(ids[row], []).append([str(digit), tag, colour])
    return found
