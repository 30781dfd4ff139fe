"""Work in blocks that give the same bits on any number of threads or machines, and the nearest of a block.

What does not belong here: which blocks there are (`cells.py`, `projection/neighbors.py`), and the machines
(`indexing/cluster/blocks.py`).
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np
    from threadpoolctl import threadpool_limits

BLOCK = 1_024
_SUMMED = 8_192  # vectors added up at a time

# Seconds that a core takes to compare two vectors: for each dimension, and to choose the nearest.
SECONDS_OF_DIMENSION, SECONDS_OF_PAIR = 4e-11, 8e-9


class Vectors(Protocol):
    """Rows of vectors, L2-normalised: an array, (n, d) float32, or vectors that are read from disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of vectors, and of dimensions."""
        ...

    def __len__(self) -> int:
        """The number of vectors."""
        ...

    def __getitem__(self, rows: "np.ndarray | slice", /) -> "np.ndarray":
        """Read some rows, by (k,) int, by (n,) bool or by a slice: (k, d) float32."""
        ...


class Selection:
    """Some rows of vectors, in an order of their own, that are read when they are asked for."""

    def __init__(self, vectors: Vectors, rows: "np.ndarray") -> None:
        """Select `rows` of the vectors, (m,) int."""
        self.vectors, self.rows = vectors, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and of dimensions."""
        return len(self.rows), self.vectors.shape[1]

    def __getitem__(self, rows: "np.ndarray | slice") -> "np.ndarray":
        """Read some of the rows: (k, d) float32."""
        return self.vectors[self.rows[rows]]


# Computes one block: it gets the inputs by name, the number of the block, and which rows of the outputs it
# has; it returns these rows of each. It must be a function of a module, for other machines to find it.
Kernel = Callable[[Mapping[str, Any], int, slice], "tuple[np.ndarray, ...]"]


@dataclass(frozen=True)
class Blocks:
    """Work that is done block by block.

    `inputs` has vectors, arrays and single values by name. `starts`, (b + 1,) int64, has the first row of
    each block in the outputs, and the end. `seconds` is about what all of it takes one core.
    """

    kernel: Kernel
    inputs: Mapping[str, Any]
    starts: "np.ndarray"
    seconds: float

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, number: int) -> slice:
        """Return the rows of a block in the output."""
        return slice(int(self.starts[number]), int(self.starts[number + 1]))

    def compute(self, number: int) -> "tuple[np.ndarray, ...]":
        """Compute one block."""
        return self.kernel(self.inputs, number, self.rows(number))


class Output(Protocol):
    """Where the rows of blocks go: an array, or what keeps blocks of any number of rows apart."""

    def __setitem__(self, rows: slice, block: "np.ndarray", /) -> None:
        """Take the rows of one block, or of some that follow each other."""


# Fills the outputs on other machines; it returns False if it leaves that to this one.
Elsewhere = Callable[[Blocks, Sequence[Output]], bool]
_elsewhere: "ContextVar[Elsewhere | None]" = ContextVar("elsewhere", default=None)


@contextmanager
def computed_by(elsewhere: Elsewhere) -> Iterator[None]:
    """Offer all blocks that this thread has computed in the `with` block to other machines."""
    token = _elsewhere.set(elsewhere)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def compute_blocks(blocks: Blocks, *outputs: Output) -> None:
    """Compute all blocks and write them to the outputs, whose rows are those of `blocks`."""
    elsewhere = _elsewhere.get()
    if elsewhere is not None and elsewhere(blocks, outputs):
        return

    def fill(number: int) -> None:
        for output, rows in zip(outputs, blocks.compute(number), strict=True):
            output[blocks.rows(number)] = rows

    with one_blas_thread():
        in_threads(fill, range(len(blocks)))


def starts_of(count: int, size: int) -> "np.ndarray":
    """Return the starts of blocks of `size` rows, and the end: (b + 1,) int64."""
    import numpy as np

    return np.append(np.arange(0, count, size), count)


def comparing_seconds(pairs: int, dimensions: int) -> float:
    """Return about how many seconds a core takes to compare so many pairs of vectors."""
    return pairs * (SECONDS_OF_PAIR + SECONDS_OF_DIMENSION * dimensions)


def mean_of(vectors: Vectors) -> "np.ndarray":
    """Return the mean of vectors, (d,) float32, summed in float64; they are read in blocks."""
    import numpy as np

    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), _SUMMED):
        total += vectors[start : start + _SUMMED].sum(axis=0, dtype=np.float64)
    return (total / max(len(vectors), 1)).astype(np.float32)


class _OneBlasThread:
    """Limits the libraries of linear algebra while any thread of this process wants that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: list[threadpool_limits] = []  # each knows what it found

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            self._limits.append(threadpool_limits(1, user_api="blas"))
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
            _give_up_control()
            while self._limits:
                self._limits.pop().restore_original_limits()
            _give_up_control()


def _give_up_control() -> None:
    """Let any thread set the limits: since 3.8 threadpoolctl ignores all but the first one that did."""
    from threadpoolctl import OpenBLASController

    if give_up := getattr(OpenBLASController, "clear_controlling_thread", None):
        give_up(force=True)


_one_blas_thread = _OneBlasThread()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run linear algebra on one thread: the order of its sums, and so every bit, is always the same.

    It affects only libraries that are loaded by then: import them first. The limit holds for the process, so
    it goes when the last of the threads leaves that asked for it.
    """
    _one_blas_thread.enter()
    try:
        yield
    finally:
        _one_blas_thread.leave()


def select_nearest(apart: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return the columns of each row's k least distances, (b, k), and the distances, nearest first."""
    import numpy as np

    near = np.argpartition(apart, k - 1, axis=1)[:, :k]
    far = np.take_along_axis(apart, near, axis=1)
    order = np.argsort(far, axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(far, order, axis=1)


def distances_between(vectors: "np.ndarray", others: "np.ndarray", room: "np.ndarray") -> "np.ndarray":
    """Return cosine distances, (b, c) float32, which lie in `room`.

    Args:
        vectors: (b, d) float32, rows L2-normalised.
        others: (c, d) float32, rows L2-normalised.
        room: (b, c) float32 or more of each, C-contiguous: memory that is used again costs no new pages.
    """
    import numpy as np

    apart = room.reshape(-1)[: len(vectors) * len(others)].reshape(len(vectors), len(others))
    np.matmul(vectors, others.T, out=apart)
    np.subtract(1.0, apart, out=apart)
    return apart


def leave_out(apart: "np.ndarray", columns: "np.ndarray") -> None:
    """Make one distance of each row infinite, in place: `columns` (b,) int, none where there is no such."""
    import numpy as np

    itself = np.flatnonzero((columns >= 0) & (columns < apart.shape[1]))
    apart[itself, columns[itself]] = np.inf
