"""The tags of a home in the rows of a dataset, as something to filter and to colour by.

They are what `tags.json` says now, never what the index made of it. Nothing of a single visitor here: giving
and taking tags is `session/tag_worker.py`'s, keeping them `clipper/tags.py`'s.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clipper.store import tags as kept
from clipper.store.home import Home
from viewer.dataset.colouring import Colouring, by_tags
from viewer.dataset.facets import Values, of_tags
from viewer.rows import among
from viewer.stamps import Stamp, stamp

if TYPE_CHECKING:
    from viewer.dataset.dataset import Dataset

Rows = Mapping[str, np.ndarray]

_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Tagged:
    """Tags as a column of a dataset; what is asked of it is worked out once.

    `rows` has the rows (k,) int64 of each tag, `rank` (n,) int64 the place of each row in drawing order. A
    tag that was `assigned` a colour's code before keeps it.
    """

    name: str
    rows: Rows
    rank: np.ndarray
    assigned: Mapping[str, int]

    @cached_property
    def facet(self) -> Values | None:
        """What the images can be filtered by; None where none has a tag."""
        return of_tags(self.name, self.rows, n=len(self.rank)) if self.rows else None

    @cached_property
    def colouring(self) -> Colouring:
        """The colours of the images by their tags."""
        return by_tags(self.title, self.rows, rank=self.rank, assigned=self.assigned)

    @property
    def title(self) -> str:
        """What a person calls the column."""
        return title_of(self.name)

    def codes(self) -> Mapping[str, int]:
        """The colour's code of each tag, as far as the tags have been coloured."""
        return self.colouring.assigned() if "colouring" in self.__dict__ else self.assigned


def title_of(column: str) -> str:
    """What a person calls the column of tags."""
    return column.replace("_", " ").capitalize()


class _Read(NamedTuple):
    stamp: Stamp | None
    rows: Rows


def rows_by_tag(dataset: "Dataset") -> Rows:
    """The rows (k,) int64, ascending, of each tag of the home; read once for each state of the file.

    Raises:
        ClipperError: the file is damaged.
    """
    home = Home(Path(dataset.atlas.settings.home))
    now = stamp(kept.path_of(home))
    with _lock:
        known: _Read | None = dataset.remembered.get("tags")
        if known is None or known.stamp != now:
            known = _Read(now, located(dataset, kept.read(home)))
            dataset.remembered["tags"] = known
        return known.rows


def located(dataset: "Dataset", tags: Mapping[str, Iterable[bytes]]) -> Rows:
    """The rows of each tag that any image of the dataset has."""
    if not tags:
        return {}
    order, first = _by_hash(dataset)
    found = {}
    for tag, images in tags.items():
        wanted = np.frombuffer(b"".join(images), ">u8").reshape(-1, 2)[:, 0]
        left, right = (np.searchsorted(first, wanted, side=side) for side in ("left", "right"))
        rows = [order[a:b] for a, b in zip(left, right, strict=True) if b > a]
        if rows:
            found[tag] = np.sort(np.concatenate(rows))
    return found


def _by_hash(dataset: "Dataset") -> tuple[np.ndarray, np.ndarray]:
    """The rows in the order of the first 64 bits of their content hashes, and those bits."""
    if "by hash" not in dataset.remembered:
        halves = np.frombuffer(b"".join(dataset.atlas.hashes), ">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
        order = np.argsort(halves, kind="stable")
        dataset.remembered["by hash"] = (order, halves[order])
    found: tuple[np.ndarray, np.ndarray] = dataset.remembered["by hash"]
    return found


def of_rows(tags: Rows, rows: np.ndarray) -> list[list[str]]:
    """The tags of the images of some rows (k,), in alphabetical order."""
    found: list[list[str]] = [[] for _ in range(len(rows))]
    for tag in sorted(tags):
        for at in np.flatnonzero(among(rows, tags[tag])).tolist():
            found[at].append(tag)
    return found


def counts(tags: Rows, rows: np.ndarray) -> dict[str, int]:
    """How many of some rows (k,) have each tag; those that none has are left out."""
    found = {tag: int(np.count_nonzero(among(rows, tagged))) for tag, tagged in tags.items()}
    return {tag: count for tag, count in sorted(found.items()) if count}
