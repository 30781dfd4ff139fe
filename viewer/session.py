"""Who holds on to a visitor's page: nobody once the visitor has left."""

import panel as pn
import panel_material_ui as pmui


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
