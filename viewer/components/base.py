"""The base of this page's own components: a script that exports `render`, and style sheets.

They show text as text only, and speak to the server in messages {"kind": ..., ...}. A browser runs one module
of all components: it compiles the module once and keeps it, not on every visit and for every component anew.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param
from bokeh.models import CustomJS

from viewer.compat import LeanComponent
from viewer.components.linking import link
from viewer.session.background import when_loaded

HERE = Path(__file__).parent
# Messages of a component that wait for the page to load; no visitor sends as many.
MOST_EARLY = 100
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
    return CustomJS(args=args, code=_linked(name) + call)


@cache
def _linked(name: str) -> str:
    return link([name], _source)


class Component(LeanComponent):
    """A component of ours: a message from its script calls the action for the message's kind."""

    __abstract = True

    script: ClassVar[str] = ""  # exports `render`
    _css: ClassVar[tuple[str, ...]] = ("components.css",)

    def __init__(self, *, actions: Mapping[str, Action] | None = None, **params: Any) -> None:
        super().__init__(stylesheets=[style_sheet(name) for name in self._css], **params)
        self._actions = dict(actions or {})
        self._early = 0  # messages before the page has loaded

    def script_url(self) -> str:
        """Return the URL of the script of all components."""
        return module().address

    def _handle_msg(self, data: Any) -> None:
        """Call the action for a message; a browser may send anything, so ignore other messages.

        A message that comes before the page has loaded waits for that (`compat.is_on_its_way`); the page
        opens what its address says last of all.
        """
        action = self._actions.get(str(data.get("kind"))) if isinstance(data, dict) else None
        if action is None:
            return
        if not pn.state.loaded:
            self._early += 1
            if self._early > MOST_EARLY:
                return
        when_loaded(partial(action, data))


class Module:
    """The script of all components: its default export has the `render` of each, by the name of its class."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def address(self) -> str:
        """Return its URL, which changes with its text."""
        return f"./viewer/components-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}.js"


def module() -> Module:
    """Return the script of all components that are imported: importing `viewer.app` imports every one."""
    parts = param.concrete_descendents(Component)
    return _module(tuple((name, part.script) for name, part in sorted(parts.items()) if part.script))


@cache
def _module(parts: tuple[tuple[str, str], ...]) -> Module:
    linked = link([script for _, script in parts], _source)
    components = [f'components.{name} = {{ render: modules["{script}"].render }}\n' for name, script in parts]
    return Module(f"{linked}const components = {{}}\n{''.join(components)}export default components\n")
