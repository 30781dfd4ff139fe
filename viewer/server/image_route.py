"""The route that serves images by id: /img/thumb/, medium/, view/ and full/<id> below the app's path.

A view fills a screen: it is the original, or a smaller copy of a very large one, with a header that says so.

An id is looked up in the atlas and is never a path. `?is=` is the image's content hash: the answer to such a
URL never changes. What is sent looks as what was indexed: only an original that a browser shows like that is
sent as it is; others are converted.
If an original cannot be sent, its thumbnail is, with a header that gives the reason.
"""

import asyncio
import logging
import math
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.hashing import content_hash
from clipper.images.child_tasks import browser_image
from clipper.sandbox.process import SandboxPool
from viewer.dataset.atlas_reader import AtlasReader
from viewer.dataset.dataset import Dataset
from viewer.dataset.versions import dataset_with
from viewer.pools import CONVERT_POOL, IMAGE_POOL
from viewer.server.handlers import VisitorHandler
from viewer.server.processes.workers import hand_on

ROUTE = r"/img/(thumb|medium|view|full)/(.+)"
BROWSER_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}  # no BMP: browsers differ in its alpha and its colours, and Chromium itself from 156 on
MAX_CONVERTED_SIDE = 2048  # pixels
MEDIUM_SIDE = 640  # pixels of the longer side
# An original of fewer bytes, and pixels as far as they are known, is sent instead of a copy.
COPIES = {"medium": (150_000, 4_000_000), "view": (6_000_000, 20_000_000)}
YEAR_SECONDS = 31_536_000
CONVERT_SECONDS = 30.0  # longer than anybody waits

_converting = SandboxPool(browser_image, seconds=CONVERT_SECONDS)

log = logging.getLogger(__name__)


class ImageResponse(NamedTuple):
    """The answer to a request for an image.

    With `lasting`, the URL's answer never changes. `lost` is the reason why the original is not sent.
    With `larger` this is a copy, and the original is larger.
    """

    data: bytes
    content_type: str
    lasting: bool = False
    lost: str = ""
    larger: bool = False


class ForeignImage(NamedTuple):
    """An original that is converted before it is sent, and its image.

    Browsers do not show it, or otherwise than it was indexed, or a smaller `copy` is asked for: "medium" or
    "view".
    """

    data: bytes
    atlas: AtlasReader
    row: int
    lasting: bool = False
    copy: str = ""


def find_image(
    size: str, image_id: str, *, stamp: str = "", home: Path | None = None
) -> ImageResponse | ForeignImage:
    """Find an image in the versions of a home that sessions show, or in the published one.

    Args:
        size: "thumb", "medium", "view" or "full".
        image_id: the image's id.
        stamp: its content hash; a version with these bytes is preferred.
        home: the home; None: the server's only one.

    Raises:
        KeyError: there is no such image.
        ClipperError: there is no atlas.
    """
    dataset = dataset_with(image_id, stamp, home=home)
    row = dataset.atlas.row(image_id)
    lasting = dataset.content_stamp(row) == stamp
    if size != "thumb":
        found = read_original(dataset.atlas, row)
        if size in COPIES and isinstance(found, ImageResponse):
            found = _copy_of(found, size, dataset, row)
        elif size == "medium" and isinstance(found, ForeignImage):
            found = found._replace(copy=size)
        if not isinstance(found, str):
            return found._replace(lasting=lasting)
        return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lost=found)
    return ImageResponse(dataset.atlas.thumbnail(row), "image/webp", lasting)


def _copy_of(found: ImageResponse, size: str, dataset: Dataset, row: int) -> ImageResponse | ForeignImage:
    """Return a large original as an image to be made smaller; a small one as it is."""
    most_bytes, most_pixels = COPIES[size]
    sides = [dataset.metadata(row).get(side) for side in ("width", "height")]
    pixels = math.prod(side for side in sides if isinstance(side, int))
    if len(found.data) <= most_bytes and pixels <= most_pixels:
        return found
    return ForeignImage(found.data, dataset.atlas, row, copy=size)


def read_original(atlas: AtlasReader, row: int) -> ImageResponse | ForeignImage | str:
    """Read an original: an answer, or an image to convert; or the reason why it is not available."""
    try:
        content_type = None if atlas.needs_conversion(row) else BROWSER_TYPES.get(atlas.image_format(row))
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
        made = convert(foreign.data, max_pixels=foreign.atlas.settings.max_pixels, copy=foreign.copy)
        content_type = "image/webp" if foreign.copy else "image/png"
        return ImageResponse(made, content_type, foreign.lasting, larger=foreign.copy == "view")
    except Exception:
        log.info(
            "the original of row %d cannot be converted, its thumbnail is sent", foreign.row, exc_info=True
        )
        return ImageResponse(foreign.atlas.thumbnail(foreign.row), "image/webp", lost="unreadable")


def convert(data: bytes, *, max_pixels: int, copy: str = "") -> bytes:
    """Convert an image in any format that Clipper indexes, in a child process with the usual limits.

    It becomes a PNG, or a smaller WebP for a `copy`.

    Raises:
        ValueError: it cannot be decoded.
        ChildDied: decoding it crashed, took too long or too much memory; only the child ended.
    """
    with _converting.borrow() as sandbox:
        longest = MEDIUM_SIDE if copy == "medium" else MAX_CONVERTED_SIDE
        request = {"max_pixels": max_pixels, "longest": longest, "small": bool(copy)}
        answer, made = sandbox.ask(request, [data])
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
            find = partial(find_image, size, image_id, stamp=stamp, home=self.home)
            found = await loop.run_in_executor(IMAGE_POOL, find)
        except (KeyError, ClipperError, OSError):
            if await hand_on(self):  # another worker may have a session that still shows it
                return
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
        if sent.larger:
            self.set_header("Original-Is-Larger", "yes")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
