"""The clusters of a dataset as the viewer shows them: images in the order they appear, names, a column.

Pure data. What does not belong here: finding and naming clusters (`clipper.insight`), and where a name or an
image appears on the map (`render/overview.py`).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clipper.store.parts.clusters import LEVELS, untitled
from viewer.dataset.columns.colouring import (
    MAX_CATEGORIES,
    MISSING,
    OTHER,
    Colouring,
    LegendEntry,
    free_codes,
)
from viewer.dataset.columns.facets import ValueFacet
from viewer.dataset.geometry.places import Places
from viewer.dataset.geometry.spatial_index import PointIndex

if TYPE_CHECKING:
    from clipper.store.parts.clusters import Clusters

CLUSTER = ":cluster"  # the pseudo-column of the clusters
TITLE, NO_CLUSTER = "Cluster", "In no cluster"
MAX_NAME = 80  # characters of a name; no page shows more


class ClusterMap:
    """The clusters of one dataset, with the names that the page shows. Row c is a cluster."""

    def __init__(self, clusters: "Clusters", names: Sequence[str], index: PointIndex) -> None:
        """Take a name for each cluster, "" for none; missing ones count as ""."""
        self.table = clusters
        self._index = index
        known = [one_line(name) for name in names[: len(clusters)]]
        self.names = [*known, *[""] * (len(clusters) - len(known))]
        self._rows = {int(cluster_id): row for row, cluster_id in enumerate(clusters.ids.tolist())}

    def __len__(self) -> int:
        return len(self.table)

    def renamed(self, names: Sequence[str]) -> "ClusterMap":
        """Return the same clusters with other names; these ones if the names are the same."""
        other = ClusterMap(self.table, names, self._index)
        if other.names == self.names:
            return self
        kept = ("order", "number", "placed", "extents", "column_level", "column_rows")
        other.__dict__.update({name: self.__dict__[name] for name in kept if name in self.__dict__})
        return other

    def at(self, places: Places) -> "ClusterMap":
        """Return the same clusters where their images lie on other places; it is made once."""
        key = "clusters"
        if key not in places.cache:
            places.cache[key] = ClusterMap(self.table, self.names, places.index)
        found: ClusterMap = places.cache[key]
        return found

    def label_of(self, cluster_id: int) -> str:
        """Return the name of a cluster, or its number if it has no name."""
        row = self.row_of(cluster_id)
        return (self.names[row] if row is not None else "") or untitled(cluster_id)

    @cached_property
    def order(self) -> np.ndarray:
        """The sorted positions of all images, (n,) int32: those that appear first on the map are first."""
        rows = np.argsort(self.table.faces, kind="stable")
        return self._index.rank[rows].astype(np.int32)

    @cached_property
    def number(self) -> np.ndarray:
        """The place of each sorted position in `order`, (n,) int32."""
        number = np.empty(len(self.order), np.int32)
        number[self.order] = np.arange(len(self.order), dtype=np.int32)
        return number

    @cached_property
    def placed(self) -> tuple[np.ndarray, np.ndarray]:
        """The map positions x and y, (n,) float32 each, in the order of `order`."""
        return self._index.x[self.order], self._index.y[self.order]

    def row_of(self, cluster_id: int) -> int | None:
        """Return the row of a cluster; None if this version does not have it."""
        return self._rows.get(cluster_id)

    def images_of(self, cluster_id: int) -> np.ndarray:
        """Return the rows (k,) int64 of a cluster's images, ascending; none of an unknown cluster."""
        row = self.row_of(cluster_id)
        if row is None:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.table.members[:, int(self.table.levels[row])] == row)

    def counts(self, kept: np.ndarray | None) -> np.ndarray:
        """Return how many of the rows `kept` (n,) bool are in each cluster, (c,) int64; None: all."""
        if kept is None:
            return self.table.sizes.astype(np.int64)
        members = self.table.members[kept]
        parts = [np.bincount(members[:, level] + 1, minlength=len(self) + 1) for level in range(LEVELS)]
        return np.sum(parts, axis=0)[1:]

    @cached_property
    def extents(self) -> np.ndarray:
        """How far most of each cluster's images reach across or up the map, (c,) float64, in map units."""
        x, y = (axis[self._index.rank].astype(np.float64) for axis in (self._index.x, self._index.y))
        spread = np.zeros(len(self))
        for level in range(LEVELS):
            members = self.table.members[:, level] + 1
            counts = np.maximum(np.bincount(members, minlength=len(self) + 1), 1)
            for axis in (x, y):
                mean = np.bincount(members, axis, minlength=len(self) + 1) / counts
                apart = np.bincount(members, (axis - mean[members]) ** 2, minlength=len(self) + 1) / counts
                spread = np.maximum(spread, np.sqrt(apart[1:]))
        return 2 * spread

    @cached_property
    def column_level(self) -> int:
        """The level that the column shows: the finest whose clusters can all have a colour of their own."""
        counts = [int(np.count_nonzero(self.table.levels == level)) for level in range(LEVELS)]
        fits = [level for level, count in enumerate(counts) if 0 < count <= MAX_CATEGORIES]
        return max(fits, default=0)

    @cached_property
    def column_rows(self) -> np.ndarray:
        """The clusters of the column's level, (k,) int64, the largest first."""
        rows = self.table.rows_at(self.column_level)
        return rows[np.argsort(-self.table.sizes[rows], kind="stable")]

    @cached_property
    def facet(self) -> ValueFacet | None:
        """The column to filter by; None if there are fewer than two clusters."""
        rows = self.column_rows
        if len(rows) < 2:  # noqa: PLR2004 - one value filters nothing
            return None
        code = np.full(len(self) + 1, len(rows), np.int32)  # the last is of images in no cluster
        code[rows] = np.arange(len(rows), dtype=np.int32)
        codes = code[self.table.members[:, self.column_level]]
        return ValueFacet(CLUSTER, self._labels(rows), codes, len(codes), absent=NO_CLUSTER)

    @cached_property
    def colouring(self) -> Colouring:
        """The column as colours. A cluster keeps its own colour as long as its identity."""
        rows, labels = self.column_rows, self._labels(self.column_rows)
        shown = rows[:MAX_CATEGORIES]
        code = np.full(len(self) + 1, OTHER, np.uint8)
        code[-1] = MISSING
        code[shown] = free_codes((self.table.colors[shown] % MAX_CATEGORIES).tolist())
        sizes = self.table.sizes
        entries = [
            LegendEntry(label, int(sizes[row]), int(code[row]))
            for label, row in zip(labels, shown.tolist(), strict=False)
        ]
        if rest := len(rows) - len(shown):
            left = int(sizes[rows[MAX_CATEGORIES:]].sum())
            entries.append(LegendEntry(f"{rest} others", left, OTHER, rest=True))
        members = self.table.members[:, self.column_level]
        if absent := int(np.count_nonzero(members < 0)):
            entries.append(LegendEntry(NO_CLUSTER, absent, MISSING))
        codes = code[members[self._index.order]]
        return Colouring(TITLE, "category", codes, tuple(entries), missing=absent)

    def _labels(self, rows: np.ndarray) -> list[str]:
        """Return a different label for each cluster: its name, or its number."""
        found: dict[str, None] = {}
        for row in rows.tolist():
            name = self.label_of(int(self.table.ids[row]))
            found[name if name not in found else f"{name} ({int(self.table.ids[row])})"] = None
        return list(found)


def one_line(name: str) -> str:
    """Return a name on one line, without what a page cannot show, and cut where it is very long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in name[: 4 * MAX_NAME]).split())
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
