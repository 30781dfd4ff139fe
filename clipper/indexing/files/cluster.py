"""Have files hashed by the workers of a Dask cluster: each reads its blocks of the listing.

What does not belong here: what a worker does (`indexing/files/hash_worker.py`).
"""

from collections.abc import Callable, Generator, Iterator
from itertools import islice

import clipper
from clipper.images.files.fetched import FetchedFiles
from clipper.images.files.found import FoundImage
from clipper.indexing.cluster.arrays import SharedArray, save
from clipper.indexing.cluster.connection import connected
from clipper.indexing.cluster.shared import SharedFolder, shared_folder
from clipper.indexing.cluster.tasks import Work, Workers
from clipper.indexing.files.hash_files import Outcome
from clipper.indexing.files.hash_worker import GRANTS, HashSetup, HashTask, Kept, hash_task, prepare
from clipper.settings import Settings
from clipper.store.columns.keys import Keys
from clipper.store.home import Home

# Fewer files are hashed here sooner than a cluster is reached.
CLUSTER_FROM = 2_000
# Files of a task: some seconds of a store that is far away.
FILES_A_TASK = 512


def hash_on_cluster(
    settings: Settings,
    files: Iterator[tuple[int, FoundImage]],
    *,
    started: int,
    fetched: FetchedFiles | None,
    note: Callable[[str], None],
) -> Generator[Outcome]:
    """Yield what came of each file, in the order in which the workers finish.

    Args:
        settings: `dask` is the scheduler's address; every worker must see the images folder under the same
            path or URL.
        files: with their rows among all files of the folder.
        started: when the scan began, in nanoseconds since 1970.
        fetched: where workers that see the home's disk keep what they fetch until it is decoded; None if
            they read a disk.
        note: gets a line for each worker that cannot do the work.

    Raises:
        ClusterError: the scheduler does not answer or is gone, all workers are, or a task fails again and
            again.
        ClipperError: no worker can read the images folder.
    """
    values = settings.model_dump() | {
        "images": settings.images_location,
        "home": settings.home.absolute(),
    }
    with connected(settings.dask) as client, shared_folder(Home(settings.home)) as shared:
        kept = _kept(fetched, shared) if fetched else None
        setup = HashSetup(values, settings.limits, started, clipper.__version__, kept)
        stage = Work("hash", setup, prepare, hash_task)
        workers = Workers(client, settings.dask, stage, _tasks(files), note)
        for task, outcomes in workers.results():
            yield from zip(task.rows, task.images, outcomes, strict=True)


def _kept(fetched: FetchedFiles, shared: SharedFolder) -> Kept:
    """Say where workers keep what they fetch, and write what they must know of it."""
    fetched.grant(shared.path / GRANTS)
    known = fetched.known if isinstance(fetched.known, Keys) else Keys.of(fetched.known)
    return Kept(str(fetched.folder.absolute()), shared, SharedArray(save(known.pairs, shared.path)))


def _tasks(files: Iterator[tuple[int, FoundImage]]) -> Iterator[HashTask]:
    while block := list(islice(files, FILES_A_TASK)):
        rows, images = zip(*block, strict=True)
        yield HashTask(rows, images)
