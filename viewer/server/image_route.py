"""The route that serves images by id: /img/thumb/<id> and /img/full/<id> below the app's own path.

An id is looked up in the atlas and is never a path. `?is=` names the content that is meant: the answer to
such an address never becomes another one. Only raster types that browsers decode are sent, under their own
content type; other formats are converted. What cannot be sent is answered with its thumbnail, and with a
header that says why.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.hashing import content_hash
from clipper.images.child_tasks import browser_png
from clipper.sandbox.process import SandboxPool
from viewer.dataset.versions import holder
from viewer.server.handlers import VisitorsHandler

ROUTE = r"/img/(thumb|full)/(.+)"
AS_THEY_ARE = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
LONGEST_CONVERTED = 2048  # pixels
A_YEAR = 31_536_000
READERS = ThreadPoolExecutor(4, thread_name_prefix="image")
# A child of its own for each of these threads that meets an odd file: decoders are native code.
CONVERTERS = ThreadPoolExecutor(2, thread_name_prefix="convert")
SECONDS = 30.0  # more than anybody waits for

_converting = SandboxPool(browser_png, seconds=SECONDS)

log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """What an image request is answered with.

    `lasting` when this URL will never mean anything else; `lost` says why an original is not what is sent.
    """

    data: bytes
    content_type: str
    lasting: bool = False
    lost: str = ""


class Odd(NamedTuple):
    """An original of a format that browsers do not show, and whose it is."""

    data: bytes
    atlas: Any
    row: int
    lasting: bool = False


def image(size: str, image_id: str, *, stamp: str = "") -> Sent | Odd:
    """An image that a session shows or that is published; with a stamp, of these very bytes where they are.

    Raises:
        KeyError: there is no such image, or not any more.
        ClipperError: there is no atlas.
    """
    dataset = holder(image_id, stamp)
    row = dataset.atlas.row(image_id)
    lasting = dataset.stamp(row) == stamp
    if size == "full":
        found = original(dataset.atlas, row)
        if not isinstance(found, str):
            return found._replace(lasting=lasting)
        return Sent(dataset.atlas.thumbnail(row), "image/webp", lost=found)
    return Sent(dataset.atlas.thumbnail(row), "image/webp", lasting)


def original(atlas: Any, row: int) -> Sent | Odd | str:
    """The original where a browser can show it, else what is to be converted; or why it is not sent."""
    try:
        content_type = AS_THEY_ARE.get(atlas.image_format(row))
        data = atlas.image(row)
    except Exception:
        log.info("the original of row %d cannot be read, its thumbnail is sent", row, exc_info=True)
        return "gone"
    if content_hash(data) != atlas.hashes[row]:
        log.info("the original of row %d has changed since it was indexed, its thumbnail is sent", row)
        return "changed"
    return Sent(data, content_type) if content_type else Odd(data, atlas, row)


def showable(odd: Odd) -> Sent:
    """What browsers show of a file that they do not: itself converted, else its thumbnail."""
    try:
        made = converted(odd.data, max_pixels=odd.atlas.settings.max_pixels)
        return Sent(made, "image/png", odd.lasting)
    except Exception:
        log.info("the original of row %d cannot be converted, its thumbnail is sent", odd.row, exc_info=True)
        return Sent(odd.atlas.thumbnail(odd.row), "image/webp", lost="unreadable")


def converted(data: bytes, *, max_pixels: int) -> bytes:
    """Any format that Clipper indexes, as PNG: opened in a child, with the limits it was indexed with.

    Raises:
        ValueError: it cannot be decoded.
        ChildDied: decoding it crashed, took too long or too much memory; only the child is gone.
    """
    with _converting.borrow() as sandbox:
        told, made = sandbox.ask({"max_pixels": max_pixels, "longest": LONGEST_CONVERTED}, [data])
    if not made:
        raise ValueError(told.get("reason") or told.get("error") or "nothing came of it")
    return made[0]


class ImageHandler(VisitorsHandler):
    """Answers one image."""

    _left = False

    async def get(self, size: str, image_id: str) -> None:
        """Send the image, or 404 for an id that is not in the atlas."""
        stamp = self.get_query_argument("is", "")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(READERS, partial(image, size, image_id, stamp=stamp))
        except (KeyError, ClipperError, OSError):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        # In threads of their own: one takes seconds, and thumbnails must not wait for it.
        sent = await loop.run_in_executor(CONVERTERS, self._shown, found) if isinstance(found, Odd) else found
        if sent is None:
            return
        self._headers_for(sent)
        self.write(sent.data)

    def on_connection_close(self) -> None:
        """Whoever went on to the next image waits for this one no longer."""
        self._left = True

    def _shown(self, odd: Odd) -> Sent | None:
        return None if self._left else showable(odd)

    def _headers_for(self, sent: Sent) -> None:
        fresh = f"max-age={A_YEAR}, immutable" if sent.lasting else "no-cache"
        self.set_header("Content-Type", sent.content_type)
        self.set_header("Cache-Control", f"private, {fresh}")
        if sent.lost:
            self.set_header("Original-Is", sent.lost)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
