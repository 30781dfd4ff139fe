"""What every page of this viewer is set in: Panel's page with our look, our fonts and our own template."""

from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel_material_ui.template.base import parse_template

from viewer.theme import FONT_FACES, page_css, page_sx, theme_config

STATIC = "viewer/static"
TEMPLATE = parse_template(str(Path(__file__).parent / "page.html"))
TEMPLATE.globals["style"] = FONT_FACES.replace("STATIC", STATIC) + page_css()


def html_page(*, has_map: bool, **params: Any) -> pmui.Page:
    """A page of this visitor's session, outlined with a map or without; `params` are those of Panel's."""
    if pn.state.curdoc is not None:
        pn.state.curdoc.template_variables["has_map"] = has_map
    return let_go_of(
        pmui.Page(
            theme_config=theme_config(),
            sx=page_sx(),
            stylesheets=[page_css()],
            busy_indicator=None,
            template=TEMPLATE,
            **params,
        )
    )


def let_go_of(page: pmui.Page) -> pmui.Page:
    """The page, no longer told whether the server is busy.

    Panel's state, of which there is one a process, would tell it and so keep it for ever: about 1.4 MB for
    each visitor, with all that a page refers to.
    """
    watchers = pn.state.param.watchers.get("busy", {}).get("value", [])
    for watcher in [*watchers]:
        told = getattr(watcher.fn, "__self__", None)
        if getattr(told, "self", None) is page:
            pn.state.param.unwatch(watcher)
    return page
