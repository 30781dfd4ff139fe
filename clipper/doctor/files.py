"""Find damaged files of a home: read each whole and compare it with its checksum.

What does not belong here: what Chroma answers (`doctor/collection.py`), and mending anything
(`doctor/repair.py`).
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from clipper.access import no_access
from clipper.chroma.collection import addresses_of
from clipper.chroma.folders import DATABASE
from clipper.errors import AccessError, StoreError
from clipper.indexing.collect import index_damage
from clipper.indexing.project import DEPARTED, departed_of
from clipper.models import reference_texts
from clipper.models.engines.record import CHOICE_NAME, verify_choice
from clipper.models.families.families import reads_text
from clipper.similarity import codes
from clipper.store import embeddings, facts, gps, snapshots
from clipper.store.home import Home, read_json
from clipper.store.manifest import Manifest
from clipper.store.parts import clusters, neighbors, objects
from clipper.store.shards import ShardStore, read_shard, verify_shard
from clipper.store.snapshots import PARTS, Snapshot
from clipper.store.staged import Staged
from clipper.store.tables import read_made_of, read_parquet, verify


@dataclass(frozen=True)
class Damage:
    """One damage: where it is, what is wrong, and the files to delete so that a run makes them again."""

    where: str
    what: str
    lost: tuple[Path, ...] = ()


def names(home: Home) -> Iterator[Damage]:
    """Check the small files that name the parts."""
    published = None
    try:
        published = snapshots.current(home)
    except StoreError as error:
        yield _damage(home, home.current, error, home.current)
    else:
        if published is None and home.staged.exists():
            yield _damage(home, home.current, "is missing")
    if home.staged.exists():
        try:
            Staged.read(home)
        except StoreError as error:
            yield _damage(home, home.staged, error, home.staged)
    elif published:
        yield _damage(home, home.staged, "is missing")
    if published:
        path = snapshots.lease_path(home, published)
        try:
            read_json(path)
        except StoreError as error:
            yield _damage(home, path, error, path)


def parts(home: Home, named: Sequence[Mapping[str, str]]) -> Iterator[Damage]:
    """Check every version of each part: its table, the JSON beside it, and the index of a collection.

    One without a table is what a killed run left: nothing reads it, and the next run deletes it.

    Args:
        home: whose.
        named: the versions that the published snapshot and the next run's note name; others may be there.
    """
    for name in PARTS:
        there = {path.stem for path in (home.store / name).glob("[!.]*.parquet")}
        for version in sorted(there | {versions[name] for versions in named if versions.get(name)}):
            path = home.part(name, version)
            files = [
                path,
                path.with_suffix(".json"),
                neighbors.lists_path(path),
                home.part(name, version, ""),
            ]
            try:
                verify(path)
                if name == "neighbours":
                    neighbors.verify(path)
                if name == "clusters" and "." not in version:
                    clusters.verify_clusters(path)
                if name == "objects" and "." not in version:
                    objects.verify_images(path)
                if name == "collection":
                    _verify_index(home, version)
                _see_departed(path)
            except StoreError as error:
                yield _damage(home, path, error, *files)


def shards(home: Home) -> Iterator[Damage]:
    """Check what is kept by content: facts, thumbnails, each model's vectors, codes, probes and engine."""
    kept_by_content = [
        home.store / name for name in ("facts", "measures", "places", "signatures", "thumbnails")
    ]
    folders = [*kept_by_content, *sorted(home.store.glob("embeddings/*"))]
    for folder in folders:
        for path in sorted(folder.glob("[!.]*.arrow")):
            try:
                verify_shard(path)
                if folder.parent.name == "embeddings":
                    _verify_norms(path)
            except (StoreError, OSError) as error:
                yield _damage(home, path, error, path)
    yield from _of_models(home, f"{codes.FOLDER}/[!.]*.arrow", codes.verify)
    yield from _of_models(home, CHOICE_NAME, verify_choice)
    for path in {path.with_suffix(".parquet") for path in home.store.glob("embeddings/*/probes-*.*")}:
        try:
            verify(path)
        except StoreError as error:
            yield _damage(home, path, error, path, path.with_suffix(".json"))


def _of_models(home: Home, pattern: str, check: Callable[[Path], object]) -> Iterator[Damage]:
    """Check the files beside each model's vectors whose names match."""
    for path in sorted(home.store.glob(f"embeddings/*/{pattern}")):
        try:
            check(path)
        except (StoreError, OSError) as error:
            yield _damage(home, path, error, path)


def rows(home: Home, snapshot: Snapshot) -> Iterator[Damage]:
    """Check that the parts hold the same images, and that no vector, thumbnail or fact is missing."""
    manifest = Manifest.read(home.part("manifest", snapshot.parts["manifest"]))
    held = {entry.id: entry.content_hash for entry in manifest.entries}
    projection = read_parquet(home.part("projection", snapshot.parts["projection"]))
    on_map = dict(zip(*(projection[name].to_pylist() for name in ("id", "content_hash")), strict=True))
    if wrong := sum(held.get(image_id) != key for image_id, key in on_map.items()):
        yield Damage("projection", f"{wrong:,} of its images are not those of the manifest")
    for name in ("metadata", "collection"):
        path = home.part(name, snapshot.parts[name])
        if wrong := len(set(read_parquet(path)["id"].to_pylist()) ^ set(on_map)):
            lost = [path, path.with_suffix(".json")]
            yield _damage(home, path, f"differs from the projection in {wrong:,} images", *lost)
    yield from _contents(home, snapshot, set(on_map.values()))
    reads = reads_text(snapshot.model)
    if reads and not reference_texts.vectors_path(home, snapshot.embeddings).exists():
        yield _damage(home, reference_texts.vectors_path(home, snapshot.embeddings), "is missing")
    for where, store in _stores(home, snapshot).items():
        if missing := len(set(on_map.values()) - store.keys()):
            yield Damage(where, f"lacks {missing:,} of {len(on_map):,} images")
    failed = facts.failures(facts.store(home, of_any_version=True), held.values(), skip_damaged=True)
    explained = {image_id for image_id, key in held.items() if key in failed}
    explained |= set(Staged.read(home).passed_over)
    if lost_images := set(held) - set(on_map) - explained:
        yield Damage("projection", f"lacks {len(lost_images):,} images that are in the folder")


def _contents(home: Home, snapshot: Snapshot, on_map: set[bytes]) -> Iterator[Damage]:
    """Check that the parts that have a row for each content have one for those on the map, and no other."""
    for name in ("neighbours", "clusters", "scores", "word_columns", "agreement"):
        version = snapshot.parts.get(name)
        path = home.part(name, version) if version else None
        if path and (wrong := len(set(read_parquet(path)["content_hash"].to_pylist()) ^ on_map)):
            lost = [path, path.with_suffix(".json")]
            yield _damage(home, path, f"differs from the projection in {wrong:,} contents", *lost)


def history(home: Home) -> Iterator[Damage]:
    """Check Dagster's databases, which nothing can make again."""
    for path in sorted((home.store / "dagster").rglob("*.db")):
        if why := sqlite_problem(path):
            what = f"{why}; stop Dagster and delete it: only the history of runs is lost"
            yield _damage(home, path, what)


def sqlite_problem(path: Path) -> str | None:
    """Return what SQLite finds wrong with a database; None if nothing is wrong.

    Raises:
        AccessError: this user may not read it; SQLite would call that an error of the file.
    """
    try:
        path.open("rb").close()
    except PermissionError as error:
        raise no_access(path, error) from error
    except OSError:
        pass  # SQLite says what is wrong
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            answer = database.execute("PRAGMA integrity_check").fetchone()[0]
            empty = not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.Error as error:
        return f"is damaged ({error})"
    if empty:
        return "is damaged (it is empty)"
    return None if answer == "ok" else f"is damaged ({str(answer).splitlines()[0]})"


def attempt(check: Callable[[], Iterator[Damage]]) -> list[Damage]:
    """Return what a check finds before it needs a damaged file; another check reports that file."""
    found = []
    try:
        for damage in check():
            found.append(damage)  # noqa: PERF402 - what it found before it gave up counts
    except AccessError:
        raise
    except StoreError:
        pass
    return found


def _damage(home: Home, path: Path, what: object, *lost: Path) -> Damage:
    """Return the damage that an error tells of; raise the error where nobody knows whether there is any."""
    if isinstance(what, AccessError):
        raise what
    if isinstance(what, PermissionError):
        raise no_access(path, what) from what
    where = path.relative_to(home.store).as_posix()
    if isinstance(what, StoreError):  # leave out its way out: here it is another one
        what = str(what).partition("; ")[0].replace(f"{home.store}/", "").removeprefix(f"{where} ")
    return Damage(where, str(what), lost)


def _stores(home: Home, snapshot: Snapshot) -> dict[str, ShardStore]:
    vectors = embeddings.of_model(home, snapshot.embeddings, snapshot.model)
    asked_for = {"places": gps.store(home)} if Staged.read(home).gps else {}
    if snapshot.parts.get("scores"):
        asked_for["measures"] = facts.measures_store(home, of_any_version=True)
    if snapshot.parts.get("duplicates"):
        asked_for["signatures"] = facts.signature_store(home, of_any_version=True)
    return {
        f"embeddings/{snapshot.embeddings}": vectors,
        "thumbnails": facts.thumbnail_store(home, of_any_version=True),
        "facts": facts.store(home, of_any_version=True),
        **asked_for,
    }


def _see_departed(path: Path) -> None:
    """Check that the positions of images that are gone are there: they have a file of their own."""
    if read_made_of(path).get(DEPARTED) and not departed_of(path).exists():
        raise StoreError("the places of images that are gone are missing")


def _verify_index(home: Home, version: str) -> None:
    """Check the files of a collection's graph, and its database."""
    if damage := index_damage(home, version):
        raise StoreError(damage)
    for address in addresses_of(home, version):
        if not address.on_server and (why := sqlite_problem(address.folder / DATABASE)):
            raise StoreError(f"{DATABASE} {why}")


def _verify_norms(path: Path) -> None:
    column = read_shard(path)[embeddings.VECTOR].combine_chunks()
    vectors = column.flatten().to_numpy().reshape(len(column), -1)
    if len(vectors) and embeddings.norm_deviation(vectors) > embeddings.NORM_TOLERANCE:
        raise StoreError(f"{path} holds vectors whose length is not 1")
