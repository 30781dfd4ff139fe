"""The local copy of a home on an object store: brought up to date, and what of it was written sent back.

The copy is a complete home, which readers open as any other. Its index notes which object each file was equal
to, so that nothing is moved twice. What does not belong here: when a run sends what (`mirror/writer.py`).
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from clipper.errors import ClipperError, HomeStorageError, StoreError
from clipper.mirror import eviction, layout, location
from clipper.mirror.disk import Disk, each_file, temporary_beside, why_wrong
from clipper.mirror.index import Entry, Index
from clipper.mirror.objects import ConflictError, Found, Objects, open_objects
from clipper.system import delete_unless_open, replace_file

log = logging.getLogger(__name__)

REFRESH_SECONDS = 10.0  # until the store is asked again whether anything is new
_TRIES = 5  # to read a version: the next one may be published while this one is fetched
_LOCK_SECONDS = 3_600.0  # another process may fetch a large home

Choice = Callable[[Collection[str], Mapping[str, Any]], set[str]]
T = TypeVar("T")


class _CutError(HomeStorageError):
    """An object comes otherwise than it was listed."""


class Copy(Disk):
    """The local copy of one home."""

    def __init__(self, folder: Path, url: str) -> None:
        """Ask for nothing yet."""
        super().__init__(folder, url)
        self.writing = False  # whether a run of this process writes to it: then nothing is fetched
        self._objects: Objects | None = None
        self._opening = threading.Lock()
        self._asked: dict[str, float] = {}  # when the store was last asked: for its "root", and for "all"
        self._asking: threading.Thread | None = None
        self._is_silent = False  # whether it was said that the store does not answer
        self._kept: int | None = None  # the descriptor by which no other process deletes the copy
        self._stale: set[str] = set()  # fetched for earlier versions, and not of the one fetched last

    @property
    def objects(self) -> Objects:
        """The home's objects."""
        with self._opening:
            if self._objects is None:
                self._objects = open_objects(self.url)
            return self._objects

    def refresh_root(self) -> None:
        """Fetch the settings and what people gave, if others wrote them; ask for that every few seconds.

        Raises:
            StoreError: the store refuses or does not answer, or the copy cannot be written.
        """
        if not self.writing and self._is_due("root"):
            self.fetch_root()

    def fetch_root(self) -> None:
        """Fetch the settings and what people gave, if others wrote them.

        Raises:
            StoreError: as `refresh_root`.
        """
        with self.locked() as index:
            there = self._until_it_stays(lambda: self._fetch_root(index))
            for name in layout.in_root(index.names()) - there.keys():
                self.path(name).unlink(missing_ok=True)
                index.drop(name)
        self._asked["root"] = time.monotonic()

    def _fetch_root(self, index: Index) -> dict[str, Found]:
        found = self.objects.list_folder("")
        there = {name: found[name] for name in layout.in_root(found)}
        for name, entry in self._fetch(self._lacking(there, index)).items():
            index.note(name, entry)
        return there

    def _until_it_stays(self, fetch: Callable[[], T]) -> T:
        """Fetch once more if objects were deleted or written again after they were listed."""
        for left in reversed(range(_TRIES)):
            try:
                return fetch()
            except _CutError:
                if not left:
                    raise
            except FileNotFoundError:
                continue
        raise HomeStorageError(f"{self.url} changes faster than it can be read; try again")

    def refresh(self, fetched: Callable[[], None], *, wait: bool = True) -> None:
        """Fetch the published version, if it is another; ask for that every few seconds.

        Args:
            fetched: called after a version was fetched, while no other process fetches: it may delete what
                is not of that version.
            wait: until it is there. If not, it is fetched in the background, and an error is logged.

        Raises:
            StoreError: as `refresh_root`.
        """
        if self.writing or not self._is_due("all"):
            return
        if wait:
            self._refresh(fetched)
        elif self._asking is None or not self._asking.is_alive():
            work = partial(self._refresh_quietly, fetched)
            self._asking = threading.Thread(target=work, name="refresh", daemon=True)
            self._asking.start()

    def _refresh_quietly(self, fetched: Callable[[], None]) -> None:
        try:
            self.refresh_root()
            self._refresh(fetched)
        except (ClipperError, OSError) as error:
            if not self._is_silent:
                log.warning("%s is shown as it was: %s", self.url, error)
            self._is_silent = True
            self._asked["all"] = time.monotonic()
        else:
            self._is_silent = False

    def _refresh(self, fetched: Callable[[], None]) -> None:
        with self.fetching():
            top = self.objects.list_folder("store").get(layout.CURRENT)
            with self.locked() as index:
                known = index.get(layout.CURRENT)
                is_new = known is None or top is None or known.tag != top.tag or not self._is_whole(index)
            if is_new:
                self.take(layout.for_reader)
            self._asked["all"] = time.monotonic()
            if is_new:
                fetched()

    def take(self, choice: Choice) -> dict[str, Found]:
        """Fetch what a choice names and the copy lacks, current.json last; return all objects.

        The caller is `fetching`, and does not hold the index: while gigabytes come, people may give tags.

        Raises:
            StoreError: as `refresh_root`.
        """
        return self._until_it_stays(lambda: self._take(choice))

    def _take(self, choice: Choice) -> dict[str, Found]:
        # First: what is named in it stays in the store for a while, whatever is published meanwhile.
        current = self.objects.read(layout.CURRENT)
        there = self.objects.list_below("store")
        wanted = choice(there, layout.read_current(current.data if current else None))
        with self.locked() as index:
            lacking = self._lacking({name: there[name] for name in sorted(wanted)}, index)
        fetched = self._fetch(lacking)
        with self.locked() as index:
            for name, entry in fetched.items():
                index.note(name, entry)
            if current is None:
                self.path(layout.CURRENT).unlink(missing_ok=True)
                index.drop(layout.CURRENT)
            elif index.get(layout.CURRENT) != self.entry(layout.CURRENT, current.tag):
                self.note(layout.CURRENT, current.data, current.tag, index)
            self._stale = {name for name in index.names() if "/" in name} - wanted - {layout.CURRENT}
        return there

    def fetch_collection(self, version: str) -> None:
        """Fetch the folder of a collection, as a whole, unless it is there or the store has none.

        Raises:
            StoreError: as `refresh_root`.
        """
        table = layout.collection_table(version)
        folder = self.path(table).with_suffix("")
        if folder.exists():
            return
        with self.fetching():
            if not folder.exists():
                self._until_it_stays(lambda: self._fetch_folder(folder, table.removesuffix(".parquet")))

    def _fetch_folder(self, folder: Path, name: str) -> None:
        there = {path: seen for path, seen in self.objects.list_below(name).items() if layout.is_copied(path)}
        if not there:
            return
        self._make_room(sum(seen.size for seen in there.values()))
        temporary = temporary_beside(folder)
        try:
            places = {path: temporary / self.path(path).relative_to(folder) for path in there}
            each_file(lambda path: self._download(path, there[path], places[path]), there)
            for place in places.values():
                place.stat()  # somebody may have deleted it, and Chroma would take the rest for all
            replace_file(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def note(self, name: str, data: bytes, tag: str, index: Index) -> None:
        """Write an object's bytes to its file, and note that."""
        self.write(name, data)
        index.note(name, self.entry(name, tag))

    def forget_gone(self, there: Collection[str], index: Index) -> None:
        """Count files as not sent that are gone from the store: the run that begins may need them.

        Another machine's run had them deleted. Of a collection whose folder is not here nothing can be sent.
        """
        for name in index.names():
            if name in there or "/" not in name:
                continue
            index.drop(name)
            if layout.is_collection_table(name) and not self.path(name).with_suffix("").exists():
                self.path(name).unlink(missing_ok=True)

    def exchange(self, name: str, file: Path, change: Callable[[], bytes | None]) -> None:
        """Change an object of a few bytes that others may change at the same time.

        Args:
            name: its path.
            file: the file of the copy, which is brought up to date before each try.
            change: reads that file, and returns the bytes that it shall have; None: it stays as it is.

        Raises:
            StoreError: the store refuses or does not answer.
            BusyError: others change it all the time.
        """
        for _ in range(_TRIES * 4):
            found = self.objects.read(name)
            with self.locked() as index:
                if found is None:
                    file.unlink(missing_ok=True)
                    index.drop(name)
                elif not file.exists() or file.read_bytes() != found.data:
                    self.note(name, found.data, found.tag, index)
            after = change()
            if after is None:
                return
            try:
                tag = self.objects.put(name, after, tag=found.tag if found else None)
            except ConflictError:
                continue
            with self.locked() as index:
                self.note(name, after, tag, index)
            return
        raise HomeStorageError(f"{self.url}/{name} is changed by others all the time; try again")

    def changed(self, index: Index) -> Iterator[str]:
        """Yield the paths of the files that are not as the store has them; of collections only the tables."""
        for name, stamp in self.files().items():
            known = index.get(name)
            if (known is None or known[1:] != stamp) and not layout.in_collection(name):
                yield name

    def keep(self, names: Iterable[str]) -> None:
        """Count files as belonging to what is fetched or made last."""
        self._stale.difference_update(names)

    def drop_stale_rows(self) -> None:
        """Delete rows by content hash that other machines' runs dropped; forget what is gone from here.

        The caller holds the home's lock, and no reader has an earlier version open.
        """
        with self.locked() as index:
            for name in self._stale:
                if layout.is_shard(name):
                    delete_unless_open(self.path(name))
                if not self.path(name).exists():
                    index.drop(name)

    @contextmanager
    def fetching(self, *, wait: float = _LOCK_SECONDS) -> Iterator[None]:
        """Let no other thread or process fetch a version or a collection into the copy.

        Args:
            wait: the seconds to wait for one that does.

        Raises:
            StoreError: another one fetches for longer.
        """
        from filelock import FileLock, Timeout

        self._mark()
        lock = FileLock(self.folder / ".mirror-fetch.lock")
        with self.errors_named():
            try:
                lock.acquire(timeout=wait)
            except Timeout:
                raise StoreError(
                    f"another program has been fetching {self.url} for {wait:,.0f} seconds; end it"
                ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def locked(self) -> Iterator[Index]:
        """Hold the index, for a moment; keep what is noted in it."""
        from filelock import FileLock

        self._mark()
        lock = FileLock(self.folder / ".mirror.lock")
        with self.errors_named():
            lock.acquire()
        try:
            index = Index.read(self.folder)
            try:
                yield index
            finally:
                with self.errors_named():
                    index.save()
        finally:
            lock.release()

    def _mark(self) -> None:
        """Make the copy's folder, and keep it while this process lives."""
        location.mark(self.folder, self.url)
        with self._opening:
            self._kept = eviction.keep(self.folder, self._kept)

    def _is_due(self, what: str) -> bool:
        asked = self._asked.get(what)
        is_there = self.path(layout.CURRENT).exists() if what == "all" else self.folder.is_dir()
        return asked is None or time.monotonic() - asked > REFRESH_SECONDS or not is_there

    def _is_whole(self, index: Index) -> bool:
        """Whether all that was fetched is there: looked at once in a process, as people empty caches."""
        if "all" in self._asked and self.path(layout.CURRENT).exists():
            return True
        there = {*self.files(), layout.CURRENT} if self.path(layout.CURRENT).exists() else set()
        return all(name in there for name in index.names() if not layout.in_collection(name))

    def _lacking(self, there: Mapping[str, Found], index: Index) -> dict[str, Found]:
        """Return the objects that the copy has not, or has otherwise."""
        return {name: seen for name, seen in there.items() if self._lacks(name, seen, index)}

    def _fetch(self, lacking: Mapping[str, Found]) -> dict[str, Entry]:
        """Fetch objects; return the entries of their files."""
        self._make_room(sum(seen.size for seen in lacking.values()))
        entries: dict[str, Entry] = {}

        def fetch(name: str) -> None:
            tag = lacking[name].tag
            if not layout.is_note(name):
                self._download(name, lacking[name], self.path(name))
            elif found := self.objects.read(name):  # its bytes and its tag belong together
                self.write(name, found.data)
                tag = found.tag
            else:
                raise FileNotFoundError(name)
            entries[name] = self.entry(name, tag)

        each_file(fetch, lacking)
        return entries

    def _make_room(self, needed: int) -> None:
        eviction.make_room(self.folder, needed)
        self.require_space(needed)

    def _lacks(self, name: str, seen: Found, index: Index) -> bool:
        here, known = self.entry(name, seen.tag), index.get(name)
        if not here.mtime_ns:
            return True
        if known is None and self.objects.is_same(self.path(name), seen):
            index.note(name, here)  # such as of a run that was killed before it noted what it sent
            return False
        if known is None or known.tag != seen.tag:
            return True
        return known.mtime_ns == here.mtime_ns and known.size != here.size

    def entry(self, name: str, tag: str) -> Entry:
        """Return the entry of a file equal to the object with a tag; size and time are 0 if it is missing."""
        try:
            status = self.path(name).stat()
        except OSError:
            return Entry(tag, 0, 0)
        return Entry(tag, status.st_size, status.st_mtime_ns)

    def _download(self, name: str, seen: Found, path: Path) -> None:
        """Fetch an object into a file, which is there as a whole or not at all.

        Raises:
            FileNotFoundError: the object is gone, or somebody deleted the folder of the file.
            HomeStorageError: it comes otherwise than it was written.
        """
        temporary = temporary_beside(path)
        with self.errors_named():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except FileExistsError as error:
                if path.parent.exists():
                    raise  # a file has its name
                raise FileNotFoundError(path.parent) from error  # it was there for a moment
            try:
                for _ in range(2):
                    self.objects.download(name, temporary)
                    if (why := why_wrong(temporary, seen.size, path.name)) is None:
                        replace_file(temporary, path)
                        return
                raise _CutError(
                    f"{self.url}/{name} {why}; if that stays so, delete it there: "
                    f"`clipper index --home {self.url}` makes it again"
                )
            finally:
                temporary.unlink(missing_ok=True)


_copies: dict[Path, Copy] = {}
_meeting = threading.Lock()


def of(folder: Path) -> Copy | None:
    """Return the copy that a folder is, one object for the whole process; None for any other folder."""
    if (known := _copies.get(folder)) is not None:
        return known
    url = location.url_of(folder)
    if url is None:
        return None
    with _meeting:
        return _copies.setdefault(folder, Copy(folder, url))
