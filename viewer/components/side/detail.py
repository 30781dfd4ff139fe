"""The sheet of one image: the picture in full, all its metadata, its tags, and the most similar images."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from viewer.components.base import Component
from viewer.components.side.result_cards import image_card
from viewer.dataset.dataset import Dataset
from viewer.dataset.image_words import detail
from viewer.pools import SEARCH_POOL
from viewer.session.background import failed, in_background
from viewer.session.selection import add_images
from viewer.session.state import ViewState

SIMILAR, MORE_SIMILAR = 12, 60  # similar images at first, and after "Show more"

if TYPE_CHECKING:
    from concurrent.futures import Future


class Detail(Component):
    """Covers the panel while an image is open."""

    item = param.Dict(default={})
    similar = param.List()
    more = param.Boolean(doc="Whether there are more similar images.")
    path = param.String(doc="The path of the original file.")
    place = param.Integer(doc="Its position, from 1, among the images to step through; 0: none.")
    among = param.Integer(doc="How many images there are to step through.")
    chosen = param.Boolean(doc="Whether it is selected.")
    given = param.List(doc="Its tags.")
    colours = param.Dict(default={}, doc="The colours of tags.")
    known = param.List(doc="All tags of the dataset.")
    trouble = param.String(doc="Why a tag could not be saved.")

    script = "side/detail.js"
    _css = ("components.css", "side/tagging.css", "side/stages.css", "boxes.css", "side/detail.css")

    def follow(self, state: ViewState) -> None:
        """Show the open image of the state, now and whenever it changes."""
        self._state = state
        self._actions |= {
            "similar": lambda _: self._more_similar(),
            "choose": lambda _: self._select_similar(),
        }
        state.param.watch(self._update, ["selected", "dataset"])
        names = ["selected", "dataset", "selection", "ordered", "images", "answer", "panel", "tags", "dark"]
        state.param.watch(self._update_context, names)
        self._update()

    def _update(self, *_events: Any) -> None:
        row = self._state.selected
        if row is None:
            self.param.update(item={}, similar=[], visible=False)
            return
        dataset = self._state.dataset
        item = detail(dataset, row)
        self.param.update(item=item, similar=self._known_similar(item, dataset), visible=True)
        self._seek(SIMILAR)

    def _seek(self, k: int) -> None:
        row, dataset = self._state.selected, self._state.dataset
        if row is not None:
            work = partial(dataset.similar, row, k=k)
            in_background(work, partial(self._show_similar, row, dataset), pool=SEARCH_POOL)

    def _more_similar(self) -> None:
        """Show more similar images."""
        self._seek(MORE_SIMILAR)

    def _select_similar(self) -> None:
        """Add the image and its most similar images to the selection."""
        state, row = self._state, self._state.selected
        if row is not None:
            found = [state.dataset.row_of(other["id"]) for other in self.similar]
            add_images(state, [row, *(other for other in found if other is not None)])

    def row_beside(self, by: int) -> int | None:
        """Return the row before (-1) or after (1) the open one in the selection or the results, if any."""
        row, rows = self._state.selected, self._state.sequence()
        if row is None or rows is None:
            return None
        at = np.flatnonzero(rows == row)
        there = bool(len(at)) and 0 <= at[0] + by < len(rows)
        return int(rows[at[0] + by]) if there else None

    def _update_context(self, *_events: Any) -> None:
        """Show the image's position among others, whether it is selected, and its tags."""
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
            given=(given := state.tags_of(row)),
            colours={tag: state.tag_hex(tag) for tag in given},
            known=sorted(state.tags),
        )

    def _known_similar(self, item: dict[str, Any], dataset: Dataset) -> list[dict[str, Any]]:
        """Return the similar images in view that still exist, if the image is the same: new ones follow."""
        if item["id"] != self.item.get("id"):
            return []
        return [other for other in self.similar if dataset.row_of(other["id"]) is not None]

    def _show_similar(self, row: int, dataset: Dataset, done: "Future[list[tuple[int, float]]]") -> None:
        """Show similar images a moment after the image: the first time reads the vectors."""
        if failed(done, "looking for similar images"):
            return
        if row != self._state.selected or dataset is not self._state.dataset:
            return
        similar = [image_card(dataset, other, similarity) for other, similarity in done.result()]
        self.param.update(similar=similar, more=len(similar) < min(MORE_SIMILAR, dataset.n - 1))
