"""The steps from a folder to a published atlas, each incremental: what the assets and `clipper index` call.

A step reads what the steps before it staged, makes its part unless that exists already, and stages it.
Who runs steps holds the home's lock. What does not belong here: how anything is computed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipper.compaction import compact
from clipper.errors import ImagesError, StoreError
from clipper.images.decode import content_hash
from clipper.indexing.collect import collect, prune_server
from clipper.indexing.embed import embed_images
from clipper.indexing.project import project_images
from clipper.indexing.workspace import Progress, Step, Workspace, timed
from clipper.metadata import join
from clipper.metadata import sources as metadata_sources
from clipper.settings import Settings, absolute_location
from clipper.store import facts, gps, snapshots, tags
from clipper.store.home import Home, digest
from clipper.store.manifest import Changes, Entry, Manifest, compare, dated_by, scan
from clipper.store.snapshots import Snapshot
from clipper.store.tables import is_written, read_made_of, write_part

# More of the published images than this share do not vanish at once without a word.
MOST_GONE = 0.5
# Kinds of other files that are told by name.
MOST_ENDINGS = 8


def scan_images(work: Workspace) -> Step:
    """Step 1, `image_manifest`: what is in the folder, and what differs from what was there."""
    with timed("image_manifest") as step:
        snapshots.restage(work.home)
        staged = work.home.staged_entries().get("manifest")
        path = work.home.part("manifest", staged) if staged else None
        before = Manifest.read(path) if path and path.exists() else None
        told = work.told("scan")
        manifest = scan(work.folder, before=before, verify=work.settings.verify, progress=told)
        manifest = dated_by(manifest, before, at_ns=_published_ns(work.home))
        _refuse_to_shrink(work, manifest)
        step.version = manifest.version
        target = work.home.part("manifest", manifest.version)
        if before is None or before.entries != manifest.entries or not is_written(target):
            manifest.write(target)
        work.home.stage(manifest=manifest.version, images=work.settings.images)
        step.counts = {"images": len(manifest.entries), **compare(before, manifest).counts()}
        step.counts["other_files"] = sum(manifest.others.values())
        step.failures = manifest.unreadable
        step.notes = _left_alone(manifest.others)
    return step


def join_metadata(work: Workspace) -> Step:
    """Step 3, `image_metadata`: metadata.json, tables, folder names and file facts as typed columns."""
    with timed("image_metadata") as step:
        manifest_version, _ = work.manifest()
        members = work.members()
        beside = {name: work.folder.read_beside(name) for name in metadata_sources.NAMES}
        told = {name: content_hash(data).hex() for name, data in beside.items() if data is not None}
        taken_at = _places(work, members)
        given = _tags(work, members)
        identity = [(e.id, e.content_hash.hex(), taken_at.get(e.content_hash)) for e in members]
        # Without tags it is the version that it was before there were any.
        made_from = [identity, told] if given is None else [identity, told, given]
        step.version = digest(join.METADATA_VERSION, facts.FACTS_VERSION, *made_from)
        path = work.home.part("metadata", step.version)
        if not is_written(path):
            _write_metadata(work, members, beside, taken_at, path, given=given)
        made_of = read_made_of(path)
        work.home.stage(metadata=step.version, metadata_manifest=manifest_version)
        step.counts = {"images": len(members), "columns": len(made_of["columns"])}
        step.notes = list(made_of["problems"])
        step.columns = [join.Column(**column) for column in made_of["columns"]]
        step.columns_changed = _shapes(step.columns) != _shapes(_published_columns(work.home))
    return step


def publish(work: Workspace) -> Step:
    """Step 6, `atlas`: name one version of each part in current.json, if they belong together."""
    with timed("atlas") as step:
        staged = work.consistent()
        made_of = {name: staged[name] for name in ("metadata", "projection", "embeddings")}
        if staged.get("collection_of") != made_of:
            raise StoreError("chroma_collection is older than its inputs; materialize it first")
        _, manifest = work.manifest()
        before = snapshots.current(work.home)
        changes = _since(work.home, before, manifest)
        images = len(work.members())
        _refuse_fewer(work, images, before)
        failed = len(manifest.entries) + len(manifest.unreadable) - images
        snapshot = Snapshot(
            parts={name: staged[name] for name in ("manifest", "metadata", "projection", "collection")},
            images=staged["images"],
            model=staged["model"],
            embeddings=staged["embeddings"],
            published_at=snapshots.now(),
            counts={"images": images, "failed": failed, **changes.counts()},
            seconds=work.home.written_for(),
        )
        step.replaced = _replaced(before, snapshot)
        published = snapshots.publish(work.home, snapshot)
        _tidy(work, published=published)
        step.version = snapshot.version
        step.counts = {**snapshot.counts, "published": published}
    return step


def index(settings: Settings, *, progress: Progress | None = None, wait: float = 0.0) -> list[Step]:
    """All steps, under the home's lock, for which at most `wait` seconds are waited.

    Raises:
        BusyError: another run holds the lock.
        ClipperError: with what is to be mended; what was published stays published.
    """
    work = Workspace(settings, progress)
    with work.home.writing(timeout=wait):
        return run_steps(work)


def run_steps(work: Workspace) -> list[Step]:
    """All steps. Only for who holds the home's lock."""
    steps = [scan_images(work), *embed_images(work).values(), join_metadata(work)]
    for stage, step in (("map", project_images), ("collection", collect), ("publish", publish)):
        progress_of = work.told(stage)
        progress_of(0, 1)
        steps.append(step(work))
        progress_of(1, 1)
    return steps


def _left_alone(others: Mapping[str, int]) -> list[str]:
    """One line about the files that are no images, the most frequent endings first."""
    if not others:
        return []
    ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{ending} {count:,}" for ending, count in ranked[:MOST_ENDINGS]]
    told += ["..."] if len(ranked) > MOST_ENDINGS else []
    total = sum(others.values())
    return [f"{total:,} other {'file' if total == 1 else 'files'} left alone: {', '.join(told)}"]


def _replaced(before: Snapshot | None, after: Snapshot) -> list[str]:
    """The parts of `after` that are others than before; nothing where there were none."""
    if before is None:
        return []
    replaced = [name for name, version in after.parts.items() if before.parts.get(name) != version]
    return replaced + (["model"] if before.embeddings != after.embeddings else [])


def _refuse_to_shrink(work: Workspace, manifest: Manifest) -> None:
    """A disk that is not mounted, or half of it, must not empty an atlas."""
    before = snapshots.current(work.home)
    path = work.home.part("manifest", before.parts["manifest"]) if before else None
    if path is None or not path.exists():
        return
    gone = len(compare(Manifest.read(path), manifest).removed)
    _refuse_fewer(work, before.counts["images"] - gone if before else 0, before)


def _refuse_fewer(work: Workspace, images: int, before: Snapshot | None) -> None:
    if before is None or work.settings.allow_shrink:
        return
    if absolute_location(before.images, base=work.home.folder) != work.settings.images_location:
        return  # another folder may hold fewer
    if images < (1 - MOST_GONE) * before.counts["images"]:
        raise ImagesError(
            f"{before.counts['images'] - images:,} of {before.counts['images']:,} images are gone from "
            f"{work.folder.location}, or unreadable; nothing was changed. Is a disk not mounted? If it is "
            "meant: `clipper index --allow-shrink`, or allow_shrink = true in clipper.toml"
        )


def _published_ns(home: Home) -> int:
    """When what is published was, in nanoseconds since 1970; of a home without an index, now."""
    before = snapshots.current(home)
    at = before.published_at if before else snapshots.now()
    return int(at.timestamp()) * 1_000_000_000


def _places(work: Workspace, members: Sequence[Entry]) -> dict[bytes, dict[str, Any]]:
    """Content hash -> where it was taken; nothing unless that was asked for when facts were read."""
    if not work.home.staged_entries().get("gps"):
        return {}
    return gps.read(work.places, [entry.content_hash for entry in members])


def _tags(work: Workspace, members: Sequence[Entry]) -> list[list[str]] | None:
    """What people gave each image; None where nobody gave any."""
    known = tags.by_image(tags.read(work.home))
    given = [known.get(entry.content_hash, []) for entry in members]
    return given if any(given) else None


def _write_metadata(
    work: Workspace,
    members: Sequence[Entry],
    beside: Mapping[str, bytes | None],
    taken_at: Mapping[bytes, Mapping[str, Any]],
    path: Path,
    *,
    given: Sequence[Sequence[str]] | None,
) -> None:
    limit = work.settings.max_bytes
    sources = [
        metadata_sources.read(name, data, location=work.folder.path(name), max_bytes=limit)
        for name, data in beside.items()
        if data is not None
    ]
    keys = [entry.content_hash for entry in members]
    known = facts.read(work.facts, keys)
    own = [
        {**known[entry.content_hash], **taken_at.get(entry.content_hash, {}), "bytes": entry.bytes}
        for entry in members
    ]
    ids = [entry.id for entry in members]
    joined = join.join(ids, own, sources, tags=given)
    made_of = {"columns": [vars(column) for column in joined.columns], "problems": joined.problems}
    write_part(path, joined.table(ids), made_of)


def _published_columns(home: Home) -> list[join.Column]:
    before = snapshots.current(home)
    path = home.part("metadata", before.parts["metadata"]) if before else None
    if path is None or not is_written(path):
        return []
    return [join.Column(**column) for column in read_made_of(path)["columns"]]


def _shapes(columns: Sequence[join.Column]) -> set[tuple[str, str, str]]:
    return {(column.name, column.type, column.source) for column in columns}


def _tidy(work: Workspace, *, published: bool) -> None:
    """Give back what neither the published version nor one that a reader holds needs."""
    alive = snapshots.kept(work.home)
    snapshots.prune(work.home, alive)
    if not published:
        return
    prune_server(work, alive)
    manifests = {work.home.part("manifest", snapshot.parts["manifest"]) for snapshot in alive}
    keys = {key for path in manifests for key in Manifest.read(path).hashes()}
    compact(work.facts.folder, keys, made_by=work.facts.made_by.decode(), reason=facts.REASON)
    for store in (work.places, work.thumbnails):
        compact(store.folder, keys, made_by=store.made_by.decode())
    for folder in (work.home.store / "embeddings").iterdir():
        compact(folder, keys)


def _since(home: Home, before: Snapshot | None, manifest: Manifest) -> Changes:
    path = home.part("manifest", before.parts["manifest"]) if before else None
    return compare(Manifest.read(path) if path and path.exists() else None, manifest)
