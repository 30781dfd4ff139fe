"""Rows of a collection, made of Python's values."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from clipper.chroma.rows import Rows


def made(ids: Sequence[str], vectors: np.ndarray, metadata: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows whose contents are told apart by their vectors."""
    names = dict.fromkeys(name for row in metadata for name in row)
    columns = {name: pa.array([row.get(name) for row in metadata]) for name in names or ["x"]}
    contents = [blake2b(vector.tobytes(), digest_size=16).digest() for vector in vectors]
    return Rows(
        pa.array(ids, pa.string()),
        vectors,
        pa.table(columns),
        pa.array(contents, pa.binary(16)),
        pa.array([False] * len(ids), pa.bool_()),
    )
