"""The base of this page's own components: a script without imports that defines `render`, and style sheets.

They show text as text only, and speak to the server in messages {"kind": ..., ...}. What a browser runs is
one module of all of them: compiled once and kept, not on every visit and for every component anew.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import param
from bokeh.document import Document
from panel.custom import JSComponent
from panel.theme.base import Design

HERE = Path(__file__).parent
SHARED = "dom.js"  # what all scripts use
Action = Callable[[Mapping[str, Any]], Any]


def source(name: str) -> str:
    """A text file of this package."""
    return (HERE / name).read_text(encoding="utf-8")


class Component(JSComponent):
    """A component whose messages call the action of their kind."""

    design = param.Parameter(default=Design)  # no look but its own: Panel's are more sheets for each to read

    __abstract = True

    _bundle_path = None  # the module is no file: Panel need not look for one
    scripts: ClassVar[tuple[str, ...]] = ()  # the last defines `render`, those before it what it uses
    _css: ClassVar[tuple[str, ...]] = ("components.css",)

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        super().__init__(stylesheets=[source(name) for name in self._css], **params)
        self._actions = dict(actions or {})

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        """Without the sheets of Panel's spinner, which it adds to everything and none of ours shows."""
        processed: dict[str, Any] = super()._process_param_change(params)
        if "stylesheets" in params:
            processed["stylesheets"] = params["stylesheets"]
        return processed

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        return {**super()._get_properties(doc), "bundle": "url", "esm": module().address}

    def _handle_msg(self, data: Any) -> None:
        """Messages come from a browser: whatever is not one of the known kinds is ignored."""
        action = self._actions.get(str(data.get("kind"))) if isinstance(data, dict) else None
        if action is not None:
            action(data)


class Module:
    """The script of all components: its default export has each one's `render`, by the name of its class."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def address(self) -> str:
        """Where the page finds it; another text has another address."""
        return f"./viewer/components-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}.js"


def module() -> Module:
    """The script of the components that are known, which is all of them once `viewer.app` is imported."""
    parts = param.concrete_descendents(Component)
    return _module(tuple((name, part.scripts) for name, part in sorted(parts.items()) if part.scripts))


@cache
def _module(parts: tuple[tuple[str, tuple[str, ...]], ...]) -> Module:
    scopes = [
        f"components.{name} = (() => {{\n{''.join(map(source, scripts))}return {{render}}\n}})()\n"
        for name, scripts in parts
    ]
    start, end = source(SHARED) + "const components = {}\n", "export default components\n"
    return Module("".join([start, *scopes, end]))
