"""The notice that the connection to the server is lost; it reloads the page when the server answers again."""

from viewer.components.base import Component


class ConnectionLost(Component):
    """Works in the browser alone: without a connection the server cannot change it."""

    script = "page/connection_lost.js"
    _css = ("components.css", "page/change_notice.css", "page/connection_lost.css")
