"""The changes between two versions of a dataset, as a visitor sees them: images, metadata, the map.

Pure: two atlases in, ids out. What does not belong here: comparing the images themselves
(`clipper/store/manifest.py`), and describing changes (`components/page/change_notice.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from clipper.store.manifest import Changes, compare

if TYPE_CHECKING:
    import pyarrow as pa

    from viewer.dataset.atlas_reader import AtlasReader

MOVED_SHARE = 0.1  # if more of the unchanged images than this have moved, the map was laid out again


@dataclass(frozen=True)
class DatasetChanges(Changes):
    """The changes of images, and those of what a map shows of them.

    `edited` are images in both versions that have other metadata; `map_relaid` means that the map was laid
    out again.
    """

    edited: frozenset[str] = frozenset()
    map_relaid: bool = False

    @property
    def notable(self) -> list[str]:
        """The images to show to a visitor: added and changed ones; if there are none, edited ones."""
        return [*self.added, *self.changed] or sorted(self.edited)

    def followed_by(self, later: Self) -> "DatasetChanges":
        """Join these changes and later ones into one step."""
        images = self.then(later)
        edited = (self.edited | later.edited) - images.fates.keys()
        return DatasetChanges(images.fates, images.unchanged, edited, self.map_relaid or later.map_relaid)


def compare_atlases(old: "AtlasReader", new: "AtlasReader") -> DatasetChanges:
    """Compare two atlases by ids, content hashes, metadata and positions."""
    before, after = dict(zip(old.ids, old.hashes, strict=True)), dict(zip(new.ids, new.hashes, strict=True))
    images = compare(before, after)
    same = [i for i, key in after.items() if before.get(i) == key]
    old_rows, new_rows = (np.array([atlas.row(i) for i in same], np.int64) for atlas in (old, new))
    edited = _edited(old.metadata_table, new.metadata_table, old_rows, new_rows)
    return DatasetChanges(
        images.fates,
        images.unchanged,
        frozenset(same[at] for at in edited),
        _is_relaid(old.xy[old_rows], new.xy[new_rows]),
    )


def _edited(old: "pa.Table", new: "pa.Table", old_rows: np.ndarray, new_rows: np.ndarray) -> list[int]:
    """Return which of the paired rows differ in any column; a column that a table lacks has no values."""
    n = len(old_rows)
    before, after = (
        dict(zip(table.column_names, table.take(rows).columns, strict=True))
        for table, rows in ((old, old_rows), (new, new_rows))
    )
    different = np.zeros(n, bool)
    for name in (before | after).keys() - {"id"}:
        if name in before and name in after and before[name].equals(after[name]):
            continue
        was, now = (table[name].to_pylist() if name in table else [None] * n for table in (before, after))
        different |= np.fromiter((a != b for a, b in zip(was, now, strict=True)), bool, n)
    return np.flatnonzero(different).tolist()


def _is_relaid(old: np.ndarray, new: np.ndarray) -> bool:
    """Return whether more than `MOVED_SHARE` of the points (n, 2) moved."""
    return bool(len(old)) and float((old != new).any(1).mean()) > MOVED_SHARE
