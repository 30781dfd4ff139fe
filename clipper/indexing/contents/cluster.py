"""Embed on a Dask cluster: workers decode and embed batches of files, and only this process writes.

The only file that imports distributed, and only if the setting `dask` names a scheduler. If a worker dies,
others repeat its batches. What does not belong here: the work itself (`indexing/contents/decode.py`).
"""

import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clipper.errors import ClipperError, ClusterError, ClusterSetupError, ModelError
from clipper.images.archives.folder import open_images
from clipper.images.child_tasks import DecodeResult
from clipper.images.decode import PIXELS_VERSION
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.images.picture.signature import SIGNATURE_VERSION
from clipper.indexing.contents.decode import decode_and_embed
from clipper.models import source as model_files
from clipper.models.source import PREPROCESS_VERSION, ModelSource
from clipper.settings import Settings
from clipper.store.facts import FACTS_VERSION
from clipper.store.manifest import Entry

if TYPE_CHECKING:
    from clipper.models.clip import Clip

# Images of one task: seconds of work on a small CPU, a megabyte or two of results.
BATCH = 256
# Tasks for each thread of the cluster: one that runs, one that waits.
AHEAD = 2
CONNECT_SECONDS = 20
WORKERS_SECONDS = 20  # until it has a worker
# How often a failed task is tried again; distributed does the same for one whose worker died.
RETRIES = 2
_VERSIONS = (PREPROCESS_VERSION, PIXELS_VERSION, FACTS_VERSION, MEASURE_VERSION, SIGNATURE_VERSION)
_loading = threading.Lock()


@dataclass(frozen=True)
class Batch:
    """One task: files, and all that a worker needs to know about the run."""

    entries: Sequence[Entry]
    to_embed: frozenset[bytes]
    settings: dict[str, Any]
    fingerprint: str
    limits: str
    versions: tuple[str, ...] = _VERSIONS


def decode_on_cluster(
    entries: Sequence[Entry], settings: Settings, *, source: ModelSource, to_embed: Collection[bytes]
) -> Iterator[DecodeResult]:
    """Yield the results of `decode_and_embed` in the order in which the workers finish.

    Args:
        entries: the files; every worker must see the images folder under the same path or URL.
        settings: `dask` is the scheduler's address.
        source: the model; a local folder needs the same path on every worker, a hub model is fetched by each.
        to_embed: content hashes that lack a vector.

    Raises:
        ClusterError: the scheduler does not answer, or a batch fails again and again.
        ClipperError: a worker cannot use the images folder or the model.
    """
    with _connected(settings.dask) as client:
        from distributed import as_completed

        batches = _batches(entries, settings, source=source, to_embed=to_embed)
        threads = sum(client.nthreads().values())

        def submit(count: int) -> list[Any]:
            taken = islice(batches, count)
            return [client.submit(_work, one, key=f"clipper-{uuid4().hex}", retries=RETRIES) for one in taken]

        done = as_completed(submit(AHEAD * threads), loop=client.loop)
        for future in done:
            yield from _result(future, settings.dask)
            future.release()
            done.update(submit(1))


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterSetupError(
            "`dask` (CLIPPER_DASK) needs distributed: pip install 'clipper[dask]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"the Dask scheduler {address} does not answer ({error}); start it, or unset "
            "`dask` (CLIPPER_DASK)"
        ) from error
    try:
        _await_workers(client, address)
        yield client
    finally:  # closing the client cancels the tasks that are left
        client.close()


def _await_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as error:
        raise ClusterError(
            f"the Dask scheduler {address} has no workers; start some, or unset `dask` (CLIPPER_DASK)"
        ) from error


def _batches(
    entries: Sequence[Entry], settings: Settings, *, source: ModelSource, to_embed: Collection[bytes]
) -> Iterator[Batch]:
    values = settings.model_dump()
    values["images"] = settings.images_location
    if model_files.local_folder(settings):
        values["model"] = str(source.folder)
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        keys = frozenset(entry.content_hash for entry in part if entry.content_hash in to_embed)
        yield Batch(part, keys, values, source.fingerprint, settings.limits)


def _result(future: Any, address: str) -> list[DecodeResult]:
    from distributed import KilledWorker

    try:
        return list(future.result())
    except ClipperError:
        raise
    except KilledWorker as error:
        raise ClusterError(
            f"workers of the Dask cluster {address} died again and again of the same {BATCH} images; see "
            "their logs (memory?), or unset `dask` (CLIPPER_DASK)"
        ) from error
    except Exception as error:  # anything that may happen on a worker's machine
        raise ClusterError(
            f"the Dask cluster {address} failed ({type(error).__name__}: {error}); its workers need the same "
            "Clipper and libraries as here"
        ) from error


def _work(batch: Batch) -> list[DecodeResult]:
    """Decode and embed one batch; a worker runs this."""
    host = socket.gethostname()
    if batch.versions != _VERSIONS:
        raise ClusterSetupError(f"the Dask worker on {host} has another version of Clipper; install the same")
    settings = Settings.model_construct(**batch.settings)
    if batch.limits != settings.limits:
        raise ClusterSetupError(
            f"the Dask worker on {host} has other decoders than this machine; install the same packages"
        )
    folder = open_images(settings.images_location, max_bytes=settings.max_bytes)
    try:
        folder.require()
        with _loading:
            clip = _clip(
                settings.model, settings.revision or "", batch.fingerprint, settings.device, settings.dtype
            )
    except ClipperError as error:
        raise type(error)(f"on the Dask worker {host}: {error}") from None
    return list(decode_and_embed(batch.entries, folder, settings, clip=clip, to_embed=batch.to_embed))


@lru_cache(maxsize=1)
def _clip(model: str, revision: str, fingerprint: str, device: str, dtype: str) -> "Clip":
    """Load the model, which a worker keeps in memory from one batch to the next."""
    from clipper.models.clip import Clip

    source = model_files.find(Settings.model_construct(home=Path("/"), model=model, model_revision=revision))
    if source.fingerprint != fingerprint:
        raise ModelError(f"{source.folder} is another model than the one this run embeds with")
    return Clip(source, device=device, dtype=dtype)
