"""Reads which rows have each tag, from the home's tags when they change.

What does not belong here: colouring and filtering by tags (`dataset/columns/tag_column.py`).
"""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clipper.store import tags as kept
from clipper.store.home import Home, Stamp, stamp
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset

_lock = threading.Lock()


class _Read(NamedTuple):
    stamp: Stamp | None
    rows: TagRows


def read_tag_rows(dataset: Dataset) -> TagRows:
    """Return the rows (k,) int64, ascending, of each tag; the file is read again only if it has changed.

    Raises:
        ClipperError: the file is damaged.
    """
    home = Home(Path(dataset.atlas.settings.home))
    now = stamp(kept.path_of(home))
    with _lock:
        known: _Read | None = dataset.cache.get("tags")
        if known is None or known.stamp != now:
            known = _Read(now, locate_tags(dataset, kept.read(home)))
            dataset.cache["tags"] = known
        return known.rows


def locate_tags(dataset: Dataset, tags: Mapping[str, Iterable[bytes]]) -> TagRows:
    """Find the rows of each tag; a tag that no image of the dataset has is left out."""
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


def _by_hash(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by the first 64 bits of their content hashes, and those bits."""
    if "by hash" not in dataset.cache:
        halves = np.frombuffer(b"".join(dataset.atlas.hashes), ">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
        order = np.argsort(halves, kind="stable")
        dataset.cache["by hash"] = (order, halves[order])
    found: tuple[np.ndarray, np.ndarray] = dataset.cache["by hash"]
    return found
