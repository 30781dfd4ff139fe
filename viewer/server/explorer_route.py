"""The route by which an explorer of a notebook reads its page, and searches in it: /explorer/<key>.

Only a server that a notebook started has this route (`embed.py`). What does not belong here: tables
(`clipper/notebook/explorer.py`).
"""

import json
from http import HTTPStatus

from tornado.web import HTTPError

from viewer.server.handlers import VisitorHandler
from viewer.session.workers.explorer import KEY, NO_PAGE, latest_page, search, shown

ROUTE = rf"/explorer/({KEY})"


class ExplorerHandler(VisitorHandler):
    """Answers what a page shows now."""

    async def get(self, key: str) -> None:
        """Send the ids of the selection and of the results; an explorer without a page has none."""
        self.set_header("Cache-Control", "no-store")
        page = latest_page(key)
        self.write(NO_PAGE if page is None else await shown(page))

    async def post(self, key: str) -> None:
        """Search for a text in the page, and answer when it shows the results, or why there are none."""
        self.set_header("Cache-Control", "no-store")
        try:
            text = json.loads(self.request.body)["text"]
        except (ValueError, KeyError, TypeError):
            raise HTTPError(HTTPStatus.BAD_REQUEST) from None
        if not isinstance(text, str):
            raise HTTPError(HTTPStatus.BAD_REQUEST)
        page = latest_page(key)
        self.write({"open": page is not None, "message": await search(page, text) if page else ""})
