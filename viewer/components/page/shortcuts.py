"""The page's keyboard shortcuts, and the button that lists them. They work on the whole page."""

from viewer.components.base import Component


class Shortcuts(Component):
    """Sends `escape`, `tool`, `step` (to the previous or next image), `zoom` and `home`."""

    script = "page/shortcuts.js"
    _css = ("components.css", "page/shortcuts.css")
