"""The versions of an atlas in memory: the published one, loaded once, and the ones that sessions show.

All visitors of a process share them. What does not belong here: how a session changes to the next version
(`components/page/follower.py`).
"""

import logging
import os
import threading
import time
import weakref
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import clipper
from clipper.access import is_no_access, no_access
from clipper.atlas.engine import SearchEngine
from clipper.errors import ClipperError, StoreError
from clipper.settings import Settings
from clipper.store.home import Home, Stamp, stamp
from viewer.dataset.dataset import Dataset

RETRY_SECONDS = 2.0  # until a version that could not be opened is tried again


log = logging.getLogger(__name__)


class DatasetHolder(Protocol):
    """An object that shows a dataset, such as a session's state; the dataset is None after its end."""

    dataset: Dataset | None


class _Published(NamedTuple):
    """The dataset opened last, and the stamp that current.json had then."""

    stamp: Stamp | None
    dataset: Dataset


class _Failed(NamedTuple):
    """The error of a version that could not be opened, and the time of the try."""

    stamp: Stamp | None
    error: ClipperError
    at: float


_lock = threading.Lock()
_published: dict[Path, _Published] = {}
_failed: dict[Path, _Failed] = {}
_holders_lock = threading.Lock()
_holders: "weakref.WeakSet[DatasetHolder]" = weakref.WeakSet()


def load(home: str | Path | None = None, *, colour: str = "") -> Dataset:
    """Return the dataset of the version published in `home`, or in the home found from here.

    A version is opened once: of several calls at the same time one opens it, and the others wait. Calls are
    cheap while nothing new is published. If another version is in memory already, the new one is prepared,
    with the map coloured by `colour`, before it is returned.

    Raises:
        ClipperError: no home, no index yet, or a damaged store; the message says what to do.
    """
    folder = _folder(home)
    now = stamp(Home(folder).current)
    known = _published.get(folder)
    if known and now is not None and now == known.stamp:
        return known.dataset
    with _lock:
        failed = _failed.get(folder)
        if failed and failed.stamp == now and time.monotonic() - failed.at < RETRY_SECONDS:
            raise failed.error.with_traceback(None)
        try:
            dataset = _open(folder, colour=colour)
        except ClipperError as error:
            if failed is None or failed.stamp != now:
                log.warning("%s cannot be shown: %s", folder, error, exc_info=error.__cause__)
            _failed[folder] = _Failed(now, error, time.monotonic())
            raise
        _failed.pop(folder, None)
        _published[folder] = _Published(now, dataset)
        return dataset


def latest_loaded(home: str | Path | None = None) -> Dataset | None:
    """Return the version opened last, published or not; None if none is in memory."""
    try:
        known = _published.get(_folder(home))
    except ClipperError:
        return None
    return known.dataset if known else None


def register_holder(holder: DatasetHolder) -> None:
    """Count the dataset that `holder` shows as in use, until it is None or the holder is deleted."""
    with _holders_lock:
        _holders.add(holder)


def dataset_with(image_id: str, stamp: str, *, home: Path | None = None) -> Dataset:
    """Return a dataset of a home that has an image: one in a session with its bytes, or the published one.

    Raises:
        ClipperError: nothing is published and nothing in memory.
    """
    # Sessions first: an image on a page does not wait until another version is opened.
    for dataset in shown_datasets(_folder(home)):
        row = dataset.row_of(image_id)
        if row is not None and dataset.content_stamp(row) == stamp:
            return dataset
    try:
        return load(home)
    except ClipperError:
        known = latest_loaded(home)
        if known is None:
            raise
        return known


def shown_datasets(folder: Path) -> list[Dataset]:
    """Return the versions of a home that sessions show, each once."""
    with _holders_lock:
        datasets = [holder.dataset for holder in _holders]
    ours = [dataset for dataset in datasets if dataset and dataset.atlas.settings.home == folder]
    return list({id(dataset): dataset for dataset in ours}.values())


def _open(folder: Path, *, colour: str) -> Dataset:
    try:
        return _open_version(folder, colour=colour)
    except ClipperError:
        raise
    except Exception as error:  # a damaged file that the readers do not recognise as such
        if is_no_access(error):
            raise no_access(folder / "store", error) from error
        raise StoreError(f"{folder / 'store'} is damaged ({error!r}); run `clipper index`") from error


def _open_version(folder: Path, *, colour: str) -> Dataset:
    version = clipper.published_version(folder) or ""
    before = latest_loaded(folder)
    if before is None:
        return Dataset(SearchEngine(Settings.load(folder)))
    for dataset in (before, *shown_datasets(folder)):  # such as after a return to an earlier state
        if dataset.version == version:
            return dataset
    atlas = SearchEngine(Settings.load(folder))
    if isinstance(before.atlas, SearchEngine):
        atlas.share_model(before.atlas)
    dataset = Dataset(atlas, before=before)
    dataset.prepare(colour=colour)
    return dataset


def _folder(home: str | Path | None) -> Path:
    """Return the home's folder, which is looked up once for each way of naming it."""
    return _resolve_folder(str(home) if home else "", os.environ.get("CLIPPER_HOME", ""), os.getcwd())  # noqa: PTH109 - a key of the cache, not a path


@lru_cache(maxsize=64)
def _resolve_folder(home: str, _named: str, _here: str) -> Path:
    return clipper.Settings.load(home or None).home
