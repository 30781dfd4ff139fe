"""Embed on a Dask cluster: workers decode and embed batches of files, and write what they made.

They write it to the run's folder on the home's disk, and the run moves it into the stores: no picture passes
through this machine. A worker that does not see that disk returns what it made. What does not belong here:
what a worker does (`indexing/contents/cluster_worker.py`), and which worker gets what
(`indexing/cluster/tasks.py`).
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from clipper.errors import ClipperError, ClusterError, ClusterSetupError
from clipper.images.decode import THUMBNAIL_PIXELS
from clipper.indexing.cluster.connection import UNSET, connected
from clipper.indexing.cluster.faults import Fault
from clipper.indexing.cluster.shared import SharedFolder, shared_folder
from clipper.indexing.cluster.tasks import Work, Workers, with_gpu
from clipper.indexing.contents.cluster_worker import (
    Batch,
    ClusterModel,
    Done,
    Setup,
    Shard,
    decode,
    embed,
    measure,
    prepare,
    prepare_to_decode,
    work,
)
from clipper.indexing.contents.decode import ToEmbed
from clipper.models import source as model_files
from clipper.models.engines.calibration import Calibration
from clipper.models.engines.towers import EXACT
from clipper.models.source import ModelSource
from clipper.settings import Settings
from clipper.store.columns.entries import Entries, Entry
from clipper.store.columns.keys import Keys
from clipper.store.home import Home

# Images of the first tasks: seconds of work on a small CPU, a megabyte or two of results. Later tasks take
# about so many seconds, so that a worker that dies loses no more, and each shard has rows enough.
BATCH, TASK_SECONDS = 256, 40.0
# A task has at most so many images, as a shard has rows; and at least so many, unless there are no more.
LARGEST, SMALLEST = 2_048, 64


def decode_on_cluster(
    entries: Entries,
    settings: Settings,
    *,
    models: Sequence[tuple[Settings, ToEmbed]],
    lacking: Mapping[str, Keys],
    min_side: int = THUMBNAIL_PIXELS,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[int, Done]]:
    """Decode and embed files; yield for each task the number of its files, and what came of them.

    The tasks come in the order in which the workers finish. Shards lie in the run's folder only until the
    next task is asked for.

    Args:
        entries: the files; every worker must see the images folder under the same path or URL.
        settings: `dask` is the scheduler's address.
        models: each with the settings that name it alone. A local folder needs the same path on every worker,
            a hub model is fetched by each. Every worker embeds with the engine that is chosen here, so that
            it does not matter which one takes an image. None if no vectors are lacking.
        lacking: by store of those that all models share, the content hashes that lack a row there.
        min_side: as in `decode_and_embed`.
        note: gets a line for each worker that cannot do the work, or does not see the home's disk.

    Raises:
        ClusterError: the scheduler does not answer or is gone, all workers are, or a batch fails again and
            again.
        ClipperError: no worker can use the images folder or the model; or the home's disk cannot be written.
    """
    with connected(settings.dask) as client, shared_folder(Home(settings.home)) as shared:
        known = [_model(alone, to.encoder.source, to=to) for alone, to in models]
        setup = replace(_setup(settings, known), min_side=min_side, shared=shared)
        batches = _Batches(entries, [to.contents for _, to in models], lacking)
        stage = Work("decode", setup, prepare, work)
        if models:
            stage = Work("embed", setup, prepare, work, prepare_to_decode, first=decode, second=embed)
        workers = Workers(client, settings.dask, stage, batches, note, _Proofs(shared, batches, note))
        batches.workers = workers
        for batch, done in workers.results():
            batches.took(len(batch.entries), done.seconds)
            yield len(batch.entries), _in(shared, done)


def _in(shared: SharedFolder, done: Done) -> Done:
    """Return what came of a batch with whole paths of its shards."""

    def whole(shard: Shard) -> Shard:
        return str(shared.path / shard[0]), shard[1]

    shards = {name: whole(shard) for name, shard in done.shards.items()}
    return replace(done, shards=shards, vectors=tuple(shard and whole(shard) for shard in done.vectors))


class _Proofs:
    """Checks what each worker that is ready wrote to the run's folder: a worker may not see it."""

    def __init__(self, shared: SharedFolder, batches: "_Batches", note: Callable[[str], None]) -> None:
        self._shared, self._batches, self._note = shared, batches, note
        self._noted = False

    def __call__(self, worker: str, proof: str) -> Fault | None:
        if proof:
            try:
                self._shared.check_proof(proof)
            except ClusterSetupError as error:
                return Fault(worker, error)
            return None
        self._batches.largest = BATCH  # what it makes passes through the scheduler and this machine
        if not self._noted:
            self._note(
                f"the Dask worker {worker} does not see {self._shared.path.parent} of this machine, or may "
                "not write there: thumbnails and facts that it makes pass through this machine"
            )
        self._noted = True
        return None


class _Batches(Iterator[Batch]):
    """The tasks, one after another, each as large as suits the workers' speed and what is left."""

    def __init__(
        self, entries: Entries, to_embed: Sequence[Container[bytes]], lacking: Mapping[str, Keys]
    ) -> None:
        self._entries, self._to_embed, self._lacking, self._next = entries, to_embed, lacking, 0
        self._size, self.largest = BATCH, LARGEST
        self.workers: Workers | None = None

    def took(self, images: int, seconds: float) -> None:
        """Learn the speed of a worker."""
        if seconds > 0:
            self._size = int(max(BATCH, TASK_SECONDS * images / seconds))

    def __next__(self) -> Batch:
        left = len(self._entries) - self._next
        if left <= 0:
            raise StopIteration
        threads = self.workers.threads if self.workers else 1
        share = max(SMALLEST, -(-left // (2 * threads)))  # near the end all workers have something to do
        size = min(left, self._size, self.largest, share)
        part = self._entries[self._next : self._next + size]
        self._next += size
        to_embed = tuple(_among(part, keys) for keys in self._to_embed)
        return Batch(part, to_embed, {name: _among(part, keys) for name, keys in self._lacking.items()})


def _among(part: Entries, contents: Container[bytes]) -> frozenset[bytes]:
    """Return the contents of some files that are among others."""
    keys = part.keys
    if isinstance(contents, Keys):
        mask = contents.mask(keys)
        return frozenset(part.where(mask).keys.to_pylist()) if mask.any() else frozenset()
    return frozenset(key for key in keys.to_pylist() if key in contents)


def calibrate_on_cluster(
    entries: Sequence[Entry], settings: Settings, *, source: ModelSource
) -> Calibration | None:
    """Choose the engine on a worker: its machine embeds, not this one. All workers then use the same.

    Args:
        entries: a sample of the dataset.
        settings: `dask` is the scheduler's address.
        source: the model.

    Returns:
        None if too few of the sample can be decoded.

    Raises:
        ClusterError: the scheduler does not answer, or its workers fail.
        ClipperError: no worker can use the images folder or the model.
    """
    fault: Exception | None = None
    with connected(settings.dask) as client:
        setup, sample = _setup(settings, [_model(settings, source)]), Batch(list(entries))
        for worker in sorted(client.nthreads(), key=with_gpu(client), reverse=True):  # those embed
            key = f"clipper-measure-{uuid4().hex}"
            try:
                found = client.submit(
                    measure, setup, sample, key=key, workers=[worker], allow_other_workers=False
                ).result()
            except Exception as error:  # noqa: BLE001 - anything that may happen on a worker's machine
                fault = error
                continue
            if not isinstance(found, Fault):
                return Calibration.from_dict(found) if found else None
            fault = found.error
    if isinstance(fault, ClipperError):
        raise fault
    raise ClusterError(
        f"no worker of the Dask cluster {settings.dask} could measure which engine is the fastest "
        f"({type(fault).__name__}: {fault}); see their logs, {UNSET}"
    ) from fault


def _model(settings: Settings, source: ModelSource, *, to: ToEmbed | None = None) -> ClusterModel:
    folder = model_files.local_folder(settings)
    name = str(source.folder) if folder else settings.model_name
    engine, transform = (to.encoder.engine_name, to.encoder.transform) if to else (EXACT, None)
    found = (source.fingerprint, engine, source.dimensions, transform)
    return ClusterModel(name, settings.revision or "", *found)


def _setup(settings: Settings, models: Sequence[ClusterModel]) -> Setup:
    values = settings.model_dump()
    values["images"] = settings.images_location
    values["home"] = settings.home.absolute()
    return Setup(values, settings.limits, tuple(models))
