"""What a run does with the store: it takes the lease, fetches what it needs, and sends what it made.

Rows by content hash are sent while the run works, so that a run that was killed is taken up on any machine.
What a version consists of is sent before current.json, which is written last, and only if it is as it was
read. What does not belong here: fetching (`mirror/copy.py`).
"""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from clipper.errors import BusyError, ClipperError, StoreError
from clipper.mirror import layout, location
from clipper.mirror.copy import Copy
from clipper.mirror.disk import each_file
from clipper.mirror.lease import Lease
from clipper.mirror.objects import TRIES_TO_READ, TRIES_TO_WRITE, ConflictError, Found

log = logging.getLogger(__name__)

SEND_SECONDS = 20.0  # between looks for rows to send
# How long an object stays after no version names it: readers may still fetch it.
KEPT_FOR = timedelta(hours=1)


class Writer:
    """A run's hold of a home on an object store."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        marker = location.read_marker(copy.folder)
        self._lease = Lease(copy.objects, place=marker.get("copy", ""))
        self._there: dict[str, Found] = {}  # the objects when the run began
        self._unneeded: dict[str, str] = {}
        self._unneeded_tag: str | None = None
        self._current_tag: str | None = None
        self._has_published = False
        self._ended = threading.Event()
        self._sending = threading.Lock()

    def begin(self, *, wait: float) -> None:
        """Take the lease and bring the copy up to date. The caller holds the copy's lock.

        Raises:
            BusyError: another run holds the lease for longer than `wait` seconds.
            StoreError: the store refuses or does not answer.
        """
        try:
            self._lease.take(wait=wait)
            self.copy.fetch_root()  # it may have waited for long
            with self.copy.fetching():
                self._read_unneeded()
                self._there = self.copy.take(self._wanted)
            with self.copy.locked() as index:
                self.copy.forget_gone(self._there, index)
                self.copy.keep(index.names())  # the run may use rows that another machine dropped
                known = index.get(layout.CURRENT)
                self._current_tag = known.tag if known else None
        except BaseException:
            self.end()
            raise
        threading.Thread(target=self._send_rows_until_the_end, name="send", daemon=True).start()

    def publish(self, data: bytes) -> None:
        """Send all that the run made, and then current.json with these bytes, if nobody published meanwhile.

        Raises:
            BusyError: another run took the lease, or published; nothing is published.
            StoreError: the store refuses or does not answer.
        """
        self._lease.renew()
        self.send()
        self._lease.renew()
        self._note_needed(layout.read_current(data))
        # Written before it is published: a disk that is full ends the run before that, not after it.
        with self.copy.written_beside(layout.CURRENT, data) as move:
            try:
                tag = self.copy.objects.put(layout.CURRENT, data, tag=self._current_tag)
            except ConflictError:
                raise BusyError(
                    f"another run published in {self.copy.url} meanwhile; nothing of this run was "
                    "published: run again"
                ) from None
            self._current_tag, self._has_published = tag, True
            self._note_published(move, tag)

    def _note_published(self, move: Callable[[], None], tag: str) -> None:
        try:
            move()
        except StoreError as error:  # nothing may be deleted here by the version before
            raise StoreError(f"{self.copy.url} is published, but not in its local copy: {error}") from error
        try:
            with self.copy.locked() as index:
                index.note(layout.CURRENT, self.copy.entry(layout.CURRENT, tag))
        except StoreError as error:
            log.warning("%s is published; its local copy notes that later: %s", self.copy.url, error)

    def finish(self) -> None:
        """Send what is left, and delete what no version has named for a while, which can wait.

        After a version was published, trouble is only logged: the next run does what is left.

        Raises:
            BusyError: another run took the lease.
            StoreError: the store refuses or does not answer.
        """
        try:
            self.send()
        except BusyError:
            if not self._has_published:
                raise
            log.warning("%s is published; another run has begun and does what is left", self.copy.url)
            return
        except StoreError as error:
            if not self._has_published:
                raise
            log.warning("%s is published; the next run does what is left: %s", self.copy.url, error)
            return
        try:
            self._collect_garbage()
        except ClipperError as error:
            log.warning("what no version needs any more stays in the store for now: %s", error)

    def end(self) -> None:
        """Give the lease back, whatever happened; rows that are being sent do no harm without one."""
        self._ended.set()
        self.copy.objects.tries = 1
        self._lease.release()

    def send(self, *, rows_alone: bool = False) -> None:
        """Send the files that the store lacks or has otherwise; a collection as a whole, the notes last.

        Raises:
            BusyError: another run took the lease.
            StoreError: the store refuses or does not answer.
        """
        with self._sending:
            if self._ended.is_set():
                return
            self._lease.require()
            with self.copy.locked() as index:
                changed = [*self.copy.changed(index)]
            if rows_alone:
                changed = [name for name in changed if layout.is_shard(name)]
            tables = {name for name in changed if layout.is_collection_table(name)}
            notes = {name for name in changed if "/" not in name or name == layout.STAGED}
            self._upload(name for name in changed if name not in tables | notes)
            for name in sorted(tables):
                self._send_collection(name)
            self._upload(tables)
            for name in sorted(notes):
                self._put(name)

    def _wanted(self, paths: Collection[str], current: Mapping[str, Any]) -> set[str]:
        return layout.for_writer(paths, current) - (self._unneeded.keys() - layout.of_version(paths, current))

    def _upload(self, names: Iterable[str]) -> None:
        """Send files that the lease alone protects, and note their tags, for which one list serves."""
        sent = {name: self.copy.entry(name, "") for name in names}
        sent = {name: before for name, before in sent.items() if before.mtime_ns}
        if not sent:
            return
        self.copy.keep(sent)
        each_file(self._upload_one, sent)
        folders = {"/".join(name.split("/")[:2]) for name in sent}
        there: dict[str, Found] = {}
        for folder in sorted(folders):
            there |= self.copy.objects.list_below(folder) if "." not in folder else {}
        there |= self.copy.objects.list_folder("store") if any("." in folder for folder in folders) else {}
        with self.copy.locked() as index:
            for name, before in sent.items():
                if name in there and there[name].size == before.size:
                    self._there[name] = there[name]
                    index.note(name, before._replace(tag=there[name].tag))

    def _upload_one(self, name: str) -> None:
        self._lease.require()
        try:
            self.copy.objects.upload(self.copy.path(name), name)
        except FileNotFoundError:
            if self.copy.path(name).exists():
                raise StoreError(f"{self.copy.url}/{name} cannot be written: the bucket is gone") from None
            # A later step deleted it: then nothing names it.

    def _send_collection(self, table: str) -> None:
        """Send the folder beside a collection's table, which is not among the changed files."""
        folder = table.removesuffix(".parquet")
        here = self.copy.files(folder)
        if not here:  # it is on a server of Chroma, or was never fetched
            return
        there = self.copy.objects.list_below(folder)
        self.copy.objects.remove(there.keys() - here.keys())  # of a run that was killed, under other names
        each_file(self._upload_one, here)

    def _put(self, name: str) -> None:
        """Send a file that somebody else may have changed: settings, or the notes of a run."""
        with self.copy.locked() as index:
            before, known = self.copy.entry(name, ""), index.get(name)
            try:
                data = self.copy.path(name).read_bytes()
            except FileNotFoundError:
                return
        try:
            tag = self.copy.objects.put(name, data, tag=known.tag if known else None)
        except ConflictError:
            self._lease.renew()  # raises if that was another run
            if name == layout.STAGED:
                raise BusyError(f"another run works in {self.copy.url}; run again") from None
            return  # a person changed it: what they wrote counts, and is fetched next
        with self.copy.locked() as index:
            index.note(name, before._replace(tag=tag))

    def _send_rows_until_the_end(self) -> None:
        while not self._ended.wait(SEND_SECONDS):
            try:
                self.send(rows_alone=True)
            except BusyError:
                return
            except (ClipperError, OSError) as error:
                log.warning("what was embedded is not sent yet: %s", error)

    def _read_unneeded(self) -> None:
        found = self.copy.objects.read(layout.UNNEEDED)
        self._unneeded_tag = found.tag if found else None
        told = layout.read_current(found.data if found else None)
        self._unneeded = {
            str(name): str(since) for name, since in told.items() if layout.is_copied(str(name))
        }

    def _note_needed(self, current: Mapping[str, Any]) -> None:
        """Note what is needed again, before it is published: if the run ends there, nobody may delete it."""
        needed = layout.of_version(self._unneeded, current) | {*filter(layout.is_shard, self._unneeded)}
        again = {name for name in needed if self.copy.path(name).exists()}
        self._write_unneeded({name: of for name, of in self._unneeded.items() if name not in again})

    def _write_unneeded(self, left: dict[str, str]) -> None:
        if left == self._unneeded:
            return
        data = json.dumps(left, indent=0, sort_keys=True).encode()
        try:
            self._unneeded_tag = self.copy.objects.put(layout.UNNEEDED, data, tag=self._unneeded_tag)
        except ConflictError:
            self._lease.renew()  # raises if that was another run
        self._unneeded = left

    def _collect_garbage(self) -> None:
        """Note which objects nobody needs any more, and delete those noted for longer than `KEPT_FOR`."""
        if not (self.copy.folder / location.MARKER).exists():
            return  # somebody deleted the copy: what is gone from it may be needed
        here = self.copy.files()
        here_collections = {layout.in_collection(name.removesuffix(".parquet") + "/x") for name in here}
        now = self.copy.objects.now()  # the clocks of the machines that write may differ
        published = self._published()

        def is_gone(name: str) -> bool:
            if name in published:
                return False
            if version := layout.in_collection(name):
                return version not in here_collections
            return layout.is_copied(name) and "/" in name and name not in here

        noted = {name: since for name, since in self._unneeded.items() if is_gone(name)}
        noted |= {name: now.isoformat() for name in self._there if is_gone(name) and name not in noted}
        due = [name for name, since in noted.items() if _is_over(since, now)]
        if due:
            self._lease.renew()
            self.copy.objects.remove(due)
        with self.copy.locked() as index:
            for name in noted:
                index.drop(name)
        self._write_unneeded({name: since for name, since in noted.items() if name not in {*due}})

    def _published(self) -> set[str]:
        """Return what the published version names: that stays, whoever deleted it from the copy."""
        try:
            current = layout.read_current(self.copy.path(layout.CURRENT).read_bytes())
        except OSError:
            current = {}
        return layout.of_version(self._there, current)


def _is_over(since: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(since) > KEPT_FOR
    except (ValueError, TypeError):
        return False


@contextmanager
def writing(copy: Copy, *, wait: float) -> Iterator[Writer]:
    """Hold a home on an object store for a run. The caller holds the copy's lock.

    A run that ends by an error sends the rows that it has; one that somebody stops ends at once.

    Raises:
        BusyError: another run holds the lease for longer than `wait` seconds.
        StoreError: the store refuses or does not answer.
    """
    writer = Writer(copy)
    copy.writing, copy.objects.tries = True, TRIES_TO_WRITE
    try:
        writer.begin(wait=wait)
        try:
            yield writer
            writer.finish()
        except Exception:
            copy.objects.tries = TRIES_TO_READ
            try:
                writer.send(rows_alone=True)
            except ClipperError as error:
                log.warning("what was embedded is kept on this machine alone: %s", error)
            raise
        finally:
            writer.end()
    finally:
        copy.writing, copy.objects.tries = False, TRIES_TO_READ
