"""Read the files that describe one image each, and keep what they say: a run reads only new and changed ones.

What does not belong here: what such a file says (`metadata/sidecars.py`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.hashing import digest
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.images.formats import ending_of
from clipper.images.listing import RACY_NS, SIDECAR_ENDINGS, image_of_sidecar
from clipper.metadata.entries import Source
from clipper.metadata.keys.match import Matches
from clipper.metadata.sidecars import MAX_BYTES, SIDECAR_VERSION, parse_sidecar
from clipper.metadata.values.types import EXAMPLES
from clipper.store.home import Home, atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable


# How notes and columns call these files.
NAME = "files beside the images"
# Files that are read together: object stores answer many requests at once.
BATCH = 512
# What is read is kept for the first time after so many files.
SAVE_ROWS = 20_000
_MADE_BY = b"made_by"


@dataclass(frozen=True)
class Sidecars:
    """What the files beside images say: for each path JSON text of its values, and what was left out."""

    values: dict[str, str]
    lost: dict[str, str]

    @property
    def version(self) -> str:
        """A digest of all of it; "" if there is none."""
        return digest(self.values, self.lost) if self.values or self.lost else ""

    def source(self, ids: Iterable[str], keys: Sequence[str | None] | None = None) -> Source | None:
        """Return the values as a source of metadata; None if there are none.

        Args:
            ids: of the images.
            keys: of each image the key of its sample in a tar, by which files describe it, too; or None.
        """
        import numpy as np

        if not self.version:
            return None
        paths: dict[tuple[str, str], str] = {}
        for path in self.values:
            paths.setdefault((image_of_sidecar(path), ending_of(path)), path)
        named: dict[str, dict[str, Any]] = {}
        rows: list[int] = []
        differing: list[str] = []
        for row, image_id in enumerate(ids):
            entry: dict[str, Any] = {}
            for of_image in _names(image_id, keys[row] if keys else None):
                if path := paths.get(of_image, ""):
                    values = json.loads(self.values[path])
                    if any(entry[name] != value for name, value in values.items() if name in entry):
                        differing.append(path)
                    entry = {**values, **entry}
            if entry:
                named[image_id] = entry
                rows.append(row)
        problems = self._problems()
        if differing:
            problems.append(f"{NAME}: {_few(differing)} say something else than the JSON, which is used")
        made = Source.of_entries(NAME, named, problems)
        return Source(NAME, made.keys, made.pick, problems, Matches(np.array(rows, np.int64)))

    def _problems(self) -> list[str]:
        reasons = Counter(self.lost.values())
        examples = {
            reason: [path for path, lost in self.lost.items() if lost == reason] for reason in reasons
        }
        return [f"{NAME}: {_few(examples[reason])} {reason}; left out" for reason in sorted(reasons)]


def read_sidecars(
    home: Home,
    folder: ImageFolder,
    found: Sequence[FoundImage],
    *,
    listed_ns: int,
    coordinates: bool,
    progress: "Callable[[int, int], None] | None" = None,
) -> Sidecars:
    """Read what the files beside images say: from the store, or from the files that are new or have changed.

    Args:
        home: of the store.
        folder: of the images.
        found: the files, from a listing.
        listed_ns: when that listing began, in nanoseconds since 1970.
        coordinates: whether to keep values that say where an image was taken; else the store holds none.
        progress: called with the number of files read and of all files to read.
    """
    path = home.store / "sidecars.parquet"
    if not found:
        path.unlink(missing_ok=True)
        return Sidecars({}, {})
    made_by = f"{SIDECAR_VERSION} with coordinates" if coordinates else SIDECAR_VERSION
    known = _kept(path, made_by)
    rows = {file.id: known.get((file.id, file.bytes, file.mtime_ns)) for file in found}
    unread = [file for file in found if rows[file.id] is None]
    # A file that changed just now may change again without a new time, and one without a time always may.
    lasting = [file for file in found if 0 < file.mtime_ns < listed_ns - RACY_NS]
    due = SAVE_ROWS
    for done, names, contents in _batches(folder, unread):
        for name, data in zip(names, contents, strict=True):
            values, lost = parse_sidecar(name, data, coordinates=coordinates) if data else ({}, "")
            if data is None:
                lost = f"cannot be read, or is larger than {MAX_BYTES:,} bytes"
            rows[name] = (json.dumps(values), lost)
        if progress:
            progress(done, len(unread))
        if done >= due:  # a run that is interrupted loses at most half of what it read
            _keep(path, made_by, [file for file in lasting if rows[file.id]], rows)
            due = 2 * done
    read = {name: row for name, row in rows.items() if row is not None}
    if len(known) != len(lasting) or any((f.id, f.bytes, f.mtime_ns) not in known for f in lasting):
        _keep(path, made_by, lasting, rows)
    return Sidecars(
        {name: values for name, (values, _) in read.items() if values != "{}"},
        {name: lost for name, (_, lost) in read.items() if lost},
    )


def _batches(
    folder: ImageFolder, files: Sequence[FoundImage]
) -> Iterator[tuple[int, list[str], list[bytes | None]]]:
    """Yield how many files are read so far, the names of some, and their contents."""
    for start in range(0, len(files), BATCH):
        some = files[start : start + BATCH]
        small = [file for file in some if file.bytes <= MAX_BYTES]
        contents = dict(zip((file.id for file in small), folder.read_many(small), strict=True))
        names = [file.id for file in some]
        yield start + len(some), names, [contents.get(name) for name in names]


def _kept(path: Path, made_by: str) -> dict[tuple[str, int, int], tuple[str, str]]:
    """Read the store: (path, bytes, time) -> values and what was left out; nothing if it cannot be used."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
    except (OSError, pa.ArrowException):
        return {}  # it is made again from the files
    if (table.schema.metadata or {}).get(_MADE_BY) != made_by.encode():
        return {}
    columns = [table[name].to_pylist() for name in ("path", "bytes", "mtime_ns", "values", "lost")]
    return {(name, size, at): (values, lost) for name, size, at, values, lost in zip(*columns, strict=True)}


def _keep(
    path: Path, made_by: str, files: Sequence[FoundImage], rows: Mapping[str, tuple[str, str] | None]
) -> None:
    """Write the rows of some files, which have all been read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = [rows[file.id] or ("{}", "") for file in files]

    columns = {
        "path": pa.array([file.id for file in files], pa.string()),
        "bytes": pa.array([file.bytes for file in files], pa.int64()),
        "mtime_ns": pa.array([file.mtime_ns for file in files], pa.int64()),
        "values": pa.array([values for values, _ in read], pa.large_string()),
        "lost": pa.array([lost for _, lost in read], pa.string()),
    }
    table = pa.table(columns).replace_schema_metadata({_MADE_BY: made_by.encode()})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _names(image_id: str, key: str | None) -> Iterator[tuple[str, str]]:
    """Yield the names and endings of the files that may describe an image, the strongest first."""
    names = dict.fromkeys((image_id, image_id.rpartition(".")[0], key or image_id))
    return ((name, ending) for ending in SIDECAR_ENDINGS for name in names)


def _few(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - EXAMPLES:,} more" if len(paths) > EXAMPLES else ""
    return ", ".join(paths[:EXAMPLES]) + more
