"""Which versions of an atlas are in memory: the published one, loaded once, and those that sessions show.

The same for all visitors of a process. What does not belong here: how a session comes from one version to
the next (`components/page/follower.py`).
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
from clipper.atlas.engine import SearchEngine
from clipper.errors import ClipperError, StoreError
from clipper.settings import Settings
from clipper.store.home import Home, Stamp, stamp
from viewer.dataset.dataset import Dataset

RETRY_SECONDS = 2.0  # seconds after which a version that could not be opened is tried again


log = logging.getLogger(__name__)


class DatasetHolder(Protocol):
    """Whoever shows a dataset, such as a session's state; None once it is over."""

    dataset: Dataset | None


class _Published(NamedTuple):
    """The dataset last opened, and the stamp of current.json it was opened under."""

    stamp: Stamp | None
    dataset: Dataset


class _Failed(NamedTuple):
    """Why what is published could not be opened, and when that was found."""

    stamp: Stamp | None
    error: ClipperError
    at: float


_lock = threading.Lock()
_published: dict[Path, _Published] = {}
_failed: dict[Path, _Failed] = {}
_holders_lock = threading.Lock()
_holders: "weakref.WeakSet[DatasetHolder]" = weakref.WeakSet()


def load(home: str | Path | None = None, *, colour: str = "") -> Dataset:
    """The published atlas of `home` (or of the home found from here), made ready once for each version.

    Cheap while nothing new is published: every look and every image asks. Of many who ask at once one loads,
    and the others wait. One that follows a version in memory is ready to be shown, coloured by `colour`.

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
    """The version last opened, be it still published or not; None when there is none in memory."""
    try:
        known = _published.get(_folder(home))
    except ClipperError:
        return None
    return known.dataset if known else None


def register_holder(who: DatasetHolder) -> None:
    """From now on what `who` shows counts as in use, until its dataset is None or it is gone."""
    with _holders_lock:
        _holders.add(who)


def dataset_with(image_id: str, stamp: str) -> Dataset:
    """The dataset to ask for an image: one that a session shows and has these very bytes, else the published.

    Raises:
        ClipperError: nothing is published and nothing in memory.
    """
    # First: what is on a page never waits for another version to be opened.
    for dataset in shown_datasets(_folder(None)):
        row = dataset.row_of(image_id)
        if row is not None and dataset.content_stamp(row) == stamp:
            return dataset
    try:
        return load()
    except ClipperError:
        known = latest_loaded()
        if known is None:
            raise
        return known


def shown_datasets(folder: Path) -> list[Dataset]:
    """The versions of a home that sessions show, each once."""
    with _holders_lock:
        datasets = [who.dataset for who in _holders]
    ours = [dataset for dataset in datasets if dataset and dataset.atlas.settings.home == folder]
    return list({id(dataset): dataset for dataset in ours}.values())


def _open(folder: Path, *, colour: str) -> Dataset:
    try:
        return _open_version(folder, colour=colour)
    except ClipperError:
        raise
    except Exception as error:  # a damaged file that none of our readers foresaw
        raise StoreError(f"{folder / 'store'} is damaged ({error!r}); run `clipper index`") from error


def _open_version(folder: Path, *, colour: str) -> Dataset:
    version = clipper.published_version(folder) or ""
    before = latest_loaded(folder)
    if before is None:
        return Dataset(SearchEngine(Settings.load(folder)))
    for dataset in (before, *shown_datasets(folder)):  # as when one returns to an earlier state
        if dataset.version == version:
            return dataset
    atlas = SearchEngine(Settings.load(folder))
    if isinstance(before.atlas, SearchEngine):
        atlas.share_model(before.atlas)
    dataset = Dataset(atlas, before=before)
    dataset.prepare(colour=colour)
    return dataset


def _folder(home: str | Path | None) -> Path:
    """The home's folder, found once for each way of naming it."""
    return _resolve_folder(str(home) if home else "", os.environ.get("CLIPPER_HOME", ""), os.getcwd())  # noqa: PTH109 - a key, not a path


@lru_cache(maxsize=64)
def _resolve_folder(home: str, _named: str, _here: str) -> Path:
    return clipper.Settings.load(home or None).home
