"""Keep the label files that describe an image each, YOLO's and VOC's: a run opens only new and changed ones.

Of ten million small files, opening costs far more than reading their labels again. What does not belong here:
what the files say (`annotations/`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from clipper.annotations.kinds import LabelFiles
from clipper.images.files.found import FoundImage
from clipper.images.listing import RACY_NS
from clipper.store.home import Home, atomic_path

# A larger file is read again: it would fill the store.
MAX_BYTES = 1 << 16
_FORMATS = frozenset({"yolo", "voc"})
_MADE_BY, _VERSION = b"made_by", b"1"

Key = tuple[str, str, int, int]  # location of the folder, path below it, bytes, time


class LabelTexts:
    """The bytes of label files, as they were when they were last read."""

    def __init__(self, home: Home, *, listed_ns: int) -> None:
        """Open the store; nothing is read of it yet.

        Args:
            home: of the store.
            listed_ns: when the listing of the files began, in nanoseconds since 1970.
        """
        self._path = home.store / "label_texts.parquet"
        self._listed_ns = listed_ns
        self._known: dict[Key, bytes] | None = None
        self._used: dict[Key, bytes] = {}
        self._is_new = False

    def read_each(self, files: LabelFiles, wanted: Sequence[FoundImage]) -> Iterator[tuple[str, bytes | str]]:
        """Yield the path of each file and its bytes, or the reason why it cannot be read."""
        if files.kind not in _FORMATS:
            yield from files.folder.read_each(wanted)
            return
        if self._known is None:
            self._known = _kept(self._path)
        known = self._known
        keys = [(files.folder.location, file.id, file.bytes, file.mtime_ns) for file in wanted]
        fresh = iter(
            files.folder.read_each([f for f, key in zip(wanted, keys, strict=True) if key not in known])
        )
        for file, key in zip(wanted, keys, strict=True):
            data = known.get(key)
            if data is None:
                _, read = next(fresh)
                if isinstance(read, str):
                    yield file.id, read
                    continue
                data, self._is_new = read, True
            # A file that changed just now may change again without a new time, and one without always may.
            if 0 < file.mtime_ns < self._listed_ns - RACY_NS and len(data) <= MAX_BYTES:
                self._used[key] = data
            yield file.id, data

    def clear(self) -> None:
        """Forget all files: there are no labels."""
        self._path.unlink(missing_ok=True)

    def save(self) -> None:
        """Keep the files that were used, if any is new or gone."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._known is None or (self._used.keys() == self._known.keys() and not self._is_new):
            return
        if not self._used:
            self.clear()
            return
        locations, paths, sizes, times = zip(*self._used, strict=True)
        table = pa.table(
            {
                "location": pa.array(locations, pa.string()).dictionary_encode(),
                "path": pa.array(paths, pa.string()),
                "bytes": pa.array(sizes, pa.int64()),
                "mtime_ns": pa.array(times, pa.int64()),
                "data": pa.array(self._used.values(), pa.large_binary()),
            }
        ).replace_schema_metadata({_MADE_BY: _VERSION})
        with atomic_path(self._path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _kept(path: Path) -> dict[Key, bytes]:
    """Read the store; nothing if it cannot be used."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
    except (OSError, pa.ArrowException):
        return {}  # it is made again from the files
    if (table.schema.metadata or {}).get(_MADE_BY) != _VERSION:
        return {}
    columns = [table[name].to_pylist() for name in ("location", "path", "bytes", "mtime_ns")]
    return dict(zip(zip(*columns, strict=True), table["data"].to_pylist(), strict=True))
