"""The step `atlas`: name one version of each part in current.json, and delete what nobody needs any more.

What does not belong here: making any part.
"""

from functools import reduce
from operator import or_
from pathlib import Path

from clipper.errors import StoreError
from clipper.indexing.checks import pass_gate
from clipper.indexing.collect import prune_server
from clipper.indexing.staging.workspace import Step, Workspace, refuse_fewer, timed
from clipper.similarity import codes
from clipper.store import facts, snapshots
from clipper.store.manifest import Manifest
from clipper.store.shards import compact
from clipper.store.snapshots import ModelVersion, Snapshot

_LEFT = "{} of an earlier version cannot be deleted (Permission denied); its owner may delete it"


def publish(work: Workspace) -> Step:
    """Step 7, `atlas`: name one version of each part in current.json, if they belong together and are right.

    Raises:
        StoreError: parts are missing or do not belong together.
        AuditError: a part failed an audit.
        ImagesError: more than half of the images are gone.
    """
    with timed("atlas") as step:
        staged = work.staged
        parts, *_ = of_models = [_parts(each) for each in work.each_model()]
        further = tuple(
            ModelVersion(each.staged.model, each.staged.embeddings, own)
            for each, own in zip(work.each_model()[1:], of_models[1:], strict=True)
        )
        version = snapshots.version_of(
            parts, embeddings=staged.embeddings, images=staged.images, further=further
        )
        before = snapshots.current(work.home)
        if before is None or before.version != version:
            pass_gate(work)  # first: an audit names a damaged part, and has it made again; a reader would not
        _, manifest = work.manifest()
        changes = manifest.count_changes(work.manifest_of(before.parts["manifest"]) if before else None)
        images = len(work.members())
        refuse_fewer(work, images, before)
        failed = len(manifest.entries) + len(manifest.unreadable) - images
        snapshot = Snapshot(
            parts=parts,
            images=staged.images,
            model=staged.model,
            embeddings=staged.embeddings,
            published_at=snapshots.now(),
            counts={"images": images, "failed": failed, **changes},
            seconds=work.home.locked_seconds(),
            further=further,
        )
        step.replaced = _replaced(before, snapshot)
        for each in work.each_model():  # a home that lacks them gets them
            codes.update(work.home.embeddings(each.staged.embeddings))
        published = snapshots.publish(work.home, snapshot)
        step.notes += [_LEFT.format(path) for path in _tidy(work, published=published)]
        step.version = snapshot.version
        step.counts = {**snapshot.counts, "published": published}
    return step


def _parts(work: Workspace) -> dict[str, str]:
    """Return the staged version of each part of a model, if they belong together.

    Raises:
        StoreError: parts are missing or do not belong together.
    """
    staged = work.consistent()
    made_of = {name: getattr(staged, name) for name in ("metadata", "projection", "embeddings")}
    if staged.collection_of != made_of:
        raise StoreError("chroma_collection is older than its inputs; materialize it first")
    work.refuse_older_insights()
    return {name: version for name in work.parts if (version := getattr(staged, name))}


def _replaced(before: Snapshot | None, after: Snapshot) -> list[str]:
    """The parts of `after` that are others than before; nothing where there were none."""
    if before is None:
        return []
    names = dict.fromkeys([*after.parts, *(name for each in after.further for name in each.parts)])
    replaced = [name for name in names if after.versions_of(name) - before.versions_of(name)]
    same = {each.fingerprint for each in before.models} == {each.fingerprint for each in after.models}
    return replaced if same else [*replaced, "model"]


def _tidy(work: Workspace, *, published: bool) -> list[Path]:
    """Give back what neither the published version nor one that a reader holds needs; return what is left."""
    alive, left = snapshots.tidy(work.home)
    if not published:
        return left
    prune_server(work)
    manifests = {work.home.part("manifest", snapshot.parts["manifest"]) for snapshot in alive}
    keys = reduce(or_, (Manifest.read(path).contents for path in manifests))
    compact(work.facts.folder, keys, made_by=work.facts.made_by.decode(), reason=facts.REASON)
    for store in (work.coordinates, work.thumbnails, work.measures, work.signatures):
        compact(store.folder, keys, made_by=store.made_by.decode())
    for folder in (work.home.store / "embeddings").iterdir():
        compact(folder, keys)
        if (folder / codes.FOLDER).exists():  # a model that is no longer used gets none
            codes.update(folder)
    return left
