"""Examine a whole home and repair it: delete what is damaged, and let a run make it again.

What does not belong here: what damage looks like (`doctor/files.py`, `doctor/collection.py`).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from clipper.doctor import collection
from clipper.doctor import files as file_checks
from clipper.doctor.files import Damage
from clipper.errors import NoIndexError, StoreError
from clipper.indexing import collect, run
from clipper.indexing.staging.workspace import Progress, Workspace
from clipper.models import source
from clipper.models.hub import reporting
from clipper.settings import Settings
from clipper.store import cluster_names, snapshots, tags, word_columns
from clipper.store.given import labels, tag_colours, views
from clipper.store.home import Home
from clipper.store.snapshots import Snapshot, no_index
from clipper.store.staged import Staged

# A repair may uncover another damage (of an atlas whose name was lost), which the next round mends.
ROUNDS = 3


@dataclass(frozen=True)
class Repair:
    """The damages before a repair, and those that are left after it."""

    before: list[Damage]
    after: list[Damage]


def examine(home: Home) -> list[Damage]:
    """Find every damage of the published atlas and of the parts that the next run starts from.

    Raises:
        NoIndexError: there is nothing to examine.
    """
    found = list(file_checks.names(home))
    snapshot, hold = _held(home)
    if snapshot is None and not found:
        raise no_index(home)
    found += file_checks.attempt(partial(file_checks.history, home))
    for given in (tags, cluster_names, word_columns, views, tag_colours, labels):
        if why := given.problem(home):
            found.append(Damage(given.path_of(home).name, why))
    found += file_checks.attempt(partial(file_checks.parts, home, _named(home, snapshot)))
    found += file_checks.attempt(partial(file_checks.shards, home))
    if snapshot is None or hold is None:
        return found
    try:
        of_models = [snapshot.of_model(each.fingerprint) for each in snapshot.models]
        for each in of_models:
            found += file_checks.attempt(partial(file_checks.rows, home, each))
        found = list(dict.fromkeys(found))  # each model tells of what all share
        for each in of_models if not found else ():  # a damaged index is not opened: it might end the process
            version = each.parts["collection"]
            files = collect.files_of(home, version)
            where = f"collection/{version}"
            found += [Damage(where, what, files) for what in collection.problems(home, each)]
    finally:
        hold.close()
    return found


def diagnose(settings: Settings, *, wait: float = 0.0) -> Repair:
    """Examine a home while no run writes to it; without a lock if the home cannot be written to.

    Raises:
        BusyError: a run holds the lock.
        NoIndexError: there is nothing to examine.
    """
    home = Home(settings.home)
    may_write = home.copy is not None or os.access(home.store, os.W_OK)
    with home.writing(timeout=wait) if may_write else nullcontext():
        found = examine(home)
    return Repair(found, found)


def repair(settings: Settings, *, progress: Progress | None = None, wait: float = 0.0) -> Repair:
    """Delete what is damaged and run all steps, under the home's lock.

    Nothing is deleted when the images folder or the model, from which it is to be made again, is not there.
    The map is restored from the rows of the collection where it can be; else it is laid out anew.

    Raises:
        BusyError: a run holds the lock.
        ClipperError: what is needed to make the parts again is missing, or a step failed.
    """
    work = Workspace(settings, progress)
    with work.home.writing(timeout=wait):
        before = examine(work.home)
        after = before
        for _ in range(ROUNDS):
            if not after:
                break
            work.folder.require()
            with reporting(progress):
                for each in settings.models:
                    source.find(each)
            _delete(work.home, after)
            run.run_steps(work)
            after = examine(work.home)
    return Repair(before, after)


def _held(home: Home) -> tuple[Snapshot | None, snapshots.SnapshotLease | None]:
    try:
        return snapshots.lease(home)
    except (NoIndexError, StoreError):  # `file_checks.names` reports it
        return None, None


def _named(home: Home, snapshot: Snapshot | None) -> list[Mapping[str, str]]:
    """Return the versions that must be there: the published ones, and those that the next run starts from."""
    named = [snapshot.parts, *(each.parts for each in snapshot.further)] if snapshot else []
    try:
        staged = Staged.read(home)
        return [*named, *(vars(staged.of_model(fingerprint)) for fingerprint in staged.fingerprints or ("",))]
    except StoreError:
        return named


def _delete(home: Home, damages: Sequence[Damage]) -> None:
    """Delete damaged files; first restore each map that a collection can give back, to the bit."""
    lost = {path for damage in damages for path in damage.lost}
    tables = {path for path in lost if path.parent.name == "projection" and path.suffix == ".parquet"}
    for path in tables:
        if collect.restore_projection(home, path.stem):
            lost -= {path, path.with_suffix(".json")}
    for path in lost:
        snapshots.remove(path)
