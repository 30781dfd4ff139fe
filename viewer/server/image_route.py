"""The route that serves images by id: /img/thumb/, /img/medium/ and /img/full/<id> below the app's path.

An id is looked up in the atlas and is never a path. `?is=` is the image's content hash: the answer to such a
URL never changes. Only raster formats that browsers decode are sent as they are; other formats are converted.
If an original cannot be sent, its thumbnail is, with a header that gives the reason.
"""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.hashing import content_hash
from clipper.images.child_tasks import browser_image
from clipper.sandbox.process import SandboxPool
from viewer.dataset.atlas_reader import AtlasReader
from viewer.dataset.versions import dataset_with
from viewer.pools import CONVERT_POOL, IMAGE_POOL
from viewer.server.handlers import VisitorHandler

ROUTE = r"/img/(thumb|medium|full)/(.+)"
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
MEDIUM_SIDE = 640  # pixels of the longer side
MEDIUM_BYTES = 150_000  # an original of fewer bytes is sent instead of a medium one
YEAR_SECONDS = 31_536_000
CONVERT_SECONDS = 30.0  # longer than anybody waits

_converting = SandboxPool(browser_image, seconds=CONVERT_SECONDS)

log = logging.getLogger(__name__)


class ImageResponse(NamedTuple):
    """The answer to a request for an image.

    With `lasting`, the URL's answer never changes. `lost` is the reason why the original is not sent.
    """

    data: bytes
    content_type: str
    lasting: bool = False
    lost: str = ""


class ForeignImage(NamedTuple):
    """An original that is converted before it is sent, and its image.

    Its format is one that browsers do not show, or a `small` one is asked for.
    """

    data: bytes
    atlas: AtlasReader
    row: int
    lasting: bool = False
    small: bool = False


def find_image(size: str, image_id: str, *, stamp: str = "") -> ImageResponse | ForeignImage:
    """Find an image in the versions that sessions show, or in the published one.

    Args:
        size: "thumb", "medium" or "full".
        image_id: the image's id.
        stamp: its content hash; a version with these bytes is preferred.

    Raises:
        KeyError: there is no such image.
        ClipperError: there is no atlas.
    """
    dataset = dataset_with(image_id, stamp)
    row = dataset.atlas.row(image_id)
    lasting = dataset.content_stamp(row) == stamp
    if size != "thumb":
        found = read_original(dataset.atlas, row)
        if size == "medium" and isinstance(found, (ImageResponse, ForeignImage)):
            found = _medium(found, dataset.atlas, row)
        if not isinstance(found, str):
            return found._replace(lasting=lasting)
        return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lost=found)
    return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lasting)


def _medium(
    found: ImageResponse | ForeignImage, atlas: AtlasReader, row: int
) -> ImageResponse | ForeignImage:
    """Return an image to be made smaller, unless the original is small enough."""
    if isinstance(found, ImageResponse) and len(found.data) <= MEDIUM_BYTES:
        return found
    return ForeignImage(found.data, atlas, row, small=True)


def read_original(atlas: AtlasReader, row: int) -> ImageResponse | ForeignImage | str:
    """Read an original: an answer, or an image to convert; or the reason why it is not available."""
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


def convert_or_thumbnail(foreign: ForeignImage) -> ImageResponse:
    """Convert an original for browsers; if that fails, return its thumbnail."""
    try:
        made = convert(foreign.data, max_pixels=foreign.atlas.settings.max_pixels, small=foreign.small)
        return ImageResponse(made, "image/webp" if foreign.small else "image/png", foreign.lasting)
    except Exception:
        log.info(
            "the original of row %d cannot be converted, its thumbnail is sent", foreign.row, exc_info=True
        )
        return ImageResponse(foreign.atlas.thumbnail(foreign.row), "image/webp", lost="unreadable")


def convert(data: bytes, *, max_pixels: int, small: bool = False) -> bytes:
    """Convert an image in any format that Clipper indexes, in a child process with the usual limits.

    It becomes a PNG, or a `small` WebP.

    Raises:
        ValueError: it cannot be decoded.
        ChildDied: decoding it crashed, took too long or too much memory; only the child ended.
    """
    with _converting.borrow() as sandbox:
        longest = MEDIUM_SIDE if small else MAX_CONVERTED_SIDE
        answer, made = sandbox.ask({"max_pixels": max_pixels, "longest": longest, "small": small}, [data])
    if not made:
        raise ValueError(answer.get("reason") or answer.get("error") or "the conversion returned nothing")
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
        # Conversions take seconds, so they have their own pool, and thumbnails do not wait for them.
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
        """Remember that nobody waits for the image any more."""
        self._left = True

    def _shown(self, foreign: ForeignImage) -> ImageResponse | None:
        return None if self._left else convert_or_thumbnail(foreign)

    def _headers_for(self, sent: ImageResponse) -> None:
        fresh = f"max-age={YEAR_SECONDS}, immutable" if sent.lasting else "no-cache"
        self.set_header("Content-Type", sent.content_type)
        self.set_header("Cache-Control", f"private, {fresh}")
        if sent.lost:
            self.set_header("Original-Is", sent.lost)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
