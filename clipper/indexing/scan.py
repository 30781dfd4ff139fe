"""The step `image_manifest`: list the images folder, hash new files, and compare with the last run.

What does not belong here: opening images, and what a manifest is (`store/manifest.py`).
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.errors import BadImageError, ImagesError
from clipper.hashing import content_hash
from clipper.images.folder import ImageFolder
from clipper.images.listing import METADATA_NAMES, RACY_NS, FoundImage, Listing, ending_to_show
from clipper.images.places import ARCHIVE_ENDINGS
from clipper.indexing.objects import label_files, paths_of, stems_of
from clipper.indexing.staging.workspace import Step, Workspace, refuse_fewer, timed
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.manifest import Entry, Manifest
from clipper.store.tables import is_written

if TYPE_CHECKING:
    from collections.abc import Callable

# So many kinds of other files are named in a note, and so many files that may be metadata.
MAX_ENDINGS = 8
MAX_NAMES = 5

# Nanoseconds added to the time of a file that changed within `RACY_NS`. The noted time then differs from the
# file's own, so that the next scan hashes the file, however late it is.
MARK_NS = 1


def scan_images(work: Workspace) -> Step:
    """Step 1, `image_manifest`: list the images folder and compare it with the last run."""
    with timed("image_manifest") as step:
        work.take_up()
        work.drop_condemned("manifest")
        staged = work.staged.manifest
        path = work.home.part("manifest", staged) if staged else None
        before = Manifest.read(path) if path and path.exists() else None
        progress = work.progress_for("scan")
        listing = work.list_files(None if work.settings.verify else before)
        manifest = scan(
            work.folder,
            listing=listing,
            before=before,
            verify=work.settings.verify,
            may_be_empty=work.may_be_empty,
            progress=progress,
        )
        manifest = with_times(manifest, before, at_ns=_published_ns(work.home))
        _refuse_to_shrink(work, manifest)
        step.version = manifest.version
        target = work.home.part("manifest", manifest.version)
        if before is None or before.entries != manifest.entries or not is_written(target):
            manifest.write(target)
        work.stage(manifest=manifest.version, images=work.settings.images)
        step.counts = {"images": len(manifest.entries), **manifest.changes_since(before).counts()}
        found = label_files(work.settings, listing, stems=lambda: stems_of(i.id for i in listing.images))
        work.labels_found = found
        labels = paths_of(found, work.folder)
        counted = labels - {file.id for file in (*listing.sidecars, *listing.tables)}
        others = listing.others - Counter(map(ending_to_show, counted))
        step.counts["other_files"] = sum(others.values())
        step.failures = manifest.unreadable
        read = labels | {f"{path.rpartition('/')[0]}/" for path in labels}
        unread = [path for path in listing.unread if path not in read]
        step.notes = [*_left_alone(others), *_not_read(unread), *_above(work.folder)]
    return step


def _left_alone(others: Mapping[str, int]) -> list[str]:
    """Describe the files that are not images in one line, the most frequent endings first."""
    if not others:
        return []
    ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{ending} {count:,}" for ending, count in ranked[:MAX_ENDINGS]]
    named += ["..."] if len(ranked) > MAX_ENDINGS else []
    total = sum(others.values())
    return [f"{total:,} other {'file' if total == 1 else 'files'} left alone: {', '.join(named)}"]


def _not_read(unread: Sequence[str]) -> list[str]:
    """Name the files that look like metadata and are not read, and say how they would be."""
    if not unread:
        return []
    more = f" and {len(unread) - MAX_NAMES:,} more" if len(unread) > MAX_NAMES else ""
    named = ", ".join(map(printable, unread[:MAX_NAMES])) + more
    known = f"{', '.join(METADATA_NAMES[:-1])} and {METADATA_NAMES[-1]}"
    note = (
        f"not read, although they may describe images: {named}; Clipper reads {known} in any folder, and "
        "x.json or x.txt beside x.jpg. Save a table as metadata.csv, with a column file_name"
    )
    return [note]


def _above(folder: ImageFolder) -> list[str]:
    """Name the metadata files that lie beside the images folder, where they are not read."""
    root = Path(folder.location)
    if folder.remote or not root.is_dir():
        return []
    found = [path for name in METADATA_NAMES if (path := root.absolute().parent / name).is_file()]
    return [f"{printable(str(path))} is not read: move it into the images folder" for path in found]


def _refuse_to_shrink(work: Workspace, manifest: Manifest) -> None:
    """Stop if most published images are gone from the folder: a disk may not be mounted."""
    before = snapshots.current(work.home)
    path = work.home.part("manifest", before.parts["manifest"]) if before else None
    if path is None or not path.exists():
        return
    gone = len(manifest.changes_since(Manifest.read(path)).removed)
    refuse_fewer(work, before.counts["images"] - gone if before else 0, before)


def _published_ns(home: Home) -> int:
    """Return when the atlas was published, in nanoseconds since 1970; now, if nothing is published."""
    before = snapshots.current(home)
    at = before.published_at if before else snapshots.now()
    return int(at.timestamp()) * 1_000_000_000


def scan(
    folder: ImageFolder,
    *,
    listing: Listing | None = None,
    before: Manifest | None = None,
    verify: bool = False,
    may_be_empty: bool = False,
    progress: "Callable[[int, int], None] | None" = None,
) -> Manifest:
    """Hash files that are new, or have another size or time; with `verify`, every file.

    Args:
        folder: of images.
        listing: its files; without it the folder is listed.
        before: the last manifest.
        verify: whether to hash files that look as before.
        may_be_empty: whether a folder without images is none that is not mounted.
        progress: is told how many of all files are done.

    Raises:
        ImagesError: the folder is missing or unreadable; or it holds no image, and not `may_be_empty`.
    """
    known = {entry.id: entry for entry in before.entries} if before and not verify else {}
    started = listing.began_ns if listing else time.time_ns()
    listing = listing or folder.list_files(
        archives=before.archives if before and not verify else None, images=known
    )
    found = listing.images
    if not found and not may_be_empty:
        raise ImagesError(_none_found(folder, listing, is_first=before is None))
    entries: list[Entry] = []
    unreadable: dict[str, str] = {}
    for position, image in enumerate(found):
        try:
            entries.append(_entry(folder, image, known.get(image.id), started))
        except BadImageError as error:
            unreadable[printable(image.id)] = str(error)
        if progress:
            progress(position + 1, len(found))
    dated = _dated(entries, before, now_ns=started)
    return Manifest(dated, unreadable, dict(listing.others), listing.archives)


def _none_found(folder: ImageFolder, listing: Listing, *, is_first: bool) -> str:
    """Say that there is no image, and what may be wrong."""
    none = f"no image files in {folder.location}{_archives_left_alone(listing)}"
    if has_magic(folder.location) and not listing.archives:
        none += f", a pattern of archives ({', '.join(ARCHIVE_ENDINGS)}); of loose images name the folder"
    if is_first:
        return f"{none}; is it the folder that is meant?"
    return (
        f"{none}; check `images` in clipper.toml (nothing was changed). If all images of an atlas are meant "
        "to be gone: `clipper index --allow-shrink`"
    )


def _archives_left_alone(listing: Listing) -> str:
    """Say how archives in a folder are named, if there are any."""
    kinds = [ending for ending in ARCHIVE_ENDINGS if listing.others[ending]]
    counts = ", ".join(f"{listing.others[ending]:,} {ending}" for ending in kinds)
    return f", but archives ({counts}), which a pattern such as `**/*{kinds[0]}` names" if kinds else ""


def with_times(manifest: Manifest, before: Manifest | None, *, at_ns: int) -> Manifest:
    """Add the time `at_ns`, in nanoseconds since 1970, to entries of a changed manifest that have none.

    An earlier Clipper kept no times: those images were indexed at `at_ns` or before. An unchanged manifest
    stays as it is, so that nothing is written for this alone.
    """
    if before is None or before.entries == manifest.entries:
        return manifest
    entries = [replace(e, first_ns=at_ns) if e.first_ns is None else e for e in manifest.entries]
    return replace(manifest, entries=entries)


def _entry(folder: ImageFolder, image: FoundImage, known: Entry | None, started: int) -> Entry:
    if printable(image.id) != image.id:
        raise BadImageError("has a name that is not valid UTF-8; rename it")
    if image.place or image.reason:
        return _entry_of_member(image)
    same = known and (known.bytes, known.mtime_ns) == (image.bytes, image.mtime_ns)
    is_racy = image.mtime_ns >= started - RACY_NS
    if known and same and image.mtime_ns and not is_racy:
        return known
    if refusal := folder.reason_not_read(image.id):
        raise BadImageError(refusal)
    mtime_ns = image.mtime_ns + (MARK_NS if is_racy else 0)
    return Entry(image.id, content_hash(folder.read(image.id)), image.bytes, mtime_ns)


def _entry_of_member(image: FoundImage) -> Entry:
    """Return the entry of an image in an archive, which was hashed when the archive was read."""
    if image.reason or image.content_hash is None:
        raise BadImageError(image.reason or "cannot be read")
    return Entry(image.id, image.content_hash, image.bytes, image.mtime_ns, place=image.place)


def _dated(entries: list[Entry], before: Manifest | None, *, now_ns: int) -> list[Entry]:
    """Give each entry the time at which its content was first indexed: the known one, or now."""
    known = {entry.content_hash: entry.first_ns for entry in before.entries} if before else {}
    firsts = (known.get(entry.content_hash, now_ns) for entry in entries)
    return [
        entry if entry.first_ns == first else replace(entry, first_ns=first)
        for entry, first in zip(entries, firsts, strict=True)
    ]


def printable(name: str) -> str:
    """Return a file's name as text that UTF-8 can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
