"""The saved views: a button in the header, and the list that it opens.

What does not belong here: keeping views (`session/workers/views.py`), and what a link says (`links.py`).
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
import param

from viewer.components.base import Component
from viewer.components.page.links import to_query_string
from viewer.session.state import ViewState
from viewer.session.workers.views import ViewWorker

if TYPE_CHECKING:
    from clipper.store.given.views import View

# The part of the map in view, as `components/map/camera.js` writes it.
_PLACE = re.compile(r"[-+.,0-9eE]{1,100}")


class ViewsMenu(Component):
    """Saves the page as it is under a name; lists, opens, links, renames and deletes what was saved."""

    views = param.List(doc="Name, query, author, time of each view, and whether it shows this version.")
    user = param.String(doc='Who is signed in, "" if nobody needs to be.')
    error = param.String()
    saved = param.String(doc="The name of the view that was just saved.")
    deleted = param.String(doc="The name of the view that was just deleted, as long as it can be put back.")

    script = "page/views_menu.js"
    _css = ("components.css", "menu.css", "page/views_menu.css")

    def __init__(self, **params: Any) -> None:
        actions = {
            "save": self._save, "rename": self._name_anew, "delete": self._delete, "restore": self._restore,
            "calm": lambda _: self.param.update(error="", saved="", deleted=""),
        }  # fmt: skip
        super().__init__(actions=actions, **params)
        self._removed: View | None = None
        self._doing = {"saved": "", "deleted": ""}

    def follow(self, state: ViewState, worker: ViewWorker) -> None:
        """Show the views that a worker reads, now and whenever they change."""
        self._state, self._worker = state, worker
        user = pn.state.user if pn.state.curdoc is not None else None
        self.user = "" if user in {None, "guest"} else str(user)
        worker.on_change.append(self._update)
        worker.on_done.append(self._done)
        state.param.watch(self._update, "dataset")
        self._update()

    def _update(self, *_events: Any) -> None:
        if self._state.dataset is None:
            return
        version = self._state.dataset.version
        self.views = [
            {"name": view.name, "query": view.query, "by": view.by, "at": view.at,
             "current": view.version == version}
            for view in self._worker.views
        ]  # fmt: skip

    def _done(self, error: str) -> None:
        self.param.update(error=error, **({"saved": "", "deleted": ""} if error else self._doing))

    def _begin(self, **doing: str) -> None:
        self._doing = {"saved": "", "deleted": "", **doing}
        self.param.update(error="", saved="", deleted="")

    def _save(self, message: Mapping[str, Any]) -> None:
        name, place = str(message.get("name", "")), str(message.get("at") or "")
        query = to_query_string(self._state)
        if _PLACE.fullmatch(place):
            query = f"{query}&at={place}".removeprefix("&")
        self._begin(saved=" ".join(name.split()))
        by = self.user or str(message.get("by", ""))
        self._worker.save(name, query, by=by, replacing=message.get("replacing") is True)

    def _name_anew(self, message: Mapping[str, Any]) -> None:
        self._begin()
        self._worker.rename(str(message.get("name", "")), str(message.get("new", "")))

    def _delete(self, message: Mapping[str, Any]) -> None:
        name = str(message.get("name", ""))
        self._begin(deleted=name)
        self._removed = self._worker.remove(name)

    def _restore(self, _message: Mapping[str, Any]) -> None:
        removed, self._removed = self._removed, None
        self._begin()
        if removed is not None:
            self._worker.put_back(removed)
