"""Dark or light: as the visitor left it. A cookie says so, that the first picture is drawn right already."""

import panel as pn
import param

from viewer.components.base import Component
from viewer.session.state import ViewState

COOKIE = "clipper-theme"


def saved_dark(*, default: bool = True) -> bool:
    """Whether the visitor whose page is being made looked at a dark one last."""
    told = (pn.state.cookies or {}).get(COOKIE) if pn.state.curdoc is not None else None
    return {"dark": True, "light": False}.get(str(told), default)


class ThemeCookie(Component):
    """Remembers each change of the theme in the browser; shows nothing."""

    dark = param.Boolean(default=True)

    script = "page/theme_cookie.js"
    _css = ()

    def follow(self, state: ViewState) -> None:
        """Remember the state's theme from now on."""
        self.dark = state.dark
        state.param.watch(lambda event: setattr(self, "dark", event.new), "dark")
