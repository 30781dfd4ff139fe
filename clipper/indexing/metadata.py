"""The step `image_metadata`: join metadata.json, tables, folder names and file facts to typed columns.

What does not belong here: how metadata is read and joined (`metadata/`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipper.hashing import content_hash, digest
from clipper.images.folder import METADATA_NAMES
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.metadata import join
from clipper.metadata import sources as metadata_sources
from clipper.metadata.columns import Column, with_roles
from clipper.store import facts, gps, snapshots, tags
from clipper.store.given import labels
from clipper.store.home import Home
from clipper.store.manifest import Entry
from clipper.store.tables import is_written, read_made_of, write_part


def join_metadata(work: Workspace) -> Step:
    """Step 3, `image_metadata`: join metadata.json, tables, folder names and file facts to typed columns."""
    with timed("image_metadata") as step:
        work.drop_condemned("metadata")
        manifest_version, _ = work.manifest()
        members = work.members()
        beside = {name: work.folder.read_beside(name) for name in METADATA_NAMES}
        sources = {name: content_hash(data).hex() for name, data in beside.items() if data is not None}
        coordinates = _coordinates(work, members)
        given = _tags(work, members)
        labelled = labels.values_of(labels.read(work.home), given or [])
        identity = [(e.id, e.content_hash.hex(), coordinates.get(e.content_hash)) for e in members]
        # A home without tags keeps the version that it had before Clipper knew tags.
        made_from = [identity, sources] if given is None else [identity, sources, given]
        made_from += [labelled] if labelled else []
        step.version = digest(join.METADATA_VERSION, facts.FACTS_VERSION, *made_from)
        path = work.home.part("metadata", step.version)
        if not is_written(path):
            _write_metadata(work, members, beside, coordinates, path, given=given, labelled=labelled)
        made_of = read_made_of(path)
        work.stage(metadata=step.version, metadata_manifest=manifest_version)
        step.counts = {"images": len(members), "columns": len(made_of["columns"])}
        step.notes = list(made_of["problems"])
        step.columns = [Column.from_json(entry) for entry in made_of["columns"]]
        step.columns_changed = _shapes(step.columns) != _shapes(_published_columns(work.home))
    return step


def _coordinates(work: Workspace, members: Sequence[Entry]) -> dict[bytes, dict[str, Any]]:
    """Return where photos were taken, by content hash; nothing unless `gps` was on when facts were read."""
    if not work.staged.gps:
        return {}
    return gps.read(work.coordinates, [entry.content_hash for entry in members])


def _tags(work: Workspace, members: Sequence[Entry]) -> list[list[str]] | None:
    """Return the tags of each image; None if no image has one."""
    known = tags.by_image(tags.read(work.home))
    given = [known.get(entry.content_hash, []) for entry in members]
    return given if any(given) else None


def _write_metadata(
    work: Workspace,
    members: Sequence[Entry],
    beside: Mapping[str, bytes | None],
    coordinates: Mapping[bytes, Mapping[str, Any]],
    path: Path,
    *,
    given: Sequence[Sequence[str]] | None,
    labelled: Mapping[str, Sequence[str | None]],
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
        {
            **facts.without_notes(known[entry.content_hash]),
            **coordinates.get(entry.content_hash, {}),
            "bytes": entry.bytes,
        }
        for entry in members
    ]
    ids = [entry.id for entry in members]
    joined = join.join(ids, own, sources, tags=given, labels=labelled)
    table = joined.table(ids)
    columns = with_roles(joined.columns, table)
    write_part(path, table, {"columns": [vars(column) for column in columns], "problems": joined.problems})


def _published_columns(home: Home) -> list[Column]:
    before = snapshots.current(home)
    path = home.part("metadata", before.parts["metadata"]) if before else None
    if path is None or not is_written(path):
        return []
    return [Column.from_json(entry) for entry in read_made_of(path)["columns"]]


def _shapes(columns: Sequence[Column]) -> set[tuple[str, str, str]]:
    return {(column.name, column.type, column.source) for column in columns}
