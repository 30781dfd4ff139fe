"""Have blocks of numbers computed by the workers of a Dask cluster: neighbors, places, scores.

The workers read the vectors from the home's disk and write what they computed there; this machine puts it
together. Each block has the bits that it has here. Where no worker sees that disk, this machine computes.
What does not belong here: what a worker does (`indexing/cluster/block_worker.py`), and the blocks
themselves (`projection/search/blocks.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

from clipper.errors import ClusterSetupError, StoreError
from clipper.indexing.cluster.arrays import share
from clipper.indexing.cluster.block_worker import BlockRange, BlockSetup, compute, prepare, versions
from clipper.indexing.cluster.connection import connected
from clipper.indexing.cluster.faults import Fault
from clipper.indexing.cluster.shared import SharedFolder, shared_folder
from clipper.indexing.cluster.tasks import Work, Workers
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.projection.search.blocks import Blocks, Output, computed_by

# Less work than so many seconds of a core is done here sooner than it reaches a cluster.
CLUSTER_FROM = 20.0
# A task takes about so many seconds: a worker that dies loses no more.
TASK_SECONDS = 10.0
# Each thread gets so many tasks or more, so that all end at about the same time.
TASKS_A_THREAD = 8


@contextmanager
def blocks_on_cluster(work: Workspace, step: Step, stage: str) -> Iterator[None]:
    """Have the workers that the setting `dask` names compute what the `with` block has computed by blocks.

    Args:
        work: the home; the caller holds its lock. Without the setting, this machine computes.
        step: its notes name workers that cannot do the work.
        stage: under which progress is reported.
    """
    if not work.settings.dask:
        yield
        return
    with ExitStack() as stack:
        cluster = _Cluster(work, stack, step.notes, work.progress_for(f"{stage} on the cluster"))
        with computed_by(cluster.compute):
            yield


class _Cluster:
    """A cluster that is connected when there is enough work for the first time, until the stack is closed."""

    def __init__(
        self, work: Workspace, stack: ExitStack, notes: list[str], progress: Callable[[int, int], None]
    ) -> None:
        self._work, self._stack, self._notes, self._progress = work, stack, notes, progress
        self._client: Any = None
        self._is_unfit = False  # no worker sees the home's disk

    def compute(self, blocks: Blocks, outputs: Sequence[Output]) -> bool:
        """Fill the outputs; return False if this machine is to do it.

        Raises:
            ClusterError: the scheduler is gone, all workers are, or a task fails again and again.
        """
        if self._is_unfit or blocks.seconds < CLUSTER_FROM:
            return False
        if self._client is None:
            self._client = self._stack.enter_context(connected(self._work.settings.dask))
        with shared_folder(self._work.home) as shared:
            inputs = tuple((name, share(value, shared.path)) for name, value in blocks.inputs.items())
            setup = BlockSetup(blocks.kernel, inputs, shared, versions())
            return self._fill(blocks, outputs, setup, shared)

    def _fill(
        self, blocks: Blocks, outputs: Sequence[Output], setup: BlockSetup, shared: SharedFolder
    ) -> bool:
        name = blocks.kernel.__name__.strip("_").replace("_", "-")
        stage = Work(name, setup, prepare, compute)
        workers = Workers(self._client, self._work.settings.dask, stage, iter(()), self._note, _proof(shared))
        wanted = max(TASKS_A_THREAD * sum(workers.live().values()), round(blocks.seconds / TASK_SECONDS))
        tasks = _ranges(blocks, wanted)
        workers.tasks = iter(tasks)
        done, total = 0, len(tasks)
        self._progress(done, total)
        try:
            for task, files in workers.results():
                _put_together(task, files, outputs, shared)
                done += 1
                self._progress(done, total)
        except ClusterSetupError:
            if done:
                raise
            self._is_unfit = True
            self._note("no worker of the Dask cluster can read the vectors: this machine computes")
            return False
        return True

    def _note(self, line: str) -> None:
        if line not in self._notes:
            self._notes.append(line)


def _ranges(blocks: Blocks, count: int) -> list[BlockRange]:
    """Part the blocks into about so many tasks of about as many rows; a task has whole blocks."""
    import numpy as np

    rows = int(blocks.starts[-1])
    wanted = np.linspace(0, rows, min(count, len(blocks)) + 1)
    firsts = np.unique(np.searchsorted(blocks.starts, wanted))
    return [
        BlockRange(int(first), tuple(blocks.starts[first : end + 1].tolist()))
        for first, end in pairwise(firsts)
    ]


def _put_together(
    task: BlockRange, files: Sequence[str], outputs: Sequence[Output], shared: SharedFolder
) -> None:
    """Read the rows that a worker computed, and delete its files.

    Raises:
        StoreError: a file is not there or not whole.
    """
    import numpy as np

    rows = slice(task.starts[0], task.starts[-1])
    for output, name in zip(outputs, files, strict=True):
        path = shared.path / name
        try:
            output[rows] = np.load(path, allow_pickle=False)
            path.unlink()
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{path} of a Dask worker cannot be read ({error}); run again") from error


def _proof(shared: SharedFolder) -> Callable[[str, str], Fault | None]:
    def check(worker: str, proof: str) -> Fault | None:
        try:
            shared.check_proof(proof)
        except ClusterSetupError as error:
            return Fault(worker, error)
        return None

    return check
