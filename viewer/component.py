"""The base of this page's own components: one JavaScript file without imports, one style sheet.

They show text as text only, and speak to the server in messages {"kind": ..., ...}.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from panel.custom import JSComponent

HERE = Path(__file__).parent
Action = Callable[[Mapping[str, Any]], Any]


def source(name: str) -> str:
    """A text file of this package."""
    return (HERE / name).read_text(encoding="utf-8")


def script(*names: str) -> str:
    """A component's script in one or more files, with what all of them share in front."""
    return source("dom.js") + "".join(map(source, names))


class Component(JSComponent):
    """A component whose messages call the action of their kind."""

    __abstract = True

    _css: ClassVar[tuple[str, ...]] = ("components.css",)

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        super().__init__(stylesheets=[source(name) for name in self._css], **params)
        self._actions = dict(actions or {})

    def _handle_msg(self, data: Any) -> None:
        """Messages come from a browser: whatever is not one of the known kinds is ignored."""
        action = self._actions.get(str(data.get("kind"))) if isinstance(data, dict) else None
        if action is not None:
            action(data)
