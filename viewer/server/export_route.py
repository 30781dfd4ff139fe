"""The route that sends exports: /export/<token>.

A token is the secret of one export. It is valid for one download, for a minute, and no longer than its page,
as an export keeps its dataset in memory. The file is made while it is sent, so a slow reader costs no
memory. What does not belong here: making tokens (`session/export_offers.py`).
"""

import asyncio
import logging
import re
from http import HTTPStatus
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from clipper.export.run import FOLDERS
from viewer.dataset.exports import CONTENT_TYPES
from viewer.pools import EXPORT_POOL
from viewer.server.handlers import VisitorHandler
from viewer.server.processes.workers import hand_on
from viewer.session.export_offers import Offer, redeem

ROUTE = r"/export/([A-Za-z0-9_-]{20,64})"
ENDINGS = {"ids": "txt", "images": "parquet", **dict.fromkeys(FOLDERS, "zip")}

log = logging.getLogger(__name__)


def export_file_name(title: str, kind: str, *, name: str = "selection") -> str:
    """Return the file's name for the browser, of letters that every system accepts."""
    dataset, contents = (
        re.sub(r"[^\w-]+", "-", text, flags=re.UNICODE).strip("-_")[:60] for text in (title, name)
    )
    return f"{dataset or 'images'}-{contents or 'list'}.{ENDINGS.get(kind, kind)}"


class ExportHandler(VisitorHandler):
    """Sends one export."""

    async def get(self, token: str) -> None:
        """Send the file, or 404 for a token that is not valid."""
        try:
            offered = redeem(token, home=self.home)
        except KeyError:
            if await hand_on(self):  # another worker may have offered it
                return
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self._headers_for(offered)
        pieces = offered.export.pieces(offered.kind)
        loop = asyncio.get_running_loop()
        try:
            while (piece := await loop.run_in_executor(EXPORT_POOL, next, pieces, None)) is not None:
                if piece:
                    self.write(piece)
                    await self.flush()
        except StreamClosedError:
            log.info("the browser ended an export before it was complete")
        finally:
            await loop.run_in_executor(EXPORT_POOL, _close, pieces)

    def _headers_for(self, offered: Offer) -> None:
        name = export_file_name(offered.export.dataset.title, offered.kind, name=offered.export.name)
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        self.set_header("Content-Type", CONTENT_TYPES[offered.kind])
        self.set_header(
            "Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
        )
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")


def _close(pieces: object) -> None:
    """End a generator early: an archive that nobody reads need not be completed."""
    close = getattr(pieces, "close", None)
    if close:
        close()
