"""The visitor's theme, dark or light: the system's, live, until the visitor chooses the other one.

Cookies hold what was chosen and what the system has, so that the first picture has its colours. On a first
visit `page.html` writes the system's before the page's socket opens, which brings it. What does not belong
here: the colours (`theme.py`).
"""

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from viewer.compat import Arrived
from viewer.components.base import Component
from viewer.session.state import ViewState

COOKIE = "clipper-theme"  # what the visitor chose
SYSTEM_COOKIE = "clipper-system"  # what the visitor's system has
_THEMES = {"dark": True, "light": False}


def saved_dark(*, default: bool = True) -> bool:
    """Return whether the visitor's cookies say dark: what was chosen, else the system's, else `default`."""
    system = _THEMES.get(str(_cookies().get(SYSTEM_COOKIE)), default)
    return _THEMES.get(chosen_theme(), system)


def chosen_theme() -> str:
    """Return the theme that the visitor chose; "" for the system's."""
    theme = _cookies().get(COOKIE)
    return theme if theme in _THEMES else ""


def _cookies() -> Mapping[str, str]:
    return (pn.state.cookies or {}) if pn.state.curdoc is not None else {}


class ThemeCookie(Component):
    """Watches the system's theme and saves each choice in the browser; shows nothing.

    The theme that the system has is no choice: taking it, a visitor follows the system again.
    """

    dark = param.Boolean(default=True)
    chosen = param.Boolean(default=False, doc="Whether the visitor chose it; otherwise it is the system's.")
    system = param.Selector(default="", objects=["", *_THEMES], doc='The system\'s theme; "": not known.')

    script = "page/theme_cookie.js"
    _css = ()

    def follow(self, state: ViewState) -> None:
        """Keep the theme of the state as the system's, unless the visitor chooses, from now on."""
        self._state = state
        self._actions = {"system": lambda message: self._follow_system(message.get("theme"))}
        system = _cookies().get(SYSTEM_COOKIE)
        self.param.update(
            dark=state.dark, chosen=bool(chosen_theme()), system=system if system in _THEMES else ""
        )
        state.param.watch(self._changed, "dark")
        if pn.state.curdoc is not None:
            pn.state.curdoc.on_event(Arrived, self._arrived)

    def _arrived(self, event: Arrived) -> None:
        """Take the system's theme before the page is sent; the browser has found it out by now."""
        self._follow_system(event.cookies.get(SYSTEM_COOKIE))

    def _follow_system(self, theme: object) -> None:
        if theme not in _THEMES:
            return  # a browser may send anything
        self.system = str(theme)
        if not self.chosen:
            self._state.dark = _THEMES[self.system]

    def _changed(self, event: Any) -> None:
        self.param.update(dark=event.new, chosen=event.new is not _THEMES.get(self.system))
