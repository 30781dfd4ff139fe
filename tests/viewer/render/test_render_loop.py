"""The render loop: what is drawn while many want pictures, and what once somebody looks at one in peace."""

import threading
import time
from collections.abc import Callable

import pytest

from viewer.pools import RENDER_POOL
from viewer.render.render_loop import COARSE_SCALE, CROWD_SIZE, PAGE_SCALE, REST_SECONDS, WAITING, RenderLoop

PATIENCE = 120  # seconds: a busy machine is no failure


def crowd_is_gone() -> None:
    """Wait until no picture waits: one that a thread has taken counts until it begins."""
    ends = time.monotonic() + PATIENCE
    while WAITING.crowded:
        assert time.monotonic() < ends
        time.sleep(0.01)


class Session:
    """A loop whose turns come when `turn` is called; remembers what was drawn and shown."""

    def __init__(self, *, screen_scale: float = PAGE_SCALE) -> None:
        self.drawn: list[tuple[str, float]] = []
        self.shown: list[str] = []
        self.failures = 0
        self.later: list[tuple[Callable[[], None], float]] = []
        self._turns: list[Callable[[], None]] = []
        self._turn = threading.Event()
        self.loop: RenderLoop[str, str, str] = RenderLoop(
            draw=self._draw,
            encode=lambda picture, fine: f"{picture}, fine" if fine else picture,
            show=self.shown.append,
            fail=self._fail,
            schedule=self._schedule,
            later=lambda call, seconds: self.later.append((call, seconds)),
            screen_scale=lambda: screen_scale,
        )

    def _draw(self, request: str, scale: float) -> str:
        self.drawn.append((request, scale))
        return f"{request} at {scale:g}"

    def _fail(self) -> None:
        self.failures += 1

    def _schedule(self, call: Callable[[], None]) -> None:
        self._turns.append(call)
        self._turn.set()

    def turn(self) -> None:
        """Wait for a picture, and take it."""
        assert self._turn.wait(PATIENCE)
        self._turn.clear()
        self._turns.pop()()

    def rest(self) -> None:
        """Let the time pass after which a picture counts as one that stays."""
        call, seconds = self.later.pop()
        assert seconds == REST_SECONDS
        call()


@pytest.fixture
def crowd() -> "Crowd":
    return Crowd()


class Crowd:
    """Others, whose pictures keep all threads busy and wait for them; gone at the end."""

    def __enter__(self) -> None:
        self._go = threading.Event()
        self._others: list[RenderLoop[str, bool, bool]] = []
        for number in range(RENDER_POOL._max_workers + CROWD_SIZE + 1):
            other: RenderLoop[str, bool, bool] = RenderLoop(
                draw=lambda _request, _scale: self._go.wait(PATIENCE),
                encode=lambda picture, _fine: picture,
                show=lambda _picture: None,
                fail=lambda: None,
                schedule=lambda _call: None,
            )
            other.ask(str(number))
            self._others.append(other)

    def go(self) -> None:
        self._go.set()

    def __exit__(self, *_error: object) -> None:
        self.go()


def test_a_visitor_alone_gets_a_quick_picture_then_a_fine_one_and_nothing_is_drawn_twice() -> None:
    session = Session()
    session.loop.ask("a view")
    session.turn()
    session.rest()
    session.turn()
    assert session.drawn == [("a view", PAGE_SCALE)]
    assert session.shown == ["a view at 1", "a view at 1, fine"]
    assert not session.later


def test_what_is_overtaken_while_another_is_drawn_is_never_drawn() -> None:
    session = Session()
    for view in ("first", "second", "third"):
        session.loop.ask(view)
    session.turn()
    session.turn()
    assert session.drawn == [("first", PAGE_SCALE), ("third", PAGE_SCALE)]


def test_in_a_crowd_pictures_are_coarse_and_what_stays_is_drawn_again(crowd: Crowd) -> None:
    session, is_drawn = Session(), threading.Event()
    with crowd:
        session.loop.ask("a view")
        # Who came later still waits when this one has its turn: the other threads are kept busy.
        for number in range(RENDER_POOL._max_workers - 1 + CROWD_SIZE):
            late = Session()
            late.loop._draw = lambda _request, _scale: str(is_drawn.wait(PATIENCE))
            late.loop.ask(str(number))
        crowd.go()
        session.turn()
        is_drawn.set()
    assert session.drawn == [("a view", COARSE_SCALE)]
    crowd_is_gone()
    session.rest()
    session.turn()
    assert session.shown == ["a view at 0.5", "a view at 1, fine"]
    assert not session.later


def test_what_stays_is_not_sharpened_while_others_wait_for_a_first_picture(crowd: Crowd) -> None:
    session = Session(screen_scale=2.0)
    session.loop.ask("a view")
    session.turn()
    with crowd:
        session.rest()
        assert len(session.later) == 1
    crowd_is_gone()
    session.rest()
    session.turn()
    assert session.drawn == [("a view", PAGE_SCALE), ("a view", 2.0)]


def test_a_picture_that_stays_is_as_sharp_as_the_screen_and_one_that_is_left_is_not_drawn_again() -> None:
    session = Session(screen_scale=2.0)
    session.loop.ask("passed by")
    session.turn()
    session.loop.ask("looked at")
    session.turn()
    session.later.pop(0)[0]()  # the first has been left
    session.rest()
    session.turn()
    assert session.drawn == [("passed by", PAGE_SCALE), ("looked at", PAGE_SCALE), ("looked at", 2.0)]
    assert not session.later


def test_an_error_is_logged_and_told_and_the_next_picture_is_drawn(caplog: pytest.LogCaptureFixture) -> None:
    session = Session()
    session.loop._draw = lambda _request, _scale: 1 // 0  # type: ignore[assignment,return-value]
    session.loop.ask("broken")
    session.turn()
    assert "could not be drawn" in caplog.text
    assert session.failures == 1
    session.loop._draw = session._draw
    session.loop.ask("whole")
    session.turn()
    assert session.shown == ["whole at 1"]
