"""The page's keyboard shortcuts, and the button that lists them. They work on the whole page.

The list is a `<dialog>` of the browser: a key opens it without a round trip to the server, which
panel-material-ui's `Dialog` needs.
"""

from viewer.components.base import Component


class Shortcuts(Component):
    """Sends `escape`, `step` (to the previous or next image), `zoom`, `home`, `grow`, `labelling`."""

    script = "page/shortcuts.js"
    _css = ("components.css", "page/shortcuts.css")
