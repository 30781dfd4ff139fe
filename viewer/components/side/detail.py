"""The sheet of one image: in full, with all its metadata and the images most like it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from viewer.components.base import Component
from viewer.dataset.dataset import Dataset
from viewer.pools import SEARCH_POOL
from viewer.session.background import failed, in_background
from viewer.session.selection import add_images
from viewer.session.state import ViewState

SIMILAR, MOST_SIMILAR = 12, 60  # told at once, and when more are asked for

if TYPE_CHECKING:
    from concurrent.futures import Future


class Detail(Component):
    """Covers the results while an image is open."""

    item = param.Dict(default={})
    similar = param.List()
    more = param.Boolean(doc="Whether there are more of them.")
    path = param.String(doc="Where the original lies.")
    place = param.Integer(doc="Which of those that one steps through it is, from 1; 0: none of them.")
    among = param.Integer(doc="How many those are.")
    chosen = param.Boolean(doc="Whether it is one of the images chosen.")
    given = param.List(doc="The tags that people gave it.")
    known = param.List(doc="All tags there are.")
    trouble = param.String(doc="Why a tag could not be kept.")

    script = "side/detail.js"
    _css = ("components.css", "side/tagging.css", "side/detail.css")

    def follow(self, state: ViewState) -> None:
        """Show the selected image, now and whenever it changes."""
        self._state = state
        self._actions |= {"similar": lambda _: self._more_similar(), "choose": lambda _: self._choose()}
        state.param.watch(self._update, ["selected", "dataset"])
        state.param.watch(self._about, ["selected", "dataset", "selection", "answer", "panel", "tags"])
        self._update()

    def _update(self, *_events: Any) -> None:
        row = self._state.selected
        if row is None:
            self.param.update(item={}, similar=[], visible=False)
            return
        dataset = self._state.dataset
        item = dataset.detail(row)
        self.param.update(item=item, similar=self._still_similar(item, dataset), visible=True)
        self._seek(SIMILAR)

    def _seek(self, k: int) -> None:
        row, dataset = self._state.selected, self._state.dataset
        if row is not None:
            work = partial(dataset.similar, row, k=k)
            in_background(work, partial(self._show_similar, row, dataset), pool=SEARCH_POOL)

    def _more_similar(self) -> None:
        """More of the images most like it."""
        self._seek(MOST_SIMILAR)

    def _choose(self) -> None:
        """Choose the images most like it, and itself, beside what is chosen."""
        state, row = self._state, self._state.selected
        if row is not None:
            found = [state.dataset.row_of(other["id"]) for other in self.similar]
            add_images(state, [row, *(other for other in found if other is not None)])

    def beside(self, by: int) -> int | None:
        """The row before (-1) or after (1) the open one, among those chosen or found; None: there is none."""
        row, rows = self._state.selected, self._state.sequence()
        if row is None or rows is None:
            return None
        at = np.flatnonzero(rows == row)
        there = bool(len(at)) and 0 <= at[0] + by < len(rows)
        return int(rows[at[0] + by]) if there else None

    def _about(self, *_events: Any) -> None:
        """What surrounds the open image: its place among others, whether it is chosen, its tags."""
        state = self._state
        row, rows = state.selected, state.sequence()
        if row is None:
            return
        at = np.flatnonzero(rows == row) if rows is not None else np.empty(0, np.int64)
        self.param.update(
            path=str(state.dataset.atlas.path(row)),
            place=int(at[0]) + 1 if len(at) else 0,
            among=0 if rows is None else len(rows),
            chosen=state.selection is not None and bool((state.selection == row).any()),
            given=state.tags_of(row),
            known=sorted(state.tags),
        )

    def _still_similar(self, item: dict[str, Any], dataset: Dataset) -> list[dict[str, Any]]:
        """Of the neighbours in view those that are there, while the same image is: they are about to come."""
        if item["id"] != self.item.get("id"):
            return []
        return [other for other in self.similar if dataset.row_of(other["id"]) is not None]

    def _show_similar(self, row: int, dataset: Dataset, done: "Future[list[tuple[int, float]]]") -> None:
        """Neighbours come a moment later: the first time, the vectors have to be read."""
        if failed(done, "looking for similar images"):
            return
        if row != self._state.selected or dataset is not self._state.dataset:
            return
        similar = [{**dataset.image_ref(other), "similarity": score} for other, score in done.result()]
        self.param.update(similar=similar, more=len(similar) < min(MOST_SIMILAR, dataset.n - 1))
