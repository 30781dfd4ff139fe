"""The step `image_metadata`: join metadata files, folder names and file facts to typed columns.

What does not belong here: how metadata is read and joined (`metadata/`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipper.annotations.combine import OBJECTS
from clipper.errors import ImagesError
from clipper.hashing import content_hash, digest
from clipper.images.places import key_in_tar
from clipper.indexing.objects import (
    columns_of_objects,
    label_files,
    make_objects,
    notes_of_objects,
    paths_of,
    stems_of,
)
from clipper.indexing.sidecars import Sidecars, read_sidecars
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.metadata import join
from clipper.metadata import sources as metadata_sources
from clipper.metadata.columns import Column, with_roles
from clipper.metadata.image_tables import source_of_rows
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.values.types import first_few
from clipper.store import facts, gps, snapshots, tags
from clipper.store.given import labels
from clipper.store.home import Home
from clipper.store.manifest import Entry
from clipper.store.tables import is_written, read_made_of, write_part

# The key under which a part keeps how many images each file describes.
DESCRIBED = "described"


def join_metadata(work: Workspace) -> Step:
    """Step 3, `image_metadata`: join metadata files, folder names and file facts to typed columns."""
    with timed("image_metadata") as step:
        work.drop_condemned("metadata")
        manifest_version, manifest = work.manifest()
        members = work.members()
        listing = work.listing()
        beside = {table.id: work.folder.read_beside(table.id, table.place) for table in listing.tables}
        labels_found = work.labels_found
        if labels_found is None:
            labels_found = label_files(
                work.settings, listing, stems=lambda: stems_of(e.id for e in manifest.entries)
            )
        labels_read = paths_of(labels_found, work.folder)
        sidecars = read_sidecars(
            work.home,
            work.folder,
            [file for file in listing.sidecars if file.id not in labels_read],
            listed_ns=listing.began_ns,
            coordinates=work.staged.gps,
            progress=work.progress_for("metadata files"),
        )
        sources = {name: content_hash(data).hex() for name, data in beside.items() if data is not None}
        held = {e.place.archive for e in members if e.place and e.place.row is not None}
        tables = {
            name: vars(manifest.archives[name].archive) for name in sorted(held & manifest.archives.keys())
        }
        coordinates = _coordinates(work, members)
        given = _tags(work, members)
        labelled = labels.values_of(labels.read(work.home), given or [])
        identity = [(e.id, e.content_hash.hex(), coordinates.get(e.content_hash)) for e in members]
        # A home without tags keeps the version that it had before Clipper knew tags.
        made_from = [identity, sources] if given is None else [identity, sources, given]
        made_from += [labelled] if labelled else []
        made_from += [{"sidecars": sidecars.version}] if sidecars.version else []
        made_from += [{"tables": tables}] if tables else []
        objects = make_objects(work, members, labels_found, listed_ns=listing.began_ns)
        made_from += [{"objects": objects}] if objects else []
        step.version = digest(join.METADATA_VERSION, facts.FACTS_VERSION, *made_from)
        path = work.home.part("metadata", step.version)
        if not is_written(path):
            with_boxes = {file.id for files in labels_found if files.kind == "lines" for file in files.files}
            sources_read = _read_sources(work, members, beside, sidecars, with_boxes=with_boxes)
            if objects:
                sources_read.append(columns_of_objects(work, objects, [entry.id for entry in members]))
            _write_metadata(work, members, sources_read, coordinates, path, given=given, labelled=labelled)
        made_of = read_made_of(path)
        work.stage(metadata=step.version, metadata_manifest=manifest_version)
        step.counts = {"images": len(members), "columns": len(made_of["columns"])}
        step.notes = list(made_of["problems"])
        if objects:
            about = notes_of_objects(work, objects)
            step.counts |= about["counts"]
            step.notes = [*about["read"], *about["problems"], *step.notes]
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


def _read_sources(
    work: Workspace,
    members: Sequence[Entry],
    beside: Mapping[str, bytes | None],
    sidecars: Sidecars,
    *,
    with_boxes: Collection[str],
) -> list[join.Source]:
    """Read all files with metadata: those about one image, then those of the deepest folders, then others.

    In files `with_boxes`, the column `objects` holds the boxes of labels: it is no metadata.

    Raises:
        ImagesError: a file is damaged or describes no image, or far fewer than it did.
    """
    ids = [entry.id for entry in members]
    known = set(ids)
    _, manifest = work.manifest()
    named = [*(entry.id for entry in manifest.entries), *manifest.unreadable]
    images = ImageKeys(
        ids,
        folder=work.folder.location,
        unusable=[path for path in named if path not in known],
    )
    before = _described(work)
    own = sidecars.source(ids, [key_in_tar(entry.id, entry.place) for entry in members])
    sources = [own] if own else []
    sources += _of_image_tables(work, members)
    for name, data in beside.items():
        if data is not None:
            source = _read_source(work, name, data, images, was_read=name in before)
            sources.append(_without_objects(source) if name in with_boxes else source)
    _refuse_fewer_rows(work, sources, before, tables=beside)
    return sources


def _without_objects(source: join.Source) -> join.Source:
    def pick(indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        for row in source.pick(indices):
            yield {key: value for key, value in row.items() if key != OBJECTS}

    return replace(source, pick=pick)


def _of_image_tables(work: Workspace, members: Sequence[Entry]) -> Iterator[join.Source]:
    """Yield what the other columns of tables of images say."""
    archives = work.manifest()[1].archives
    held: dict[str, list[tuple[int, int]]] = {}
    for row, entry in enumerate(members):
        if entry.place and entry.place.row is not None:
            held.setdefault(entry.place.archive, []).append((row, entry.place.row))
    for name, places in held.items():
        try:
            table = work.folder.rows_of(name)
            others = work.folder.images_left_out(name)
        except Exception as error:  # noqa: BLE001 - a damaged table: pyarrow raises errors of many kinds
            why = " ".join(str(error).split())
            yield join.Source.of_entries(
                name, {}, [f"{name}: its other columns cannot be read ({why}); left out"]
            )
            continue
        if others:
            what = f"{name}: {first_few(others)} hold further images"
            yield join.Source.of_entries(
                name, {}, [f"{what}, which are not read; an atlas shows one of each row"]
            )
        if archives[name].objects and work.settings.labels not in {"auto", "off"}:
            unread = "its column `objects` is not read, because `labels` names other files"
            yield join.Source.of_entries(name, {}, [f"{name}: {unread}"])
        if table is not None:
            images, rows = zip(*places, strict=True)
            keys = [members[row].id for row in images]
            yield source_of_rows(name, table, keys, rows=rows, images=images)


def _read_source(
    work: Workspace, name: str, data: bytes, images: ImageKeys, *, was_read: bool
) -> join.Source:
    """Read a file with metadata.

    A file in a sub-folder may be about something else, such as an album, and an earlier Clipper did not read
    it: unless it described images before, what is wrong with it becomes a note.

    Raises:
        ImagesError: the file is damaged or describes no image.
    """
    folder = name.rpartition("/")[0]
    below = images.below(folder)
    if folder and not len(below):
        return join.Source.of_entries(name, {}, [f"{name} is left out: no image lies in its folder"])
    location, limit = work.folder.path(name), work.settings.max_bytes
    try:
        return metadata_sources.read(name, data, location=location, max_bytes=limit, images=below)
    except ImagesError as error:
        if was_read or not folder:
            raise
        return join.Source.of_entries(name, {}, [f"{name} is left out: {error}"])


def _described(work: Workspace) -> dict[str, int]:
    """Return how many images each file described in the published atlas, if it is of the same folder."""
    before = snapshots.current(work.home)
    if before is None or not work.is_of_this_folder(before):
        return {}
    path = work.home.part("metadata", before.parts["metadata"])
    return dict(read_made_of(path).get(DESCRIBED, {})) if is_written(path) else {}


def _refuse_fewer_rows(
    work: Workspace,
    sources: Sequence[join.Source],
    before: Mapping[str, int],
    *,
    tables: Collection[str],
) -> None:
    """Stop if most rows of a file miss although they named images before: a column of names may be wrong.

    Raises:
        ImagesError: the file describes less than half of the images that it did, or is one of `tables` and
            has no rows any more; and `allow_shrink` is off.
    """
    if work.settings.allow_shrink:
        return
    for source in sources:
        known = before.get(source.name, 0)
        if known and source.name in tables and not len(source.keys) and not source.lost:
            raise ImagesError(
                f"{work.folder.path(source.name)} has no rows, and described {known:,} images before. "
                "Nothing was changed. Write it again, or delete it; if it is meant to be empty: `clipper "
                "index --allow-shrink`, or allow_shrink = true in clipper.toml"
            )
        if source.matches and 2 * source.matches.named < min(known, len(source.keys) + source.lost):
            missed = source.matches.problems(source.name, source.keys)
            problems = "; ".join(missed or source.problems)
            raise ImagesError(
                f"{work.folder.path(source.name)} describes {source.matches.named:,} images, and "
                f"{known:,} before: {problems}. Nothing was changed. If it is meant to describe so few: "
                "`clipper index --allow-shrink`, or allow_shrink = true in clipper.toml"
            )


def _write_metadata(
    work: Workspace,
    members: Sequence[Entry],
    sources: Sequence[join.Source],
    coordinates: Mapping[bytes, Mapping[str, Any]],
    path: Path,
    *,
    given: Sequence[Sequence[str]] | None,
    labelled: Mapping[str, Sequence[str | None]],
) -> None:
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
    made_of = {
        "columns": [vars(column) for column in columns],
        "problems": joined.problems,
        DESCRIBED: {source.name: source.matches.named for source in sources if source.matches},
    }
    write_part(path, table, made_of)


def _published_columns(home: Home) -> list[Column]:
    before = snapshots.current(home)
    path = home.part("metadata", before.parts["metadata"]) if before else None
    if path is None or not is_written(path):
        return []
    return [Column.from_json(entry) for entry in read_made_of(path)["columns"]]


def _shapes(columns: Sequence[Column]) -> set[tuple[str, str, str]]:
    return {(column.name, column.type, column.source) for column in columns}
