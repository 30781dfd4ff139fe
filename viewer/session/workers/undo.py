"""Notices the changes of one session, and undoes and redoes them.

What does not belong here: what a change is (`session/history.py`), and showing a scene again
(`components/page/url.py`).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn

from viewer.session.history import SCENE_FIELDS, Change, History, Scene, TagChange, ViewChange, rows_in
from viewer.session.state import ViewState
from viewer.session.workers.tags import TagWorker

if TYPE_CHECKING:
    from clipper.query_syntax import Term
    from clipper.store.tags import Edit

CALM = 350  # milliseconds without a change after which the changes so far are one: a slider is dragged
MOST_ROWS = (
    200_000  # whose images are looked for in another version; beyond, changes of the view are forgotten
)
_OF_OTHERS = {"tags", "dataset", "clusters"}  # with one of these a filter may go that nobody changed


class UndoWorker:
    """The history of one session. `show` shows a scene; `shows` tells whether a scene is on its way."""

    def __init__(
        self,
        state: ViewState,
        tags: TagWorker,
        *,
        show: Callable[[Scene], None],
        shows: Callable[[], bool],
    ) -> None:
        self._state, self._tags, self._show, self._shows = state, tags, show, shows
        self.history = History()
        self.on_change: list[Callable[[str], None]] = []  # called with what to say, "" for nothing
        self._now = Scene.of(state)
        self._restoring = True  # until the page shows what its first address asks for
        self._calls = 0
        state.param.watch(
            self._changed, [*SCENE_FIELDS, "searching", "asked_words", "asked_axes", *_OF_OTHERS]
        )
        tags.on_edit.append(self._edited)

    def arrived(self, *_events: Any) -> None:
        """Note that the page shows the scene that undo, a link, Back or Forward asked for."""
        if self._restoring:
            self._restoring = False
            self._now = Scene.of(self._state)
        else:
            self.record()

    def record(self) -> None:
        """Add the changes since the last time to the history, as one."""
        self._calls += 1  # what waits for calm need not
        if not self._is_busy():
            self._record()

    def _record(self) -> None:
        if self._state.dataset is None or self._restoring:
            return
        before, self._now = self._now, Scene.of(self._state)
        if not before.shows_the_same(self._now):
            self.history.record(ViewChange(before, self._now))
            self._tell("")

    def undo(self) -> None:
        """Take the last change back; a search, or what Back or a link asked for, is given up on its way."""
        if (self._state.searching or self._shows()) and not self._restoring:
            asked = "Back, Forward or link" if self._shows() else "search"
            self._bring_back(self._now)
            self._tell(f"Undone: {asked}")
            return
        self.record()
        change = self.history.undo()
        if change is None:
            self._tell("Nothing to undo")
            return
        if isinstance(change, TagChange):
            self._tags.apply(change.undone())
        else:
            self._bring_back(change.before)
        self._tell(f"Undone: {change.title}")

    def redo(self) -> None:
        """Make the change again that was undone last."""
        self.record()
        change = self.history.redo()
        if change is None:
            self._tell("Nothing to redo")
            return
        if isinstance(change, TagChange):
            self._tags.apply(change.edits)
        else:
            self._bring_back(change.after)
        self._tell(f"Done again: {change.title}")

    @property
    def titles(self) -> tuple[str, str]:
        """Return what undo takes back and what redo makes again, in words; "" for nothing."""
        return _title(self.history.to_undo), _title(self.history.to_redo)

    def end(self) -> None:
        """End the session: release the selections, which may be large."""
        self.history, self._now = History(), Scene()

    def _bring_back(self, scene: Scene) -> None:
        self._restoring = True
        self._show(scene)

    def _is_busy(self) -> bool:
        state = self._state
        return state.searching or bool(state.asked_words) or state.asked_axes is not None or self._shows()

    def _begins_another_search(self) -> bool:
        """Whether a search begins for other words or images than those of the answer in view."""
        state = self._state
        asked = [term for term in state.terms if term.like not in state.unknown]
        return state.searching and _sought(asked) != _sought(state.shown_terms)

    def _changed(self, *events: Any) -> None:
        names = {event.name for event in events}
        if self._state.dataset is None:
            return
        if moved := next((event for event in events if event.name == "dataset"), None):
            self._follow(moved.old, moved.new)
        if names & _OF_OTHERS:
            if not self._restoring:
                self._now = Scene.of(self._state)
            return
        if "searching" in names and not self._shows() and self._begins_another_search():
            self._record()  # a quick typist's next query is a change of its own
        self._calls += 1
        call, document = self._calls, pn.state.curdoc
        if document is None:
            self.record()
            return
        document.add_timeout_callback(lambda: self.record() if call == self._calls else None, CALM)

    def _edited(self, edits: "Sequence[Edit]") -> None:
        self.record()
        change = TagChange(tuple(edits))
        self.history.record(change)
        self._tell(f"{change.title[:1].upper()}{change.title[1:]}")

    def _follow(self, old: Any, new: Any) -> None:
        """Follow the selections to another version, without limits on the scale of another model."""
        if old is None:
            return
        if old.model != new.model:
            self._now = self._now.without_limits()
            self.history.forget_limits()
            self._tell("")
        selections = self.history.selections()
        if not selections:
            return
        rows = np.unique(np.concatenate(selections))
        if len(rows) > MOST_ROWS:
            self.history.forget_views()
            self._tell("")
            return
        known = rows_in(new.row_of, old.atlas.ids, dict(self._state.latest_changes.moved), rows)

        def of(some: np.ndarray) -> np.ndarray:
            return np.array(sorted(known[row] for row in some.tolist() if row in known), np.int64)

        self.history.change_rows(of)

    def _tell(self, said: str) -> None:
        for tell in self.on_change:
            tell(said)


def _sought(terms: "Sequence[Term]") -> set[tuple[str, str]]:
    """Return the words and images of terms, without the weights: people try several weights in a row."""
    return {(term.text, term.like) for term in terms}


def _title(change: Change | None) -> str:
    return change.title if change is not None else ""
