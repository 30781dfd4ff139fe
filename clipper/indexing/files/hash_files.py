"""Hash files of the images folder, several at a time: most of that time is waiting for a disk or a server.

What does not belong here: which files are hashed (`indexing/scan.py`), and how one is read
(`images/folder.py`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.files.etags import is_etag_of
from clipper.images.files.found import BLOCK, FoundImage, FoundImages
from clipper.images.folder import ImageFolder
from clipper.images.listing import RACY_NS
from clipper.network.threads import Threads
from clipper.store.columns.entries import Entries, Entry

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np

# Nanoseconds added to the time of a file that changed within `RACY_NS`. The noted time then differs from the
# file's own, so that the next scan hashes the file, however late it is.
MARK_NS = 1
# Files on this machine that one task hashes, and their bytes: a task costs more than to open a small file.
FILES_A_TASK, BYTES_A_TASK = 32, 1 << 23
# Bytes of the files that are read, or wait for it, at a time; a larger file is read alone.
WAITING_BYTES = 1 << 28
# Tasks that wait for each thread.
WAITING_TASKS = 2
# Seconds after which the hashes are kept for the case that the run is stopped; a share of a long run's time,
# so that it does not write thousands of files.
KEEP_SECONDS, KEEP_SHARE = 5.0, 0.01

# A file with its row among all files of the folder, and its entry, or the reason why it cannot be read.
Outcome = tuple[int, FoundImage, Entry | str]
# Hashes files, which have their rows; the outcomes may come in any order.
Hasher = Callable[[Iterator[tuple[int, FoundImage]]], Generator[Outcome]]


@dataclass(frozen=True)
class Hashed:
    """What came of hashing: the entries, the row of each among the found files, (m,) int64, and reasons.

    `unreadable` has the reason of each file that cannot be read, by its name.
    """

    entries: Entries
    rows: "np.ndarray"
    unreadable: dict[str, str]


def hash_files(
    found: FoundImages,
    todo: "np.ndarray",
    *,
    hash_by: Hasher,
    progress: Callable[[int, int], None] | None = None,
    keep: Callable[[Entries], None] | None = None,
) -> Hashed:
    """Hash files, without the time at which they were first indexed.

    Args:
        found: all files of the folder.
        todo: the rows of the files to hash, ascending.
        hash_by: what hashes them, on this machine or on others.
        progress: is told how many of all files are done.
        keep: gets what was hashed, every few seconds, and when the hashing ends by an error or Ctrl-C.

    Raises:
        ImagesError: the storage behind the URL refuses, or does not answer.
    """
    import numpy as np
    import pyarrow as pa

    done = len(found) - len(todo)
    if progress and done:
        progress(done, len(found))
    unreadable: dict[str, str] = {}
    tables, rows = [Entries.of([]).table], [np.empty(0, np.int64)]
    made: list[Entry] = []
    of_made: list[int] = []
    began = kept = time.monotonic()

    def keep_new() -> None:
        entries = settle()
        if keep:
            keep(entries)

    def settle() -> Entries:
        entries = Entries.of(made)
        tables.append(entries.table)
        rows.append(np.array(of_made, np.int64))
        made.clear()
        of_made.clear()
        return entries

    blocks = (todo[at : at + BLOCK] for at in range(0, len(todo), BLOCK))
    files = (pair for block in blocks for pair in zip(block.tolist(), found.at(block), strict=True))
    try:
        with closing(hash_by(files)) as outcomes:
            for row, image, outcome in outcomes:
                if isinstance(outcome, Entry):
                    made.append(outcome)
                    of_made.append(row)
                else:
                    unreadable[printable(image.id)] = outcome
                done += 1
                if progress:
                    progress(done, len(found))
                now = time.monotonic()
                if len(made) == BLOCK or now - kept >= max(KEEP_SECONDS, KEEP_SHARE * (now - began)):
                    keep_new()
                    kept = now
    except BaseException:
        with suppress(OSError):  # the first error counts
            keep_new()
        raise
    settle()
    entries = Entries(pa.concat_tables(tables, promote_options="default"))
    return Hashed(entries, np.concatenate(rows), dict(sorted(unreadable.items())))


def hash_here(
    folder: ImageFolder, files: Iterable[tuple[int, FoundImage]], *, started: int
) -> Generator[Outcome]:
    """Yield what came of each file, in the order of the files.

    Args:
        folder: of the files.
        files: with their rows among all files of the folder.
        started: when the scan began, in nanoseconds since 1970.

    Raises:
        ImagesError: the storage behind the URL refuses, or does not answer.

    An end before the last file, such as Ctrl-C, does not wait for the files that are being read.
    """
    threads = folder.reads_at_once()
    ended = threading.Event()
    pending: deque[tuple[int, Future[list[Outcome]]]] = deque()
    waiting = 0  # bytes
    pool: Threads[list[Outcome]] = Threads(threads, name="hash")
    try:
        for task in _tasks(files, most=1 if folder.remote else FILES_A_TASK):
            size = sum(image.bytes for _, image in task)
            while pending and (len(pending) >= WAITING_TASKS * threads or waiting + size > WAITING_BYTES):
                of_task, future = pending.popleft()
                yield from future.result()
                waiting -= of_task
            pending.append((size, pool.submit(partial(_hash_task, folder, task, started, ended))))
            waiting += size
        while pending:
            yield from pending.popleft()[1].result()
    finally:
        ended.set()
        for _, future in pending:
            future.cancel()
        pool.end()


def _tasks(files: Iterable[tuple[int, FoundImage]], *, most: int) -> Iterator[list[tuple[int, FoundImage]]]:
    """Part files into tasks of so many at most."""
    task: list[tuple[int, FoundImage]] = []
    size = 0
    for row, image in files:
        task.append((row, image))
        size += image.bytes
        if len(task) == most or size >= BYTES_A_TASK:
            yield task
            task, size = [], 0
    if task:
        yield task


def _hash_task(
    folder: ImageFolder, files: Sequence[tuple[int, FoundImage]], started: int, ended: threading.Event
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for row, image in files:
        if ended.is_set():  # nobody waits for the rest
            break
        try:
            outcomes.append((row, image, _entry(folder, image, started)))
        except BadImageError as error:
            outcomes.append((row, image, str(error)))
    return outcomes


def _entry(folder: ImageFolder, image: FoundImage, started: int) -> Entry:
    if printable(image.id) != image.id:
        raise BadImageError("has a name that is not valid UTF-8; rename it")
    if image.place or image.reason:
        raise BadImageError(image.reason or "cannot be read")
    if refusal := folder.reason_not_read(image.id):
        raise BadImageError(refusal)
    is_racy = image.mtime_ns >= started - RACY_NS
    mtime_ns = image.mtime_ns + (MARK_NS if is_racy else 0)
    data = folder.read(image.id, listed_bytes=image.bytes)
    key = content_hash(data)
    if folder.fetched:
        folder.fetched.put(key, data)
    etag = image.etag if image.etag and is_etag_of(data, image.etag) else None
    return Entry(image.id, key, image.bytes, mtime_ns, etag=etag)


def printable(name: str) -> str:
    """Return a file's name as text that UTF-8 can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
