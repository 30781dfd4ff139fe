"""The page for a home without an atlas: what is missing, and the commands to type."""

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import panel_material_ui as pmui
import param

from clipper.errors import ClipperError, NoIndexError
from viewer.components.base import Component
from viewer.components.page.connection_lost import ConnectionLost
from viewer.components.page.page import html_page
from viewer.components.page.theme_cookie import saved_dark
from viewer.dataset.versions import load
from viewer.homes import home_of_session
from viewer.pools import VERSION_POOL
from viewer.session.background import in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

    from viewer.dataset.dataset import Dataset


class NoAtlas(Component):
    """A heading, a reason, the commands to type; reloads the page when there is an atlas to show."""

    heading = param.String()
    reason = param.String()
    commands = param.List()
    ready = param.Boolean(default=False)

    script = "page/no_atlas.js"
    _css = ("components.css", "page/no_atlas.css")

    def __init__(self, *, failed: str = "", **params: Any) -> None:
        super().__init__(actions={"look": self._check}, **params)
        self._failed = failed
        self._load = partial(load, home_of_session())

    def _check(self, _message: object) -> None:
        """Try to open the atlas: only that shows whether it is complete."""
        in_background(self._load, self._checked, pool=VERSION_POOL)

    def _checked(self, done: "Future[Dataset]") -> None:
        error = done.exception()
        if error is None:
            self.ready = done.result().version != self._failed
        elif isinstance(error, ClipperError):
            self.param.update(**error_view(error))


def error_view(error: ClipperError) -> dict[str, Any]:
    """Return the texts for an error, with the commands that it names as a remedy."""
    heading = "No index yet" if isinstance(error, NoIndexError) else "Nothing to show yet"
    commands = re.findall("`(clipper [^`]+)`", str(error)) or ["clipper index path/to/your/images"]
    reason = re.sub("; make (one|it) with `[^`]+`$", "", str(error))  # the page shows the command below it
    return {"heading": heading, "reason": reason.replace("`", ""), "commands": commands}


def no_atlas_page(error: ClipperError, *, failed: str = "") -> pmui.Page:
    """Make the whole page for an error; `failed` is a version that opens but cannot be shown."""
    content = NoAtlas(failed=failed, sizing_mode="stretch_both", **error_view(error))
    return html_page(
        has_map=False, title="Clipper", main=[content, ConnectionLost(margin=0)], dark_theme=saved_dark()
    )
