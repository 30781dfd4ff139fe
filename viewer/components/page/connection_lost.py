"""What a page says when its connection to the server is gone, until it opens again by itself."""

from viewer.components.base import Component


class ConnectionLost(Component):
    """Shown by the browser alone: there is no server to tell it anything."""

    script = "page/connection_lost.js"
    _css = ("components.css", "page/change_notice.css", "page/connection_lost.css")
