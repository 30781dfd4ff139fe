"""One pass over image files: a few threads decode, a bounded way ahead of the model that embeds.

What does not belong here: other machines (`cluster.py`), and what becomes of the results (`contents.py`).
"""

import os
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
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

    from clipper.model import Clip

# Decoding in Pillow gains nothing from more threads than this beside a busy model.
MAX_THREADS = 8


@dataclass(frozen=True)
class Seen:
    """What one file gave: facts, thumbnail and, if asked for, its vector; or the reason of its failure."""

    entry: Entry
    facts: str | None = None
    thumbnail: bytes | None = None
    # The model's input, until it has become `vector`: (d,) float32.
    crop: "np.ndarray | None" = None
    vector: "np.ndarray | None" = None
    reason: str | None = None
    # The file was another one when it was read: the next run takes it, nothing is remembered of it.
    vanished: bool = False


def process(
    entries: Iterable[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    clip: "Clip | None",
    wanting: Container[bytes],
) -> Iterator[Seen]:
    """Decode each file once and embed those whose content hash is in `wanting`; two batches decoded ahead."""
    batch: list[Seen] = []
    for seen in _decode_all(entries, folder, settings, clip=clip, wanting=wanting):
        if seen.crop is None:
            yield seen
            continue
        batch.append(seen)
        if len(batch) == settings.batch_size:
            yield from _embedded(batch, clip)
            batch = []
    yield from _embedded(batch, clip)


def _embedded(batch: list[Seen], clip: "Clip | None") -> Iterator[Seen]:
    import numpy as np

    if batch and clip is not None:
        vectors = clip.embed_pixels(np.stack([seen.crop for seen in batch if seen.crop is not None]))
        for seen, vector in zip(batch, vectors, strict=True):
            yield replace(seen, crop=None, vector=vector)


def _decode_all(
    entries: Iterable[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    clip: "Clip | None",
    wanting: Container[bytes],
) -> Iterator[Seen]:
    smallest = max(clip.source.image_size if clip else 0, THUMBNAIL_PIXELS)
    crop = clip.transform.crop if clip else None
    pending: deque[Future[Seen]] = deque()
    waiting = iter(entries)
    threads = min(os.cpu_count() or 2, MAX_THREADS)
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:

        def submit(count: int) -> None:
            for entry in islice(waiting, count):
                own = crop if entry.content_hash in wanting else None
                pending.append(pool.submit(_see, entry, folder, settings.max_pixels, smallest, own))

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
