"""Linear algebra runs on one thread while anybody in the process needs that, then on all of them."""

import threading

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from clipper.projection.search.blocks import one_blas_thread


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_of_two_threads_that_overlap_neither_gives_the_other_more_nor_leaves_the_limit_behind():
    begun, goes_on = threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def second() -> None:
        with one_blas_thread():
            begun.set()
            goes_on.wait(60)
            seen.append(blas_threads())

    with threadpool_limits(2, user_api="blas"):
        assert np.eye(2).dot(np.eye(2)).trace() == 2
        with one_blas_thread():
            thread = threading.Thread(target=second)
            thread.start()
            assert begun.wait(60)
        goes_on.set()
        thread.join()
        assert seen == [{1}]
        assert blas_threads() == {2}
