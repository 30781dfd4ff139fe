"""The sheet of one image: in full, with all its metadata and the images most like it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import param

from viewer.background import in_background
from viewer.component import Component, script
from viewer.data import Dataset
from viewer.search import SEARCHERS
from viewer.state import ViewState

SIMILAR = 12

if TYPE_CHECKING:
    from concurrent.futures import Future


class Detail(Component):
    """Covers the results while an image is open."""

    item = param.Dict(default={})
    similar = param.List()

    _esm = script("detail.js")
    _css = ("components.css", "detail.css")

    def follow(self, state: ViewState) -> None:
        """Show the selected image, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["selected", "dataset"])
        self._update()

    def _update(self, *_events: Any) -> None:
        row = self._state.selected
        if row is None:
            self.param.update(item={}, similar=[], visible=False)
            return
        dataset = self._state.dataset
        item = dataset.detail(row)
        self.param.update(item=item, similar=self._still_similar(item, dataset), visible=True)
        in_background(
            partial(dataset.similar, row, k=SIMILAR),
            partial(self._show_similar, row, dataset),
            pool=SEARCHERS,
        )

    def _still_similar(self, item: dict[str, Any], dataset: Dataset) -> list[dict[str, Any]]:
        """Of the neighbours in view those that are there, while the same image is: they are about to come."""
        if item["id"] != self.item.get("id"):
            return []
        return [other for other in self.similar if dataset.row_of(other["id"]) is not None]

    def _show_similar(self, row: int, dataset: Dataset, done: "Future[list[tuple[int, float]]]") -> None:
        """Neighbours come a moment later: the first time, the vectors have to be read."""
        if row != self._state.selected or dataset is not self._state.dataset or done.exception():
            return
        self.similar = [{**dataset.named(other), "similarity": score} for other, score in done.result()]
