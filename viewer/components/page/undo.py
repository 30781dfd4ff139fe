"""The buttons for undo and redo, their keys, and the line that says what was undone.

What does not belong here: what a change is (`session/history.py`).
"""

from typing import Any

import param

from viewer.components.base import Component
from viewer.session.workers.undo import UndoWorker


class UndoButtons(Component):
    """Undoes and redoes changes of the view and of tags: with buttons, Ctrl+Z, Ctrl+Shift+Z and Ctrl+Y."""

    undo = param.String(doc='What undo takes back, "" for nothing.')
    redo = param.String(doc='What redo makes again, "" for nothing.')
    said = param.String(doc="What was done, undone or done again.")
    sayings = param.Integer(doc="Changes with each line that is said.")

    script = "page/undo.js"
    _css = ("components.css", "page/undo.css")

    def follow(self, worker: UndoWorker) -> None:
        """Show what a worker can undo, now and whenever it changes."""
        self._worker = worker
        self._actions = {"undo": lambda _: worker.undo(), "redo": lambda _: worker.redo()}
        worker.on_change.append(self._update)

    def _update(self, said: str, *_events: Any) -> None:
        undo, redo = self._worker.titles
        self.param.update(undo=undo, redo=redo, said=said, sayings=self.sayings + bool(said))
