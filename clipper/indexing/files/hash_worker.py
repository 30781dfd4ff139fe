"""What a worker of a Dask cluster does with files: it checks that it sees the same ones, and hashes them.

The same module must be there, in the same version, on this machine and on each worker. What does not belong
here: which worker gets what (`indexing/files/cluster.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clipper
from clipper.errors import ClipperError
from clipper.images.archives.folder import open_images
from clipper.images.files.fetched import FetchedFiles
from clipper.images.files.found import FoundImage
from clipper.indexing.cluster.arrays import SharedArray
from clipper.indexing.cluster.checks import naming_this_worker, settings_here
from clipper.indexing.cluster.faults import Fault, fault
from clipper.indexing.cluster.shared import SharedFolder
from clipper.indexing.files.hash_files import hash_here
from clipper.settings import Settings
from clipper.store.columns.entries import Entry
from clipper.store.columns.keys import Keys

if TYPE_CHECKING:
    from clipper.images.folder import ImageFolder


GRANTS = "room"


@dataclass(frozen=True)
class Kept:
    """Where a worker keeps what it fetches, and the run's folder on the same disk.

    In that folder lie `GRANTS`, and the content hashes of which nothing is kept, as the pairs of `Keys`.
    """

    folder: str
    shared: SharedFolder
    known: SharedArray


@dataclass(frozen=True)
class HashSetup:
    """What a worker must know of the run, and must have in the same way.

    `started` is when the scan began, in nanoseconds since 1970. `limits` are those of the settings here.
    """

    settings: dict[str, Any]
    limits: str
    started: int
    version: str
    kept: Kept | None = None


@dataclass(frozen=True)
class HashTask:
    """One task: files, and their rows among all files of the folder."""

    rows: Sequence[int]
    images: Sequence[FoundImage]


def prepare(setup: HashSetup) -> str | Fault:
    """Check the worker that runs this."""
    try:
        same_version = setup.version == clipper.__version__
        settings = settings_here(setup.settings, setup.limits, same_version=same_version)
        with naming_this_worker():
            _folder(settings.images_location, settings.max_bytes, setup.kept).require()
    except ClipperError as error:
        return fault(error)
    return ""


def hash_task(setup: HashSetup, task: HashTask) -> list[Entry | str] | Fault:
    """Hash the files of a task: the entry of each, or the reason why it cannot be read."""
    settings = Settings.model_construct(**setup.settings)
    try:
        folder = _folder(settings.images_location, settings.max_bytes, setup.kept)
        files = zip(task.rows, task.images, strict=True)
        return [outcome for _, _, outcome in hash_here(folder, files, started=setup.started)]
    except ClipperError as error:  # the storage refuses, or does not answer
        return fault(error)


@lru_cache(maxsize=4)
def _folder(location: str, max_bytes: int, kept: Kept | None) -> "ImageFolder":
    """Open the images folder, whose client serves all tasks of a worker."""
    folder = open_images(location, max_bytes=max_bytes)
    if kept and kept.shared.is_seen():
        folder.fetched = FetchedFiles(Path(kept.folder), grants=kept.shared.path / GRANTS)
        folder.fetched.known = Keys(kept.known.open(kept.shared.path))
    return folder
