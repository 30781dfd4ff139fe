"""The render loop of one session: it draws the latest of many requests and sends the picture.

The first picture is small and fast. If the view stays, the picture is sent again in full quality and at the
screen's resolution. When the threads cannot keep up, pictures are coarse. What does not belong here: figures
and images, as the caller passes what draws, encodes and shows a picture.
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

PAGE_SCALE, COARSE_SCALE = 1.0, 0.5  # a picture's pixels for one of the page, in each direction
CROWD_SIZE = 1  # with so many pictures waiting for a thread, the next ones are coarse
REST_SECONDS = 0.2  # until a view counts as one that stays

log = logging.getLogger(__name__)


class _Queue:
    """Counts the pictures of all visitors that wait for a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    @property
    def crowded(self) -> bool:
        """Whether so many wait that pictures should be coarse."""
        return self._waiting >= CROWD_SIZE

    def add(self, change: int) -> None:
        """Count one more (1) or one less (-1)."""
        with self._lock:
            self._waiting += change


WAITING = _Queue()


@dataclass(frozen=True)
class _Job(Generic[Request, Picture]):
    """A picture to send: its request, whether the view stays, and the picture if it is drawn already."""

    number: int
    request: Request
    stays: bool = False
    drawn: Picture | None = None


class RenderLoop(Generic[Request, Picture, Sent]):
    """Draws the latest request and drops those that were overtaken meanwhile."""

    def __init__(
        self,
        *,
        draw: Callable[[Request, float], Picture],
        encode: Callable[[Picture, bool], Sent],
        show: Callable[[Sent], None],
        fail: Callable[[], None],
        schedule: Callable[[Callable[[], None]], object],
        later: Callable[[Callable[[], None], float], object] = lambda call, _seconds: call(),
        screen_scale: Callable[[], float] = lambda: PAGE_SCALE,
    ) -> None:
        """Make a loop that has drawn nothing yet.

        Args:
            draw: draws a request with so many pixels for one of the page.
            encode: encodes a picture in full quality (True), or smaller (False).
            show: shows an encoded picture; called through `schedule`.
            fail: says that a picture could not be drawn; called through `schedule`.
            schedule: calls a function under the session's lock.
            later: the same, after some seconds.
            screen_scale: returns how many pixels the visitor's screen has for one of the page.
        """
        self._draw = draw
        self._encode = encode
        self._show = show
        self._fail = fail
        self._schedule = schedule
        self._later = later
        self._screen_scale = screen_scale
        self._wanted: _Job[Request, Picture] | None = None
        self._busy = False
        self._asked = 0

    def ask(self, request: Request) -> None:
        """Request a picture instead of any that was requested before."""
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
        """Return a picture, its encoded form and its scale, which is halved in a crowd."""
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
            self._fail()
        else:
            picture, sent, scale = done.result()
            overtaken, fine = job.number != self._asked, scale >= screen_scale
            if not (job.stays and overtaken):  # otherwise the next picture had to wait for it
                self._show(sent)
            if not overtaken and not (job.stays and fine):
                better = replace(job, stays=True, drawn=picture if fine else None)
                self._later(lambda: self._improve(better), REST_SECONDS)
        self._start()

    def _improve(self, job: _Job[Request, Picture]) -> None:
        """Send the picture in view again in full quality, once nobody waits for a first picture."""
        if job.number != self._asked:
            return
        if WAITING.crowded:
            self._later(
                lambda: self._improve(replace(job, drawn=None)), REST_SECONDS
            )  # keep no picture: memory is short in a crowd
        else:
            self._want(job)
