"""Work in a few threads: results in order, the first error is told, and what was not begun never is."""

import threading

import pytest

from clipper.threads import in_threads


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def double(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(30)
        first_may_end.set()
        return 2 * number

    assert in_threads(double, range(20), at_once=3) == [2 * number for number in range(20)]
    assert in_threads(double, []) == []


def test_no_more_threads_are_at_work_than_asked_for():
    at_work, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        threading.Event().wait(0.01)
        with lock:
            at_work -= 1

    in_threads(work, range(12), at_once=2)
    assert most == 2


def test_an_error_ends_work_that_would_take_for_ever_and_begins_no_more():
    begun: list[int] = []
    stopped = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("number 1")
        assert stopped.wait(60)

    with pytest.raises(ValueError, match="number 1"):
        in_threads(work, range(10), at_once=2, stop=stopped.set)
    assert sorted(begun)[:2] == [0, 1]
    assert len(begun) <= 3  # the thread that failed may have taken one more
