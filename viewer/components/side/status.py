"""The line below the panel: number of images, time of indexing, the latest changes; and errors."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.components.page.change_notice import short_tally
from viewer.session.state import ViewState


class Status(Component):
    """Counts, age and the latest changes; below them why a newer version cannot be shown."""

    total = param.Integer()
    part = param.Integer(default=None, allow_None=True, doc="How many of them the charts count; None: all.")
    failed = param.Integer()
    indexed_at = param.String()
    lately = param.String()
    trouble = param.String()

    script = "side/status.js"
    _css = ("components.css", "side/status.css")

    def follow(self, state: ViewState) -> None:
        """Show the dataset of the state, now and whenever it changes."""
        self._state = state
        self._actions = {"overview": lambda _: state.param.update(overview=True, selected=None)}
        state.param.watch(self._update, ["dataset", "latest_changes", "load_error", "part"])
        self._update()

    def _update(self, *_events: Any) -> None:
        state = self._state
        self.param.update(
            total=state.dataset.n,
            part=state.part.size if state.part else None,
            failed=len(state.dataset.atlas.failures),
            indexed_at=state.dataset.atlas.indexed_at.isoformat(),
            lately=short_tally(state.latest_changes),
            trouble=state.load_error.replace("`", ""),
        )
