"""The page's keyboard: `/` focuses the search box, Escape closes the open image."""

from viewer.component import Component, script, source


class Keys(Component):
    """Listens to the whole page; its only message is `escape`."""

    _esm = source("find.js") + script("keys.js")
    _css = ()
