"""Bring collections to the rows that they should hold: here, or several shards at once in child processes.

Chroma holds the interpreter's lock while it writes, so threads would write one shard after another. What does
not belong here: the choice of a collection to start from (`chroma/build.py`).
"""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence, Sized
from contextlib import closing, nullcontext
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Self

from clipper.chroma import folders
from clipper.chroma.collection import LEAST_SYNC, Address, Collection
from clipper.chroma.rows import BATCH, Difference, Rows
from clipper.errors import SandboxError, StoreError
from clipper.sandbox.process import ChildDied, SandboxPool
from clipper.system import free_memory, give_back_memory
from clipper.threads import StoppedError, in_threads

if TYPE_CHECKING:
    import numpy as np

_logger = logging.getLogger(__name__)

# The candidates that the first searches of a new collection keep.
FIRST_EF = 100
# Bytes that Chroma holds for each number of a vector, and for the rest of a row, until its graph is written.
_BYTES_A_NUMBER, _BYTES_A_ROW = 16, 1_000
# Fewer changes are made sooner than child processes start.
APART = 10_000
# Bytes of a child process before it has rows.
_BYTES_A_CHILD = 300 << 20
# Shards that are written at once where the free memory is not known.
_UNKNOWN_AT_ONCE = 2
# No shard takes so long: this ends only a child that would never end.
_MAX_SECONDS = 86_400


@dataclass(frozen=True)
class Shard:
    """A collection in a folder, the rows that it should hold, and the changes that bring it to them.

    `is_copy` says whether it is there already, as a copy of an earlier version.
    """

    address: Address
    rows: Rows
    difference: Difference
    is_copy: bool

    @property
    def bytes(self) -> int:
        """About the most memory that a child process takes to write it."""
        numbers = self.rows.vectors[:1].shape[1] if len(self.rows) else 0
        sent: int = 2 * self.rows.metadata.nbytes
        return _BYTES_A_CHILD + len(self.rows) * (_BYTES_A_ROW + _BYTES_A_NUMBER * numbers) + sent


def fill_all(shards: Sequence[Shard]) -> None:
    """Bring all shards to their rows: as many at once as there are cores, and half of the free memory holds.

    Raises:
        StoreError: a shard cannot be written, or what is there is not what was known of it.
        SandboxError: a child process ended before its shard was written.
    """
    todo: list[Shard] = []
    for shard in shards:
        if shard.difference.changes or not shard.is_copy:
            todo.append(shard)
        else:
            with closing(Collection(shard.address)) as collection:
                check_count(collection, shard.rows)
    at_once = _at_once(todo)
    if at_once <= 1:
        for shard in todo:
            _fill(shard)
        return
    with _Children(answer, seconds=_MAX_SECONDS, memory=None) as children:
        in_threads(children.fill, todo, at_once=at_once, name="chroma", stop=children.end)


def _at_once(shards: Sequence[Shard]) -> int:
    """Return how many shards to write at once."""
    if sum(shard.difference.changes for shard in shards) < APART:
        return 1
    at_once, free = min(len(shards), os.cpu_count() or 1), free_memory()
    if free is None:
        return min(at_once, _UNKNOWN_AT_ONCE)
    return min(at_once, free // 2 // max(shard.bytes for shard in shards))


class _Children(SandboxPool):
    """Child processes that fill shards."""

    def fill(self, shard: Shard) -> None:
        """Fill a shard in a child process; vectors that lie on disk go there as their places."""
        try:
            with self.borrow() as child:
                told, _ = child.ask({}, [pickle.dumps(shard)])
        except ChildDied as died:
            why = "crashed" if died.crashed else "was ended, perhaps for want of memory"
            raise SandboxError(
                f"{shard.address} was not written: its process {why}; run `clipper index` again"
            ) from died
        except SandboxError as error:
            _logger.warning("%s; %s is written by this process", error, shard.address)
            _fill(shard, stop=self.stopped)
            return
        if "error" in told:
            raise SandboxError(
                f"{shard.address} was not written ({told['error']}); run `clipper index` again"
            )
        if told["os_error"]:
            raise OSError(*told["os_error"])
        if told["wrong"]:
            raise StoreError(told["wrong"])


def answer(_asked: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Answer in the child: its parent's pickled `Shard` in; `wrong` and `os_error`, or empty, out."""
    told: dict[str, Any] = {"wrong": "", "os_error": []}
    try:
        _fill(pickle.loads(blobs.pop()))  # noqa: S301 - our parent made it
    except StoreError as error:
        told["wrong"] = str(error)
    except OSError as error:
        told["os_error"] = [error.errno, error.strerror, error.filename and str(error.filename)]
    return told, []


def _fill(shard: Shard, *, stop: Event | None = None) -> None:
    """Bring a shard to its rows so that Chroma writes the graph once, with the last of the changes."""
    address, rows, difference, is_copy = shard.address, shard.rows, shard.difference, shard.is_copy
    sync = max(difference.changes, LEAST_SYNC)
    if is_copy:
        with closing(Collection(address)) as collection:
            collection.configure(sync=sync)
    else:
        address.folder.mkdir(parents=True)
        Collection.create(address, ef=FIRST_EF, sync=sync).close()
    lighter = nullcontext() if is_copy else folders.without_indexes(address.folder)
    with lighter, closing(Collection(address)) as collection:  # it goes by what it is opened with
        apply(collection, rows, difference, is_empty=not is_copy, stop=stop)
        if is_copy:
            collection.configure(sync=LEAST_SYNC)
    if len(rows) and (is_copy or difference.changes < LEAST_SYNC):
        _flush(address, rows)
    give_back_memory()


def _flush(address: Address, rows: Rows) -> None:
    """Have Chroma write the changes that it holds back: it counts changes twice that it had to read again."""
    import numpy as np

    some = np.arange(min(LEAST_SYNC, len(rows)))
    collection = Collection(address)
    try:
        for _ in range(LEAST_SYNC // len(some)):  # changes that change nothing
            collection.update(rows.ids.take(some).to_pylist(), rows.metadata_of(some), [()] * len(some))
    finally:
        collection.close()


def apply(
    collection: Collection, rows: Rows, difference: Difference, *, is_empty: bool, stop: Event | None = None
) -> None:
    """Make the changes to a collection, and count what it holds then.

    Everything that has to be read is read before the first change: after one, Chroma reads its whole log.

    Raises:
        StoreError: it does not hold as many rows as it should.
        StoppedError: `stop` was set meanwhile.
    """
    earlier = [] if is_empty else [
        _Keys.of(collection, rows, which, stop) for which in (difference.update, difference.write)
    ]  # fmt: skip
    for start in _starts(difference.delete, BATCH, stop):
        collection.delete(difference.delete.slice(start, BATCH).to_pylist())
    for start in _starts(difference.update, BATCH, stop):
        some = difference.update[start : start + BATCH]
        ids = rows.ids.take(some).to_pylist()
        collection.update(ids, rows.metadata_of(some), earlier[0].at(start, len(some)))
    for start in _starts(difference.write, rows.at_once, stop):
        some = difference.write[start : start + rows.at_once]
        if is_empty:
            collection.add(*rows.batch(some))
        else:
            collection.write(*rows.batch(some), earlier[1].at(start, len(some)))
    check_count(collection, rows)


def _starts(changes: Sized, step: int, stop: Event | None) -> Iterator[int]:
    """Yield where each batch of some changes starts, until `stop` is set."""
    for start in range(0, len(changes), step):
        if stop and stop.is_set():
            raise StoppedError
        yield start


def check_count(collection: Collection, rows: Rows) -> None:
    """Check that a collection holds as many rows as it should.

    Raises:
        StoreError: it does not.
    """
    if (count := collection.count()) != len(rows):
        raise StoreError(
            f"{collection.address} has {count:,} rows instead of {len(rows):,}; run `clipper index` again, "
            "which makes it anew"
        )


@dataclass(frozen=True)
class _Keys:
    """The metadata keys of some rows: rows have few combinations of them, of which each is kept once."""

    combinations: list[tuple[str, ...]]
    of_row: "np.ndarray"

    @classmethod
    def of(cls, collection: Collection, rows: Rows, which: "np.ndarray", stop: Event | None) -> Self:
        import numpy as np

        numbers: dict[tuple[str, ...], int] = {}
        of_row = np.empty(len(which), np.int32)
        for start in _starts(which, BATCH, stop):
            keys = collection.keys(rows.ids.take(which[start : start + BATCH]).to_pylist())
            of_row[start : start + len(keys)] = [numbers.setdefault(each, len(numbers)) for each in keys]
        return cls(list(numbers), of_row)

    def at(self, start: int, count: int) -> list[tuple[str, ...]]:
        return [self.combinations[number] for number in self.of_row[start : start + count].tolist()]
