"""One pass over image files by a few threads, a bounded way ahead of the model.

What does not belong here: what becomes of the results (`indexing.py`).
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from clipper.folder import ImageFolder
from clipper.images import (
    THUMBNAIL_PIXELS,
    BadImageError,
    content_hash,
    decode,
    encode_facts,
    thumbnail,
)
from clipper.manifest import Entry
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Decoding in Pillow gains nothing from more threads than this beside a busy model.
MAX_THREADS = 8


@dataclass(frozen=True)
class Seen:
    """What one file gave: facts, thumbnail and, if asked for, model input; or the reason of its failure."""

    entry: Entry
    facts: str | None = None
    thumbnail: bytes | None = None
    crop: "np.ndarray | None" = None
    reason: str | None = None
    # The file was another one when it was read: the next run takes it, nothing is remembered of it.
    vanished: bool = False


def decode_all(
    entries: Iterable[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    crop: "Callable[[Image.Image], np.ndarray] | None",
    model_side: int,
) -> Iterator[Seen]:
    """Decode each file once, in order; two batches are decoded ahead of who takes them."""
    smallest = max(model_side, THUMBNAIL_PIXELS)
    pending: deque[Future[Seen]] = deque()
    waiting = iter(entries)
    threads = min(os.cpu_count() or 2, MAX_THREADS)
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:

        def submit(count: int) -> None:
            for entry in islice(waiting, count):
                pending.append(pool.submit(_see, entry, folder, settings.max_pixels, smallest, crop))

        try:
            submit(2 * settings.batch_size)
            while pending:
                seen = pending.popleft().result()
                submit(1)
                yield seen
        finally:
            for future in pending:
                future.cancel()


def _see(
    entry: Entry,
    folder: ImageFolder,
    max_pixels: int,
    smallest: int,
    crop: "Callable[[Image.Image], np.ndarray] | None",
) -> Seen:
    try:
        data = folder.read(entry.id)
    except BadImageError as error:
        return Seen(entry, reason=str(error), vanished=True)
    if content_hash(data) != entry.content_hash:
        reason = "changed while it was being indexed; the next run takes it"
        return Seen(entry, reason=reason, vanished=True)
    try:
        decoded = decode(data, max_pixels=max_pixels, smallest=smallest)
        picture = thumbnail(decoded.pixels)
        pixels = crop(decoded.pixels) if crop else None
    except BadImageError as error:
        return Seen(entry, reason=str(error))
    except Exception as error:  # noqa: BLE001 - a picture that decodes but cannot be resized or saved
        return Seen(entry, reason=f"cannot be used: {error or type(error).__name__}")
    return Seen(entry, encode_facts(decoded.facts), picture, pixels)
