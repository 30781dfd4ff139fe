"""One pass over image files: a few child processes decode, some batches ahead of the models that embed.

A file whose child died is decoded once more when all others are done, and fails only if its child dies again.
What does not belong here: decoding one file (`images/child_tasks.py`), other machines
(`indexing/contents/cluster.py`), and where the results are kept (`indexing/embed.py`).
"""

import os
from collections import deque
from collections.abc import Container, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file
from clipper.images.decode import THUMBNAIL_PIXELS
from clipper.images.folder import ImageFolder
from clipper.sandbox.process import ChildDied, Sandbox, SandboxPool
from clipper.settings import Settings
from clipper.store.columns.entries import Entry

if TYPE_CHECKING:
    import numpy as np

    from clipper.images.preprocess import Transform
    from clipper.models.encoder import Encoder

# More children than these would only take the cores from a model that runs on the same ones.
MAX_THREADS = 8
# Beside a GPU decoding is the slower half: each core has a child.
MAX_THREADS_BESIDE_GPU = 64
# Batches that wait for the model while others are decoded.
WAITING_BATCHES = 2
# A child takes a quarter of a second to start, in which a thread decodes about this many images.
IMAGES_PER_CHILD = 16


@dataclass(frozen=True)
class ToEmbed:
    """A model that is loaded, and the content hashes that lack its vector."""

    encoder: "Encoder"
    contents: Container[bytes]


def decode_and_embed(
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    models: Sequence[ToEmbed],
    pictures: Container[bytes],
    min_side: int = THUMBNAIL_PIXELS,
) -> Iterator[DecodeResult]:
    """Decode each file once for all models, some batches ahead, and embed it by those that lack its vector.

    The models work in a thread of their own, so that they wait neither for a file nor for the disk that the
    results are written to.

    Args:
        entries: the files.
        folder: where they are.
        settings: the limits of decoding, and the images of a batch.
        models: all that take part; the vectors of a result are in their order.
        pictures: content hashes that lack a thumbnail, measures or a signature.
        min_side: the shorter side, in pixels, of the decoded image that those are made of.
    """
    on_gpu = any(each.encoder.device.type != "cpu" for each in models)
    decoded = _decode_all(
        entries,
        SandboxedDecoder(
            folder,
            settings,
            tuple((each.encoder.transform, each.contents) for each in models),
            pictures=pictures,
            min_side=min_side,
        ),
        most_threads=MAX_THREADS_BESIDE_GPU if on_gpu else MAX_THREADS,
    )
    batch: list[DecodeResult] = []
    running: deque[Future[list[DecodeResult]]] = deque()
    with closing(decoded), ThreadPoolExecutor(1, thread_name_prefix="model") as model:
        try:
            for result in decoded:
                if not result.has_crops:
                    yield result
                    continue
                batch.append(result)
                if len(batch) == settings.batch_size:
                    running.append(model.submit(_embed, batch, models))
                    batch = []
                if len(running) > WAITING_BATCHES:
                    yield from running.popleft().result()
            if batch:
                running.append(model.submit(_embed, batch, models))
            while running:
                yield from running.popleft().result()
        finally:  # an interrupted run does not wait for vectors that it will not use
            for future in running:
                future.cancel()


def _embed(batch: list[DecodeResult], models: Sequence[ToEmbed]) -> list[DecodeResult]:
    """Return a batch with the vectors of each model that its crops are for; a vector depends on no other."""
    import numpy as np

    vectors: list[list[np.ndarray | None]] = [[None] * len(models) for _ in batch]
    for at, each in enumerate(models):
        crops = {row: crop for row, result in enumerate(batch) if (crop := result.crops[at]) is not None}
        if crops:
            made = each.encoder.embed_pixels(np.stack([*crops.values()]))
            for row, vector in zip(crops, made, strict=True):
                vectors[row][at] = vector
    return [replace(result, crops=(), vectors=tuple(of)) for result, of in zip(batch, vectors, strict=True)]


def decode_only(entries: Sequence[Entry], decoder: "SandboxedDecoder") -> Iterator[DecodeResult]:
    """Decode each file once, on all cores: others embed."""
    return _decode_all(entries, decoder, most_threads=MAX_THREADS_BESIDE_GPU)


def embed_decoded(
    results: Sequence[DecodeResult], settings: Settings, models: Sequence[ToEmbed]
) -> Iterator[DecodeResult]:
    """Embed what was decoded with the models' inputs; the rest passes as it is."""
    yield from (result for result in results if not result.has_crops)
    waiting = [result for result in results if result.has_crops]
    for start in range(0, len(waiting), settings.batch_size):
        yield from _embed(waiting[start : start + settings.batch_size], models)


def decode_crops(
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    transform: "Transform",
    *,
    most_threads: int = MAX_THREADS,
) -> "np.ndarray":
    """Decode files to a model's input, without those that cannot be decoded: (n, s, s, 3) uint8."""
    import numpy as np

    keys = {entry.content_hash for entry in entries}
    decoder = SandboxedDecoder(folder, settings, ((transform, keys),), pictures=())
    results = _decode_all(entries, decoder, most_threads=most_threads)
    side = transform.crop_side
    crops = [crop for result in results for crop in result.crops if crop is not None]
    return np.stack(crops) if crops else np.zeros((0, side, side, 3), np.uint8)


def _decode_all(
    entries: Sequence[Entry], decoder: "SandboxedDecoder", *, most_threads: int
) -> Generator[DecodeResult]:
    """Decode all files, in their order; a file whose child died comes last, in a child of its own."""
    settings = decoder.settings
    threads = min(os.cpu_count() or 2, most_threads, 1 + len(entries) // IMAGES_PER_CHILD)
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
            sandboxes.end()
    yield from map(decoder.decode_alone, suspects)


@dataclass(frozen=True)
class SandboxedDecoder:
    """Decodes files of a folder in child processes.

    `models` has the transform of each model and the content hashes that lack its vector; `pictures` and
    `min_side` as in `decode_and_embed`.
    """

    folder: ImageFolder
    settings: Settings
    models: "tuple[tuple[Transform, Container[bytes]], ...]"
    pictures: Container[bytes]
    min_side: int = THUMBNAIL_PIXELS

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
        key = entry.content_hash
        request = DecodeRequest(
            max_bytes=self.settings.max_bytes,
            max_pixels=self.settings.max_pixels,
            min_side=self.min_side,
            transforms=tuple(made if key in lacking else None for made, lacking in self.models),
            with_picture=key in self.pictures,
            hash=key.hex(),
        )
        blobs = []
        if self.folder.remote or entry.place:
            # Read in this process: a child need not know archives and file systems, and `memory://` exists
            # only here.
            try:
                data = self.folder.read(entry.id, entry.place, listed_bytes=entry.bytes, content_hash=key)
            except BadImageError as error:
                return DecodeResult(key, reason=str(error), vanished=True)
            blobs.append(data)
        else:
            request = replace(request, path=self.folder.path(entry.id))
        return DecodeResult.from_message(sandbox.ask(request.to_json(), blobs), request)
