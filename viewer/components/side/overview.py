"""The sheet about the whole dataset: figures, the last runs, and the files that cannot be read."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import param

from viewer.components.base import Component
from viewer.dataset.dataset import Dataset
from viewer.dataset.summary import summarise
from viewer.pools import VERSION_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

PAGE = 50  # failures sent at a time


class Overview(Component):
    """Covers the panel while it is open; its figures are computed when it is first opened."""

    open = param.Boolean(doc="Whether it covers the panel.")
    title = param.String()
    about = param.Dict(default={})
    lost = param.Boolean(doc="Whether computing the figures failed.")
    failed = param.Integer(doc="How many files cannot be read.")
    start = param.Integer(doc="The position of the first of `failures` among all.")
    failures = param.List(doc="One page of failures: file and reason.")
    turn = param.Integer(doc="Changes with each page that is sent.")

    script = "side/overview.js"
    _css = ("components.css", "side/detail.css", "side/overview.css")

    def follow(self, state: ViewState) -> None:
        """Show the overview while it is open in the state."""
        self._state = state
        self._shown_version = ""
        self._actions = {"close": lambda _: setattr(state, "overview", False), "more": self._more}
        state.param.watch(self._update, ["overview", "dataset"])
        state.param.watch(self._close_for_image, "selected")
        self._update()

    def _update(self, *_events: Any) -> None:
        state, dataset = self._state, self._state.dataset
        if state.overview and dataset.version != self._shown_version:
            self._shown_version = dataset.version
            self.param.update(title=dataset.title, failed=len(dataset.atlas.failures))
            self._send(0)
            in_background(partial(cached_summary, dataset), partial(self._show, dataset), pool=VERSION_POOL)
        self.param.update(visible=state.overview, open=state.overview)  # after its title is set

    def _close_for_image(self, event: Any) -> None:
        """Close the overview when an image opens: there is one sheet at a time."""
        if event.new is not None:
            self._state.overview = False

    def _show(self, dataset: Dataset, done: "Future[dict[str, Any]]") -> None:
        if dataset is not self._state.dataset:
            return
        self.lost = failed(done, "counting the dataset")
        if self.lost:
            self._shown_version = ""  # opening it again tries again
            return
        self.about = done.result()

    def _more(self, message: Mapping[str, Any]) -> None:
        start = message.get("start")
        if isinstance(start, int) and 0 <= start < self.failed:
            self._send(start)

    def _send(self, start: int) -> None:
        table = self._state.dataset.atlas.failures.iloc[start : start + PAGE]
        rows = [list(map(str, row)) for row in table[["id", "reason"]].itertuples(index=False)]
        self.param.update(start=start, failures=rows, turn=self.turn + 1)


def cached_summary(dataset: Dataset) -> dict[str, Any]:
    """Return the dataset's summary, computed once."""
    if "summary" not in dataset.cache:
        dataset.cache["summary"] = summarise(dataset)
    return dict(dataset.cache["summary"])
