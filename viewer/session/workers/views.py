"""Reads the saved views when they change, and saves, renames and removes views in the background.

What does not belong here: keeping them (`clipper/store/given/views.py`), and showing them.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import panel as pn

from clipper.errors import ClipperError
from clipper.store.given import views as store
from clipper.store.given.views import View
from clipper.store.home import Home, Stamp, stamp
from viewer.pools import TAG_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState
from viewer.session.workers.tags import CHECK_INTERVAL

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_SENT = 500  # characters of a name that a browser may send; the store tells how many are too many
NAMED = "view"  # the field of a link that names a view

log = logging.getLogger(__name__)

_Read = tuple[Stamp | None, list[View]]


class ViewWorker:
    """The saved views of one session's home, newest first, with the changes that others make."""

    def __init__(self, state: ViewState) -> None:
        self.views: list[View] = []
        self.on_change: list[Callable[[], None]] = []
        # Called after each try to change the views, and when they cannot be read: why not, "" if all is well.
        self.on_done: list[Callable[[str], None]] = []
        self._home = Home(Path(state.dataset.atlas.settings.home))
        self._version = lambda: "" if state.dataset is None else state.dataset.version
        self._stamp: Stamp | None = None
        self._busy = False
        document = pn.state.curdoc
        if document is not None:
            document.add_periodic_callback(self.check, CHECK_INTERVAL)
        try:  # at once, as a link may name one; if they cannot be read, a check reports why
            self._stamp, self.views = _read(self._home)
        except ClipperError:
            self.check()

    def resolve(self, search: str) -> str:
        """Return the query string of the view that a query string names; any other as it is."""
        named = parse_qs(search.removeprefix("?")[: store.MAX_QUERY], max_num_fields=100).get(NAMED)
        if not named:
            return search
        view = next((view for view in self.views if view.name == named[-1]), None)
        if view is None:
            self._tell(f"there is no view “{named[-1][: store.MAX_LENGTH]}” here; it was renamed or deleted")
            return ""
        return view.query

    def check(self) -> None:
        """Read the views again if they changed."""
        if not self._busy and stamp(store.path_of(self._home)) != self._stamp:
            self._busy = True
            in_background(partial(_read, self._home), self._checked, pool=TAG_POOL)

    def save(self, name: str, query: str, *, by: str, replacing: bool = False) -> None:
        """Save a query string under a name."""
        home, version = self._home, self._version()

        def change() -> Mapping[str, View]:
            view = store.make(name[:MAX_SENT], query, by=by[:MAX_SENT], version=version)
            return store.save(home, view, replacing=replacing)

        self._change(change)

    def rename(self, name: str, new: str) -> None:
        """Give a view another name."""
        self._change(partial(store.rename, self._home, name, new[:MAX_SENT]))

    def remove(self, name: str) -> View | None:
        """Remove a view; return it, to put back later."""
        self._change(partial(store.remove, self._home, name))
        return next((view for view in self.views if view.name == name), None)

    def put_back(self, view: View) -> None:
        """Save a view that was removed as it was."""
        self._change(partial(store.save, self._home, view))

    def _change(self, change: Callable[[], object]) -> None:
        home = self._home

        def work() -> _Read:
            try:
                change()
            except KeyError as error:
                raise ValueError(f"there is no view “{error.args[0]}” any more") from error
            return _read(home)

        in_background(work, self._changed, pool=TAG_POOL)

    def _checked(self, done: "Future[_Read]") -> None:
        self._busy = False
        if error := self._take(done):
            self._stamp = stamp(store.path_of(self._home))  # said once, not at every check
            self._tell(error)

    def _changed(self, done: "Future[_Read]") -> None:
        self._tell(self._take(done))

    def _take(self, done: "Future[_Read]") -> str:
        """Take the views that were read; return why there are none, "" if all is well."""
        error = done.exception()
        if error is None:
            self._stamp, self.views = done.result()
            for tell in self.on_change:
                tell()
            return ""
        if isinstance(error, (ClipperError, ValueError)):
            return str(error)
        log.error("views could not be read or written", exc_info=error)
        return "The view could not be saved. The server's log says why."

    def _tell(self, error: str) -> None:
        for tell in self.on_done:
            tell(error)


def _read(home: Home) -> _Read:
    now = stamp(store.path_of(home))
    return now, store.newest_first(store.read(home))
