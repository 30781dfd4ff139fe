"""Work in a few threads gives its results in order. After the first error, no more work begins."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clipper import threads
from clipper.threads import StoppedError, in_threads


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def double(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(30)
        first_may_end.set()
        return 2 * number

    assert in_threads(double, range(20), at_once=3) == [2 * number for number in range(20)]
    assert in_threads(double, []) == []


def test_as_many_threads_are_at_work_as_asked_for():
    at_work, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work(_: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        both.wait(60)
        with lock:
            at_work -= 1

    in_threads(work, range(12), at_once=2)
    assert most == 2


def test_after_an_error_nothing_is_begun_and_what_would_take_for_ever_is_ended():
    begun: list[int] = []
    both, stopped = threading.Barrier(2), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        both.wait(60)
        if number == 1:
            raise ValueError("number 1")
        assert stopped.wait(60)
        raise StoppedError

    with pytest.raises(ValueError, match="number 1"):
        in_threads(work, range(10), at_once=2, stop=stopped.set)
    assert sorted(begun) == [0, 1]


@pytest.mark.parametrize("moment", ["while all wait", "while they are begun"])
def test_an_interrupt_ends_all(monkeypatch: pytest.MonkeyPatch, moment: str):
    begun: list[int] = []
    stopped = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        assert stopped.wait(60)
        raise StoppedError

    def items() -> Iterator[int]:
        yield from range(10)

    def interrupted(*_: object) -> None:
        while len(begun) < 2:
            time.sleep(0.001)
        raise KeyboardInterrupt

    if moment == "while all wait":
        monkeypatch.setattr(threads._Each, "wait", interrupted)
    else:
        submit = ThreadPoolExecutor.submit
        monkeypatch.setattr(
            ThreadPoolExecutor,
            "submit",
            lambda pool, call, item: interrupted() if item == 5 else submit(pool, call, item),
        )
    with pytest.raises(KeyboardInterrupt):
        in_threads(work, items(), at_once=2, stop=stopped.set)
    assert sorted(begun) == [0, 1]
