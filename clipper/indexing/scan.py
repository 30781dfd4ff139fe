"""The step `image_manifest`: list the images folder, hash new files, and compare with the last run.

What does not belong here: opening images, and what a manifest is (`store/manifest.py`).
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from clipper.errors import BadImageError, ImagesError
from clipper.hashing import content_hash
from clipper.images.folder import FoundImage, ImageFolder
from clipper.indexing.staging.workspace import Step, Workspace, refuse_fewer, timed
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.manifest import Entry, Manifest
from clipper.store.tables import is_written

if TYPE_CHECKING:
    from collections.abc import Callable

# So many kinds of other files are named in a note.
MAX_ENDINGS = 8

# A file that changed so shortly before the scan may change again without a new time: hash it next time too.
RACY_NS = 2_000_000_000
# What is then added to its time, so that it differs from the file's, however late the next scan is.
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
        manifest = scan(
            work.folder,
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
        step.counts["other_files"] = sum(manifest.others.values())
        step.failures = manifest.unreadable
        step.notes = _left_alone(manifest.others)
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
    before: Manifest | None = None,
    verify: bool = False,
    may_be_empty: bool = False,
    progress: "Callable[[int, int], None] | None" = None,
) -> Manifest:
    """List the folder. Hash a file that is new or has another size or time; with `verify`, hash every file.

    Raises:
        ImagesError: the folder is missing or unreadable; or it holds no image, and not `may_be_empty`.
    """
    started = time.time_ns()
    known = {entry.id: entry for entry in before.entries} if before and not verify else {}
    listing = folder.list_files()
    found = listing.images
    if not found and not may_be_empty:
        raise ImagesError(
            f"no image files in {folder.location}; check `images` in clipper.toml (nothing was changed). If "
            "all images of an atlas are meant to be gone: `clipper index --allow-shrink`"
        )
    entries: list[Entry] = []
    unreadable: dict[str, str] = {}
    for position, image in enumerate(found):
        try:
            entries.append(_entry(folder, image, known.get(image.id), started))
        except BadImageError as error:
            unreadable[_printable(image.id)] = str(error)
        if progress:
            progress(position + 1, len(found))
    dated = _dated(entries, before, now_ns=started)
    return Manifest(dated, unreadable, dict(listing.others))


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
    if _printable(image.id) != image.id:
        raise BadImageError("has a name that is not valid UTF-8; rename it")
    same = known and (known.bytes, known.mtime_ns) == (image.bytes, image.mtime_ns)
    is_racy = image.mtime_ns >= started - RACY_NS
    if known and same and image.mtime_ns and not is_racy:
        return known
    if refusal := folder.reason_not_read(image.id):
        raise BadImageError(refusal)
    mtime_ns = image.mtime_ns + (MARK_NS if is_racy else 0)
    return Entry(image.id, content_hash(folder.read(image.id)), image.bytes, mtime_ns)


def _dated(entries: list[Entry], before: Manifest | None, *, now_ns: int) -> list[Entry]:
    """Give each entry the time at which its content was first indexed: the known one, or now."""
    known = {entry.content_hash: entry.first_ns for entry in before.entries} if before else {}
    firsts = (known.get(entry.content_hash, now_ns) for entry in entries)
    return [
        entry if entry.first_ns == first else replace(entry, first_ns=first)
        for entry, first in zip(entries, firsts, strict=True)
    ]


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
