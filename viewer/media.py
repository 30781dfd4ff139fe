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

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.images import decode
from viewer.data import load

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


def thumbnail(image_id: str) -> tuple[bytes, str]:
    """The thumbnail's bytes and content type.

    Raises:
        KeyError: no image has this id.
    """
    atlas = load().atlas
    return atlas.thumbnail(atlas.row(image_id)), "image/webp"


def full(image_id: str) -> tuple[bytes, str]:
    """The original as it is where a browser can show it, else converted, else the thumbnail.

    Raises:
        KeyError: no image has this id.
    """
    atlas = load().atlas
    row = atlas.row(image_id)
    try:
        content_type = AS_THEY_ARE.get(atlas.image_format(row))
        data = atlas.image(row)
        if content_type:
            return data, content_type
        return converted(data, max_pixels=atlas.settings.max_pixels), "image/png"
    except Exception:
        log.info("the original of row %d cannot be sent, its thumbnail is", row, exc_info=True)
        return atlas.thumbnail(row), "image/webp"


def converted(data: bytes, *, max_pixels: int) -> bytes:
    """Any format that Clipper indexes, as PNG, opened with the same limits as when it was indexed."""
    image = decode(data, max_pixels=max_pixels, smallest=LONGEST_CONVERTED).pixels
    image.thumbnail((LONGEST_CONVERTED, LONGEST_CONVERTED))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class ImageHandler(AuthRequestHandler):
    """Answers one image, to those only whom the page is shown to."""

    def initialize(self, **_context: object) -> None:
        """Panel hands every route of an app its context; an image needs none of it."""

    async def get(self, size: str, image_id: str) -> None:
        """Send the image, or 404 for an id that is not in the atlas."""
        if not self.current_user:  # an image cannot show a sign-in page; the page itself leads there
            raise HTTPError(HTTPStatus.FORBIDDEN)
        read = thumbnail if size == "thumb" else full
        loop = asyncio.get_running_loop()
        try:
            data, content_type = await loop.run_in_executor(READERS, partial(read, image_id))
        except (KeyError, ClipperError, OSError):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self._headers_for(content_type)
        self.write(data)

    def _headers_for(self, content_type: str) -> None:
        fresh = (
            f"private, max-age={A_YEAR}, immutable"
            if self.get_query_argument("v", "")
            else "private, no-cache"
        )
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", fresh)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
