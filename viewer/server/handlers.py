"""The base handlers of the viewer's own routes: they decide who gets an answer.

What does not belong here: the answers, each in its own module.
"""

import logging
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.util import check_allowlist
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.settings import settings
from tornado.web import HTTPError, RequestHandler

from viewer.homes import home_of_context
from viewer.server.access import is_loopback, requires_sign_in

log = logging.getLogger(__name__)


class PublicHandler(RequestHandler):
    """A route that anybody may use."""

    home: Path | None = None  # of several that the server shows; None: its only one

    def initialize(self, application_context: object = None, **_context: object) -> None:
        """Take the context that Panel passes to each route: it says which home the route belongs to."""
        self.home = home_of_context(application_context)


class VisitorHandler(AuthRequestHandler, PublicHandler):
    """A route for visitors who may see the page."""

    async def prepare(self) -> None:
        """Refuse anybody else with 403; only the page itself redirects to a sign-in."""
        await AuthRequestHandler.prepare(self)
        if not self.current_user:
            raise HTTPError(HTTPStatus.FORBIDDEN)
        host = self.request.host.lower()
        server: Any = self.application
        allowed = settings.allowed_ws_origin() or server.websocket_origins
        if not requires_sign_in() and not is_allowed_host(host, allowed):
            log.error(
                "refused an image or a file for a page at %s; if visitors reach this server by that name, "
                "start it with --allow-websocket-origin=%s",
                host,
                host,
            )
            raise HTTPError(HTTPStatus.FORBIDDEN)


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Return whether a request for this host may have images without a sign-in.

    Another site may point its own name to this machine (DNS rebinding), and a browser then treats our answers
    as that site's. Nobody can redirect this machine's own names; other names must be among the origins that
    the websocket accepts.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or check_allowlist(host, list(allowed))
