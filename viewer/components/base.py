"""The base of this page's own components: a script that exports `render`, and style sheets.

They show text as text only, and speak to the server in messages {"kind": ..., ...}. A browser runs one module
of all components: it compiles the module once and keeps it, not on every visit and for every component anew.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import param
from bokeh.document import Document
from bokeh.models import CustomJS
from panel.custom import JSComponent
from panel.theme.base import Design

from viewer.components.linking import link

HERE = Path(__file__).parent
Action = Callable[[Mapping[str, Any]], Any]
_CSS_SPACE = re.compile(r"(?:\s|/\*.*?\*/)+", re.DOTALL)


def _source(name: str) -> str:
    """Read a text file of this package."""
    return (HERE / name).read_text(encoding="utf-8")


@cache
def style_sheet(name: str) -> str:
    """Read a style sheet, without comments and line breaks: every component on a page gets its own copy."""
    return _CSS_SPACE.sub(" ", _source(name)).strip()


def callback(name: str, **args: Any) -> CustomJS:
    """Make a Bokeh callback of a script that exports `run`: it is called with `args` and the event."""
    call = f'return modules["{name}"].run({{ {", ".join(args)} }}, cb_obj)'
    return CustomJS(args=args, code=link([name], _source) + call)


class Component(JSComponent):
    """A component whose messages call the action of their kind."""

    design = param.Parameter(default=Design)  # no look but its own: Panel's are more sheets for each to read

    __abstract = True

    _bundle_path = None  # the module is no file: Panel need not look for one
    script: ClassVar[str] = ""  # exports `render`
    _css: ClassVar[tuple[str, ...]] = ("components.css",)

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        super().__init__(stylesheets=[style_sheet(name) for name in self._css], **params)
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
    return _module(tuple((name, part.script) for name, part in sorted(parts.items()) if part.script))


@cache
def _module(parts: tuple[tuple[str, str], ...]) -> Module:
    linked = link([script for _, script in parts], _source)
    components = [f'components.{name} = {{ render: modules["{script}"].render }}\n' for name, script in parts]
    return Module(f"{linked}const components = {{}}\n{''.join(components)}export default components\n")
