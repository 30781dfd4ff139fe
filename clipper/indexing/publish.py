"""The step `atlas`: name one version of each part in current.json, and delete what nobody needs any more.

What does not belong here: making any part.
"""

from pathlib import Path

from clipper.errors import StoreError
from clipper.indexing.checks import pass_gate
from clipper.indexing.collect import prune_server
from clipper.indexing.staging.workspace import Step, Workspace, refuse_fewer, timed
from clipper.store import facts, snapshots
from clipper.store.home import Home
from clipper.store.manifest import Changes, Manifest
from clipper.store.shards import compact
from clipper.store.snapshots import Snapshot

_LEFT = "{} of an earlier version cannot be deleted (Permission denied); its owner may delete it"


def publish(work: Workspace) -> Step:
    """Step 7, `atlas`: name one version of each part in current.json, if they belong together and are right.

    Raises:
        StoreError: parts are missing or do not belong together.
        AuditError: a part failed an audit.
        ImagesError: more than half of the images are gone.
    """
    with timed("atlas") as step:
        staged = work.consistent()
        made_of = {name: getattr(staged, name) for name in ("metadata", "projection", "embeddings")}
        if staged.collection_of != made_of:
            raise StoreError("chroma_collection is older than its inputs; materialize it first")
        work.refuse_older_insights()
        parts = {name: version for name in snapshots.PARTS if (version := getattr(staged, name))}
        version = snapshots.version_of(parts, embeddings=staged.embeddings, images=staged.images)
        before = snapshots.current(work.home)
        if before is None or before.version != version:
            pass_gate(work)  # first: an audit names a damaged part, and has it made again; a reader would not
        _, manifest = work.manifest()
        changes = _since(work.home, before, manifest)
        images = len(work.members())
        refuse_fewer(work, images, before)
        failed = len(manifest.entries) + len(manifest.unreadable) - images
        snapshot = Snapshot(
            parts=parts,
            images=staged.images,
            model=staged.model,
            embeddings=staged.embeddings,
            published_at=snapshots.now(),
            counts={"images": images, "failed": failed, **changes.counts()},
            seconds=work.home.locked_seconds(),
        )
        step.replaced = _replaced(before, snapshot)
        published = snapshots.publish(work.home, snapshot)
        step.notes += [_LEFT.format(path) for path in _tidy(work, published=published)]
        step.version = snapshot.version
        step.counts = {**snapshot.counts, "published": published}
    return step


def _replaced(before: Snapshot | None, after: Snapshot) -> list[str]:
    """The parts of `after` that are others than before; nothing where there were none."""
    if before is None:
        return []
    replaced = [name for name, version in after.parts.items() if before.parts.get(name) != version]
    same = before.model["fingerprint"] == after.model["fingerprint"]
    return replaced if same else [*replaced, "model"]


def _tidy(work: Workspace, *, published: bool) -> list[Path]:
    """Give back what neither the published version nor one that a reader holds needs; return what is left."""
    alive = snapshots.drop_unleased(work.home)
    left = snapshots.prune(work.home, alive)
    if not published:
        return left
    prune_server(work, alive)
    manifests = {work.home.part("manifest", snapshot.parts["manifest"]) for snapshot in alive}
    keys = {key for path in manifests for key in Manifest.read(path).hashes()}
    compact(work.facts.folder, keys, made_by=work.facts.made_by.decode(), reason=facts.REASON)
    for store in (work.coordinates, work.thumbnails, work.measures, work.signatures):
        compact(store.folder, keys, made_by=store.made_by.decode())
    for folder in (work.home.store / "embeddings").iterdir():
        compact(folder, keys)
    return left


def _since(home: Home, before: Snapshot | None, manifest: Manifest) -> Changes:
    path = home.part("manifest", before.parts["manifest"]) if before else None
    return manifest.changes_since(Manifest.read(path) if path and path.exists() else None)
