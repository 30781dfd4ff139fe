"""The render loop of one session: many viewports come in, the latest is drawn, its picture goes out.

While more is wanted than the threads can draw, pictures are coarse; one that stays is drawn again, as sharp
as the visitor's screen. It knows neither figures nor images: what to draw and where to show it are given.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")
Picture = TypeVar("Picture")

# Two threads are enough for ten visitors who zoom at once: the kernels release the lock.
RENDERERS = ThreadPoolExecutor(2, thread_name_prefix="render")
DECODERS = ThreadPoolExecutor(2, thread_name_prefix="decode")
PLAIN, COARSE = 1.0, 0.5  # a picture's pixels for each of the page, in each direction
CROWD = 1  # so many pictures that wait for a thread are a crowd
REST = 0.2  # seconds until a picture counts as one that stays

log = logging.getLogger(__name__)


class _Queue:
    """How many pictures of all visitors wait for a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    @property
    def crowded(self) -> bool:
        """Whether so many wait that pictures are better coarse."""
        return self._waiting >= CROWD

    def add(self, change: int) -> None:
        """One more (1) or less (-1)."""
        with self._lock:
            self._waiting += change


WAITING = _Queue()


class RenderLoop(Generic[Request, Picture]):
    """Draws the latest request; those overtaken while another was drawn are dropped."""

    def __init__(
        self,
        *,
        draw: Callable[[Request, float], Picture],
        show: Callable[[Picture], None],
        schedule: Callable[[Callable[[], None]], object],
        later: Callable[[Callable[[], None], float], object] = lambda call, _seconds: call(),
        finest: Callable[[], float] = lambda: PLAIN,
    ) -> None:
        """Make a loop that has drawn nothing yet.

        Args:
            draw: makes a picture of a request with so many pixels for each of the page.
            show: takes a picture; called through `schedule`.
            schedule: calls a function in the session's turn.
            later: the same, after so many seconds.
            finest: how many pixels the visitor's screen has for each of the page.
        """
        self._draw = draw
        self._show = show
        self._schedule = schedule
        self._later = later
        self._finest = finest
        self._wanted: tuple[Request, bool] | None = None
        self._busy = False
        self._asked = 0
        self.drawn = 0

    def ask(self, request: Request) -> None:
        """Want this picture instead of any that was wanted before."""
        self._want(request, stays=False)

    def _want(self, request: Request, *, stays: bool) -> None:
        self._asked += 1
        self._wanted = request, stays
        if not self._busy:
            self._start()

    def _start(self) -> None:
        if self._wanted is None:
            return
        (request, stays), self._wanted = self._wanted, None
        self._busy, number = True, self._asked
        finest = self._finest()
        WAITING.add(1)
        future = RENDERERS.submit(self._drawn, request, finest if stays else PLAIN)
        future.add_done_callback(
            lambda done: self._schedule(lambda: self._finish(request, number, done, finest))
        )

    def _drawn(self, request: Request, scale: float) -> tuple[Picture, float]:
        """A picture, and how fine it is: in a crowd half as fine as it might be."""
        WAITING.add(-1)
        if WAITING.crowded:
            scale = min(PLAIN, scale * COARSE)
        return self._draw(request, scale), scale

    def _finish(
        self, request: Request, number: int, done: "Future[tuple[Picture, float]]", finest: float
    ) -> None:
        self._busy = False
        error = done.exception()
        if error is not None:
            log.error("a picture of the map could not be drawn", exc_info=error)
        else:
            picture, scale = done.result()
            self.drawn += 1
            self._show(picture)
            if self._wanted is None and scale < finest:
                self._later(lambda: self._sharpen(request, number), REST)
        self._start()

    def _sharpen(self, request: Request, number: int) -> None:
        """Draw what is still in view once more, when nobody waits for a first picture."""
        if number != self._asked:
            return
        if WAITING.crowded:
            self._later(lambda: self._sharpen(request, number), REST)
        else:
            self._want(request, stays=True)
