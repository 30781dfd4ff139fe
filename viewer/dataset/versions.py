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
from clipper.store import snapshots
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
_published: dict[tuple[Path, str], _Published] = {}  # by home and model, "" for the first
_failed: dict[tuple[Path, str], _Failed] = {}
_holders_lock = threading.Lock()
_holders: "weakref.WeakSet[DatasetHolder]" = weakref.WeakSet()


def load(home: str | Path | None = None, *, model: str = "", colour: str = "") -> Dataset:
    """Return the dataset of the version published in `home`, or in the home found from here.

    It is as one of its models sees it, by its name; without a name or with an unknown one, as the first does.

    A version is opened once: of several calls at the same time one opens it, and the others wait. Calls are
    cheap while nothing new is published. If another version is in memory already, the new one is prepared,
    with the map coloured by `colour`, before it is returned.

    Raises:
        ClipperError: no home, no index yet, or a damaged store; the message says what to do.
    """
    folder = _folder(home)
    if latest_loaded(home):  # what is in memory is shown until a new version is here
        snapshots.refresh(Home(folder), wait=False)
    now = stamp(Home(folder).current)
    key = folder, model
    known = _published.get(key)
    if known and now is not None and now == known.stamp:
        return known.dataset
    if model and model not in _further_models(folder):
        return load(folder, colour=colour)
    with _lock:
        failed = _failed.get(key)
        if failed and failed.stamp == now and time.monotonic() - failed.at < RETRY_SECONDS:
            raise failed.error.with_traceback(None)
        try:
            dataset = _open(folder, model, colour=colour)
        except ClipperError as error:
            if failed is None or failed.stamp != now:
                log.warning("%s cannot be shown: %s", folder, error, exc_info=error.__cause__)
            _failed[key] = _Failed(now, error, time.monotonic())
            raise
        _failed.pop(key, None)
        _published[key] = _Published(now, dataset)
        _forget_before(dataset, folder)
        return dataset


def _forget_before(dataset: Dataset, folder: Path) -> None:
    """Forget other versions than this one that no session shows, whichever model they are seen by.

    They hold memory, and files that no run deletes while they are open.
    """
    shown = {id(each) for each in shown_datasets(folder)}
    for key, known in list(_published.items()):
        is_other = key[0] == folder and known.dataset.version != dataset.version
        if is_other and id(known.dataset) not in shown:
            del _published[key]


def of_model(dataset: Dataset, model: str) -> Dataset | None:
    """Return a dataset as another of its models sees it, "" for the first; None if it is not published."""
    if model == dataset.further_model:
        return dataset
    try:
        other = load(dataset.atlas.settings.home, model=model)
    except ClipperError:
        return None
    return other if other.version == dataset.version and other.further_model == model else None


def latest_loaded(home: str | Path | None = None, *, model: str = "") -> Dataset | None:
    """Return the version opened last, as a model sees it, published or not; None if none is in memory."""
    try:
        known = _published.get((_folder(home), model))
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


def _open(folder: Path, model: str, *, colour: str) -> Dataset:
    try:
        return _open_version(folder, model, colour=colour)
    except ClipperError:
        raise
    except Exception as error:  # a damaged file that the readers do not recognise as such
        if is_no_access(error):
            raise no_access(folder / "store", error) from error
        raise StoreError(f"{folder / 'store'} is damaged ({error!r}); run `clipper index`") from error


def _open_version(folder: Path, model: str, *, colour: str) -> Dataset:
    before = latest_loaded(folder, model=model)
    first = latest_loaded(folder)
    if before is None and first is None:
        return Dataset(SearchEngine(Settings.load(folder), model=model or None))
    in_memory = [dataset for dataset in (before, first, *shown_datasets(folder)) if dataset is not None]
    version = clipper.published_version(folder) or ""
    for dataset in in_memory:  # such as after a return to an earlier state
        if dataset.version == version and dataset.further_model == model:
            return dataset
    atlas = SearchEngine(Settings.load(folder), model=model or None)
    for dataset in in_memory:
        if isinstance(dataset.atlas, SearchEngine):
            atlas.share_model(dataset.atlas)
    dataset = Dataset(atlas, before=before or first)
    dataset.prepare(colour=colour)
    return dataset


def _further_models(folder: Path) -> list[str]:
    """Return the names of the models of the published version, but the first."""
    try:
        published = snapshots.current(Home(folder))
    except ClipperError:  # the caller opens it, and reports why it cannot
        return []
    return [each.name for each in published.further] if published else []


def _folder(home: str | Path | None) -> Path:
    """Return the home's folder, which is looked up once for each way of naming it."""
    return _resolve_folder(str(home) if home else "", os.environ.get("CLIPPER_HOME", ""), os.getcwd())  # noqa: PTH109 - a key of the cache, not a path


@lru_cache(maxsize=64)
def _resolve_folder(home: str, _named: str, _here: str) -> Path:
    return clipper.Settings.load(home or None).home
