"""One pass over image files: a few child processes decode, a bounded way ahead of the model that embeds.

A file that ends its child is looked at once more when all others are done, and only then condemned. What does
not belong here: the look itself (`images/child_tasks.py`), other machines (`indexing/cluster.py`), and what
becomes of the results (`indexing/embed.py`).
"""

import os
from collections import deque
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.images.child_tasks import Looked, look
from clipper.images.decode_apart import _request
from clipper.images.folder import ImageFolder
from clipper.sandbox.process import ChildDied, Sandbox, Sandboxes
from clipper.settings import Settings
from clipper.store.manifest import Entry

if TYPE_CHECKING:
    import numpy as np

    from clipper.images.preprocess import Transform
    from clipper.models.clip import Clip

# Decoding in Pillow gains nothing from more threads than this beside a busy model.
MAX_THREADS = 8
# A child takes a quarter of a second to start: a few images are done by then.
IMAGES_A_CHILD = 16


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
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    clip: "Clip | None",
    wanting: Container[bytes],
) -> Iterator[Seen]:
    """Decode each file once and embed those whose content hash is in `wanting`; two batches decoded ahead."""
    batch: list[Seen] = []
    transform = clip.transform if clip else None
    for seen in _decode_all(entries, folder, settings, transform=transform, wanting=wanting):
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
    entries: Sequence[Entry],
    folder: ImageFolder,
    settings: Settings,
    *,
    transform: "Transform | None",
    wanting: Container[bytes],
) -> Iterator[Seen]:
    """What each file gave, in the files' order; those that cost a child its life come last, each alone."""
    looker = _Looker(folder, settings, transform, wanting)
    threads = min(os.cpu_count() or 2, MAX_THREADS, 1 + len(entries) // IMAGES_A_CHILD)
    suspects: list[Entry] = []
    pending: deque[tuple[Entry, Future[Seen]]] = deque()
    waiting = iter(entries)
    with (
        Sandboxes(look, seconds=settings.max_seconds) as sandboxes,
        ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool,
    ):

        def submit(count: int) -> None:
            for entry in islice(waiting, count):
                pending.append((entry, pool.submit(looker.see, entry, sandboxes)))

        try:
            submit(2 * settings.batch_size)
            while pending:
                entry, future = pending.popleft()
                try:
                    seen = future.result()
                except ChildDied:
                    suspects.append(entry)
                else:
                    yield seen
                submit(1)
        finally:  # a run that is interrupted does not wait for what it will not use
            for _, future in pending:
                future.cancel()
            sandboxes.kill()
    yield from map(looker.see_alone, suspects)


@dataclass(frozen=True)
class _Looker:
    """Has children look at files."""

    folder: ImageFolder
    settings: Settings
    transform: "Transform | None"
    wanting: Container[bytes]

    def see(self, entry: Entry, sandboxes: Sandboxes) -> Seen:
        """One look, by whichever child is free.

        Raises:
            ChildDied: of this file, or of something else that happened meanwhile.
        """
        with sandboxes.one() as sandbox:
            return self._ask(entry, sandbox)

    def see_alone(self, entry: Entry) -> Seen:
        """Another look, by a new child that has the machine to itself: a file that fails here is to blame."""
        with Sandbox(look, seconds=self.settings.max_seconds) as sandbox:
            try:
                return self._ask(entry, sandbox)
            except ChildDied as died:
                return Seen(entry, reason=str(died))

    def _ask(self, entry: Entry, sandbox: Sandbox) -> Seen:
        cropping = entry.content_hash in self.wanting
        request = _request(self.settings, self.transform, cropping=cropping)
        request = replace(request, hash=entry.content_hash.hex())
        blobs = []
        if self.folder.remote:
            # Read here: a child need not know the file system, and one in memory is this process's alone.
            try:
                blobs.append(self.folder.read(entry.id))
            except BadImageError as error:
                return Seen(entry, reason=str(error), vanished=True)
        else:
            request = replace(request, path=self.folder.path(entry.id))
        looked = Looked.of(sandbox.ask(request.told(), blobs), request)
        return Seen(entry, **vars(looked))
