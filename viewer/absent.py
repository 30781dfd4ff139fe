"""The page shown when there is no atlas: what is missing and exactly what to type."""

import re
from typing import TYPE_CHECKING, Any

import panel_material_ui as pmui
import param

import clipper
from clipper.errors import ClipperError, NoIndexError
from viewer.background import in_background
from viewer.component import Component, script
from viewer.status import LOOKERS
from viewer.theme import page_css, page_sx, theme_config

if TYPE_CHECKING:
    from concurrent.futures import Future


class Absent(Component):
    """A title, a sentence, the commands to type; reloads the page once there is something to show."""

    heading = param.String()
    reason = param.String()
    commands = param.List()
    ready = param.Boolean(default=False)

    _esm = script("absent.js")
    _css = ("components.css", "absent.css")

    def __init__(self, **params: Any) -> None:
        super().__init__(actions={"look": self._look}, **params)

    def _look(self, _message: object) -> None:
        """Has an index been published meanwhile?"""
        in_background(clipper.published_version, self._found, pool=LOOKERS)

    def _found(self, done: "Future[str | None]") -> None:
        if done.exception() is None:
            self.ready = done.result() is not None


def words(error: ClipperError) -> dict[str, Any]:
    """What to say about an error that keeps the atlas from being shown: its own remedy, if it names one."""
    heading = "No index yet" if isinstance(error, NoIndexError) else "Nothing to show yet"
    commands = re.findall("`(clipper [^`]+)`", str(error)) or ["clipper index path/to/your/images"]
    return {"heading": heading, "reason": str(error).replace("`", ""), "commands": commands}


def absent_page(error: ClipperError) -> pmui.Page:
    """The whole page for an error."""
    content = Absent(sizing_mode="stretch_both", **words(error))
    return pmui.Page(
        title="Clipper", main=[content], theme_config=theme_config(), sx=page_sx(),
        stylesheets=[page_css()], busy_indicator=None, dark_theme=True,
    )  # fmt: skip
