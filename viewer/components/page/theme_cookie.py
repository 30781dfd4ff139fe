"""Remembers the visitor's theme, dark or light, in a cookie, so that the first picture has its colours."""

import panel as pn
import param

from viewer.components.base import Component
from viewer.session.state import ViewState

COOKIE = "clipper-theme"


def saved_dark(*, default: bool = True) -> bool:
    """Return whether the current visitor's cookie says dark; `default` without a cookie."""
    value = (pn.state.cookies or {}).get(COOKIE) if pn.state.curdoc is not None else None
    return {"dark": True, "light": False}.get(str(value), default)


class ThemeCookie(Component):
    """Saves each change of the theme in the browser; shows nothing."""

    dark = param.Boolean(default=True)

    script = "page/theme_cookie.js"
    _css = ()

    def follow(self, state: ViewState) -> None:
        """Save the theme of the state from now on."""
        self.dark = state.dark
        state.param.watch(lambda event: setattr(self, "dark", event.new), "dark")
