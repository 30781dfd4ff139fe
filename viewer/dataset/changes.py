"""What differs between two versions of a dataset: images that came, went or changed; whether the map did.

Pure: two atlases in, sets out. What does not belong here: how it is said
(`components/page/change_notice.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

MOVED_SHARE = 0.1  # a map on which more of the unchanged images than this have moved was laid out anew

# An image's content hash before and after; None where it is not there.
Fate = tuple[bytes | None, bytes | None]


@dataclass(frozen=True)
class Changes:
    """From one version to another. `fates` holds the images that came, went or have other bytes."""

    fates: Mapping[str, Fate] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()  # images in both, about which other metadata is told
    anew: bool = False  # the map was laid out anew

    @cached_property
    def moved(self) -> dict[str, str]:
        """Old id to new id: of a removed and an added image of the same bytes."""
        came: dict[bytes, list[str]] = {}
        for image_id, (before, after) in self.fates.items():
            if before is None and after is not None:
                came.setdefault(after, []).append(image_id)
        gone = [
            (image_id, before) for image_id, (before, after) in self.fates.items() if before and not after
        ]
        return {image_id: came[key].pop(0) for image_id, key in gone if came.get(key)}

    @cached_property
    def added(self) -> list[str]:
        """Images that were not there, under any name."""
        known = set(self.moved.values())
        return [i for i, (before, _) in self.fates.items() if before is None and i not in known]

    @cached_property
    def removed(self) -> list[str]:
        """Images that are not there any more, under any name."""
        return [i for i, (_, after) in self.fates.items() if after is None and i not in self.moved]

    @cached_property
    def changed(self) -> list[str]:
        """Images of the same name and other bytes."""
        return [i for i, (before, after) in self.fates.items() if before and after]

    @property
    def worth_a_look(self) -> list[str]:
        """The images a person would want to see: new and changed ones, else those told of otherwise."""
        return [*self.added, *self.changed] or sorted(self.edited)

    def then(self, later: "Changes") -> "Changes":
        """These changes and later ones as one step: what came and went again has not changed."""
        fates = {
            image_id: (
                self.fates.get(image_id, later.fates.get(image_id, (None, None)))[0],
                later.fates.get(image_id, self.fates.get(image_id, (None, None)))[1],
            )
            for image_id in {**self.fates, **later.fates}
        }
        fates = {image_id: fate for image_id, fate in fates.items() if fate[0] != fate[1]}
        return Changes(fates, (self.edited | later.edited) - fates.keys(), self.anew or later.anew)


def between(old: Any, new: Any) -> Changes:
    """Compare two atlases by ids, content hashes, metadata and positions."""
    before, after = dict(zip(old.ids, old.hashes, strict=True)), dict(zip(new.ids, new.hashes, strict=True))
    fates: dict[str, Fate] = {i: (key, after.get(i)) for i, key in before.items() if after.get(i) != key}
    fates |= {i: (None, key) for i, key in after.items() if i not in before}
    same = [i for i, key in after.items() if before.get(i) == key]
    rows = [np.array([atlas.row(i) for i in same], np.int64) for atlas in (old, new)]
    return Changes(
        fates,
        frozenset(same[at] for at in _edited(old.metadata_table, new.metadata_table, *rows)),
        _laid_out_anew(old.xy[rows[0]], new.xy[rows[1]]),
    )


def _edited(old: Any, new: Any, old_rows: np.ndarray, new_rows: np.ndarray) -> list[int]:
    """Which of the paired rows of two Arrow tables tell different things; a missing column tells nothing."""
    n = len(old_rows)
    before, after = (
        dict(zip(table.column_names, table.take(rows).columns, strict=True))
        for table, rows in ((old, old_rows), (new, new_rows))
    )
    different = np.zeros(n, bool)
    for name in (before | after).keys() - {"id"}:
        if name in before and name in after and before[name].equals(after[name]):
            continue
        was, now = (told[name].to_pylist() if name in told else [None] * n for told in (before, after))
        different |= np.fromiter((a != b for a, b in zip(was, now, strict=True)), bool, n)
    return np.flatnonzero(different).tolist()


def _laid_out_anew(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether points (n, 2) that could have stayed did not."""
    return bool(len(old)) and float((old != new).any(1).mean()) > MOVED_SHARE
