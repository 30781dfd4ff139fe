"""What the handlers of our own routes share. What each of them sends is its own module's."""

import logging
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.util import check_allowlist
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.settings import settings
from tornado.web import HTTPError, RequestHandler

from viewer.server.access import is_loopback, requires_sign_in

log = logging.getLogger(__name__)


class PublicHandler(RequestHandler):
    """A route for everybody."""

    def initialize(self, **_context: object) -> None:
        """Panel hands every route of an app its context; none of ours needs it."""


class VisitorHandler(AuthRequestHandler, PublicHandler):
    """A route for those only whom the page is shown to."""

    async def prepare(self) -> None:
        """Refuse strangers; what a page fetches cannot show a sign-in page, the page itself leads there."""
        await AuthRequestHandler.prepare(self)
        if not self.current_user:
            raise HTTPError(HTTPStatus.FORBIDDEN)
        host = self.request.host.lower()
        server: Any = self.application
        allowed = settings.allowed_ws_origin() or server.websocket_origins
        if not requires_sign_in() and not is_allowed_host(host, allowed):
            log.error(
                "refused an image or a file to a page of %s; if that is how this server is reached, "
                "say so with --allow-websocket-origin=%s",
                host,
                host,
            )
            raise HTTPError(HTTPStatus.FORBIDDEN)


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Whether a page of this host, as the request names it, may be shown images that ask for no sign-in.

    A stranger's site may lead its own name to this machine (DNS rebinding), and a browser then takes our
    answers for that site's. This machine's own names cannot be led
    elsewhere; others have to be among those that the websocket answers.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or check_allowlist(host, list(allowed))
