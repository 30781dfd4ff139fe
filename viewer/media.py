"""The route that serves images by id: /img/thumb/<id> and /img/full/<id> below the app's own path.

An id is looked up in the atlas and is never a path. Only raster types that browsers decode are sent, under
their own content type; other formats are converted, and what cannot be is answered with its thumbnail.
"""

import asyncio
import io
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.images import content_hash, decode
from viewer.data import load, loaded

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

log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """What an image request is answered with; `lasting` when this URL will never mean anything else."""

    data: bytes
    content_type: str
    lasting: bool


def image(size: str, image_id: str, *, version: str = "") -> Sent:
    """An image of a version that is in memory, else of the published one.

    Raises:
        KeyError: no image has this id.
        ClipperError: there is no atlas.
    """
    dataset = loaded(version) or load()
    atlas, lasting = dataset.atlas, dataset.version == version
    row = atlas.row(image_id)
    sent = full(atlas, row) if size == "full" else None
    if sent is None:
        return Sent(atlas.thumbnail(row), "image/webp", lasting and size == "thumb")
    return Sent(*sent, lasting)


def full(atlas: Any, row: int) -> tuple[bytes, str] | None:
    """The original's bytes and content type: as it is where a browser can show it, else converted.

    None when it is gone, cannot be read, or is not the image any more that was indexed.
    """
    try:
        content_type = AS_THEY_ARE.get(atlas.image_format(row))
        data = atlas.image(row)
        if content_hash(data) != atlas._hashes[row]:  # noqa: SLF001 - nobody else needs it
            log.info("the original of row %d has changed since it was indexed, its thumbnail is sent", row)
            return None
        if content_type:
            return data, content_type
        return converted(data, max_pixels=atlas.settings.max_pixels), "image/png"
    except Exception:
        log.info("the original of row %d cannot be sent, its thumbnail is", row, exc_info=True)
        return None


def converted(data: bytes, *, max_pixels: int) -> bytes:
    """Any format that Clipper indexes, as PNG, opened with the same limits as when it was indexed."""
    pixels = decode(data, max_pixels=max_pixels, smallest=LONGEST_CONVERTED).pixels
    pixels.thumbnail((LONGEST_CONVERTED, LONGEST_CONVERTED))
    out = io.BytesIO()
    pixels.save(out, "PNG")
    return out.getvalue()


class ImageHandler(AuthRequestHandler):
    """Answers one image, to those only whom the page is shown to."""

    def initialize(self, **_context: object) -> None:
        """Panel hands every route of an app its context; an image needs none of it."""

    async def get(self, size: str, image_id: str) -> None:
        """Send the image, or 404 for an id that is not in the atlas."""
        if not self.current_user:  # an image cannot show a sign-in page; the page itself leads there
            raise HTTPError(HTTPStatus.FORBIDDEN)
        version = self.get_query_argument("v", "")
        loop = asyncio.get_running_loop()
        try:
            sent = await loop.run_in_executor(READERS, partial(image, size, image_id, version=version))
        except (KeyError, ClipperError, OSError):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self._headers_for(sent)
        self.write(sent.data)

    def _headers_for(self, sent: Sent) -> None:
        fresh = f"max-age={A_YEAR}, immutable" if sent.lasting else "no-cache"
        self.set_header("Content-Type", sent.content_type)
        self.set_header("Cache-Control", f"private, {fresh}")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
