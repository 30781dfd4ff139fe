"""Why a worker of a Dask cluster cannot do the work: what it returns in place of a result.

What does not belong here: what follows from it (`indexing/cluster/tasks.py`).
"""

from dataclasses import dataclass

from clipper.errors import ClipperError


@dataclass(frozen=True)
class Fault:
    """Why a worker, at this address of Dask's, cannot do the work."""

    worker: str
    error: ClipperError


def fault(error: ClipperError) -> Fault:
    """Return the fault of the worker that runs this."""
    from distributed import get_worker

    return Fault(get_worker().address, error)
