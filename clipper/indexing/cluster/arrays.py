"""Vectors and arrays that a run's workers read from the home's disk, each under the name of a file.

Vectors lie in the home as they are; only which rows of them are meant is written. What does not belong here:
what is computed from them (`indexing/cluster/block_worker.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clipper.projection.search.blocks import Selection
from clipper.store.embeddings import MappedVectors

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SharedArray:
    """An array in the run's folder."""

    name: str

    def open(self, folder: Path) -> "np.ndarray":
        """Map the array into memory."""
        import numpy as np

        return np.asarray(np.load(folder / self.name, mmap_mode="r", allow_pickle=False))


@dataclass(frozen=True)
class SharedVectors:
    """Vectors in the home: the folder of the shards, and arrays of their names and of the rows meant."""

    shards: str
    names: SharedArray
    positions: SharedArray
    dimensions: int

    def open(self, folder: Path) -> MappedVectors:
        """Map the vectors into memory.

        Raises:
            StoreError: a shard is damaged.
        """
        names = self.names.open(folder).tolist()
        return MappedVectors.of_shards(Path(self.shards), names, self.positions.open(folder), self.dimensions)


@dataclass(frozen=True)
class SharedSelection:
    """Some rows of vectors."""

    vectors: "SharedVectors | SharedArray"
    rows: SharedArray

    def open(self, folder: Path) -> Selection:
        """Map both into memory."""
        return Selection(self.vectors.open(folder), self.rows.open(folder))


@dataclass(frozen=True)
class Value:
    """A single value, which lies in no file."""

    value: Any

    def open(self, _: Path) -> Any:
        """Return it."""
        return self.value


Shared = SharedArray | SharedVectors | SharedSelection | Value


def share(value: Any, folder: Path) -> Shared:
    """Write what the workers need of a value to the run's folder, and say how it is opened there."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return SharedArray(save(value, folder))
    if isinstance(value, Selection):
        vectors, rows = share(value.vectors, folder), SharedArray(save(value.rows, folder))
        if isinstance(vectors, SharedVectors | SharedArray):
            return SharedSelection(vectors, rows)
        return SharedArray(save(value[np.arange(len(value))], folder))
    if isinstance(value, MappedVectors):
        shards, names, positions = value.on_disk()
        named, where = SharedArray(save(np.array(names, str), folder)), SharedArray(save(positions, folder))
        return SharedVectors(str(shards.absolute()), named, where, value.dimensions)
    return Value(value)


def save(array: "np.ndarray", folder: Path) -> str:
    """Write an array to a folder under a name of its own; return the name."""
    import numpy as np

    name = f"{uuid4().hex}.npy"
    np.save(folder / name, np.ascontiguousarray(array), allow_pickle=False)
    return name
