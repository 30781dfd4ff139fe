"""The step `image_manifest`: list the images folder, hash new files, and compare with the last run.

What does not belong here: opening images, and what a manifest is (`store/manifest.py`).
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.columns import rows_of
from clipper.errors import ImagesError
from clipper.images.files.found import FoundImage, FoundImages
from clipper.images.files.places import ARCHIVE_ENDINGS
from clipper.images.folder import ImageFolder
from clipper.images.listing import METADATA_NAMES, RACY_NS, Listing, ending_to_show
from clipper.indexing.files.checkpoint import Checkpoint
from clipper.indexing.files.cluster import CLUSTER_FROM, hash_on_cluster
from clipper.indexing.files.hash_files import Hasher, Outcome, hash_files, hash_here, printable
from clipper.indexing.files.known_etags import by_etag, have_other_etags
from clipper.indexing.objects import label_files, paths_of, stems_of
from clipper.indexing.staging.workspace import Step, Workspace, refuse_fewer, timed
from clipper.store import snapshots
from clipper.store.columns.entries import BYTES, FIRST_NS, MTIME_NS, Entries, SortedNames
from clipper.store.home import Home
from clipper.store.manifest import Manifest
from clipper.store.tables import is_written

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import numpy as np
    import pyarrow as pa

# So many kinds of other files are named in a note, and so many files that may be metadata.
MAX_ENDINGS = 8
MAX_NAMES = 5


def scan_images(work: Workspace) -> Step:
    """Step 1, `image_manifest`: list the images folder and compare it with the last run."""
    with timed("image_manifest") as step:
        work.take_up()
        work.drop_condemned("manifest")
        before = work.manifest_of(work.staged.manifest)
        progress = work.progress_for("scan")
        listing = work.list_files(None if work.settings.verify else before)
        checkpoint = Checkpoint(work.home)
        if before and work.folder.fetched:
            work.folder.fetched.known = before.contents
        manifest = scan(
            work.folder,
            listing=listing,
            before=before,
            verify=work.settings.verify,
            may_be_empty=work.may_be_empty,
            progress=progress,
            checkpoint=checkpoint,
            hash_by=partial(_hash, work, step, listing.began_ns),
        )
        manifest = with_times(manifest, before, at_ns=_published_ns(work.home))
        _refuse_to_shrink(work, manifest)
        step.version = manifest.version
        target = work.home.part("manifest", manifest.version)
        if before is None or before.entries != manifest.entries or not is_written(target):
            manifest.write(target)
            work.forget_manifest()  # the times of files may be others under the same version
        work.stage(manifest=manifest.version, images=work.settings.images)
        checkpoint.clear()
        step.counts = {"images": len(manifest.entries), **manifest.count_changes(before)}
        found = label_files(work.settings, listing, stems=lambda: stems_of(listing.images.names()))
        work.labels_found = found
        labels = paths_of(found, work.folder)
        counted = labels - {file.id for file in (*listing.sidecars, *listing.tables)}
        others = listing.others - Counter(map(ending_to_show, counted))
        step.counts["other_files"] = sum(others.values())
        step.failures = manifest.unreadable
        read = labels | {f"{path.rpartition('/')[0]}/" for path in labels}
        unread = [path for path in listing.unread if path not in read]
        step.notes += [*_left_alone(others), *_not_read(unread), *_above(work.folder)]
    return step


def _hash(
    work: Workspace, step: Step, started: int, files: "Iterator[tuple[int, FoundImage]]"
) -> "Generator[Outcome]":
    """Hash new files: by the cluster that the setting `dask` names, where they are many; else here."""
    first = list(islice(files, CLUSTER_FROM))
    files = chain(first, files)
    if work.settings.dask and len(first) == CLUSTER_FROM:
        fetched, note = work.folder.fetched, step.notes.append
        return hash_on_cluster(work.settings, files, started=started, fetched=fetched, note=note)
    return hash_here(work.folder, files, started=started)


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
    published = work.manifest_of(before.parts["manifest"]) if before else None
    if published is None:
        return
    gone = manifest.count_changes(published)["removed"]
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
    checkpoint: Checkpoint | None = None,
    hash_by: "Hasher | None" = None,
) -> Manifest:
    """Hash files that are new, or have another size or time; with `verify`, every file.

    A file of an object store is not read where its ETag and size are those of a file that was hashed before.

    Args:
        folder: of images.
        listing: its files; without it the folder is listed.
        before: the last manifest.
        verify: whether to hash files that look as before.
        may_be_empty: whether a folder without images is none that is not mounted.
        progress: is told how many of all files are done.
        checkpoint: what stopped runs have hashed; it gets what this one hashes. With `verify` none of it
            counts.
        hash_by: what hashes the files; None: this machine.

    Raises:
        ImagesError: the folder is missing or unreadable; or it holds no image, and not `may_be_empty`.
    """
    import numpy as np
    import pyarrow as pa

    known = before.entries if before and not verify else Entries.of([])
    started = listing.began_ns if listing else time.time_ns()
    listing = listing or folder.list_files(
        archives=before.archives if before and not verify else None, images=SortedNames(known.ids)
    )
    found = listing.images
    if not found and not may_be_empty:
        raise ImagesError(_none_found(folder, listing, is_first=before is None))
    was = _rows_before(found, known, started=started)
    kept = np.flatnonzero(was >= 0)
    entries = known.take(was[kept])
    earlier = checkpoint.read() if checkpoint and not verify else Entries.of([])
    new = [*_known_files(folder, found, was < 0, known, earlier, started=started)]
    todo = was < 0
    todo[np.concatenate([rows for _, rows in new])] = False
    hashed = hash_files(
        found,
        np.flatnonzero(todo),
        hash_by=hash_by or partial(hash_here, folder, started=started),
        progress=progress,
        keep=checkpoint.add if checkpoint else None,
    )
    new.append((hashed.entries, hashed.rows))
    if any(len(rows) for _, rows in new):
        joined = pa.concat_tables([each.table for each, _ in new], promote_options="default")
        dated = _dated(Entries(joined), before.entries) if before else Entries(joined)
        dated = _with_first(dated.table, dated.table[FIRST_NS].fill_null(started))
        both = pa.concat_tables([entries.table, dated.table], promote_options="default")
        entries = Entries(both).take(np.argsort(np.concatenate([kept, *(rows for _, rows in new)])))
    return Manifest(entries, hashed.unreadable, dict(listing.others), listing.archives)


def _known_files(
    folder: ImageFolder,
    found: FoundImages,
    wanted: "np.ndarray",
    known: Entries,
    earlier: Entries,
    *,
    started: int,
) -> "Iterator[tuple[Entries, np.ndarray]]":
    """Yield entries of new files that need not be read, and their rows among the found files, (m,) int64.

    A stopped run has hashed them (`earlier`); their archive was read; or an object store names their bytes.
    """
    import numpy as np

    then = np.where(wanted, _rows_before(found, earlier, started=started), -1)
    rows = np.flatnonzero(then >= 0)
    yield earlier.take(then[rows]), rows
    wanted = wanted & (then < 0)
    rows = np.flatnonzero(wanted & found.are_hashed())
    yield Entries(found.hashed(rows)), rows
    yield by_etag(folder, found, wanted, (known, earlier), started=started)


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
    table = manifest.entries.table
    return replace(manifest, entries=_with_first(table, table[FIRST_NS].fill_null(at_ns)))


def _rows_before(found: FoundImages, known: Entries, *, started: int) -> "np.ndarray":
    """Return the row in `known` of each file that looks as it did there, (n,) int64; -1 for any other.

    A file in an archive has none: it was hashed when the archive was read.
    """
    import numpy as np
    import pyarrow as pa

    if not len(known):
        return np.full(len(found), -1, np.int64)
    was = rows_of(found.ids, known.ids.cast(pa.large_binary()))
    size, time_ns = found.numbers(BYTES), found.numbers(MTIME_NS)
    same = (known.numbers(BYTES)[was] == size) & (known.numbers(MTIME_NS)[was] == time_ns)
    same &= (was >= 0) & (time_ns != 0) & (time_ns < started - RACY_NS) & found.are_loose()
    same &= ~have_other_etags(found, known, was)
    return np.where(same, was, -1)


def _dated(entries: Entries, before: Entries) -> Entries:
    """Give each file the time at which an earlier run first indexed its content; none to a new content."""
    import pyarrow.compute as pc

    rows = pc.index_in(entries.keys, value_set=before.keys)
    return _with_first(entries.table, before.column(FIRST_NS).take(rows))


def _with_first(table: "pa.Table", first_ns: "pa.Array | pa.ChunkedArray") -> Entries:
    return Entries(table.set_column(table.column_names.index(FIRST_NS), FIRST_NS, first_ns))
