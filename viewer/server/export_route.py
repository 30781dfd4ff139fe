"""The route that sends exports: /export/<token>. A page is given a token for what its visitor chose.

A token is a secret of one export, good for one download, for a minute, and no longer than the page: what
nobody fetches is forgotten then, for an export holds its dataset. The file is made while it is sent: whoever
reads slowly makes the server wait, not remember.
"""

import asyncio
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from viewer.dataset.exports import TYPES, Export, written
from viewer.server.handlers import VisitorsHandler

ROUTE = r"/export/([A-Za-z0-9_-]{20,64})"
GOOD_FOR = 60.0  # seconds; a page fetches at once
MOST = 64  # tokens that wait; the oldest is forgotten
EXPORTERS = ThreadPoolExecutor(2, thread_name_prefix="export")
ENDINGS = {"ids": "txt"}

log = logging.getLogger(__name__)
_lock = threading.Lock()
_offered: "OrderedDict[str, Offer]" = OrderedDict()
_sweeper: threading.Timer | None = None  # there is one while anything is offered


class Offer(NamedTuple):
    """An export that waits to be fetched, until a moment of the monotonic clock."""

    export: Export
    kind: str
    until: float


def offer(export: Export, kind: str) -> str:
    """The token under which an export can be fetched once.

    Raises:
        KeyError: there is no such kind.
    """
    if kind not in TYPES:
        raise KeyError(kind)
    token = secrets.token_urlsafe(24)
    with _lock:
        _forget()
        _offered[token] = Offer(export, kind, time.monotonic() + GOOD_FOR)
        while len(_offered) > MOST:
            _offered.popitem(last=False)
        _watch()
    return token


def withdraw(tokens: Iterable[str]) -> None:
    """Forget exports that nobody will fetch any more; those that were fetched are no concern."""
    with _lock:
        for token in tokens:
            _offered.pop(token, None)


def taken(token: str) -> Offer:
    """What a token stands for; it stands for nothing afterwards.

    Raises:
        KeyError: nothing, or not any more.
    """
    with _lock:
        _forget()
        return _offered.pop(token)


def _watch() -> None:
    """Look again when the oldest has had its time; whoever calls has the lock."""
    global _sweeper  # noqa: PLW0603 - one for the process, like what it looks after
    if _sweeper is None and _offered:
        wait = max(0.0, next(iter(_offered.values())).until - time.monotonic())
        _sweeper = threading.Timer(wait + 0.05, _sweep)
        _sweeper.daemon = True
        _sweeper.start()


def _sweep() -> None:
    global _sweeper  # noqa: PLW0603
    with _lock:
        _sweeper = None
        _forget()
        _watch()


def _forget() -> None:
    now = time.monotonic()
    for token in [token for token, offered in _offered.items() if offered.until < now]:
        del _offered[token]


def file_name(title: str, kind: str) -> str:
    """What a browser calls the file: letters that every system takes."""
    words = re.sub(r"[^\w-]+", "-", title, flags=re.UNICODE).strip("-_")[:60]
    return f"{words or 'images'}-selection.{ENDINGS.get(kind, kind)}"


class ExportHandler(VisitorsHandler):
    """Sends one export."""

    async def get(self, token: str) -> None:
        """Send the file, or 404 for a token that stands for nothing."""
        try:
            offered = taken(token)
        except KeyError:
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self._headers_for(offered)
        pieces = written(offered.export, offered.kind)
        loop = asyncio.get_running_loop()
        try:
            while (piece := await loop.run_in_executor(EXPORTERS, next, pieces, None)) is not None:
                if piece:
                    self.write(piece)
                    await self.flush()
        except StreamClosedError:
            log.info("an export was called off by its reader")
        finally:
            await loop.run_in_executor(EXPORTERS, _close, pieces)

    def _headers_for(self, offered: Offer) -> None:
        name = file_name(offered.export.dataset.title, offered.kind)
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        self.set_header("Content-Type", TYPES[offered.kind])
        self.set_header(
            "Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
        )
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")


def _close(pieces: object) -> None:
    """End a generator where it stands: an archive that nobody reads is not finished."""
    close = getattr(pieces, "close", None)
    if close:
        close()
