"""The render loop of one session: many viewports come in, the latest is drawn, its picture goes out.

A picture is small and soon there; one that stays is sent again, as true as can be and as sharp as the
visitor's screen. While more is wanted than the threads can draw, pictures are coarse. The loop knows neither
figures nor images: what to draw, how to send and where to show it are given.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from viewer.pools import RENDER_POOL

if TYPE_CHECKING:
    from concurrent.futures import Future

Request = TypeVar("Request")
Picture = TypeVar("Picture")
Sent = TypeVar("Sent")

PAGE_SCALE, COARSE_SCALE = 1.0, 0.5  # a picture's pixels for each of the page, in each direction
CROWD_SIZE = 1  # so many pictures that wait for a thread are a crowd
REST_SECONDS = 0.2  # seconds until a picture counts as one that stays

log = logging.getLogger(__name__)


class _Queue:
    """How many pictures of all visitors wait for a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    @property
    def crowded(self) -> bool:
        """Whether so many wait that pictures are better coarse."""
        return self._waiting >= CROWD_SIZE

    def add(self, change: int) -> None:
        """One more (1) or less (-1)."""
        with self._lock:
            self._waiting += change


WAITING = _Queue()


@dataclass(frozen=True)
class _Job(Generic[Request, Picture]):
    """A picture to send: of what, whether it stays, and the picture where there is no need to draw it."""

    number: int
    request: Request
    stays: bool = False
    drawn: Picture | None = None


class RenderLoop(Generic[Request, Picture, Sent]):
    """Draws the latest request; those overtaken while another was drawn are dropped."""

    def __init__(
        self,
        *,
        draw: Callable[[Request, float], Picture],
        encode: Callable[[Picture, bool], Sent],
        show: Callable[[Sent], None],
        schedule: Callable[[Callable[[], None]], object],
        later: Callable[[Callable[[], None], float], object] = lambda call, _seconds: call(),
        screen_scale: Callable[[], float] = lambda: PAGE_SCALE,
    ) -> None:
        """Make a loop that has drawn nothing yet.

        Args:
            draw: makes a picture of a request with so many pixels for each of the page.
            encode: makes of a picture what is sent: as true as can be, or smaller.
            show: takes what is sent; called through `schedule`.
            schedule: calls a function in the session's turn.
            later: the same, after so many seconds.
            screen_scale: how many pixels the visitor's screen has for each of the page.
        """
        self._draw = draw
        self._encode = encode
        self._show = show
        self._schedule = schedule
        self._later = later
        self._screen_scale = screen_scale
        self._wanted: _Job[Request, Picture] | None = None
        self._busy = False
        self._asked = 0

    def ask(self, request: Request) -> None:
        """Want this picture instead of any that was wanted before."""
        self._want(_Job(self._asked + 1, request))

    def _want(self, job: _Job[Request, Picture]) -> None:
        self._asked = job.number
        self._wanted = job
        if not self._busy:
            self._start()

    def _start(self) -> None:
        if self._wanted is None:
            return
        job, self._wanted = self._wanted, None
        self._busy, screen_scale = True, self._screen_scale()
        WAITING.add(1)
        future = RENDER_POOL.submit(self._made, job, screen_scale if job.stays else PAGE_SCALE)
        future.add_done_callback(lambda done: self._schedule(lambda: self._finish(job, done, screen_scale)))

    def _made(self, job: _Job[Request, Picture], scale: float) -> tuple[Picture, Sent, float]:
        """A picture, what is sent of it, and how fine it is: in a crowd half as fine as it might be."""
        WAITING.add(-1)
        if job.drawn is not None:
            return job.drawn, self._encode(job.drawn, True), scale
        if WAITING.crowded:
            scale = min(PAGE_SCALE, scale * COARSE_SCALE)
        picture = self._draw(job.request, scale)
        return picture, self._encode(picture, job.stays), scale

    def _finish(
        self, job: _Job[Request, Picture], done: "Future[tuple[Picture, Sent, float]]", screen_scale: float
    ) -> None:
        self._busy = False
        error = done.exception()
        if error is not None:
            log.error("a picture of the map could not be drawn", exc_info=error)
        else:
            picture, sent, scale = done.result()
            overtaken, fine = job.number != self._asked, scale >= screen_scale
            if not (job.stays and overtaken):  # else the next one had to wait for it
                self._show(sent)
            if not overtaken and not (job.stays and fine):
                better = replace(job, stays=True, drawn=picture if fine else None)
                self._later(lambda: self._improve(better), REST_SECONDS)
        self._start()

    def _improve(self, job: _Job[Request, Picture]) -> None:
        """Send what is still in view once more, when nobody waits for a first picture."""
        if job.number != self._asked:
            return
        if WAITING.crowded:
            self._later(
                lambda: self._improve(replace(job, drawn=None)), REST_SECONDS
            )  # memory is short in a crowd
        else:
            self._want(job)
