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
from clipper.images import content_hash
from clipper.sandbox import Sandboxes
from clipper.showing import convert
from viewer.route import VisitorsHandler
from viewer.versions import holder

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

_converting = Sandboxes(convert, seconds=SECONDS)

log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """What an image request is answered with.

    `lasting` when this URL will never mean anything else; `lost` says why an original is not what is sent.
    """

    data: bytes
    content_type: str
    lasting: bool = False
    lost: str = ""


def image(size: str, image_id: str, *, stamp: str = "") -> Sent:
    """An image that a session shows or that is published; with a stamp, of these very bytes where they are.

    Raises:
        KeyError: there is no such image, or not any more.
        ClipperError: there is no atlas.
    """
    dataset = holder(image_id, stamp)
    row = dataset.atlas.row(image_id)
    lasting = dataset.stamp(row) == stamp
    if size == "full":
        sent = original(dataset.atlas, row)
        if not isinstance(sent, str):
            return sent._replace(lasting=lasting)
        return Sent(dataset.atlas.thumbnail(row), "image/webp", lost=sent)
    return Sent(dataset.atlas.thumbnail(row), "image/webp", lasting)


def original(atlas: Any, row: int) -> Sent | str:
    """The original as it is where a browser can show it, else converted; or why it cannot be sent."""
    try:
        content_type = AS_THEY_ARE.get(atlas.image_format(row))
        data = atlas.image(row)
    except Exception:
        log.info("the original of row %d cannot be read, its thumbnail is sent", row, exc_info=True)
        return "gone"
    if content_hash(data) != atlas.hashes[row]:
        log.info("the original of row %d has changed since it was indexed, its thumbnail is sent", row)
        return "changed"
    try:
        sent = data if content_type else converted(data, max_pixels=atlas.settings.max_pixels)
        return Sent(sent, content_type or "image/png")
    except Exception:
        log.info("the original of row %d cannot be converted, its thumbnail is sent", row, exc_info=True)
        return "unreadable"


def converted(data: bytes, *, max_pixels: int) -> bytes:
    """Any format that Clipper indexes, as PNG: opened in a child, with the limits it was indexed with.

    Raises:
        ValueError: it cannot be decoded.
        ChildDied: decoding it crashed, took too long or too much memory; only the child is gone.
    """
    return CONVERTERS.submit(_converted, data, max_pixels).result()


def _converted(data: bytes, max_pixels: int) -> bytes:
    with _converting.one() as sandbox:
        told, made = sandbox.ask({"max_pixels": max_pixels, "longest": LONGEST_CONVERTED}, [data])
    if not made:
        raise ValueError(told.get("reason") or told.get("error") or "nothing came of it")
    return made[0]


class ImageHandler(VisitorsHandler):
    """Answers one image."""

    async def get(self, size: str, image_id: str) -> None:
        """Send the image, or 404 for an id that is not in the atlas."""
        stamp = self.get_query_argument("is", "")
        loop = asyncio.get_running_loop()
        try:
            sent = await loop.run_in_executor(READERS, partial(image, size, image_id, stamp=stamp))
        except (KeyError, ClipperError, OSError):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self._headers_for(sent)
        self.write(sent.data)

    def _headers_for(self, sent: Sent) -> None:
        fresh = f"max-age={A_YEAR}, immutable" if sent.lasting else "no-cache"
        self.set_header("Content-Type", sent.content_type)
        self.set_header("Cache-Control", f"private, {fresh}")
        if sent.lost:
            self.set_header("Original-Is", sent.lost)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
