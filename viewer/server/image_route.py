"""The route that serves images by id: /img/thumb/<id> and /img/full/<id> below the app's own path.

An id is looked up in the atlas and is never a path. `?is=` names the content that is meant: the answer to
such an address never becomes another one. Only raster types that browsers decode are sent, under their own
content type; other formats are converted. What cannot be sent is answered with its thumbnail, and with a
header that says why.
"""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.hashing import content_hash
from clipper.images.child_tasks import browser_png
from clipper.sandbox.process import SandboxPool
from viewer.dataset.versions import dataset_with
from viewer.pools import CONVERT_POOL, IMAGE_POOL
from viewer.server.handlers import VisitorHandler

ROUTE = r"/img/(thumb|full)/(.+)"
BROWSER_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
MAX_CONVERTED_SIDE = 2048  # pixels
YEAR_SECONDS = 31_536_000
CONVERT_SECONDS = 30.0  # more than anybody waits for

_converting = SandboxPool(browser_png, seconds=CONVERT_SECONDS)

log = logging.getLogger(__name__)


class ImageResponse(NamedTuple):
    """What an image request is answered with.

    `lasting` when this URL will never mean anything else; `lost` says why an original is not what is sent.
    """

    data: bytes
    content_type: str
    lasting: bool = False
    lost: str = ""


class ForeignImage(NamedTuple):
    """An original of a format that browsers do not show, and whose it is."""

    data: bytes
    atlas: Any
    row: int
    lasting: bool = False


def find_image(size: str, image_id: str, *, stamp: str = "") -> ImageResponse | ForeignImage:
    """An image that a session shows or that is published; with a stamp, of these very bytes where they are.

    Raises:
        KeyError: there is no such image, or not any more.
        ClipperError: there is no atlas.
    """
    dataset = dataset_with(image_id, stamp)
    row = dataset.atlas.row(image_id)
    lasting = dataset.content_stamp(row) == stamp
    if size == "full":
        found = read_original(dataset.atlas, row)
        if not isinstance(found, str):
            return found._replace(lasting=lasting)
        return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lost=found)
    return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lasting)


def read_original(atlas: Any, row: int) -> ImageResponse | ForeignImage | str:
    """The original where a browser can show it, else what is to be converted; or why it is not sent."""
    try:
        content_type = BROWSER_TYPES.get(atlas.image_format(row))
        data = atlas.image(row)
    except Exception:
        log.info("the original of row %d cannot be read, its thumbnail is sent", row, exc_info=True)
        return "gone"
    if content_hash(data) != atlas.hashes[row]:
        log.info("the original of row %d has changed since it was indexed, its thumbnail is sent", row)
        return "changed"
    return ImageResponse(data, content_type) if content_type else ForeignImage(data, atlas, row)


def convert_or_thumbnail(odd: ForeignImage) -> ImageResponse:
    """What browsers show of a file that they do not: itself converted, else its thumbnail."""
    try:
        made = convert_to_png(odd.data, max_pixels=odd.atlas.settings.max_pixels)
        return ImageResponse(made, "image/png", odd.lasting)
    except Exception:
        log.info("the original of row %d cannot be converted, its thumbnail is sent", odd.row, exc_info=True)
        return ImageResponse(odd.atlas.thumbnail(odd.row), "image/webp", lost="unreadable")


def convert_to_png(data: bytes, *, max_pixels: int) -> bytes:
    """Any format that Clipper indexes, as PNG: opened in a child, with the limits it was indexed with.

    Raises:
        ValueError: it cannot be decoded.
        ChildDied: decoding it crashed, took too long or too much memory; only the child is gone.
    """
    with _converting.borrow() as sandbox:
        told, made = sandbox.ask({"max_pixels": max_pixels, "longest": MAX_CONVERTED_SIDE}, [data])
    if not made:
        raise ValueError(told.get("reason") or told.get("error") or "nothing came of it")
    return made[0]


class ImageHandler(VisitorHandler):
    """Answers one image."""

    _left = False

    async def get(self, size: str, image_id: str) -> None:
        """Send the image, or 404 for an id that is not in the atlas."""
        stamp = self.get_query_argument("is", "")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(IMAGE_POOL, partial(find_image, size, image_id, stamp=stamp))
        except (KeyError, ClipperError, OSError):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        # In threads of their own: one takes seconds, and thumbnails must not wait for it.
        sent = (
            await loop.run_in_executor(CONVERT_POOL, self._shown, found)
            if isinstance(found, ForeignImage)
            else found
        )
        if sent is None:
            return
        self._headers_for(sent)
        self.write(sent.data)

    def on_connection_close(self) -> None:
        """Whoever went on to the next image waits for this one no longer."""
        self._left = True

    def _shown(self, odd: ForeignImage) -> ImageResponse | None:
        return None if self._left else convert_or_thumbnail(odd)

    def _headers_for(self, sent: ImageResponse) -> None:
        fresh = f"max-age={YEAR_SECONDS}, immutable" if sent.lasting else "no-cache"
        self.set_header("Content-Type", sent.content_type)
        self.set_header("Cache-Control", f"private, {fresh}")
        if sent.lost:
            self.set_header("Original-Is", sent.lost)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
