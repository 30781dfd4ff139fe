"""The files of a home: where each part lies, atomic writes, the lock, publishing and opening a snapshot.

What does not belong here: what the parts contain.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from clipper.errors import BusyError, NoIndexError, StoreError

FORMAT = 1
PARTS = ("manifest", "metadata", "projection", "collection")


def digest(*parts: object) -> str:
    """A version: 16 hex digits of BLAKE2b over the parts' canonical JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(text.encode(), digest_size=8).hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed onto it when the block ends well, removed when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the store.

    Raises:
        StoreError: missing or damaged.
    """
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise StoreError(f"{path} is missing; run `clipper index` to rebuild it") from None
    except (ValueError, OSError) as error:
        raise StoreError(f"{path} is damaged ({error}); delete it and run `clipper index`") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged (no JSON object); delete it and run `clipper index`")
    return value


@dataclass(frozen=True)
class Snapshot:
    """One version of each part, and how they were made: what current.json says."""

    parts: Mapping[str, str]
    images: str
    model: Mapping[str, Any]
    embeddings: str
    published_at: datetime
    counts: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The name of this combination of parts and images folder; it changes with any of them."""
        return digest(dict(self.parts), self.embeddings, self.images)


class Home:
    """A folder that holds one atlas."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.current = self.store / "current.json"
        self.staged = self.store / "staged.json"

    def part(self, name: str, version: str, suffix: str = ".parquet") -> Path:
        """The file of a part's version; a collection is a folder (suffix '')."""
        return self.store / name / f"{version}{suffix}"

    def embeddings(self, key: str) -> Path:
        """The folder of one model's vectors."""
        return self.store / "embeddings" / key

    @contextmanager
    def writing(self, *, timeout: float = 0.0) -> Iterator[None]:
        """Hold the home's lock; the operating system frees it when the process ends, however it ends.

        Raises:
            BusyError: another run holds it for longer than `timeout` seconds.
            StoreError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        if not self.folder.is_dir():
            raise StoreError(
                f"the home {self.folder} does not exist; make it with "
                f"`clipper index FOLDER-OF-IMAGES --home {self.folder}`"
            )
        try:
            self.store.mkdir(exist_ok=True)
            lock = FileLock(self.store / "lock")
            lock.acquire(timeout=timeout)
        except Timeout:
            raise BusyError(
                f"another run is indexing {self.folder}; wait for it to end, then run again"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.store} cannot be written ({error.strerror}); name another home with --home"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def stage(self, **entries: Any) -> None:
        """Note what the run that holds the lock has made; written only when it differs."""
        before = self.staged_entries()
        if (after := {**before, **entries}) != before:
            write_json(self.staged, after)

    def staged_entries(self) -> dict[str, Any]:
        """What the last run made, published or not."""
        return read_json(self.staged) if self.staged.exists() else {}

    def require(self, name: str, asset: str) -> str:
        """The staged version of a part.

        Raises:
            StoreError: nothing is staged; the message names the asset to materialize.
        """
        version = self.staged_entries().get(name)
        if not version:
            raise StoreError(f"{self.store} has no {name} yet; materialize the asset {asset} first")
        return str(version)

    def published_version(self) -> str | None:
        """The name of the published snapshot, or None: cheap enough to poll."""
        return self.snapshot().version if self.current.exists() else None

    def snapshot(self) -> Snapshot:
        """What is published.

        Raises:
            NoIndexError: nothing yet.
            StoreError: damaged, or written by a newer Clipper.
        """
        if not self.current.exists():
            raise NoIndexError(
                f"{self.folder} has no index yet; make one with `clipper index --home {self.folder}`"
            )
        entry = read_json(self.current)
        if entry.get("format") != FORMAT:
            raise StoreError(
                f"{self.current} has format {entry.get('format')}, this Clipper reads {FORMAT}; "
                "upgrade Clipper, or delete the file and run `clipper index`"
            )
        try:
            return Snapshot(
                parts=entry["parts"],
                images=entry["images"],
                model=entry["model"],
                embeddings=entry["embeddings"],
                published_at=datetime.fromisoformat(entry["published_at"]),
                counts=entry["counts"],
            )
        except (KeyError, ValueError) as error:
            raise StoreError(
                f"{self.current} is damaged ({error!r}); delete it and run `clipper index`"
            ) from error

    def publish(self, snapshot: Snapshot) -> bool:
        """Name `snapshot` in current.json, by one rename; False when it is what is published."""
        if self.current.exists() and self.published_version() == snapshot.version:
            return False
        entry = {
            "format": FORMAT,
            "parts": dict(snapshot.parts),
            "images": snapshot.images,
            "model": dict(snapshot.model),
            "embeddings": snapshot.embeddings,
            "published_at": snapshot.published_at.isoformat(),
            "counts": dict(snapshot.counts),
        }
        write_json(self.current, entry)
        return True

    def prune(self, before: Snapshot | None) -> None:
        """Delete all versions but the published one and `before`, which readers may have open.

        What killed runs left half-written goes too. Only for who holds the lock.
        """
        kept = [self.snapshot(), *([before] if before else [])]
        for name in PARTS:
            versions = {snapshot.parts[name] for snapshot in kept}
            for entry in (self.store / name).iterdir():
                if entry.name.split(".", 1)[0] not in versions:
                    _remove(entry)
        for folder in (self.store / "facts", self.store / "thumbnails", *self.store.glob("embeddings/*")):
            for entry in folder.glob(".*.tmp"):
                _remove(entry)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry)
    else:
        entry.unlink()
