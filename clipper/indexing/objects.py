"""The objects of the images, from label files of other tools: a part of the step `image_metadata`.

What does not belong here: the formats of label files (`annotations/`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.annotations.combine import categories_of, combine
from clipper.annotations.find import find_labels
from clipper.annotations.formats.labels import ANNOTATIONS_VERSION, Gathered, Labels
from clipper.annotations.formats.rows import read_rows
from clipper.annotations.kinds import LabelFiles
from clipper.annotations.read import Read, describe, read_labels
from clipper.annotations.source import source_of
from clipper.columns import integers
from clipper.hashing import digest
from clipper.images.archives.folder import open_images
from clipper.images.files.places import Archive, Contents
from clipper.images.folder import ImageFolder
from clipper.images.listing import RACY_NS, Listing
from clipper.indexing.staging.label_texts import LabelTexts
from clipper.indexing.staging.workspace import Workspace
from clipper.metadata.entries import Source
from clipper.metadata.values.types import first_few
from clipper.settings import Settings, absolute_location
from clipper.store import facts
from clipper.store.columns.entries import Entries
from clipper.store.home import Home
from clipper.store.manifest import Manifest
from clipper.store.parts import objects
from clipper.store.staged import Staged
from clipper.store.tables import is_written, read_made_of

if TYPE_CHECKING:
    import pyarrow as pa


def folder_fingerprint(settings: Settings, listing: Listing | None = None) -> str:
    """Digest the names, sizes and times of images, metadata and labels.

    Args:
        settings: of the home.
        listing: of the images folder; None lists it.

    Raises:
        ImagesError: the folder is missing or cannot be read.
        SettingsError: `labels` names a path that is not there, or no labels.
    """
    folder = open_images(settings.images_location, max_bytes=settings.max_bytes)
    listing = listing or list_unopened(settings)
    found = label_files(settings, listing, stems=lambda: stems_of(listing.images.names()))
    return folder.fingerprint(listing, labels=_stamps(found))


def list_unopened(settings: Settings) -> Listing:
    """List the images folder of a home without opening a file, or an archive that is as in the last run.

    Raises:
        ImagesError: the folder is missing or cannot be read.
    """

    def archives() -> Mapping[str, Contents]:
        home = Home(settings.home)
        version = Staged.read(home).manifest
        path = home.part("manifest", version) if version else None
        return Manifest.read(path).archives if path is not None and path.exists() else {}

    folder = open_images(settings.images_location, max_bytes=settings.max_bytes, limits=settings.limits)
    return folder.list_unopened(archives)


def stems_of(ids: Iterable[str]) -> frozenset[str]:
    """Return the paths of images without their endings."""
    return frozenset(image_id.rpartition(".")[0] for image_id in ids)


def paths_of(found: Sequence[LabelFiles], folder: ImageFolder) -> frozenset[str]:
    """Return the paths of label files that lie in the images folder, below it."""
    here = [files for files in found if files.folder.location == folder.location]
    return frozenset(file.id for files in here for file in (*files.files, *files.helpers))


def label_files(
    settings: Settings, listing: Listing, *, stems: "Callable[[], frozenset[str]]"
) -> list[LabelFiles]:
    """Find the label files of a home.

    Args:
        settings: of the home.
        listing: of the images folder.
        stems: returns the images' paths without their endings; only called if they are needed.

    Raises:
        SettingsError: `labels` names a path that is not there, or no labels.
    """
    if settings.labels == "off":
        return []
    folder = open_images(settings.images_location, max_bytes=settings.max_bytes)
    return find_labels(
        folder,
        [
            *listing.beside,
            *(table for table in listing.tables if table.id.lower().endswith((".csv", ".tsv", ".jsonl"))),
        ],
        setting=settings.labels,
        home=lambda path: absolute_location(path, base=settings.home),
        stems=stems,
    )


def make_objects(work: Workspace, members: Entries, found: Sequence[LabelFiles], *, listed_ns: int) -> str:
    """Make the part `objects`, unless it is there; read no label file if none changed.

    Args:
        work: the home.
        members: the usable images.
        found: the label files.
        listed_ns: when listing the images folder began, in nanoseconds since 1970.

    Returns:
        its version; "" if there are no label files.

    Raises:
        ImagesError: a label file is damaged.
    """
    work.drop_condemned("objects")
    held = _tables_with_objects(work, members)
    if not found and not held:
        LabelTexts(work.home, listed_ns=listed_ns).clear()
        work.stage(objects="", label_stamps="", label_contents="")
        return ""
    texts = LabelTexts(work.home, listed_ns=listed_ns)
    seen, read = digest(_stamps(found)), None
    if work.staged.label_stamps != seen or not work.staged.label_contents:
        read = read_labels(found, texts.read_each)
        newest = max((file.mtime_ns for files in found for file in (*files.files, *files.helpers)), default=1)
        settled = 0 < newest < listed_ns - RACY_NS
        work.stage(label_stamps=seen if settled else "", label_contents=read.digest)
    made_from: list[Any] = [members.identity(), work.staged.label_contents]
    made_from += [{"tables": {name: vars(archive) for name, archive in held.items()}}] if held else []
    version = digest(ANNOTATIONS_VERSION, facts.FACTS_VERSION, *made_from)
    if not is_written(work.home.part("objects", version)):
        _write(work, members, read or read_labels(found, texts.read_each), found, version, tables=list(held))
    texts.save()
    work.stage(objects=version)
    return version


def columns_of_objects(work: Workspace, version: str, ids: "pa.LargeStringArray") -> Source:
    """Return what the part `objects` knows of each image, as a source of metadata."""
    path = work.home.part("objects", version)
    made_of = read_made_of(path)
    return source_of(objects.read_images(path), ids, name=made_of["name"])


def notes_of_objects(work: Workspace, version: str) -> Mapping[str, Any]:
    """Return the JSON of the part: `counts`, `read` and `problems`."""
    return read_made_of(work.home.part("objects", version))


def _stamps(found: Sequence[LabelFiles]) -> list[Any]:
    """Return what shows whether label files changed."""
    return [(files.kind, files.source, files.stamps()) for files in found]


def _tables_with_objects(work: Workspace, members: Entries) -> dict[str, Archive]:
    """Return the tables of images that hold boxes, too, by name; none if `labels` says other files."""
    if work.settings.labels != "auto":
        return {}
    archives = work.manifest()[1].archives
    used = members.archives() & archives.keys()
    return {name: archives[name].archive for name in sorted(used) if archives[name].objects}


def _labels_of_table(work: Workspace, name: str, members: Entries) -> Labels:
    """Read the boxes in a table of images, of those that are usable images."""
    try:
        found = work.folder.objects_of(name)
        if found is not None:
            column, described = found
            files, rows = members.rows_of_table(name)
            names = members.ids.take(integers(files)).to_pylist()
            return read_rows(column.take(integers(rows)), described, names, source=name)
    except Exception as error:  # noqa: BLE001 - a damaged table: pyarrow raises errors of many kinds
        lost = Gathered(name, "pixels")
        lost.problems.add("column(s) of boxes cannot be read", "left out", [" ".join(str(error).split())])
        return lost.labels()
    return Gathered(name, "pixels").labels()


def _write(
    work: Workspace,
    members: Entries,
    read: Read,
    found: Sequence[LabelFiles],
    version: str,
    *,
    tables: Sequence[str],
) -> None:
    import numpy as np
    import pyarrow as pa

    contents = members.contents
    known = facts.read_columns(work.facts, pa.array(contents, pa.binary(16)))
    at = contents.positions(members.keys)
    width, height, turns = (
        facts.whole_numbers(known, name, len(contents))[at] for name in ("width", "height", "orientation")
    )
    sizes = np.stack([width, height], axis=1)
    labels = [*read.labels, *(_labels_of_table(work, name, members) for name in tables)]
    made = combine(labels, members.ids, sizes.astype(np.float64), turns)
    sources = list(dict.fromkeys([*(files.source for files in found), *tables]))
    described = describe(found)
    described += [f"boxes in the column `objects` of {first_few(list(tables))}"] if tables else []
    objects.write(
        work.home.part("objects", version),
        made.table,
        made.images,
        {
            "name": sources[0] if len(sources) == 1 else "label files",
            "read": described,
            "problems": made.problems,
            "categories": categories_of(made.table),
            "counts": {"objects": len(made.table), "labelled": len(made.images)},
        },
    )
