"""The frame of every page of this viewer: Panel's page with our theme, our fonts and our own template."""

from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel_material_ui.template.base import parse_template

from viewer.compat import needed_tags, release_page
from viewer.components.page.theme_cookie import chosen_theme
from viewer.theme import FONT_FACES, page_css, page_sx, theme_config

STATIC = "viewer/static"
TEMPLATE = parse_template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
TEMPLATE.globals["needed_tags"] = needed_tags
TEMPLATE.globals["style"] = FONT_FACES.replace("STATIC", STATIC) + page_css()


def html_page(*, has_map: bool, beside: float = 0, **params: Any) -> pmui.Page:
    """Make a page of this visitor's session.

    Args:
        has_map: whether its first outline has a map.
        beside: the share of the outline that panels beside the map take, in percent.
        **params: Panel's.
    """
    if pn.state.curdoc is not None:
        variables = {"has_map": has_map, "beside": beside, "chosen_theme": chosen_theme()}
        pn.state.curdoc.template_variables.update(variables)
    return release_page(
        pmui.Page(
            theme_config=theme_config(),
            sx=page_sx(),
            stylesheets=[page_css()],
            busy_indicator=None,
            template=TEMPLATE,
            **params,
        )
    )
