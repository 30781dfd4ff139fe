"""Reads which rows have each tag, from the home's tags when they change.

What does not belong here: colouring and filtering by tags (`dataset/columns/tag_column.py`).
"""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clipper.store import tags as kept
from clipper.store.given import labels, tag_colours
from clipper.store.home import Home, Stamp, stamp
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import GIVEN_COLOURS, Dataset

_lock = threading.Lock()


Stamps = tuple[Stamp | None, ...]
LABEL_COLUMNS = "label columns"  # the key in a dataset's cache of the columns of labels, and their values


class _Read(NamedTuple):
    stamp: Stamps
    rows: TagRows


def tags_stamp(home: Home) -> Stamps:
    """Return what changes with the tags of a home, their colours and the columns of labels."""
    return tuple(stamp(file.path_of(home)) for file in (kept, tag_colours, labels))


def read_tag_rows(dataset: Dataset) -> TagRows:
    """Return the rows (k,) int64, ascending, of each tag; read again only if tags or colours have changed.

    The colours of tags and the columns of labels go to the dataset's cache.

    Raises:
        ClipperError: a file is damaged.
    """
    home = Home(Path(dataset.atlas.settings.home))
    now = tags_stamp(home)
    with _lock:
        known: _Read | None = dataset.cache.get("tags")
        if known is None or known.stamp != now:
            dataset.cache[GIVEN_COLOURS] = tag_colours.read(home)
            dataset.cache[LABEL_COLUMNS] = labels.read(home)
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
