"""Reads the tags when they change, and adds and removes tags in the background.

What does not belong here: finding the rows that have a tag (`dataset/tag_rows.py`), and showing tags.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import panel as pn

from clipper.errors import ClipperError
from clipper.store import tags as tag_store
from clipper.store.given import labels, tag_colours
from clipper.store.home import Home
from clipper.store.tags import Edit
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset
from viewer.dataset.tag_rows import read_tag_rows, tags_stamp
from viewer.pools import TAG_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

CHECK_INTERVAL = 2000  # milliseconds between two checks of the file

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)


class TagWorker:
    """Adds and removes the tags of one session, and notices changes by others."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._checking = False
        self.on_error: list[Callable[[str], None]] = []
        self.on_edit: list[Callable[[list[Edit]], None]] = []  # called with what this session changed
        state.param.watch(lambda _event: self.check(), "dataset")
        document = pn.state.curdoc
        if document is not None:
            document.add_periodic_callback(self.check, CHECK_INTERVAL)
        self._read_first()

    def _read_first(self) -> None:
        """Read the tags at once, as a link may need them; if they cannot be read, a check reports why."""
        try:
            self._state.set_tags(read_tag_rows(self._state.dataset))
        except ClipperError:
            self.check()

    def check(self) -> None:
        """Read the tags again if they changed, or if another version is shown."""
        dataset = self._state.dataset
        if dataset is None or self._checking:
            return
        known = dataset.cache.get("tags")
        now = tags_stamp(Home(Path(dataset.atlas.settings.home)))
        if known is not None and known.stamp == now and known.rows is self._state.tags:
            return
        self._checking = True
        in_background(partial(_read_tags, dataset), partial(self._checked, dataset), pool=TAG_POOL)

    def add(self, text: str, rows: np.ndarray) -> None:
        """Add a tag, or several separated by commas, to the images of some rows."""
        self._write([name for part in text.split(",") if (name := " ".join(part.split()))], rows, adds=True)

    def add_exactly(self, tag: str, rows: np.ndarray) -> None:
        """Add one tag, which may have a comma, to the images of some rows."""
        self._write([tag], rows, adds=True)

    def label(self, column: str, value: str | None, rows: np.ndarray) -> None:
        """Give the images of some rows a label, in place of the one that they have; None takes it away."""
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))

        def edits() -> list[Edit]:
            hashes = dataset.atlas.hashes
            return labels.edits(home, column, value, frozenset(hashes[row] for row in rows.tolist()))

        self._work(edits, tells=True)

    def define(self, column: str, values: Sequence[str]) -> None:
        """Make a column of labels, or give one other values."""
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))

        def work() -> TagRows:
            labels.define(home, column, values)
            return _read_tags(dataset)

        self._report("")
        in_background(work, partial(self._checked, dataset), pool=TAG_POOL)

    def remove_all(self, tags: Sequence[str], rows: np.ndarray) -> None:
        """Remove several tags from the images of some rows, as one change."""
        self._write(tags, rows, adds=False)

    def remove(self, tag: str, rows: np.ndarray) -> None:
        """Remove a tag from the images of some rows."""
        self._write([tag], rows, adds=False)

    def apply(self, edits: Sequence[Edit]) -> None:
        """Make changes that were made before, or their inverses; `on_edit` is not told."""
        self._work(lambda: edits, tells=False)

    def give_colour(self, tag: str, place: int) -> None:
        """Give a tag another colour: a place in the palette of categories."""
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))

        def work() -> TagRows:
            tag_colours.give(home, tag, place)
            return _read_tags(dataset)

        in_background(work, partial(self._checked, dataset), pool=TAG_POOL)

    def _report(self, error: str) -> None:
        for report in self.on_error:
            report(error)

    def _write(self, tags: Sequence[str], rows: np.ndarray, *, adds: bool) -> None:
        dataset = self._state.dataset

        def edits() -> list[Edit]:
            hashes = dataset.atlas.hashes
            images = frozenset(hashes[row] for row in rows.tolist())
            return [Edit(tag, images, adds) for tag in tags]

        self._work(edits, tells=True)

    def _work(self, edits: Callable[[], Sequence[Edit]], *, tells: bool) -> None:
        dataset = self._state.dataset
        home = Home(Path(dataset.atlas.settings.home))
        self._report("")
        made: list[Edit] = []

        def work() -> TagRows:
            made.extend(tag_store.edit(home, edits()))
            tag_colours.assign(home, [edit.tag for edit in made if edit.adds])
            return _read_tags(dataset)

        def then(done: "Future[TagRows]") -> None:
            done.exception()  # without a session it is not known yet: wait for it
            if made and tells:  # before the page shows them, and drops a filter on a tag that is gone
                for tell in self.on_edit:
                    tell(made)
            self._checked(dataset, done)

        in_background(work, then, pool=TAG_POOL)

    def _checked(self, dataset: Dataset, done: "Future[TagRows]") -> None:
        self._checking = False
        error = done.exception()
        if error is None:
            if dataset is self._state.dataset:
                self._state.set_tags(done.result())
        elif isinstance(error, (ClipperError, ValueError)):
            self._report(str(error))
        else:
            log.error("tags could not be read or written", exc_info=error)
            self._report("The tags could not be changed. The server's log says why.")


def _read_tags(dataset: Dataset) -> TagRows:
    """Read the tags, and make the facet that the page shows next."""
    rows = read_tag_rows(dataset)
    _ = dataset.tag_column(rows).facet
    return rows
