"""Vectors on disk, keyed by content hash: a renamed file costs nothing, a copy is embedded once.

What does not belong here: the model that makes them, and Chroma.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.shards import KEY, ShardStore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

VECTOR = "vector"


def store(folder: Path, *, dimensions: int, fingerprint: str) -> ShardStore:
    """The vectors of one model."""
    return ShardStore(folder, _schema(dimensions), made_by=fingerprint)


def row(key: bytes, vector: "np.ndarray") -> dict[str, object]:
    """A row to append: a content hash and its (d,) float32 vector."""
    return {KEY: key, VECTOR: vector}


def read(vectors: ShardStore, keys: Sequence[bytes]) -> "np.ndarray":
    """The vectors of `keys`: (n, d) float32, rows L2-normalised.

    Raises:
        StoreError: one is missing.
    """
    import numpy as np

    table, where = vectors.positions(keys)
    dimensions = vectors.schema.field(VECTOR).type.list_size
    out = np.empty((len(where), dimensions), np.float32)
    start = 0
    for chunk in table[VECTOR].chunks:
        inside = np.flatnonzero((where >= start) & (where < start + len(chunk)))
        flat = chunk.flatten().to_numpy(zero_copy_only=True).reshape(len(chunk), dimensions)
        out[inside] = flat[where[inside] - start]
        start += len(chunk)
    return out


def _schema(dimensions: int) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(KEY, pa.binary(16)), (VECTOR, pa.list_(pa.float32(), dimensions))])
