"""The page's keyboard, and the button that shows its list. Listens to the whole page."""

from viewer.components.base import Component


class Shortcuts(Component):
    """Sends `escape`, `tool`, `step` (to the previous or next image), `zoom` and `home`."""

    script = "page/shortcuts.js"
    _css = ("components.css", "page/shortcuts.css")
