"""Snapshots: one published version of each part, named in one small file, deleted when nobody reads it.

A reader leases its snapshot by a shared lock on the snapshot's file; the operating system frees the lock when
the reader ends, however it ends. What does not belong here: the contents of the parts.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from clipper.access import no_access
from clipper.errors import NoIndexError, StoreError
from clipper.hashing import digest
from clipper.settings import CONFIG_NAME, DEFAULT_IMAGES
from clipper.store.home import Home, read_json, write_json
from clipper.store.staged import MODEL_PARTS, OPTIONAL, Staged
from clipper.system import IS_WINDOWS, delete_unless_held, delete_unless_open, hold

FORMAT = 1
PARTS = ("manifest", "neighbours", "metadata", "projection", "collection", *OPTIONAL)
_TRIES = 100
_FETCH_WAIT = 60.0  # seconds that a run, which has published, waits for another process to fetch
_VERSION = re.compile(r"[\w-]+")  # of a part, and the name of a folder of vectors

MAX_RUNS = 20  # of the history that a snapshot keeps


@dataclass(frozen=True)
class Run:
    """One published run: its time, version, counts, and seconds (None if unknown)."""

    at: datetime
    version: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the run as a JSON object."""
        counts = dict(self.counts)
        return {"at": self.at.isoformat(), "version": self.version, "counts": counts, "seconds": self.seconds}


@dataclass(frozen=True)
class ModelVersion:
    """What a snapshot has of one model: its description, the key of its vectors, one version of each part."""

    model: Mapping[str, Any]
    embeddings: str
    parts: Mapping[str, str]

    @property
    def name(self) -> str:
        """The model's name, as the setting has it."""
        return str(self.model["name"])

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint."""
        return str(self.model["fingerprint"])


@dataclass(frozen=True)
class Snapshot:
    """One version of each part, and how they were made: the contents of current.json.

    `seconds` is how long the run that published it took (None if unknown); `earlier` are the runs before.
    `model`, `embeddings` and `parts` are those of the first model; `further` are the other models' own.
    `seen_of` is the version of which this is what one model has; "" for the whole.
    """

    parts: Mapping[str, str]
    images: str
    model: Mapping[str, Any]
    embeddings: str
    published_at: datetime
    counts: Mapping[str, Any]
    seconds: float | None = None
    earlier: tuple[Run, ...] = ()
    further: tuple[ModelVersion, ...] = ()
    seen_of: str = ""

    @property
    def models(self) -> tuple[ModelVersion, ...]:
        """What there is of each model, the first one first."""
        own = {name: version for name, version in self.parts.items() if name in MODEL_PARTS}
        return (ModelVersion(self.model, self.embeddings, own), *self.further)

    def of_model(self, fingerprint: str) -> "Snapshot":
        """Return the snapshot as a model has it: its own parts, and those that all models share.

        Raises:
            KeyError: the snapshot has no such model.
        """
        for each in self.models:
            if each.fingerprint == fingerprint:
                shared = {name: of for name, of in self.parts.items() if name not in MODEL_PARTS}
                parts = {**shared, **each.parts}
                return replace(
                    self, parts=parts, model=each.model, embeddings=each.embeddings, seen_of=self.version
                )
        raise KeyError(fingerprint)

    def versions_of(self, part: str) -> set[str]:
        """Return the versions of a part that the snapshot names, over all its models."""
        of_all = [self.parts, *(each.parts for each in self.further)]
        return {parts[part] for parts in of_all if part in parts}

    @property
    def runs(self) -> tuple[Run, ...]:
        """The run that published this snapshot and the runs before it, newest first."""
        return runs_after(Run(self.published_at, self.version, self.counts, self.seconds), self.earlier)

    @property
    def version(self) -> str:
        """The name of this snapshot: it changes with any part and with the images folder."""
        return self.seen_of or version_of(
            self.parts, embeddings=self.embeddings, images=self.images, further=self.further
        )


def version_of(
    parts: Mapping[str, str], *, embeddings: str, images: str, further: Sequence[ModelVersion] = ()
) -> str:
    """Return the name of a snapshot of these parts, vectors, images folder and further models."""
    others = [(each.embeddings, dict(each.parts)) for each in further]
    return digest(dict(parts), embeddings, images, *([others] if others else []))


def short_name(model: str) -> str:
    """Return a model's name without what leads to it: "siglip2-base" of "google/siglip2-base"."""
    return model.rstrip("/").rpartition("/")[2]


def short_names(models: Sequence[str]) -> list[str]:
    """Return the short name of each of some models; of those that would have the same, the whole one."""
    short = [short_name(model) for model in models]
    return [one if short.count(one) == 1 else model for one, model in zip(short, models, strict=True)]


class SnapshotLease:
    """A reader's lease of a snapshot: its parts stay until `close`, or until the process ends."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        """End the lease."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()


def current(home: Home) -> Snapshot | None:
    """Read the published snapshot; None if there is none.

    Raises:
        StoreError: current.json is damaged, may not be read, or is written by a newer Clipper.
    """
    try:
        return _read(home.current) if home.current.exists() else None
    except FileNotFoundError:
        return None
    except PermissionError as error:  # of the folder
        raise no_access(home.current, error) from error


def published(home: Home) -> Snapshot:
    """Read the published snapshot.

    Raises:
        NoIndexError: nothing is published yet.
        StoreError: current.json is damaged, or written by a newer Clipper.
    """
    snapshot = current(home)
    if snapshot is None:
        raise no_index(home)
    return snapshot


def no_index(home: Home) -> NoIndexError:
    """Make the error that says that nothing is published, and how to index."""
    if not home.folder.is_dir():
        return NoIndexError(home.missing_message())
    has_images = any((home.folder / name).exists() for name in (CONFIG_NAME, DEFAULT_IMAGES))
    named = "" if has_images else "FOLDER-OF-IMAGES "
    command = f"clipper index {named}--home {quote(home.name)}"
    return NoIndexError(f"{home.name} has no index yet; make one with `{command}`")


def lease(home: Home) -> tuple[Snapshot, SnapshotLease]:
    """Read the published snapshot and lease it: its parts are not deleted until the lease ends.

    Raises:
        NoIndexError: nothing is published.
        StoreError: current.json is damaged, or written by a newer Clipper.
    """
    for _ in range(_TRIES):  # a writer may delete the snapshot that was just read: then there is a newer one
        snapshot = published(home)
        path = lease_path(home, snapshot)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            if published(home).version == snapshot.version:
                return snapshot, SnapshotLease(None)  # an earlier Clipper kept no such file
            continue
        except OSError as error:
            raise no_access(path, error) from error
        leased = SnapshotLease(descriptor)
        hold(descriptor)
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return snapshot, leased
        leased.close()
    raise StoreError(f"{home.current} changes faster than it can be read; try again")


def publish(home: Home, snapshot: Snapshot) -> bool:
    """Write `snapshot` to current.json by one rename; return False if it is published already.

    Its earlier runs are those of the snapshot that was published until now. If only the name of its model is
    another, current.json gets that name, and stays as it is otherwise.
    """
    before = current(home)
    is_new, is_renamed = True, False
    if before is not None and before.version == snapshot.version:
        is_renamed = [each.model for each in snapshot.models] != [each.model for each in before.models]
        is_new, snapshot = False, replace(before, model=snapshot.model, further=snapshot.further)
    entry = {
        "format": FORMAT,
        "parts": dict(snapshot.parts),
        "images": snapshot.images,
        "model": dict(snapshot.model),
        "embeddings": snapshot.embeddings,
        "published_at": snapshot.published_at.isoformat(),
        "counts": dict(snapshot.counts),
        "seconds": snapshot.seconds,
        "earlier": [run.to_json() for run in _earlier(home, snapshot, before)],
    }
    if snapshot.further:
        entry["further"] = [vars(each) for each in snapshot.further]
    if home.copy:  # it tells other machines which lease file belongs to it
        entry["version"] = snapshot.version
    if not lease_path(home, snapshot).exists():  # otherwise a reader may have a lock on it
        write_json(lease_path(home, snapshot), entry)
    if is_new or is_renamed:
        home.write_current(entry)
    return is_new


def refresh(home: Home, *, wait: bool = True) -> None:
    """Bring the local copy of a home on an object store up to date; do nothing for a home in a folder.

    The store is asked every few seconds at most. What earlier versions had is deleted, unless a reader has
    one of them open, or a run works here.

    Args:
        home: any.
        wait: for what is fetched. If not, it is fetched in the background, and an error is logged.

    Raises:
        StoreError: the store refuses or does not answer, or the copy cannot be written.
    """
    if home.copy:
        home.copy.refresh(lambda: _tidy_copy(home), wait=wait)


def _tidy_copy(home: Home) -> None:
    """Delete what earlier versions had, unless a run works here. The caller is `fetching` into the copy."""
    from filelock import FileLock, Timeout

    lock = FileLock(home.store / "lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return  # a run tidies by itself
    try:
        if home.current.exists():
            _tidy(home)
    finally:
        lock.release()


def tidy(home: Home) -> tuple[list[Snapshot], list[Path]]:
    """Delete what neither the published snapshot nor a leased one needs. The caller holds the home's lock.

    While another process fetches into a local copy for long, everything stays there until the next run: a
    version that is half there is neither published nor leased yet.

    Returns:
        the snapshots that remain, and what this user may not delete.
    """
    with ExitStack() as alone:
        if home.copy:
            try:
                alone.enter_context(home.copy.fetching(wait=_FETCH_WAIT))
            except StoreError:
                return drop_unleased(home), []
        return _tidy(home)


def _tidy(home: Home) -> tuple[list[Snapshot], list[Path]]:
    """Do that. The caller is `fetching` into a local copy, so that no other process is."""
    alive = drop_unleased(home)
    left = prune(home, alive)
    if home.copy and len(alive) == 1:
        home.copy.drop_stale_rows()
    return alive, left


def drop_unleased(home: Home) -> list[Snapshot]:
    """Delete the files of snapshots that are neither published nor leased; return those that remain.

    The caller must hold the home's lock.
    """
    now_published = published(home)
    alive = [now_published]
    for path in home.snapshots.glob("[!.]*.json"):
        if path == lease_path(home, now_published) or delete_unless_held(path):
            continue
        try:
            alive.append(_read(path))
        except StoreError:
            delete_unless_open(path)
    return alive


def prune(home: Home, alive: Sequence[Snapshot]) -> list[Path]:
    """Delete all parts but those of the snapshots `alive`, and the temporary files of killed runs.

    The caller must hold the home's lock.

    Returns:
        what this user may not delete: in a home of several, a folder may be another's.
    """
    left: list[Path] = []
    for name in PARTS:
        versions = {version for snapshot in alive for version in snapshot.versions_of(name)}
        for entry in sorted((home.store / name).glob("*"), key=_table_first):
            if entry.name.split(".", 1)[0] not in versions:
                _remove_if_allowed(entry, left)
    for pattern in (".*.tmp", "*/.*.tmp", "embeddings/*/.*.tmp"):
        for entry in home.store.glob(pattern):
            _remove_if_allowed(entry, left)
    return left


def _remove_if_allowed(entry: Path, left: list[Path]) -> None:
    try:
        remove(entry)
    except PermissionError:
        left.append(entry)


def staged_from(snapshot: Snapshot) -> Staged:
    """Return a snapshot's parts as the parts that the next run starts from."""
    staged = _staged_from(snapshot)
    for each in snapshot.further:
        own = _staged_from(snapshot.of_model(each.fingerprint))
        staged = staged.with_model(each.fingerprint, vars(own))
    return staged


def _staged_from(snapshot: Snapshot) -> Staged:
    """Return the parts of a snapshot's first model as staged ones."""
    parts = snapshot.parts
    return Staged(
        manifest=parts["manifest"],
        neighbours=parts.get("neighbours", ""),  # an earlier Clipper had no such part
        neighbours_manifest=parts["manifest"] if "neighbours" in parts else "",
        metadata=parts["metadata"],
        objects=parts.get("objects", ""),
        projection=parts["projection"],
        collection=parts["collection"],
        clusters=parts.get("clusters", ""),
        cluster_names=parts.get("cluster_names", ""),
        duplicates=parts.get("duplicates", ""),
        scores=parts.get("scores", ""),
        label_issues=parts.get("label_issues", ""),
        word_columns=parts.get("word_columns", ""),
        drift=parts.get("drift", ""),
        agreement=parts.get("agreement", ""),
        images=snapshot.images,
        model=dict(snapshot.model),
        embeddings=snapshot.embeddings,
        metadata_manifest=parts["manifest"],
        projection_manifest=parts["manifest"],
        collection_of={
            "metadata": parts["metadata"],
            "projection": parts["projection"],
            "embeddings": snapshot.embeddings,
        },
    )


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def lease_path(home: Home, snapshot: Snapshot) -> Path:
    """The file on which a snapshot's readers have their locks."""
    return home.snapshots / f"{snapshot.version}.json"


def _earlier(home: Home, snapshot: Snapshot, before: Snapshot | None) -> tuple[Run, ...]:
    """Return the runs before a snapshot's own; if current.json is lost, its lease file may have them."""
    if before is not None:
        return before.earlier if before.version == snapshot.version else before.runs
    try:
        return _read(lease_path(home, snapshot)).earlier
    except StoreError:
        return ()


def _table_first(entry: Path) -> tuple[bool, int]:
    """Sort a version's table first: if a run is killed once that is deleted, no broken version is left."""
    return entry.suffix != ".parquet", entry.name.count(".")


def _read(path: Path) -> Snapshot:
    entry = read_json(path)
    if entry.get("format") != FORMAT:
        raise StoreError(
            f"{path} has format {entry.get('format')}, this Clipper reads {FORMAT}; "
            "upgrade Clipper, or delete the file and run `clipper index`"
        )
    try:
        snapshot = Snapshot(
            parts=entry["parts"],
            images=entry["images"],
            model=entry["model"],
            embeddings=entry["embeddings"],
            published_at=datetime.fromisoformat(entry["published_at"]),
            counts=entry["counts"],
            seconds=entry.get("seconds"),
            earlier=runs_from_json(entry.get("earlier")),
            further=tuple(ModelVersion(**each) for each in entry.get("further", ())),
        )
        _refuse_paths(snapshot)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error!r}); delete it and run `clipper index`") from error
    return snapshot


def _refuse_paths(snapshot: Snapshot) -> None:
    """Raise ValueError if a version would name a file outside its folder: other people may write it."""
    names = [snapshot.embeddings, *snapshot.parts.values()]
    for each in snapshot.further:
        names += [each.embeddings, *each.parts.values()]
    for name in names:
        if not _VERSION.fullmatch(name):
            raise ValueError(f"{name!r} is no version")


def remove(entry: Path) -> None:
    """Delete a file or a folder; it may be gone already, and what Windows keeps open the next run deletes."""
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=IS_WINDOWS)
    else:
        delete_unless_open(entry)


def runs_after(run: Run, earlier: Sequence[Run]) -> tuple[Run, ...]:
    """Return a run and the runs before it, at most `MAX_RUNS`."""
    return (run, *earlier)[:MAX_RUNS]


def runs_from_json(value: object) -> tuple[Run, ...]:
    """Read the runs of a JSON value; skip entries that are no run, such as in an edited file."""
    found = (_read_run(entry) for entry in value) if isinstance(value, list) else ()
    return tuple(run for run in found if run is not None)[:MAX_RUNS]


def _read_run(entry: object) -> Run | None:
    try:
        at, version, counts, seconds = (entry[name] for name in ("at", "version", "counts", "seconds"))  # type: ignore[index]
        when = datetime.fromisoformat(at)
        known = {str(name): int(count) for name, count in counts.items()}
        took = None if seconds is None else float(seconds)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return Run(when if when.tzinfo else when.replace(tzinfo=UTC), str(version), known, took)
