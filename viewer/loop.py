"""The render loop of one session: many viewports come in, the latest is drawn, its picture goes out.

It knows neither figures nor images: what to draw and where to show it are given to it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")
Picture = TypeVar("Picture")

# Two threads are enough for ten visitors who zoom at once: the kernels release the lock.
RENDERERS = ThreadPoolExecutor(2, thread_name_prefix="render")
DECODERS = ThreadPoolExecutor(2, thread_name_prefix="decode")

log = logging.getLogger(__name__)


class RenderLoop(Generic[Request, Picture]):
    """Draws the latest request; those overtaken while another was drawn are dropped."""

    def __init__(
        self,
        *,
        draw: Callable[[Request], Picture],
        show: Callable[[Picture], None],
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        self._draw = draw
        self._show = show
        self._schedule = schedule
        self._wanted: Request | None = None
        self._busy = False
        self.drawn = 0

    def ask(self, request: Request) -> None:
        """Want this picture instead of any that was wanted before."""
        self._wanted = request
        if not self._busy:
            self._start()

    def _start(self) -> None:
        request, self._wanted = self._wanted, None
        if request is None:
            return
        self._busy = True
        future = RENDERERS.submit(self._draw, request)
        future.add_done_callback(lambda done: self._schedule(lambda: self._finish(done)))

    def _finish(self, done: "Future[Picture]") -> None:
        self._busy = False
        error = done.exception()
        if error is not None:
            log.error("a picture of the map could not be drawn", exc_info=error)
        else:
            self.drawn += 1
            self._show(done.result())
        self._start()
