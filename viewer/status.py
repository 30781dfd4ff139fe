"""The quiet line below the results: how many images, indexed when; and the offer of a newer version."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import param

import clipper
from clipper.errors import ClipperError
from viewer.background import in_background
from viewer.component import Component, script
from viewer.data import Dataset, load
from viewer.state import ViewState

LOOKERS = ThreadPoolExecutor(2, thread_name_prefix="version")

log = logging.getLogger(__name__)


class Status(Component):
    """Counts, age, and a notice once another version has been published.

    The browser asks to look every few seconds, as long as the page is seen.
    """

    total = param.Integer()
    failed = param.Integer()
    indexed_at = param.String()
    newer = param.Boolean(default=False)
    tick = param.Integer()

    _esm = script("status.js")
    _css = ("components.css", "status.css")

    def __init__(self, *, state: ViewState, **params: Any) -> None:
        super().__init__(actions={"show": self._adopt, "look": self._look}, **params)
        self._state = state
        state.param.watch(self._update, "dataset")
        self._update()

    def _update(self, *_events: Any) -> None:
        atlas = self._state.dataset.atlas
        self.param.update(
            total=self._state.dataset.n,
            failed=len(atlas.failures),
            indexed_at=atlas.indexed_at.isoformat(),
            newer=False,
        )

    def _look(self, _message: object) -> None:
        in_background(self._published, self._compare, pool=LOOKERS)

    def _published(self) -> str | None:
        return clipper.published_version(self._state.dataset.atlas.settings.home)

    def _compare(self, done: "Future[str | None]") -> None:
        if done.exception() is None:  # else being written, or gone for a moment: the next look will tell
            self.newer = done.result() not in (None, self._state.dataset.version)

    def _adopt(self, _message: object) -> None:
        in_background(load, self._show, pool=LOOKERS)

    def _show(self, done: "Future[Dataset]") -> None:
        error = done.exception()
        if error is None:
            self._state.adopt(done.result())
        elif isinstance(error, ClipperError):
            self._state.message = str(error)
        else:
            log.error("the new version could not be opened", exc_info=error)
