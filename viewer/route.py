"""What the handlers of our own routes share. What each of them sends is its own module's."""

from http import HTTPStatus

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, RequestHandler


class OpenHandler(RequestHandler):
    """A route for everybody."""

    def initialize(self, **_context: object) -> None:
        """Panel hands every route of an app its context; none of ours needs it."""


class VisitorsHandler(AuthRequestHandler, OpenHandler):
    """A route for those only whom the page is shown to."""

    async def prepare(self) -> None:
        """Refuse strangers; what a page fetches cannot show a sign-in page, the page itself leads there."""
        await AuthRequestHandler.prepare(self)
        if not self.current_user:
            raise HTTPError(HTTPStatus.FORBIDDEN)
