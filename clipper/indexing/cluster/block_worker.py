"""What a worker of a Dask cluster does with blocks of numbers: it reads vectors on the home's disk.

The same module must be there, in the same version, on this machine and on each worker. What does not belong
here: which worker gets what (`indexing/cluster/blocks.py`), and what a block is
(`projection/search/blocks.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import clipper
from clipper.errors import ClipperError, ClusterSetupError, StoreError
from clipper.indexing.cluster.arrays import Shared, save
from clipper.indexing.cluster.faults import Fault, fault
from clipper.indexing.cluster.shared import SharedFolder, host
from clipper.projection.search.blocks import Kernel, one_blas_thread


@dataclass(frozen=True)
class BlockSetup:
    """What a worker must know of the work, and must have in the same way."""

    kernel: Kernel
    inputs: tuple[tuple[str, Shared], ...]
    shared: SharedFolder
    versions: tuple[str, ...]


@dataclass(frozen=True)
class BlockRange:
    """One task: blocks from the number `first` on; `starts` has their rows in the output, and the end."""

    first: int
    starts: tuple[int, ...]


def versions() -> tuple[str, ...]:
    """Return the versions of what the numbers depend on."""
    import numpy as np

    return clipper.__version__, np.__version__


def prepare(setup: BlockSetup) -> str | Fault:
    """Check the worker that runs this; return its proof that it writes to the home."""
    if setup.versions != versions():
        return fault(
            ClusterSetupError(
                f"the Dask worker on {host()} has another version of Clipper or numpy; install the same"
            )
        )
    if not (proof := setup.shared.prove()):
        return fault(
            ClusterSetupError(
                f"the Dask worker on {host()} does not see {setup.shared.path.parent}, where the vectors "
                "are, or may not write there; mount the home on the same disk"
            )
        )
    try:
        _opened(setup.shared.path, setup.inputs)
    except (ClipperError, OSError) as error:
        return fault(ClusterSetupError(f"the Dask worker on {host()} cannot read the vectors ({error})"))
    return proof


def compute(setup: BlockSetup, task: BlockRange) -> tuple[str, ...]:
    """Compute some blocks; return the names of the files with the rows of each output.

    Raises:
        StoreError: the home's disk cannot be read or written.
    """
    import numpy as np

    folder = setup.shared.path
    try:
        inputs = _opened(folder, setup.inputs)
        blocks = [
            (number, slice(*task.starts[at : at + 2]))
            for at, number in enumerate(range(task.first, task.first + len(task.starts) - 1))
        ]
        with one_blas_thread():
            made = [setup.kernel(inputs, number, rows) for number, rows in blocks]
        return tuple(save(np.concatenate(rows), folder) for rows in zip(*made, strict=True))
    except OSError as error:
        raise StoreError(
            f"{folder.parent} cannot be read or written by the Dask worker on {host()} ({error})"
        ) from None


@lru_cache(maxsize=1)
def _opened(folder: Path, inputs: tuple[tuple[str, Shared], ...]) -> Mapping[str, Any]:
    """Open the inputs, which a worker keeps open from one task to the next."""
    return {name: each.open(folder) for name, each in inputs}
