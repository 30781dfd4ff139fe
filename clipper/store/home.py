"""The files of a home: where each part lies, atomic writes, the lock, and files of what people gave.

What does not belong here: the contents of the parts, the staged versions (`store/staged.py`) and the
published ones (`store/snapshots.py`).
"""

import errno
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, Generic, TypeVar

from clipper import hashing
from clipper.access import is_no_access, no_access, owner_of
from clipper.errors import BusyError, StoreError
from clipper.mirror import copy as copies
from clipper.mirror.copy import Copy
from clipper.mirror.writer import Writer
from clipper.mirror.writer import writing as writing_to_store
from clipper.system import replace_file

# When this process took the lock of a store. Not in `Home`: each step of a run may have its own.
_since: dict[Path, float] = {}
_writers: dict[Path, Writer] = {}  # and what it sends to an object store with

Stamp = tuple[int, int, int]

_GIVEN_WAIT = 10.0  # seconds for another writer of what people gave to finish


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`: renamed onto it if the block succeeds, deleted if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        move_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_durably(temporary: Path, path: Path) -> None:
    """Rename a file once its bytes are on the disk."""
    with temporary.open("r+b") as written:  # Windows flushes only what may be written
        os.fsync(written.fileno())
    replace_file(temporary, path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object and its checksum atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(_json_bytes(value))


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(hashing.with_checksum(value), indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the store.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path} is missing; run `clipper index` to rebuild it") from None
    except (ValueError, OSError, RecursionError) as error:
        raise damage_error(path, error) from error
    if not isinstance(value, dict):
        raise damage_error(path, "no JSON object")
    if not hashing.checksum_holds(value):
        raise damage_error(path, "its checksum does not hold")
    value.pop(hashing.KEY, None)
    return value


def damage_error(path: Path, why: object) -> StoreError:
    """Return the error for a file of the store that cannot be used, in one line whatever a library says.

    One that may not be read is not called damaged: what is damaged, a repair deletes.
    """
    if is_no_access(why):
        return no_access(path, why)
    return StoreError(
        f"{path} is damaged ({' '.join(str(why).split())}); `clipper doctor --repair` makes it again"
    )


def _is_full(error: Exception) -> bool:
    """Whether a disk or a quota is full; errors of Arrow and Chroma say so only in their text."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    text = f"{error} {error.__cause__}"
    return any(words in text for words in ("No space left", "Disk quota exceeded", "disk is full"))


class Home:
    """A folder that holds one atlas; that of a home on an object store is its local copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.current = self.store / "current.json"
        self.snapshots = self.store / "snapshots"
        self.staged = self.store / "staged.json"
        # What a run fetched and has not decoded yet. By this name: a version that is published deletes it.
        self.fetched = self.store / ".fetched.tmp"

    def part(self, name: str, version: str, suffix: str = ".parquet") -> Path:
        """The file of one version of a part; a collection is a folder (suffix '')."""
        return self.store / name / f"{version}{suffix}"

    def embeddings(self, key: str) -> Path:
        """The folder of one model's vectors."""
        return self.store / "embeddings" / key

    @property
    def copy(self) -> Copy | None:
        """The local copy that the folder is, of a home on an object store; None for a home in a folder."""
        return copies.of(self.folder)

    @property
    def name(self) -> str:
        """What a person calls the home: its URL on an object store, or its folder."""
        return self.copy.url if self.copy else str(self.folder)

    def write_current(self, value: Mapping[str, Any]) -> None:
        """Publish: write current.json; on an object store last of all, and if nobody else published.

        The caller must hold the home's lock.

        Raises:
            BusyError: another run took the lease on the object store, or published; nothing is published.
            StoreError: the object store refuses or does not answer.
        """
        if self.copy:
            _writers[self.store].publish(_json_bytes(value))
        else:
            write_json(self.current, value)

    def missing_message(self) -> str:
        """Say that the folder is missing, and how to make it."""
        if self.folder.exists():
            return f"the home {self.name} is not a folder; name the folder of an atlas with --home HOME"
        command = f"clipper index FOLDER-OF-IMAGES --home {quote(self.name)}"
        return f"the home {self.name} does not exist; make it with `{command}`"

    @contextmanager
    def writing(self, *, timeout: float = 0.0) -> Iterator[None]:
        """Hold the home's lock; the operating system frees it when the process ends, however it ends.

        On an object store the run also holds the lease there, starts from what is there, and sends what it
        made.

        Raises:
            BusyError: another run holds the lock, or the lease, for longer than `timeout` seconds.
            StoreError: the folder cannot be written, its disk is full, or the object store refuses or does
                not answer.
        """
        from filelock import FileLock, Timeout

        if not self.folder.is_dir():
            raise StoreError(self.missing_message())
        ends = time.monotonic() + timeout
        try:
            self.store.mkdir(exist_ok=True)
            lock = FileLock(self.store / "lock")
            lock.acquire(timeout=timeout)
        except Timeout:
            raise BusyError(
                f"another run is indexing {self.name}; wait for it to end, then run again"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.store} cannot be written ({error.strerror}{owner_of(self.folder)}); "
                "name another home with --home"
            ) from error
        _since[self.store] = time.monotonic()
        try:
            with self._sending(max(ends - time.monotonic(), 0.0)):
                yield
        except (OSError, StoreError) as error:
            if _is_full(error):
                raise StoreError(
                    f"the disk of {self.store} is full ({error}); free some space and run again: what is "
                    "published is whole"
                ) from error
            raise
        finally:
            _since.pop(self.store, None)
            lock.release()

    @contextmanager
    def _sending(self, wait: float) -> Iterator[None]:
        """Hold the lease of a home on an object store, and send to it what is made."""
        if self.copy is None:
            yield
            return
        with writing_to_store(self.copy, wait=wait) as _writers[self.store]:
            try:
                yield
            finally:
                del _writers[self.store]

    def locked_seconds(self) -> float | None:
        """For how many seconds this process has held the home's lock; None if it does not hold it."""
        since = _since.get(self.store)
        return None if since is None else round(time.monotonic() - since, 1)


def stamp(path: Path) -> Stamp | None:
    """The modification time, inode and size of a file; None if it is missing."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


Key = TypeVar("Key")
Entry = TypeVar("Entry")
Given = TypeVar("Given")  # what people gave, as a module of the store has it


def without(entries: Mapping[Key, Entry], key: Key) -> dict[Key, Entry]:
    """Return the entries but one; raise KeyError if there is no such entry."""
    if key not in entries:
        raise KeyError(key)
    return {other: entry for other, entry in entries.items() if other != key}


class GivenFile(Generic[Given]):
    """A JSON file beside the store that holds what people gave: no run deletes it, nothing can restore it."""

    def __init__(
        self,
        home: Home,
        name: str,
        *,
        version: int,
        lost: str,
        parse: Callable[[Mapping[str, Any]], Given],
        spell: Callable[[Given], Mapping[str, Any]],
    ) -> None:
        """Touch nothing yet.

        Args:
            home: in whose folder the file lies.
            name: of the file without its ending, and of its one entry.
            version: of its format.
            lost: what is lost with the file, for the message about damage.
            parse: reads and checks the entry, which is empty as long as there is no file; anybody may have
                edited it.
            spell: turns what people gave into the entry.
        """
        self.path = home.folder / f"{name}.json"
        self._home, self._name, self._version, self._lost = home, name, version, lost
        self._parse, self._spell = parse, spell

    def read(self) -> Given:
        """Read what people gave.

        Raises:
            StoreError: the file is damaged, or written by a newer Clipper.
        """
        entry = self._entry()
        try:
            return self._parse(entry)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise self._damaged(repr(error)) from error

    def _entry(self) -> dict[str, Any]:
        """Read the entry, of which only the checksum is checked.

        Raises:
            StoreError: the file is damaged, or written by a newer Clipper.
        """
        try:
            text = self.path.read_text("utf-8")
            value = json.loads(text)
            if r"\ud" in text.lower():  # half of a surrogate pair, which JSON may hold, raises a ValueError
                json.dumps(value, ensure_ascii=False).encode("utf-8")
        except FileNotFoundError:
            return {}
        except (ValueError, OSError, RecursionError) as error:
            raise self._damaged(error) from error
        if not isinstance(value, dict) or not hashing.checksum_holds(value):
            raise self._damaged("its checksum does not hold")
        if value.get("format") != self._version:
            found = value.get("format")
            raise StoreError(
                f"{self.path} has format {found}, this Clipper reads {self._version}; upgrade it"
            )
        if not isinstance(entry := value.get(self._name), dict):
            raise self._damaged(f"it has no {self._name}")
        return entry

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's own lock, so that no writer loses another's change.

        Raises:
            StoreError: the file cannot be written.
            BusyError: another writer does not finish in time.
        """
        from filelock import FileLock, Timeout

        try:
            self._home.store.mkdir(exist_ok=True)
            with FileLock(self._home.store / f"{self._name}.lock", timeout=_GIVEN_WAIT):
                yield
        except Timeout:
            raise BusyError(f"another program is writing {self.path}; try again") from None
        except OSError as error:
            reason = f"{error.strerror or error}{owner_of(self.path.parent)}"
            raise StoreError(f"{self.path} cannot be written ({reason})") from error

    def change(self, change: Callable[[Given], Given]) -> Given:
        """Change what people gave, under the lock; nothing is written if it stays the same.

        Args:
            change: takes what the file holds, and returns what it shall hold. It is called again if somebody
                changed the file on an object store meanwhile.

        Returns:
            what the file holds now.

        Raises:
            StoreError: the file is damaged, or cannot be written.
            BusyError: another writer does not finish in time.
        """
        made: list[Given] = []

        def changed() -> bytes | None:
            before = self.read()
            made[:] = [change(before)]
            return self._written(self._spell(made[0])) if made[0] != before else None

        with self._writing():
            if self._home.copy:
                self._home.copy.exchange(self.path.name, self.path, changed)
            elif (data := changed()) is not None:
                with atomic_path(self.path) as temporary:
                    temporary.write_bytes(data)
        return made[0]

    def problem(self) -> str | None:
        """Return what is wrong with the file; None if nothing is."""
        try:
            self.read()
        except StoreError as error:
            return str(error).removeprefix(f"{self.path} ")
        return None

    def _written(self, entry: Mapping[str, Any]) -> bytes:
        """Return the bytes of a file with an entry."""
        value = hashing.with_checksum({"format": self._version, self._name: entry})
        return json.dumps(value, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def _damaged(self, why: object) -> StoreError:
        """Return the error for a file that cannot be used."""
        if is_no_access(why):
            return no_access(self.path, why)
        return StoreError(
            f"{self.path} is damaged ({why}); put a copy of it in its place, or delete it: "
            f"only {self._lost} are lost"
        )
