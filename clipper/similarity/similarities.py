"""The similarities of one query with all images: near enough for colours, exact for whatever is named.

An approximation with a proven bound decides which images to look at; their vectors then decide. So the best
are the best, and an image is within limits if it truly is, whichever way the others were compared. What does
not belong here: where the numbers come from (`similarity/scan.py`).
"""

import threading
from typing import TYPE_CHECKING, Any, Protocol

from clipper.query import Scores

if TYPE_CHECKING:
    import numpy as np

# With more images than this share to look at, it is faster to read the vectors of all, one after the other.
_MANY = 0.05


class Exact(Protocol):
    """Computes similarities from the vectors themselves."""

    def at(self, rows: "np.ndarray") -> "np.ndarray":
        """Return those of some rows: (k,) int64 -> (k,) float32."""

    def all(self) -> "np.ndarray":
        """Return those of all rows: (n,) float32."""


class Similarities:
    """Cosine similarities of a query with n images, by row. Threads may share it.

    Indexing it and making an array of it gives exact ones. `near` is (n,) float32: those that are known at
    once. They differ from the exact ones by `bounds` at most, which is None if they are the exact ones.
    """

    def __init__(
        self, near: "np.ndarray", bounds: "np.ndarray | None" = None, exact: Exact | None = None
    ) -> None:
        """Take what is known; without `bounds` and `exact`, `near` is exact. NaN counts as -1.

        Args:
            near: (n,) float32.
            bounds: (n,) float32, infinite where nothing is known.
            exact: computes exact ones.
        """
        import numpy as np

        self.near = np.nan_to_num(np.asarray(near, np.float32), nan=-1.0)
        self._bounds = np.zeros(1, np.float32) if bounds is None else bounds
        self._source = exact
        self._all: np.ndarray | None = self.near if bounds is None or exact is None else None
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

        rows = None if among is None else np.flatnonzero(among)
        count = len(self) if rows is None else len(rows)
        if k <= 0 or not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found = self._candidates(rows, k) if k < count else np.arange(count)
        candidates = found if rows is None else rows[found]
        values = self[candidates]
        order = np.argsort(-values, kind="stable")[:k]
        return candidates[order], values[order]

    def within(self, low: float | None, high: float | None) -> "np.ndarray":
        """Return which rows' exact similarities are from `low` to `high`, (n,) bool; None: open there."""
        import numpy as np

        if self._all is None:
            unsure = np.zeros(len(self), bool)
            for limit in (low, high):
                if limit is not None:
                    unsure |= np.abs(self.near - np.float32(limit)) <= self._bounds
            rows = np.flatnonzero(unsure)
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
        least, most = self.near - self._bounds, self.near + self._bounds
        low, high = most.min(), least.max()
        return float(self[least <= low].min()), float(self[most >= high].max())

    def _candidates(self, rows: "np.ndarray | None", k: int) -> "np.ndarray":
        """Return the indices, ascending, of those among which the k best surely are."""
        import numpy as np

        if self._all is None:
            near = self.near if rows is None else self.near[rows]
            bounds = self._bounds if rows is None else self._bounds[rows]
            found = np.flatnonzero(near + bounds >= _kth(near - bounds, k))
            if len(found) <= max(_MANY * len(near), 2 * k):
                return found
        values = self.exact() if rows is None else self.exact()[rows]
        return np.flatnonzero(values >= _kth(values, k))

    def _at(self, rows: "np.ndarray") -> "np.ndarray":
        if self._all is None and len(rows) > _MANY * len(self):
            self.exact()
        return _numbers(self._exact.at(rows)) if self._all is None else self._all[rows]

    @property
    def _exact(self) -> Exact:
        if self._source is None:
            raise ValueError("these similarities are exact")
        return self._source


def _numbers(values: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.nan_to_num(np.asarray(values, np.float32), nan=-1.0)


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
