"""What a worker of a Dask cluster does with images: it checks that it can do the work, decodes and embeds.

It writes what it made to the run's folder on the home's disk, if it sees that disk; otherwise it returns it.
The same module must be there, in the same version, on this machine and on each worker. What does not belong
here: which worker gets what (`indexing/contents/cluster.py`), and the work itself
(`indexing/contents/decode.py`).
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import ClipperError, ModelError, StoreError
from clipper.images.archives.folder import open_images
from clipper.images.child_tasks import DecodeResult
from clipper.images.decode import PIXELS_VERSION, THUMBNAIL_PIXELS
from clipper.images.files.fetched import FetchedFiles
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.images.picture.signature import SIGNATURE_VERSION
from clipper.indexing.cluster.checks import naming_this_worker, settings_here
from clipper.indexing.cluster.faults import Fault, fault
from clipper.indexing.cluster.shared import SharedFolder, host
from clipper.indexing.contents.decode import (
    SandboxedDecoder,
    ToEmbed,
    decode_and_embed,
    decode_only,
    embed_decoded,
)
from clipper.indexing.contents.rows import OF_PICTURES, STORES, VECTORS, Row, outcome_of, stores_of
from clipper.indexing.contents.sample import calibrate
from clipper.models import source as model_files
from clipper.models.engines.towers import EXACT
from clipper.models.source import PREPROCESS_VERSION, PREPROCESS_VERSION_OF_OTHERS
from clipper.settings import Settings
from clipper.store import embeddings
from clipper.store.columns.entries import Entry
from clipper.store.facts import FACTS_VERSION
from clipper.store.home import Home

if TYPE_CHECKING:
    from clipper.images.folder import ImageFolder
    from clipper.images.preprocess import Transform
    from clipper.models.encoder import Encoder
    from clipper.store.shards import ShardStore

VERSIONS = (
    PREPROCESS_VERSION, PREPROCESS_VERSION_OF_OTHERS, PIXELS_VERSION, FACTS_VERSION, MEASURE_VERSION,
    SIGNATURE_VERSION,
)  # fmt: skip
# The name of a file in the run's folder, and its number of rows.
Shard = tuple[str, int]
_loading = threading.Lock()
_encoders: "dict[tuple[str, ...], Encoder]" = {}


@dataclass(frozen=True)
class ClusterModel:
    """A model as a worker finds it, and the engine with which it embeds images.

    `dimensions` are those of its vectors. `transform` makes its input, for workers that decode for others.
    """

    name: str
    revision: str
    fingerprint: str
    engine: str = EXACT
    dimensions: int = 0
    transform: "Transform | None" = None


@dataclass(frozen=True)
class Setup:
    """What a worker must know of the run, and must have in the same way.

    `min_side` as in `decode_and_embed`. `shared` is the run's folder on the home's disk.
    """

    settings: dict[str, Any]
    limits: str
    models: tuple[ClusterModel, ...] = ()
    min_side: int = THUMBNAIL_PIXELS
    shared: SharedFolder | None = None
    versions: tuple[str, ...] = VERSIONS


@dataclass(frozen=True)
class Batch:
    """One task: files, and the content hashes among them that lack something.

    `to_embed` has those that lack the vector of each model, and `lacking` those that lack a row in each store
    that all models share.
    """

    entries: Sequence[Entry]
    to_embed: tuple[frozenset[bytes], ...] = ()
    lacking: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    @property
    def pictures(self) -> frozenset[bytes]:
        """The content hashes that lack something that is made of the decoded picture."""
        return frozenset().union(*(self.lacking.get(name, ()) for name in OF_PICTURES))

    def lacks(self, key: bytes) -> set[str]:
        """Return the stores that lack a row of a content; `VECTORS` stands for those of any model."""
        stores = {name for name, keys in self.lacking.items() if key in keys}
        return stores | {VECTORS} if any(key in keys for keys in self.to_embed) else stores


@dataclass(frozen=True)
class Done:
    """What came of a batch: results that the run has to keep, or shards that lie in the run's folder.

    `shards` maps stores to the name of a shard and its number of rows, and `vectors` has the same for each
    model, or None. `failed` has the reason of each content that is left out; those that `vanished` are among
    them. `only_vectors` says that the results have nothing else: the rest is in the shards. `seconds` is the
    time that all of it took.
    """

    results: Sequence[DecodeResult] = ()
    shards: Mapping[str, Shard] = field(default_factory=dict)
    vectors: tuple[Shard | None, ...] = ()
    failed: Mapping[bytes, str] = field(default_factory=dict)
    vanished: frozenset[bytes] = frozenset()
    only_vectors: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Decoded:
    """The first half of a batch: decoded images for a worker with a GPU, and what the first worker wrote.

    `done` is None if that one wrote nothing: then the results have all that was decoded.
    """

    results: Sequence[DecodeResult]
    done: Done | None


def prepare(setup: Setup) -> str | Fault:
    """Check the worker that runs this, and load its models; return its proof that it writes to the home."""
    return _proof(setup, _usable)


def prepare_to_decode(setup: Setup) -> str | Fault:
    """Check the worker that runs this for decoding alone: it loads no model."""
    return _proof(setup, _settings_and_folder)


def _proof(setup: Setup, check: Callable[[Setup], object]) -> str | Fault:
    try:
        check(setup)
    except ClipperError as error:
        return fault(error)
    return setup.shared.prove() if setup.shared else ""


def work(setup: Setup, batch: Batch) -> Done | Fault:
    """Decode and embed one batch; a fault if the worker no longer can."""
    started = time.monotonic()
    try:
        settings, folder = _settings_and_folder(setup)
        models = _to_embed(setup, settings, batch)
    except ClipperError as error:
        return fault(error)
    results = decode_and_embed(
        batch.entries, folder, settings, models=models, pictures=batch.pictures, min_side=setup.min_side
    )
    return _kept(setup, settings, batch, list(results), started)


def decode(setup: Setup, batch: Batch) -> Decoded | Fault:
    """Decode one batch, and keep what needs no model; the images go to a worker with a GPU."""
    started = time.monotonic()
    try:
        settings, folder = _settings_and_folder(setup)
    except ClipperError as error:
        return fault(error)
    transforms = tuple(
        (each.transform, keys)
        for each, keys in zip(setup.models, batch.to_embed, strict=True)
        if each.transform is not None
    )
    decoder = SandboxedDecoder(folder, settings, transforms, pictures=batch.pictures, min_side=setup.min_side)
    results = list(decode_only(batch.entries, decoder))
    done = _kept(setup, settings, batch, [replace(result, crops=()) for result in results], started)
    if done.results:  # they go on with their crops, and come to the run with their vectors
        return Decoded(results, None)
    crops = [DecodeResult(each.content_hash, crops=each.crops) for each in results if each.has_crops]
    return Decoded(crops, done)


def embed(setup: Setup, batch: Batch, decoded: Decoded | Fault) -> Done | Fault:
    """Embed what another worker decoded of a batch."""
    if isinstance(decoded, Fault):
        return decoded
    started = time.monotonic()
    try:
        settings, _ = _settings_and_folder(setup)
        models = _to_embed(setup, settings, batch)
    except ClipperError as error:
        return fault(error)
    embedded = list(embed_decoded(decoded.results, settings, models))
    if (first := decoded.done) is None:
        return _kept(setup, settings, batch, embedded, started)
    second = _kept(setup, settings, replace(batch, lacking={}), embedded, started)
    return replace(
        second,
        shards=first.shards,
        failed=first.failed,
        vanished=first.vanished,
        only_vectors=True,
        seconds=max(first.seconds, second.seconds),
    )


def measure(setup: Setup, sample: Batch) -> dict[str, Any] | Fault | None:
    """Measure the engines of the one model on a sample; None if too few of it can be decoded."""
    try:
        settings, folder, (encoder,) = _usable(setup)
    except ClipperError as error:
        return fault(error)
    choice = calibrate(sample.entries, folder, settings, encoder=encoder)
    return choice.to_dict() if choice else None


def _kept(
    setup: Setup, settings: Settings, batch: Batch, results: Sequence[DecodeResult], started: float
) -> Done:
    """Write results to the run's folder; return them where this worker does not see it.

    Raises:
        StoreError: the home's disk cannot be written, though it is there.
    """
    shared = setup.shared
    if shared is None or not shared.is_seen():
        return Done(results, seconds=time.monotonic() - started)
    try:
        done = _written(setup, shared, settings, batch, results)
    except OSError as error:
        if not shared.is_seen():  # the disk went away, or the run ended
            return Done(results, seconds=time.monotonic() - started)
        raise StoreError(
            f"{settings.home} cannot be written by the Dask worker on {host()} ({error})"
        ) from None
    return replace(done, seconds=time.monotonic() - started)


def _written(
    setup: Setup, shared: SharedFolder, settings: Settings, batch: Batch, results: Iterable[DecodeResult]
) -> Done:
    rows: dict[str, list[Row]] = {name: [] for name in STORES}
    vectors: list[list[Row]] = [[] for _ in setup.models]
    failed: dict[bytes, str] = {}
    vanished = set()
    for result in results:
        key = result.content_hash
        outcome = outcome_of(result, batch.lacks(key), settings)
        for name, row in outcome.rows.items():
            rows[name].append(row)
        for of_model, vector in zip(vectors, outcome.vectors, strict=False):  # none of a failure
            of_model.extend([] if vector is None else [vector])
        if outcome.reason is not None:
            failed[key] = outcome.reason
        if outcome.vanished:
            vanished.add(key)
    stores = stores_of(Home(settings.home))
    shards = {name: made for name in STORES if (made := _shard(stores[name], rows[name], shared.path))}
    of_models = [
        embeddings.store(Path(), dimensions=each.dimensions, fingerprint=each.fingerprint)
        for each in setup.models
    ]
    made_by = tuple(_shard(store, made, shared.path) for store, made in zip(of_models, vectors, strict=True))
    return Done((), shards, made_by, failed=failed, vanished=frozenset(vanished))


def _shard(store: "ShardStore", rows: Sequence[Row], folder: Path) -> Shard | None:
    """Write rows as a shard of a store to a folder; None if there are none."""
    return (store.write(rows, folder), len(rows)) if rows else None


def _to_embed(setup: Setup, settings: Settings, batch: Batch) -> list[ToEmbed]:
    encoders = _loaded_here(setup, settings)
    return [ToEmbed(encoder, keys) for encoder, keys in zip(encoders, batch.to_embed, strict=True)]


def _settings_and_folder(setup: Setup) -> "tuple[Settings, ImageFolder]":
    settings = settings_here(setup.settings, setup.limits, same_version=setup.versions == VERSIONS)
    folder = open_images(settings.images_location, max_bytes=settings.max_bytes)
    with naming_this_worker():
        folder.require()
    if folder.is_fetched():  # what was hashed is on the home's disk, if this worker sees that
        folder.fetched = FetchedFiles(Home(settings.home).fetched)
    return settings, folder


def _usable(setup: Setup) -> "tuple[Settings, ImageFolder, list[Encoder]]":
    settings, folder = _settings_and_folder(setup)
    return settings, folder, _loaded_here(setup, settings)


def _loaded_here(setup: Setup, settings: Settings) -> "list[Encoder]":
    """Return the models of a run; an error names this machine."""
    with naming_this_worker(), _loading:
        return _loaded(setup.models, settings.device, settings.dtype)


def _loaded(models: Sequence[ClusterModel], device: str, dtype: str) -> "list[Encoder]":
    """Return the models, which a worker keeps in memory from one batch to the next; others it forgets."""
    wanted = [(each.name, each.revision, each.fingerprint, device, dtype) for each in models]
    for known in _encoders.keys() - wanted:
        del _encoders[known]
    for each, which in zip(models, wanted, strict=True):
        encoder = _encoders.get(which) or _encoders.setdefault(which, _load(each, device, dtype))
        if dtype == "auto" and encoder.engine_name != each.engine:
            # Made here: what this machine cannot run is no fault of the batch.
            encoder.use_engine(encoder.make_engine(each.engine))
    return [_encoders[which] for which in wanted]


def _load(model: ClusterModel, device: str, dtype: str) -> "Encoder":
    from clipper.models.encoder import Encoder

    named = Settings.model_construct(home=Path("/"), model=model.name, model_revision=model.revision)
    source = model_files.find(named)
    if source.fingerprint != model.fingerprint:
        raise ModelError(f"{source.folder} is another model than the one this run embeds with")
    return Encoder(source, device=device, dtype=dtype)
