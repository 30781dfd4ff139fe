"""Compares queries with all vectors: by the int8 copy where there is one, else by the vectors themselves.

Queries that wait at the same time are compared together, so that ten people's searches read the vectors once.
What does not belong here: files (`similarity/codes.py`), and what a result is used for.
"""

import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from clipper.similarity.codes import Pack
from clipper.similarity.similarities import Similarities

if TYPE_CHECKING:
    import numpy as np

    from clipper.store.embeddings import MappedVectors

MOST_TOGETHER = 16  # queries that are compared at once ...
_MOST_CELLS = 1 << 26  # ... and similarities: 256 MB, twice while they are put in order
_MAX_THREADS = 4
# The first query of a process that compares with fewer numbers, 2 GB of them, reads the vectors themselves:
# to load the compiler takes longer, and a command asks once.
_LOADING_CELLS = 1 << 29
_ROWS_A_TASK = 1 << 17  # 67 MB at 512 dimensions: a few milliseconds
# Rounding of a float32 sum of d products, for each dimension (Higham 2002, section 3.1): each of the three
# sums, of code, center and vector, is off by at most d / 2^24 times the lengths, which are near 1.
_ROUNDING = 2.0**-21


class _Span(NamedTuple):
    """Rows of one pack, and where they come among all rows of the packs and of the shards without one."""

    pack: Pack
    first: int
    last: int
    at: int


class Scan:
    """The vectors of an atlas, to compare with queries. Threads share it."""

    def __init__(self, stored: "MappedVectors", packs: Sequence[Pack] = ()) -> None:
        """Find the codes of each vector.

        Args:
            stored: (n, d) float32, rows L2-normalised.
            packs: those of the vectors' folder; a shard that none covers is compared as it is.
        """
        self._stored = stored
        self._ask = Together(self._compare, most=self._most_together())
        self._spans: list[_Span] = []
        self._loose: list[tuple[np.ndarray, int]] = []  # shards without codes, and where they come
        fitting = [pack for pack in packs if pack.codes.shape[1] == stored.dimensions]
        self._coded = bool(fitting) and self._lay_out(fitting)
        few = len(stored) * stored.dimensions < _LOADING_CELLS
        self._loaded = "numba" in sys.modules or not few
        if self._coded:
            self._threads = ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS), "scan")

    @property
    def coded(self) -> bool:
        """Whether there is an int8 copy of some of the vectors."""
        return self._coded

    def load(self) -> None:
        """Load what the first comparison by codes would wait for."""
        import numpy as np

        if self._coded:
            self._loaded = True
            self._compare(np.zeros((1, self._stored.dimensions), np.float32))

    def similarities(self, vector: "np.ndarray") -> Similarities:
        """Compare a (d,) float32 vector with all images.

        It waits for other queries' comparison to end, and is then compared together with all that wait.
        """
        import numpy as np

        vector = np.ascontiguousarray(vector, np.float32)
        exact = _Exact(self._stored, vector)
        length = float(np.linalg.norm(vector))
        if not self._coded or not self._loaded or not math.isfinite(length):
            self._loaded = True
            return Similarities(exact.all())
        return Similarities(self._ask(vector), self._errors, length, exact)

    def _most_together(self) -> int:
        return max(1, min(MOST_TOGETHER, _MOST_CELLS // max(len(self._stored), 1)))

    def _lay_out(self, packs: Sequence[Pack]) -> bool:
        """Order the rows by packs, then the shards without one; return whether any vector has a code."""
        import numpy as np

        blocks = self._stored.blocks()
        number = {name: index for index, (name, _) in enumerate(blocks)}
        starts = np.full(len(blocks), -1, np.int64)
        at = 0
        for pack in packs:
            numbers = [number.get(name, -1) for name in pack.shards]
            lengths = [len(blocks[index][1]) if index >= 0 else -1 for index in numbers]
            if lengths != [*pack.shards.values()] or (starts[numbers] >= 0).any():
                continue  # a shard is gone, or another pack has it too
            starts[numbers] = at + np.cumsum([0, *lengths[:-1]])
            self._spans += [
                _Span(pack, begin, min(begin + _ROWS_A_TASK, len(pack)), at + begin)
                for begin in range(0, len(pack), _ROWS_A_TASK)
            ]
            at += len(pack)
        if not self._spans:
            return False
        block, inside = self._stored.places()
        rest = np.flatnonzero((starts < 0) & (np.bincount(block, minlength=len(blocks)) > 0))
        for index in rest.tolist():  # not those of a run that goes on meanwhile: no row lies in them
            self._loose.append((blocks[index][1], at))
            starts[index] = at
            at += len(blocks[index][1])
        self._places = starts[block] + inside
        self._ordered = len(self._places) == at and bool((np.diff(self._places) == 1).all())
        self._length = at
        errors = np.zeros(at, np.float32)
        for span in self._spans:
            part = slice(span.at, span.at + span.last - span.first)
            errors[part] = span.pack.errors[span.first : span.last]
        self._errors = errors[self._places] + np.float32(_ROUNDING * self._stored.dimensions)
        return True

    def _compare(self, vectors: "np.ndarray") -> "list[np.ndarray]":
        """Return the similarities of (q, d) vectors with all images, near the exact ones: q of (n,) float32.

        Each is an array of its own: its reader may keep it longer than the others keep theirs.
        """
        import numpy as np

        out = np.empty((len(vectors), self._length), np.float32)
        prepared: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for span in self._spans:
            if (key := str(span.pack.path)) not in prepared:
                prepared[key] = (vectors * span.pack.spread, vectors @ span.pack.center)
        list(self._threads.map(partial(_scan_span, prepared=prepared, out=out), self._spans))
        for shard, at in self._loose:
            out[:, at : at + len(shard)] = vectors @ shard.T
        if self._ordered:
            return [row.copy() for row in out] if len(out) > 1 else [out[0]]
        found = [np.empty(len(self._places), np.float32) for _ in out]
        parts = [slice(at, at + _ROWS_A_TASK) for at in range(0, len(self._places), _ROWS_A_TASK)]

        def put(part: slice) -> None:
            for row, values in zip(out, found, strict=True):
                np.take(row, self._places[part], out=values[part], mode="clip")  # without a buffer

        list(self._threads.map(put, parts))
        return found


def _scan_span(
    span: _Span, *, prepared: "dict[str, tuple[np.ndarray, np.ndarray]]", out: "np.ndarray"
) -> None:
    from clipper.similarity import scan_kernels

    queries, offsets = prepared[str(span.pack.path)]
    codes, scales = span.pack.codes[span.first : span.last], span.pack.scales[span.first : span.last]
    scan_kernels.scan(codes, scales, queries, offsets, out[:, span.at : span.at + len(codes)])


class _Exact:
    """Exact similarities of one query; a row's is the same number, whichever other rows are asked for."""

    def __init__(self, stored: "MappedVectors", vector: "np.ndarray") -> None:
        self._stored, self._vector = stored, vector

    def at(self, rows: "np.ndarray") -> "np.ndarray":
        """See `similarities.Exact`."""
        return self._stored.dot_rows(rows, self._vector)

    def all(self) -> "np.ndarray":
        """See `similarities.Exact`."""
        return self._stored.dot(self._vector)


class Together:
    """Calls a function once for all that ask while it is busy with others."""

    def __init__(self, function: "Callable[[np.ndarray], Sequence[np.ndarray]]", *, most: int) -> None:
        """Take a function of (q, d) arrays that returns q results, and how many it gets at most."""
        self._function, self._most = function, most
        self._waiting: list[tuple[np.ndarray, Future[np.ndarray]]] = []
        self._busy = threading.Lock()

    def __call__(self, vector: "np.ndarray") -> "np.ndarray":
        """Return the function's result for a (d,) array; raises what it raises."""
        mine: Future[np.ndarray] = Future()
        self._waiting.append((vector, mine))
        with self._busy:  # whoever comes first works for all that wait by then
            while not mine.done():
                batch = self._waiting[: self._most]
                del self._waiting[: len(batch)]  # whoever asks meanwhile stands behind them
                self._work(batch)
        return mine.result()

    def _work(self, batch: "list[tuple[np.ndarray, Future[np.ndarray]]]") -> None:
        import numpy as np

        try:
            found = self._function(np.stack([vector for vector, _ in batch]))
        except BaseException as error:  # noqa: BLE001 - each of those who wait raises it
            for _, asked in batch:
                asked.set_exception(error)
            return
        for (_, asked), values in zip(batch, found, strict=True):
            asked.set_result(values)
