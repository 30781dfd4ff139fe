"""The tags of one session: read when they change, given and taken in the background.

What does not belong here: the rows that have them (`dataset/tag_column.py`), and showing them.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import panel as pn

from clipper.errors import ClipperError
from clipper.store import tags as kept
from clipper.store.home import Home, stamp
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset
from viewer.dataset.tag_rows import read_tag_rows
from viewer.pools import TAG_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

CHECK_INTERVAL = 2000  # milliseconds between two looks at the file
log = logging.getLogger(__name__)


class TagWorker:
    """Gives and takes the tags of one session, and sees what others give."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._looking = False
        self.troubled: list[Callable[[str], None]] = []
        state.param.watch(lambda _event: self.look(), "dataset")
        document = pn.state.curdoc
        if document is not None:
            document.add_periodic_callback(self.look, CHECK_INTERVAL)
        self._begin()

    def _begin(self) -> None:
        """The tags there are, before a link asks for them; where they cannot be read, a look says why."""
        try:
            self._state.retag(read_tag_rows(self._state.dataset))
        except ClipperError:
            self.look()

    def look(self) -> None:
        """Are there other tags, or other images to have them?"""
        dataset = self._state.dataset
        if dataset is None or self._looking:
            return
        known = dataset.cache.get("tags")
        path = kept.path_of(Home(Path(dataset.atlas.settings.home)))
        if known is not None and known.stamp == stamp(path) and known.rows is self._state.tags:
            return
        self._looking = True
        in_background(partial(_read_tags, dataset), partial(self._looked, dataset), pool=TAG_POOL)

    def give(self, text: str, rows: np.ndarray) -> None:
        """Give one tag, or several between commas, to the images of some rows."""
        names = [name for part in text.split(",") if (name := " ".join(part.split()))]
        for name in names:
            self._write(kept.add, name, rows)

    def take(self, tag: str, rows: np.ndarray) -> None:
        """Take a tag from the images of some rows."""
        self._write(kept.remove, tag, rows)

    def _tell(self, why: str) -> None:
        for tell in self.troubled:
            tell(why)

    def _write(self, change: Callable[..., object], tag: str, rows: np.ndarray) -> None:
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))
        self._tell("")

        def work() -> TagRows:
            hashes = dataset.atlas.hashes
            change(home, tag, [hashes[row] for row in rows.tolist()])
            return _read_tags(dataset)

        in_background(work, partial(self._looked, dataset), pool=TAG_POOL)

    def _looked(self, dataset: Dataset, done: "Future[TagRows]") -> None:
        self._looking = False
        error = done.exception()
        if error is None:
            if dataset is self._state.dataset:
                self._state.retag(done.result())
        elif isinstance(error, (ClipperError, ValueError)):
            self._tell(str(error))
        else:
            log.error("tags could not be read or written", exc_info=error)
            self._tell("The tags could not be kept. The server's log says why.")


def _read_tags(dataset: Dataset) -> TagRows:
    """The tags, and what the page is about to ask of them."""
    rows = read_tag_rows(dataset)
    _ = dataset.tag_column(rows).facet
    return rows
