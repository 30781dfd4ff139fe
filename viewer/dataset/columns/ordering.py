"""The order of images in a list: sorted by a column, and in groups of a column's values.

Pure: facets and arrays in, arrays out. What does not belong here: which images are listed
(`session/workers/listing.py`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow.compute as pc

from clipper.query import Scores
from viewer.dataset.columns.facets import Facet, ScaleFacet, TextFacet, ValueFacet

FEW = 16  # fewer than one row in so many are sorted by themselves, others picked from all of them in order


@dataclass(frozen=True)
class SortKey:
    """What sorts rows: `values` (n,) float, NaN if missing; `facet` writes them. None: they say nothing.

    The values may be int64, and `missing` (n,) bool then tells which are.
    """

    values: np.ndarray
    facet: Facet | None = None
    missing: np.ndarray | None = None

    @cached_property
    def _orders(self) -> dict[bool, np.ndarray]:
        return {}  # by whether they ascend

    def order(self, *, ascending: bool) -> np.ndarray:
        """Return all rows in order, (n,) int64, read only. The first call may take seconds."""
        if ascending not in self._orders:
            rows = self._sorted(np.arange(len(self.values)), ascending=ascending)
            rows.setflags(write=False)
            self._orders[ascending] = rows
        return self._orders[ascending]

    def is_apart(self, count: int) -> bool:
        """Whether so many rows are sorted by themselves, not picked from all rows in order."""
        return count * FEW < len(self.values)

    def sorted(self, rows: np.ndarray, *, ascending: bool) -> np.ndarray:
        """Sort rows (k,) int64, which ascend, as `order_rows` does. The array may be shared: read it only."""
        if self.is_apart(len(rows)):
            return self._sorted(rows, ascending=ascending)
        every = self.order(ascending=ascending)
        if len(rows) == len(every):
            return every
        wanted = np.zeros(len(every), bool)
        wanted[rows] = True
        return every[wanted[every]]

    def _sorted(self, rows: np.ndarray, *, ascending: bool) -> np.ndarray:
        rows = order_rows(rows, values=self.values, ascending=ascending)
        if self.missing is None:
            return rows
        absent = self.missing[rows]
        return np.concatenate([rows[~absent], rows[absent]])

    def text_of(self, row: int) -> str:
        """Write the value of a row; "" if it is missing, or says nothing."""
        facet = self.facet
        if isinstance(facet, ScaleFacet):
            return facet.text_of(row)
        if isinstance(facet, ValueFacet):
            code = first_codes(facet)[row]
            return facet.labels[code] if code < len(facet.labels) else ""
        return ""  # the texts of images differ, and their cards name them


def sort_key(facet: Facet) -> SortKey:
    """Return what sorts rows by a column: numbers and times by value, values and texts by the alphabet."""
    if isinstance(facet, ScaleFacet):
        return SortKey(facet.values, facet, facet.absent)
    if isinstance(facet, ValueFacet):
        rank = np.full(len(facet.labels) + 1, np.nan)
        rank[np.argsort(np.array([label.casefold() for label in facet.labels], object), kind="stable")] = (
            np.arange(len(facet.labels))
        )
        return SortKey(rank[first_codes(facet)], facet)
    if isinstance(facet, TextFacet):
        ranks = np.asarray(pc.rank(pc.utf8_lower(facet.text), tiebreaker="dense").to_numpy(), np.float64)
        return SortKey(np.where(facet.missing, np.nan, ranks), facet)
    raise TypeError(f"images cannot be sorted by a facet of the kind {facet.kind!r}")


def first_codes(facet: ValueFacet) -> np.ndarray:
    """Return the code of each row's value, (n,): of several the commonest; `len(labels)` without one."""
    if facet.rows is None:
        return facet.codes
    known: np.ndarray | None = facet.__dict__.get("first_codes")
    if known is None:
        known = np.full(facet.n, len(facet.labels), facet.codes.dtype)
        np.minimum.at(known, facet.rows, facet.codes)
        facet.__dict__["first_codes"] = known
    return known


def order_rows(
    rows: np.ndarray,
    *,
    values: Scores | None,
    ascending: bool = False,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Sort rows (k,) int64 by value, in groups by code.

    Args:
        rows: the rows, in the order that equal ones keep.
        values: of all n rows, float, of which NaN comes last, or int64. None: they stay in order.
        ascending: whether the smallest value comes first.
        groups: the code of each row's group, (n,); groups come by code. None: no groups.
    """
    if values is not None:
        found = np.asarray(values[rows])
        # The complement reverses the order of integers, and no integer is without one, as -2**63 is negated.
        falling = ~found if found.dtype == np.int64 else -found
        rows = rows[np.argsort(found if ascending else falling, kind="stable")]
    return rows if groups is None else rows[np.argsort(groups[rows], kind="stable")]


def order_listed(
    rows: np.ndarray,
    *,
    sort: SortKey | None,
    ascending: bool,
    similarities: Scores | None,
    mixture: SortKey | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Sort rows (k,) int64 as a list shows them. The array may be shared: read it only.

    Args:
        rows: the rows, ascending.
        sort: what sorts them. None: the most similar come first, or without a query a mixture.
        ascending: whether the smallest values of `sort` come first.
        similarities: of all images to the query; None without a query.
        mixture: what sorts them as a mixture, the smallest values first. None: they stay in their order.
        groups: as in `order_rows`.
    """
    if sort is not None:
        rows = sort.sorted(rows, ascending=ascending)
    elif similarities is not None:
        rows = order_rows(rows, values=similarities)
    elif mixture is not None:
        rows = mixture.sorted(rows, ascending=True)
    return order_rows(rows, values=None, groups=groups)
