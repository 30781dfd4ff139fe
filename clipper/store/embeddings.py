"""Vectors on disk, keyed by content hash: a renamed file costs nothing, a copy is embedded once.

What does not belong here: the model that makes the vectors, and Chroma.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.images.decode import PIXELS_VERSION
from clipper.store.home import Home
from clipper.store.shards import KEY, ShardStore, read_shard
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

VECTOR = "vector"
# How far a vector's length may be from 1.
NORM_TOLERANCE = 1e-3
# A model's key ends with so many digits of its fingerprint.
FINGERPRINT_DIGITS = 12
BLOCK = 1 << 15  # rows per matrix product: 64 MB at 512 dimensions


def store(folder: Path, *, dimensions: int, fingerprint: str) -> ShardStore:
    """Open the vectors of one model.

    Their revision is that of the pixels: a vector of an earlier one serves until the content is embedded
    again, which is needed only where the pixels differ (`facts.remade`).
    """
    return ShardStore(folder, _schema(dimensions), made_by=fingerprint, revision=PIXELS_VERSION)


def of_model(home: Home, key: str, model: Mapping[str, Any]) -> ShardStore:
    """Open the vectors of a snapshot or of a staged run, by the model's key and its entry there."""
    return store(
        home.embeddings(key), dimensions=int(model["dimensions"]), fingerprint=str(model["fingerprint"])
    )


def key_of(home: Home, fingerprint: str) -> str | None:
    """Return the key under which a home has vectors of a model, whatever its name was; None: it has none."""
    found = list((home.store / "embeddings").glob(f"*-{fingerprint[:FINGERPRINT_DIGITS]}"))
    return max(found, key=_bytes_of).name if found else None


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("[!.]*"))


def row(key: bytes, vector: "np.ndarray") -> dict[str, object]:
    """Make a row to append, from a content hash and its (d,) float32 vector."""
    return {KEY: key, VECTOR: vector}


class MappedVectors:
    """The vectors of some keys, memory-mapped: (n, d) float32, rows L2-normalised.

    Indexing copies only the rows asked for; products go through the rows in blocks.
    """

    def __init__(self, vectors: ShardStore, keys: Sequence[bytes]) -> None:
        """Find the rows of `keys`.

        Raises:
            StoreError: a key has no row.
        """
        import numpy as np
        import pyarrow as pa

        read = vectors.shards()
        all_rows = pa.concat_tables([shard for _, shard in read] or [vectors.schema.empty_table()])
        _, positions = vectors.positions(keys, among=all_rows)
        self._map(
            vectors.folder,
            read,
            np.asarray(positions, np.int64),
            int(vectors.schema.field(VECTOR).type.list_size),
        )

    @classmethod
    def of_shards(
        cls, folder: Path, names: Sequence[str], positions: "np.ndarray", dimensions: int
    ) -> "MappedVectors":
        """Map what `on_disk` said of other vectors, in another process.

        Raises:
            StoreError: a shard is damaged.
        """
        made = cls.__new__(cls)
        read = [(name, read_shard(folder / name)) for name in names]
        made._map(folder, read, positions, dimensions)  # noqa: SLF001 - its own
        return made

    def only(self, rows: "np.ndarray") -> "MappedVectors":
        """Return some rows, (k,) integers, as vectors of their own; nothing is read."""
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        made._positions = self._positions[rows]  # noqa: SLF001 - its own
        return made

    def __reduce__(self) -> "tuple[Callable[..., MappedVectors], tuple[Any, ...]]":
        """Another process maps the same files."""
        return type(self).of_shards, (*self.on_disk(), self.dimensions)

    def on_disk(self) -> "tuple[Path, list[str], np.ndarray]":
        """Return the folder of the shards, their names, and the rows among all of theirs, (n,) int64."""
        return self._folder, list(dict.fromkeys(self._names)), self._positions

    def _map(
        self,
        folder: Path,
        shards: "Sequence[tuple[str, pa.Table]]",
        positions: "np.ndarray",
        dimensions: int,
    ) -> None:
        import numpy as np

        self._folder, self.dimensions = folder, dimensions
        # Indices into the rows of all shards together; these include rows of removed images.
        self._positions = positions
        blocks = [(name, chunk) for name, shard in shards for chunk in shard[VECTOR].chunks]
        # The name of the shard that each block of rows lies in, which may be several blocks.
        self._names = [name for name, _ in blocks]
        self._shards = [
            chunk.flatten().to_numpy(zero_copy_only=True).reshape(len(chunk), dimensions)
            for _, chunk in blocks
        ]
        self._ends = np.cumsum([len(shard) for shard in self._shards], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of vectors and of dimensions."""
        return len(self), self.dimensions

    def __getitem__(self, rows: "np.ndarray | slice") -> "np.ndarray":
        """Copy some rows: (k,) integers or a slice -> (k, d) float32."""
        import numpy as np

        where = self._positions[rows]
        of = np.searchsorted(self._ends, where, side="right")
        # Numbers of two bytes are sorted in one pass over them.
        order = np.argsort(of.astype(np.uint16) if len(self._ends) <= 1 << 16 else of, kind="stable")
        ends = np.cumsum(np.bincount(of, minlength=len(self._ends)))
        out = np.empty((len(where), self.dimensions), np.float32)
        for index in np.unique(of):
            inside = order[ends[index - 1] if index else 0 : ends[index]]
            start = self._ends[index] - len(self._shards[index])
            out[inside] = self._shards[index][where[inside] - start]
        return out

    def dot(self, vector: "np.ndarray") -> "np.ndarray":
        """Multiply each row with a (d,) float32 vector: (n,) float32; with (d, q) of them, (n, q) float32.

        With one vector a row's product has the same bits as `dot_rows` gives it.
        """
        import numpy as np

        if vector.ndim == 1:
            parts = in_threads(lambda block: np.vecdot(block, vector), self._blocks())
        else:
            parts = [block @ vector for block in self._blocks()]
        return (
            np.concatenate(parts)[self._positions] if parts else np.empty((0, *vector.shape[1:]), np.float32)
        )

    def dot_rows(self, rows: "np.ndarray", vector: "np.ndarray") -> "np.ndarray":
        """Multiply some rows, (k,) int64, with a (d,) float32 vector: (k,) float32.

        Each row is multiplied by itself, so that its product does not depend on which others are asked for.
        """
        import numpy as np

        parts = [np.vecdot(self[rows[at : at + BLOCK]], vector) for at in range(0, len(rows), BLOCK)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def blocks(self) -> "list[tuple[str, np.ndarray]]":
        """Return all vectors as they lie on disk: shards' names, and (b, d) float32 views of their rows.

        Vectors of removed images are among them.
        """
        return list(zip(self._names, self._shards, strict=True))

    def places(self) -> "tuple[np.ndarray, np.ndarray]":
        """Return where each row's vector lies: the number of its block and its row there, (n,) int64."""
        import numpy as np

        of = np.searchsorted(self._ends, self._positions, side="right")
        starts = self._ends - [len(shard) for shard in self._shards]
        return of, self._positions - starts[of] if len(starts) else self._positions

    def best_similarity(self, vectors: "np.ndarray") -> "np.ndarray":
        """Return the largest product of any row with each of (m, d) float32 `vectors`: (m,) float32."""
        import numpy as np

        found = np.full(len(vectors), -np.inf, np.float32)
        for start in range(0, len(self), BLOCK):
            np.maximum(found, (self[start : start + BLOCK] @ vectors.T).max(axis=0), out=found)
        return found

    def _blocks(self) -> "Iterator[np.ndarray]":
        for shard in self._shards:
            for start in range(0, len(shard), BLOCK):
                yield shard[start : start + BLOCK]


def read(vectors: ShardStore, keys: Sequence[bytes]) -> "np.ndarray":
    """Read the vectors of `keys`: (n, d) float32, rows L2-normalised.

    Raises:
        StoreError: a key has no vector.
    """
    return MappedVectors(vectors, keys)[slice(None)]


def norm_deviation(vectors: "np.ndarray") -> float:
    """Return how far any length of (n, d) vectors, n > 0, is from 1 at most; infinity for a NaN."""
    import numpy as np

    off = np.abs(np.linalg.norm(vectors, axis=1) - 1.0)
    return float(np.nan_to_num(off, nan=np.inf).max())


def _schema(dimensions: int) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(KEY, pa.binary(16)), (VECTOR, pa.list_(pa.float32(), dimensions))])
