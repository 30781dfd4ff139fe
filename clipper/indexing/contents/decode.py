"""One pass over image files: a few child processes decode, some batches ahead of the model that embeds.

A file whose child died is decoded once more when all others are done, and fails only if its child dies again.
What does not belong here: decoding one file (`images/child_tasks.py`), other machines
(`indexing/contents/cluster.py`), and where the results are kept (`indexing/embed.py`).
"""

import os
from collections import deque
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file
from clipper.images.folder import ImageFolder
from clipper.sandbox.process import ChildDied, Sandbox, SandboxPool
from clipper.settings import Settings
from clipper.store.manifest import Entry

if TYPE_CHECKING:
    from clipper.images.preprocess import Transform
    from clipper.models.clip import Clip

# Decoding in Pillow gains nothing from more threads than this beside a busy model.
MAX_THREADS = 8
# A child takes a quarter of a second to start, in which a thread decodes about this many images.
IMAGES_PER_CHILD = 16


def decode_and_embed(
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    clip: "Clip | None",
    to_embed: Container[bytes],
) -> Iterator[DecodeResult]:
    """Decode each file once, two batches ahead, and embed those whose content hash is in `to_embed`."""
    batch: list[DecodeResult] = []
    transform = clip.transform if clip else None
    for result in _decode_all(entries, folder, settings, transform=transform, to_embed=to_embed):
        if result.crop is None:
            yield result
            continue
        batch.append(result)
        if len(batch) == settings.batch_size:
            yield from _embed(batch, clip)
            batch = []
    yield from _embed(batch, clip)


def _embed(batch: list[DecodeResult], clip: "Clip | None") -> Iterator[DecodeResult]:
    import numpy as np

    if batch and clip is not None:
        vectors = clip.embed_pixels(np.stack([result.crop for result in batch if result.crop is not None]))
        for result, vector in zip(batch, vectors, strict=True):
            yield replace(result, crop=None, vector=vector)


def _decode_all(
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    transform: "Transform | None",
    to_embed: Container[bytes],
) -> Iterator[DecodeResult]:
    """Decode all files, in their order; a file whose child died comes last, in a child of its own."""
    decoder = SandboxedDecoder(folder, settings, transform, to_embed)
    threads = min(os.cpu_count() or 2, MAX_THREADS, 1 + len(entries) // IMAGES_PER_CHILD)
    suspects: list[Entry] = []
    pending: deque[tuple[Entry, Future[DecodeResult]]] = deque()
    waiting = iter(entries)
    with (
        SandboxPool(decode_file, seconds=settings.max_seconds) as sandboxes,
        ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool,
    ):

        def submit(count: int) -> None:
            for entry in islice(waiting, count):
                pending.append((entry, pool.submit(decoder.decode, entry, sandboxes)))

        try:
            submit(2 * settings.batch_size)
            while pending:
                entry, future = pending.popleft()
                try:
                    result = future.result()
                except ChildDied:
                    suspects.append(entry)
                else:
                    yield result
                submit(1)
        finally:  # an interrupted run does not wait for results that it will not use
            for _, future in pending:
                future.cancel()
            sandboxes.kill()
    yield from map(decoder.decode_alone, suspects)


@dataclass(frozen=True)
class SandboxedDecoder:
    """Decodes files of a folder in child processes."""

    folder: ImageFolder
    settings: Settings
    transform: "Transform | None"
    to_embed: Container[bytes]

    def decode(self, entry: Entry, sandboxes: SandboxPool) -> DecodeResult:
        """Decode a file in any child that is free.

        Raises:
            ChildDied: because of this file, or of something else that happened meanwhile.
        """
        with sandboxes.borrow() as sandbox:
            return self._ask(entry, sandbox)

    def decode_alone(self, entry: Entry) -> DecodeResult:
        """Decode a file again, in a new child while no other runs: if that dies too, the file is to blame."""
        with Sandbox(decode_file, seconds=self.settings.max_seconds) as sandbox:
            try:
                return self._ask(entry, sandbox)
            except ChildDied as died:
                return DecodeResult(entry.content_hash, reason=str(died))

    def _ask(self, entry: Entry, sandbox: Sandbox) -> DecodeResult:
        with_crop = entry.content_hash in self.to_embed
        request = DecodeRequest.within(self.settings, self.transform, with_crop=with_crop)
        request = replace(request, hash=entry.content_hash.hex())
        blobs = []
        if self.folder.remote or entry.place:
            # Read in this process: a child need not know archives and file systems, and `memory://` exists
            # only here.
            try:
                blobs.append(self.folder.read(entry.id, entry.place))
            except BadImageError as error:
                return DecodeResult(entry.content_hash, reason=str(error), vanished=True)
        else:
            request = replace(request, path=self.folder.path(entry.id))
        return DecodeResult.from_message(sandbox.ask(request.to_json(), blobs), request)
