"""The step `image_metadata`: join metadata files, folder names and file facts to typed columns.

What does not belong here: how metadata is read and joined (`metadata/`).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from clipper.annotations.combine import OBJECTS
from clipper.columns import integers, json_rows, json_values, rows_of
from clipper.errors import ImagesError
from clipper.hashing import JsonPieces, content_hash, digest, json_object
from clipper.images.exif import LATITUDE, LONGITUDE
from clipper.images.files.places import key_in_tar
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
from clipper.metadata.entries import Source
from clipper.metadata.image_tables import source_of_rows
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.values.column_values import Values, in_order
from clipper.metadata.values.types import first_few
from clipper.store import facts, gps, snapshots, tags
from clipper.store.columns.entries import BYTES, Entries, SortedNames
from clipper.store.columns.keys import BLOCK
from clipper.store.given import labels
from clipper.store.home import Home
from clipper.store.tables import is_written, read_made_of, write_part
from clipper.system import give_back_memory

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from clipper.metadata.entries import Picked

# The latitude and the longitude of each image, null where they are unknown; none if no image has them.
Coordinates: TypeAlias = "Mapping[str, pa.DoubleArray]"

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
                work.settings, listing, stems=lambda: stems_of(manifest.entries.names())
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
        held = members.tables()
        tables = {
            name: vars(manifest.archives[name].archive) for name in sorted(held & manifest.archives.keys())
        }
        coordinates = _coordinates(work, members)
        given = _tags(work, members)
        labelled = labels.columns_of(labels.read(work.home), given) if given is not None else {}
        identity = _identity(members, coordinates)
        # A home without tags keeps the version that it had before Clipper knew tags.
        made_from = [identity, sources] if given is None else [identity, sources, json_values(given)]
        label_cells = {name: json_values(cells) for name, cells in labelled.items()}
        made_from += [json_object(label_cells)] if labelled else []
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
                sources_read.append(columns_of_objects(work, objects, members.ids))
            give_back_memory()  # what was parsed of the tables
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


def _identity(members: Entries, coordinates: Coordinates) -> JsonPieces:
    """Return what the version follows from: the id, content and coordinates of each image."""
    if not coordinates:
        return json_rows(members.ids, members.keys, None)

    def pieces() -> Iterator[bytes]:
        columns = [members.ids, members.keys, *coordinates.values()]
        for start in range(0, len(members), BLOCK):
            ids, keys, *places = (column.slice(start, BLOCK).to_pylist() for column in columns)
            told = [
                dict(zip(coordinates, place, strict=True)) if place[0] is not None else None
                for place in zip(*places, strict=True)
            ]
            rows = list(zip(ids, map(bytes.hex, keys), told, strict=True))
            yield b"," if start else b"["
            yield json.dumps(rows, sort_keys=True, separators=(",", ":"))[1:-1].encode()
        yield b"]"

    return JsonPieces(pieces)


def _coordinates(work: Workspace, members: Entries) -> Coordinates:
    """Return where the photos were taken; nothing unless `gps` was on when facts were read."""
    if not work.staged.gps:
        return {}
    latitude, longitude = gps.read(work.coordinates, members.keys)
    return {} if latitude.null_count == len(latitude) else {LATITUDE: latitude, LONGITUDE: longitude}


def _tags(work: Workspace, members: Entries) -> "pa.ListArray | None":
    """Return the tags of each image; None if no image has one."""
    contents = members.contents
    known = tags.of_contents(tags.read(work.home), contents)
    return known.take(integers(contents.positions(members.keys))) if len(known.values) else None


def _read_sources(
    work: Workspace,
    members: Entries,
    beside: Mapping[str, bytes | None],
    sidecars: Sidecars,
    *,
    with_boxes: Collection[str],
) -> list[Source]:
    """Read all files with metadata: those about one image, then those of the deepest folders, then others.

    In files `with_boxes`, the column `objects` holds the boxes of labels: it is no metadata.

    Raises:
        ImagesError: a file is damaged or describes no image, or far fewer than it did.
    """
    _, manifest = work.manifest()
    lost = rows_of(manifest.entries.ids, members.ids) < 0
    unusable = list(manifest.entries.where(lost).names()) if lost.any() else []
    known = SortedNames(members.ids)
    unusable += [path for path in manifest.unreadable if path not in known]
    images = ImageKeys(members.ids, folder=work.folder.location, unusable=unusable)
    before = _described(work)
    in_tars = members if members.has_places else ()
    own = sidecars.source(members.names(), [key_in_tar(entry.id, entry.place) for entry in in_tars] or None)
    sources = [own] if own else []
    sources += _of_image_tables(work, members)
    for name, data in beside.items():
        if data is not None:
            source = _read_source(work, name, data, images, was_read=name in before)
            sources.append(_without_objects(source) if name in with_boxes else source)
    _refuse_fewer_rows(work, sources, before, tables=beside)
    return sources


def _without_objects(source: Source) -> Source:
    def pick(indices: "np.ndarray") -> "Picked":
        picked = source.pick(indices)
        if isinstance(picked, Sequence):
            return [{key: value for key, value in row.items() if key != OBJECTS} for row in picked]
        return picked.drop_columns([OBJECTS]) if OBJECTS in picked.column_names else picked

    return replace(source, pick=pick)


def _of_image_tables(work: Workspace, members: Entries) -> Iterator[Source]:
    """Yield what the other columns of tables of images say."""
    archives = work.manifest()[1].archives
    held = {name: members.rows_of_table(name) for name in members.tables()}
    for name, (images, rows) in sorted(held.items(), key=lambda table: int(table[1][0][0])):
        try:
            table = work.folder.rows_of(name)
            others = work.folder.images_left_out(name)
        except Exception as error:  # noqa: BLE001 - a damaged table: pyarrow raises errors of many kinds
            why = " ".join(str(error).split())
            yield Source.of_entries(name, {}, [f"{name}: its other columns cannot be read ({why}); left out"])
            continue
        if others:
            what = f"{name}: {first_few(others)} hold further images"
            yield Source.of_entries(name, {}, [f"{what}, which are not read; an atlas shows one of each row"])
        if archives[name].objects and work.settings.labels not in {"auto", "off"}:
            unread = "its column `objects` is not read, because `labels` names other files"
            yield Source.of_entries(name, {}, [f"{name}: {unread}"])
        if table is not None:
            keys = members.ids.take(integers(images))
            yield source_of_rows(name, table, keys, rows=rows, images=images)


def _read_source(work: Workspace, name: str, data: bytes, images: ImageKeys, *, was_read: bool) -> Source:
    """Read a file with metadata.

    A file in a sub-folder may be about something else, such as an album, and an earlier Clipper did not read
    it: unless it described images before, what is wrong with it becomes a note.

    Raises:
        ImagesError: the file is damaged or describes no image.
    """
    folder = name.rpartition("/")[0]
    below = images.below(folder)
    if folder and not len(below):
        return Source.of_entries(name, {}, [f"{name} is left out: no image lies in its folder"])
    location, limit = work.folder.path(name), work.settings.max_bytes
    try:
        return metadata_sources.read(name, data, location=location, max_bytes=limit, images=below)
    except ImagesError as error:
        if was_read or not folder:
            raise
        return Source.of_entries(name, {}, [f"{name} is left out: {error}"])


def _described(work: Workspace) -> dict[str, int]:
    """Return how many images each file described in the published atlas, if it is of the same folder."""
    before = snapshots.current(work.home)
    if before is None or not work.is_of_this_folder(before):
        return {}
    path = work.home.part("metadata", before.parts["metadata"])
    return dict(read_made_of(path).get(DESCRIBED, {})) if is_written(path) else {}


def _refuse_fewer_rows(
    work: Workspace,
    sources: Sequence[Source],
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
    members: Entries,
    sources: Sequence[Source],
    coordinates: Coordinates,
    path: Path,
    *,
    given: "pa.ListArray | None",
    labelled: "Mapping[str, pa.LargeStringArray]",
) -> None:
    own = _facts_of(work, members, coordinates)
    joined = join.join(members.ids, own, sources, tags=given, labels=labelled)
    table = joined.table(members.ids)
    columns = with_roles(joined.columns, table)
    made_of = {
        "columns": [vars(column) for column in columns],
        "problems": joined.problems,
        DESCRIBED: {source.name: source.matches.named for source in sources if source.matches},
    }
    write_part(path, table, made_of)


def _facts_of(work: Workspace, members: Entries, coordinates: Coordinates) -> dict[str, Values]:
    """Return what is known of each file itself, by column."""
    import numpy as np

    known = facts.read_columns(work.facts, members.keys)
    every = np.arange(len(members))
    known |= {name: Values.of_arrow(every, cells) for name, cells in coordinates.items()}
    sizes = integers(members.numbers(BYTES))
    return in_order({**known, "bytes": Values.of_arrow(every, sizes)})


def _published_columns(home: Home) -> list[Column]:
    before = snapshots.current(home)
    path = home.part("metadata", before.parts["metadata"]) if before else None
    if path is None or not is_written(path):
        return []
    return [Column.from_json(entry) for entry in read_made_of(path)["columns"]]


def _shapes(columns: Sequence[Column]) -> set[tuple[str, str, str]]:
    return {(column.name, column.type, column.source) for column in columns}
