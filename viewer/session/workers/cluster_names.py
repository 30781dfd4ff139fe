"""Reads the names of clusters when they change, and gives a cluster another name in the background.

What does not belong here: keeping the names (`clipper/store/cluster_names.py`), and showing them.
"""

import logging
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import panel as pn

from clipper.errors import ClipperError
from clipper.store import cluster_names
from clipper.store.home import Home, Stamp, stamp
from viewer.dataset.clusters import ClusterMap
from viewer.dataset.dataset import Dataset
from viewer.pools import TAG_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState
from viewer.session.workers.tags import CHECK_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

MAX_SENT = 500  # characters of a name that a browser may send; the store tells how many are too many
_READ = "cluster names"  # the key of the file's stamp when a dataset's names were read
_lock = threading.Lock()

log = logging.getLogger(__name__)


class ClusterNameWorker:
    """Names clusters for one session, and notices names that others give."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._checking = False
        # Called after each try to name a cluster, and when names cannot be read: why not, "" if all is well.
        self.on_done: list[Callable[[str], None]] = []
        state.param.watch(lambda _event: self.check(), "dataset")
        document = pn.state.curdoc
        if document is not None:
            document.add_periodic_callback(self.check, CHECK_INTERVAL)
        state.set_clusters(state.dataset.clusters)

    def check(self) -> None:
        """Read the names again if they changed, or if another version is shown."""
        dataset = self._state.dataset
        if dataset is None or self._checking:
            return
        if dataset.cache.get(_READ) == (_stamp(dataset),) and self._state.clusters is dataset.clusters:
            return
        self._checking = True
        in_background(partial(_read, dataset), partial(self._checked, dataset), pool=TAG_POOL)

    def rename(self, cluster_id: int, text: str) -> None:
        """Give a cluster a name; a blank one, or the one that Clipper found, takes a given name back."""
        dataset = self._state.dataset
        in_background(
            partial(_rename, dataset, cluster_id, text[:MAX_SENT]),
            partial(self._renamed, dataset),
            pool=TAG_POOL,
        )

    def _checked(self, dataset: Dataset, done: "Future[ClusterMap | None]") -> None:
        self._checking = False
        if error := self._take(dataset, done):
            self._tell(error)

    def _renamed(self, dataset: Dataset, done: "Future[ClusterMap | None]") -> None:
        self._tell(self._take(dataset, done))

    def _take(self, dataset: Dataset, done: "Future[ClusterMap | None]") -> str:
        """Show the names that were read; return why there are none, "" if all is well."""
        error = done.exception()
        if error is None:
            if dataset is self._state.dataset:
                self._state.set_clusters(done.result())
            return ""
        if isinstance(error, ClipperError):
            return str(error)
        log.error("names of clusters could not be read or written", exc_info=error)
        return "The name could not be kept. The server's log says why."

    def _tell(self, error: str) -> None:
        for tell in self.on_done:
            tell(error)


def _stamp(dataset: Dataset) -> Stamp | None:
    return stamp(cluster_names.path_of(Home(Path(dataset.atlas.settings.home))))


def _read(dataset: Dataset) -> ClusterMap | None:
    """Read the names, once for all sessions that show the dataset."""
    now = (_stamp(dataset),)
    with _lock:
        if dataset.cache.get(_READ) != now:
            _ = dataset.reread_cluster_names()
            dataset.cache[_READ] = now
        clusters = dataset.clusters
    if clusters is not None:
        _ = clusters.facet, clusters.colouring  # made here, not while the page waits
    return clusters


def _rename(dataset: Dataset, cluster_id: int, text: str) -> ClusterMap | None:
    clusters = dataset.clusters
    row = clusters.row_of(cluster_id) if clusters is not None else None
    found = dataset.atlas.found_cluster_names[row] if row is not None else ""
    name = " ".join(text.split())
    dataset.atlas.rename_cluster(cluster_id, None if name == found else name)
    return _read(dataset)
