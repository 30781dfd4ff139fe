"""The tags of a home in the rows of what is shown: read when they change, given and taken in the background.

What does not belong here: how they are kept (`clipper/tags.py`), and showing them.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import panel as pn

from clipper import tags as kept
from clipper.errors import ClipperError
from clipper.home import Home
from viewer.background import in_background
from viewer.data import Dataset
from viewer.state import ViewState

LOOK = 2000  # milliseconds between two looks at the file
TAGGERS = ThreadPoolExecutor(1, thread_name_prefix="tags")

Rows = Mapping[str, np.ndarray]
Stamp = tuple[int, int, int] | None

log = logging.getLogger(__name__)
_lock = threading.Lock()


class _Read(NamedTuple):
    stamp: Stamp
    rows: Rows


def rows_by_tag(dataset: Dataset) -> Rows:
    """The rows (k,) int64, ascending, of each tag of the home; read once for each state of the file.

    Raises:
        ClipperError: the file is damaged.
    """
    home = Home(Path(dataset.atlas.settings.home))
    stamp = _stamp(kept.path_of(home))
    with _lock:
        known: _Read | None = dataset.remembered.get("tags")
        if known is None or known.stamp != stamp:
            known = _Read(stamp, located(dataset, kept.read(home)))
            dataset.remembered["tags"] = known
        return known.rows


def located(dataset: Dataset, tags: Mapping[str, Iterable[bytes]]) -> Rows:
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


def _by_hash(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
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
        for at in np.flatnonzero(_has(tags[tag], rows)).tolist():
            found[at].append(tag)
    return found


def counts(tags: Rows, rows: np.ndarray) -> dict[str, int]:
    """How many of some rows (k,) have each tag; those that none has are left out."""
    found = {tag: int(np.count_nonzero(_has(tagged, rows))) for tag, tagged in tags.items()}
    return {tag: count for tag, count in sorted(found.items()) if count}


def _has(tagged: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which rows (k,) are among those tagged (m,), ascending: (k,) bool."""
    at = np.minimum(np.searchsorted(tagged, rows), len(tagged) - 1)
    return np.asarray(tagged[at] == rows)


class Tagger:
    """Gives and takes the tags of one session, and sees what others give."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._looking = False
        self.troubled: list[Callable[[str], None]] = []
        state.param.watch(lambda _event: self.look(), "dataset")
        document = pn.state.curdoc
        if document is not None:
            document.add_periodic_callback(self.look, LOOK)
        self.look()

    def look(self) -> None:
        """Are there other tags, or other images to have them?"""
        dataset = self._state.dataset
        if dataset is None or self._looking:
            return
        known = dataset.remembered.get("tags")
        path = kept.path_of(Home(Path(dataset.atlas.settings.home)))
        if known is not None and known.stamp == _stamp(path) and known.rows is self._state.tags:
            return
        self._looking = True
        in_background(partial(rows_by_tag, dataset), partial(self._looked, dataset), pool=TAGGERS)

    def give(self, text: str, rows: np.ndarray) -> None:
        """Give one tag, or several between commas, to the images of some rows."""
        names = [name for part in text.split(",") if (name := " ".join(part.split()))]
        for name in names:
            self._write(kept.give, name, rows)

    def take(self, tag: str, rows: np.ndarray) -> None:
        """Take a tag from the images of some rows."""
        self._write(kept.take, tag, rows)

    def _tell(self, why: str) -> None:
        for tell in self.troubled:
            tell(why)

    def _write(self, change: Callable[..., object], tag: str, rows: np.ndarray) -> None:
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))
        self._tell("")

        def work() -> Rows:
            hashes = dataset.atlas.hashes
            change(home, tag, [hashes[row] for row in rows.tolist()])
            return rows_by_tag(dataset)

        in_background(work, partial(self._looked, dataset), pool=TAGGERS)

    def _looked(self, dataset: Dataset, done: "Future[Rows]") -> None:
        self._looking = False
        error = done.exception()
        if error is None:
            if dataset is self._state.dataset:
                self._state.tags = done.result()
        elif isinstance(error, (ClipperError, ValueError)):
            self._tell(str(error))
        else:
            log.error("tags could not be read or written", exc_info=error)
            self._tell("The tags could not be kept. The server's log says why.")


def _stamp(path: Path) -> Stamp:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size
