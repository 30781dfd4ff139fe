"""Sends the page's scripts and style sheets compressed: a first visit needs a third of the bytes.

A file is compressed once for all visitors, off the event loop. What does not belong here: pictures and fonts,
which are compressed already.
"""

import asyncio
import gzip
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.web import RequestHandler, StaticFileHandler

from viewer.pools import IMAGE_POOL

if TYPE_CHECKING:
    from datetime import datetime

ENDINGS = (".js", ".css", ".svg")
LEVEL = 6
KEPT = 64  # compressed files in memory


def accepts_gzip(handler: RequestHandler) -> bool:
    """Whether the browser reads compressed answers."""
    return "gzip" in handler.request.headers.get("Accept-Encoding", "")


def mark_compressed(handler: RequestHandler) -> None:
    """Say that an answer is compressed, and only because the browser reads such answers."""
    handler.set_header("Content-Encoding", "gzip")
    handler.set_header("Vary", "Accept-Encoding")


@lru_cache(maxsize=KEPT)
def compressed(text: str) -> bytes:
    """Compress a text that is sent again and again."""
    return gzip.compress(text.encode(), LEVEL, mtime=0)


@lru_cache(maxsize=KEPT)
def compressed_file(path: str, _modified: "datetime | None") -> bytes:
    """Compress a file; another time of change makes it another file."""
    return gzip.compress(Path(path).read_bytes(), LEVEL, mtime=0)


async def get_compressed(handler: StaticFileHandler, path: str, include_body: bool = True) -> None:
    """Send a static file as Tornado does, but scripts and style sheets compressed."""
    plain = "Range" in handler.request.headers or not include_body or not path.endswith(ENDINGS)
    if plain or not accepts_gzip(handler):
        await StaticFileHandler.get(handler, path, include_body)
        return
    handler.path = handler.parse_url_path(path)
    found = handler.get_absolute_path(handler.root, handler.path)
    handler.absolute_path = handler.validate_absolute_path(handler.root, found)
    if handler.absolute_path is None:
        return
    handler.modified = handler.get_modified_time()
    handler.set_headers()
    handler.clear_header("Accept-Ranges")
    mark_compressed(handler)
    if handler.should_return_304():
        handler.set_status(304)
        return
    loop = asyncio.get_running_loop()
    work = partial(compressed_file, handler.absolute_path, handler.modified)
    handler.write(await loop.run_in_executor(IMAGE_POOL, work))
