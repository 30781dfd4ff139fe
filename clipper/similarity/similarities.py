"""The similarities of one query with all images: near enough for colours, exact for whatever is named.

An approximation with a proven bound decides which images to look at; their vectors then decide. So the best
are the best, and an image is within limits if it truly is, whichever way the others were compared. What does
not belong here: where the numbers come from (`similarity/scan.py`).
"""

import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from clipper.query import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

# With more images than this share to look at, it is faster to read the vectors of all, one after the other.
_MANY = 0.05
# Similarities are compared in blocks of so many rows. The results of a block fit in the processor's cache. An
# array of millions of rows would not: most of the time would go into new memory for it.
_BLOCK = 1 << 16
# A first pass keeps the largest of so many rows. The k-th largest of these is a floor that the k best reach.
_GROUP = 256
_FEW = 16  # rows of a group: a mask of fewer is not worth the first pass


class Exact(Protocol):
    """Computes similarities from the vectors themselves."""

    def at(self, rows: "np.ndarray") -> "np.ndarray":
        """Return those of some rows: (k,) int64 -> (k,) float32."""

    def all(self) -> "np.ndarray":
        """Return those of all rows: (n,) float32."""


class Similarities:
    """Cosine similarities of a query with n images, by row. Threads may share it.

    Indexing it and making an array of it gives exact ones. `near` is (n,) float32: those that are known at
    once. They differ from the exact ones by `errors` times `scale` at most; if there are no `errors`, they
    are the exact ones.
    """

    def __init__(
        self,
        near: "np.ndarray",
        errors: "np.ndarray | None" = None,
        scale: float = 1.0,
        exact: Exact | None = None,
    ) -> None:
        """Take what is known; without `errors` and `exact`, `near` is exact. NaN counts as -1.

        Args:
            near: (n,) float32; not copied, if it has no NaN.
            errors: (n,) float32, infinite where nothing is known.
            scale: of the errors; one array of them serves all queries.
            exact: computes exact ones.
        """
        import numpy as np

        self.near = _numbers(near)
        self._errors = np.zeros(1, np.float32) if errors is None else errors
        self._scale = np.float32(scale)
        self._source = exact
        self._all: np.ndarray | None = self.near if errors is None or exact is None else None
        self._computing = threading.Lock()

    @classmethod
    def of(cls, values: Scores) -> "Similarities":
        """Return similarities as they are, or make them of exact ones, (n,) float32."""
        import numpy as np

        return values if isinstance(values, Similarities) else cls(np.asarray(values))

    def __len__(self) -> int:
        return len(self.near)

    def __getitem__(self, rows: Any) -> Any:
        """Return exact similarities: of one row, of (k,) rows, of a mask (n,) bool, or of a slice."""
        import numpy as np

        if self._all is not None:
            return self._all[rows]
        chosen = np.asarray(rows) if isinstance(rows, (int, np.ndarray, np.integer)) else None
        if chosen is None or chosen.dtype.kind not in "iu":
            chosen = np.arange(len(self))[rows]
        elif chosen.size and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"a row is outside of the {len(self):,} there are")
        chosen = np.where(chosen < 0, chosen + len(self), chosen)
        return self._at(chosen) if chosen.ndim else self._at(chosen[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray":
        """See `exact`."""
        import numpy as np

        values = self.exact()
        return np.array(values, dtype) if copy else np.asarray(values, dtype)

    def exact(self) -> "np.ndarray":
        """Return all, exact, (n,) float32; computed once, from the vectors of all images."""
        with self._computing:  # a second thread waits for the first one's
            if self._all is None:
                self._all = _numbers(self._exact.all())
        return self._all

    def best(self, k: int, *, among: "np.ndarray | None" = None) -> "tuple[np.ndarray, np.ndarray]":
        """Return the rows of the k largest similarities and these, largest first, equal ones in order.

        Args:
            k: how many.
            among: (n,) bool: the rows that count; None: all.

        Returns:
            (k,) int64, (k,) float32; fewer if there are not so many rows.
        """
        import numpy as np

        count = len(self) if among is None else int(np.count_nonzero(among))
        if k <= 0 or not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if k < count:
            candidates = self._candidates(k, count, among)
        else:
            candidates = np.arange(count) if among is None else np.flatnonzero(among)
        values = self[candidates]
        order = np.argsort(-values, kind="stable")[:k]
        return candidates[order], values[order]

    def within(self, low: float | None, high: float | None) -> "np.ndarray":
        """Return which rows' exact similarities are from `low` to `high`, (n,) bool; None: open there."""
        if self._all is None:
            limits = [limit for limit in (low, high) if limit is not None]
            rows = self._where(partial(self._unsure, limits=limits))
            if len(rows) <= _MANY * len(self):
                found = _between(self.near, low, high)
                found[rows] = _between(self._at(rows), low, high)
                return found
        return _between(self.exact(), low, high)

    def extremes(self) -> tuple[float, float]:
        """Return the smallest and the largest similarity, exact; (0, 0) of none."""
        if not len(self):
            return 0.0, 0.0
        if self._all is not None:
            return float(self._all.min()), float(self._all.max())
        low = min(float(self._most(part).min()) for part in blocks(len(self)))
        high = max(float(self._least(part).max()) for part in blocks(len(self)))
        lowest = self._where(lambda part: self._least(part) <= low)
        highest = self._where(lambda part: self._most(part) >= high)
        return float(self[lowest].min()), float(self[highest].max())

    def _bounds(self, part: "slice | np.ndarray") -> "np.ndarray":
        """Return by how much what is known of some rows differs from the exact similarities at most."""
        bounds: np.ndarray = self._errors[part] * self._scale
        return bounds

    def _least(self, part: "slice | np.ndarray") -> "np.ndarray":
        """Return what the exact similarities of some rows are at least."""
        least: np.ndarray = self.near[part] - self._bounds(part) if self._all is None else self._all[part]
        return least

    def _most(self, part: "slice | np.ndarray") -> "np.ndarray":
        """Return what the exact similarities of some rows are at most."""
        most: np.ndarray = self.near[part] + self._bounds(part) if self._all is None else self._all[part]
        return most

    def _unsure(self, part: slice, limits: "list[float]") -> "np.ndarray":
        """Return for which rows it is not known on which side of a limit they are."""
        import numpy as np

        near, bounds = self.near[part], self._bounds(part)
        unsure = np.zeros(len(near), bool)
        for limit in limits:
            unsure |= np.abs(near - np.float32(limit)) <= bounds
        return unsure

    def _where(self, holds: "Callable[[slice], np.ndarray]") -> "np.ndarray":
        """Return the rows, ascending, for which `holds` is true; it gets a block at a time."""
        import numpy as np

        found = (part.start + np.flatnonzero(holds(part)) for part in blocks(len(self)))
        return np.concatenate([np.empty(0, np.int64), *found])

    def _candidates(self, k: int, count: int, among: "np.ndarray | None") -> "np.ndarray":
        """Return the rows, ascending, among which the k best of `count` surely are."""
        found = self._reaching(k, count, among)
        if self._all is None and len(found) > max(_MANY * count, 2 * k):
            self.exact()
            found = self._reaching(k, count, among)
        return found

    def _reaching(self, k: int, count: int, among: "np.ndarray | None") -> "np.ndarray":
        """Return the rows, ascending, that may be at least what the k-th best is at least."""
        import numpy as np

        if among is not None and count < max(k * _GROUP, len(self) // _GROUP * _FEW):
            rows = np.flatnonzero(among)
        else:
            floor = self._floor(k, among)
            rows = self._where(lambda part: self._most(part) >= floor)
            rows = rows if among is None else rows[among[rows]]
        return rows[self._most(rows) >= _kth(self._least(rows), k)]

    def _floor(self, k: int, among: "np.ndarray | None") -> "np.floating[Any]":
        """Return a number that the k best surely reach."""
        import numpy as np

        def least(part: slice) -> "np.ndarray":
            values = self._least(part)
            return values if among is None else np.where(among[part], values, -np.inf)

        if len(self) < k * _GROUP:  # too few groups; there is no mask then
            return _kth(self._least(slice(None)), k)
        return _kth(np.concatenate([_tops(least(part)) for part in blocks(len(self))]), k)

    def _at(self, rows: "np.ndarray") -> "np.ndarray":
        if self._all is None and len(rows) > _MANY * len(self):
            self.exact()
        return _numbers(self._exact.at(rows)) if self._all is None else self._all[rows]

    @property
    def _exact(self) -> Exact:
        if self._source is None:
            raise ValueError("these similarities are exact")
        return self._source


def blocks(n: int) -> "Iterator[slice]":
    """Divide n rows into blocks that fit into the processor's cache."""
    return (slice(at, min(at + _BLOCK, n)) for at in range(0, n, _BLOCK))


def _numbers(values: "np.ndarray") -> "np.ndarray":
    import numpy as np

    values = np.asarray(values, np.float32)
    # The smallest and the largest are finite if all are, and need no memory for each row
    if not len(values) or (math.isfinite(values.min()) and math.isfinite(values.max())):
        return values
    numbers: np.ndarray = np.nan_to_num(values, nan=-1.0)
    return numbers


def _tops(values: "np.ndarray") -> "np.ndarray":
    """Return the largest of each of some groups of (n,) values, n > 0: (g,) of the same type."""
    import numpy as np

    whole = len(values) // _GROUP * _GROUP
    tops = values[:whole].reshape(-1, _GROUP).max(axis=1)
    return tops if whole == len(values) else np.append(tops, values[whole:].max())


def _kth(values: "np.ndarray", k: int) -> "np.floating[Any]":
    """Return the k-th largest of (n,) values, k of 1..n."""
    import numpy as np

    at = len(values) - k
    kth: np.floating[Any] = np.partition(values, at)[at]
    return kth


def _between(values: "np.ndarray", low: float | None, high: float | None) -> "np.ndarray":
    import numpy as np

    found = np.ones(len(values), bool) if low is None else values >= np.float32(low)
    return found if high is None else found & (values <= np.float32(high))
