"""The vectors of one model in a run: which contents lack them, and the model, loaded while it is needed.

What does not belong here: decoding (`indexing/contents/decode.py`), and what all models share
(`indexing/contents/shard_writer.py`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from clipper.indexing.contents.precision import choose_engine
from clipper.indexing.staging.workspace import Workspace
from clipper.models import encoder as model
from clipper.models import reference_texts
from clipper.models.source import ModelSource
from clipper.store import embeddings
from clipper.store.columns.entries import Entry
from clipper.store.columns.keys import Keys
from clipper.system import free_memory

# Bytes of memory for each byte of a model's weights on disk: float32, and the copy that an engine makes of
# them. Weights of 16 bits take as much again.
_MEMORY_OF_WEIGHTS = 3


class ModelVectors:
    """The vectors that one model makes in a run.

    `missing` are the contents that lack a vector, `reused` counts those that have one, and `done` those that
    got one. `encoder` is the model while it is loaded.
    """

    def __init__(self, work: Workspace, source: ModelSource, key: str) -> None:
        """Open the store of a model's vectors.

        Args:
            work: with the settings that name this model alone.
            source: the model.
            key: the name of the folder of its vectors.
        """
        self.work, self.source, self.key = work, source, key
        self.store = embeddings.store(
            work.home.embeddings(key), dimensions=source.dimensions, fingerprint=source.fingerprint
        )
        self.missing, self.reused, self.done = Keys.of([]), 0, 0
        self.encoder: model.Encoder | None = None
        self.rows: list[dict[str, object]] = []

    def look_for(self, contents: Keys) -> None:
        """Find out which of `contents` lack a vector."""
        self.missing = contents - self.store.keys()
        self.reused = len(contents) - len(self.missing)

    def make_again(self, contents: Keys) -> None:
        """Have vectors made again that are there."""
        self.missing = contents
        self.reused -= len(contents)

    @property
    def is_needed(self) -> bool:
        """Whether the model must be loaded: it has not seen an image, or the reference texts."""
        return bool(self.missing) or self._lacks_reference_vectors

    @property
    def _lacks_reference_vectors(self) -> bool:
        path = reference_texts.vectors_path(self.work.home, self.key)
        return self.source.has_text and not path.exists()

    def load(self) -> model.Encoder:
        """Load the model, and let it read the reference texts if it has not yet.

        Raises:
            ModelError: it cannot be loaded, or its device is missing.
        """
        if self.encoder is None:
            settings = self.work.settings
            self.encoder = model.Encoder(self.source, device=settings.device, dtype=settings.dtype)
            if self._lacks_reference_vectors:
                vectors = self.encoder.embed_texts(reference_texts.REFERENCE_TEXTS)
                reference_texts.write(self.work.home, self.key, vectors)
        return self.encoder

    def unload(self) -> None:
        """Let the memory of the model go."""
        self.encoder = None

    def choose_engine(self, entries: Sequence[Entry]) -> None:
        """Let the loaded model embed images as this atlas's are; `entries` are decoded in this run."""
        if self.encoder:
            choose_engine(self.work, self.encoder, self.key, entries, self.missing)

    def add(self, row: dict[str, object]) -> None:
        """Keep a row until `flush`."""
        self.rows.append(row)
        self.done += 1

    def take(self, path: str, rows: int) -> None:
        """Take a shard of vectors that a worker of a cluster wrote, with its number of rows."""
        self.store.take(Path(path))
        self.done += rows

    def flush(self) -> None:
        """Write the rows."""
        if self.rows:
            self.store.append(self.rows)
            self.rows = []


def in_memory_together(models: Sequence[ModelVectors]) -> Iterator[list[ModelVectors]]:
    """Part models into groups, in their order, that fit into memory; one that does not is alone.

    Each group costs a decoding of its own of the images that its models lack.
    """
    free = _free_memory(models[0].work.settings.device) if len(models) > 1 else None
    group, taken = list[ModelVectors](), 0
    for each in models:
        needed = _MEMORY_OF_WEIGHTS * each.source.bytes
        if group and free is not None and taken + needed > free:
            yield group
            group, taken = [], 0
        group.append(each)
        taken += needed
    if group:
        yield group


def _free_memory(device: str) -> int | None:
    """Return the bytes that models on a device may take: of this machine, and of its GPU; None if unknown."""
    here, chosen = free_memory(), model.find_device(device)
    if chosen.type != "cuda":
        return here
    import torch

    on_gpu = int(torch.cuda.mem_get_info(chosen)[0])
    return on_gpu if here is None else min(here, on_gpu)
