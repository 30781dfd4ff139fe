"""Images in the rows of a table: Parquet and Arrow files as Hugging Face's datasets write them.

The image is a struct of `bytes` and `path`, or a column of bytes that begin as an image does. What does not
belong here: the table's other columns, which are metadata.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.formats import HEAD_BYTES, READABLE_ENDINGS, ending_of, readable_format
from clipper.images.places import Member, Packing

if TYPE_CHECKING:
    import pyarrow as pa

# The ending of an image without a name, by the format that its first bytes tell; `.jpg` for others: what an
# image really is, its bytes decide.
_ENDINGS = {
    "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "TIFF": ".tif", "AVIF": ".avif", "BMP": ".bmp",
    "JPEG 2000": ".jp2", "HEIF": ".heic", "JPEG XL": ".jxl", "Photoshop": ".psd", "ICO": ".ico",
}  # fmt: skip
_BATCH = 64  # rows that are read at a time
_SAMPLE = 16  # rows in which a column of bytes must begin as images do


class ImageTable:
    """A table with a column of images, of which rows are read."""

    def __init__(self, file: BinaryIO, *, is_parquet: bool) -> None:
        """Open a table.

        Raises:
            BadImageError: it has no column of images.
            pyarrow.ArrowException, OSError: it is damaged.
        """
        self._file = file
        self._is_parquet = is_parquet
        self.column = self._find_column()

    def members(self, *, stem: str, max_bytes: int) -> Iterator[Member]:
        """Yield each row's image.

        Args:
            stem: of the table's name: an image without a path of its own is called `<stem>/<row>.<ending>`.
            max_bytes: of an image.
        """
        row = 0
        for batch in self._batches():
            for data, path in _images(batch.column(0)):
                yield _member(data, path, row, stem=stem, max_bytes=max_bytes)
                row += 1

    def read(self, row: int) -> bytes:
        """Read the image of a row.

        Raises:
            BadImageError: the row is gone.
        """
        group = next((i for i, end in enumerate(self._ends) if row < end), None)
        if group is None:
            raise BadImageError("is gone from its table")
        start = self._ends[group - 1] if group else 0
        data, _ = next(_images(self._group(group).slice(row - start, 1)))
        return data or b""

    def other_columns(self) -> "pa.Table | None":
        """Return the columns that hold no image; None if there are none.

        The names of classes, which Hugging Face's datasets keep beside the numbers, take the numbers' place.
        """
        schema = self._parquet.schema_arrow if self._is_parquet else self._table.schema
        names = [name for name in schema.names if name != self.column]
        if not names:
            return None
        table = self._parquet.read(columns=names) if self._is_parquet else self._table.select(names)
        return _with_class_names(table, schema)

    def _find_column(self) -> str:
        import pyarrow as pa

        schema = self._parquet.schema_arrow if self._is_parquet else self._table.schema
        for field in schema:
            kind = field.type
            if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
                return str(field.name)
        for field in schema:
            if _is_binary(field.type) and self._begins_as_images(field.name):
                return str(field.name)
        raise BadImageError(
            "has no column of images: a struct of `bytes` and `path`, or bytes that begin as an image does"
        )

    def _begins_as_images(self, name: str) -> bool:
        batch = next(self._batches_of(name), None)
        values = [] if batch is None else batch.column(0).slice(0, _SAMPLE).drop_null().to_pylist()
        return bool(values) and all(readable_format(value[:HEAD_BYTES]) for value in values)

    @cached_property
    def _parquet(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self._file)

    @cached_property
    def _table(self) -> "pa.Table":
        """All rows of an Arrow file, or of the stream that Hugging Face's `save_to_disk` writes."""
        import pyarrow as pa

        # A file on this machine is mapped, so that only the rows that are read come into memory.
        name = getattr(self._file, "name", None)
        source = pa.memory_map(name) if isinstance(name, str) else pa.py_buffer(self._file.read())
        try:
            return pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            if hasattr(source, "seek"):
                source.seek(0)
            return pa.ipc.open_stream(source).read_all()

    @cached_property
    def _ends(self) -> list[int]:
        """The row after the last of each group of rows that is read at once."""
        if not self._is_parquet:
            return [self._table.num_rows]
        shape, ends, end = self._parquet.metadata, [], 0
        for group in range(shape.num_row_groups):
            end += shape.row_group(group).num_rows
            ends.append(end)
        return ends

    def _group(self, group: int) -> "pa.ChunkedArray":
        if not self._is_parquet:
            return self._table[self.column]
        kept, column = getattr(self, "_kept", (-1, None))
        if kept != group:  # rows are mostly asked for in their order
            column = self._parquet.read_row_group(group, columns=[self.column])[self.column]
            self._kept = (group, column)
        return column

    def _batches(self) -> "Iterator[pa.RecordBatch]":
        return self._batches_of(self.column)

    def _batches_of(self, name: str) -> "Iterator[pa.RecordBatch]":
        if self._is_parquet:
            return iter(self._parquet.iter_batches(batch_size=_BATCH, columns=[name]))
        return iter(self._table.select([name]).to_batches(max_chunksize=_BATCH))


def _member(data: bytes | None, path: str | None, row: int, *, stem: str, max_bytes: int) -> Member:
    size = len(data or b"")
    if not data:
        reason: str | None = "holds only a path; its bytes are elsewhere" if path else "is empty (0 bytes)"
    elif size > max_bytes:
        reason = f"has {size:,} bytes, more than the limit of {max_bytes:,} (max_bytes)"
    else:
        reason = None
    ending = ending_of(path or "")
    if ending not in READABLE_ENDINGS:
        kind = readable_format((data or b"")[:HEAD_BYTES])
        ending = _ENDINGS.get(kind or "", ".jpg")
        path = f"{path}{ending}" if path else None
    name = path or f"{stem}/{row:08d}{ending}"
    key = None if reason or data is None else content_hash(data)
    return Member(name, row, size, size, Packing.ROW, key, reason)


def _images(cells: "pa.Array | pa.ChunkedArray") -> Iterator[tuple[bytes | None, str | None]]:
    """Yield the bytes and the path of each cell."""
    for cell in cells:
        value = cell.as_py()
        if isinstance(value, dict):
            path = value.get("path")
            yield value.get("bytes"), str(path) if path else None
        else:
            yield value, None


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _with_class_names(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        classes = {name: feature["names"] for name, feature in features.items() if "names" in feature}
    except (AttributeError, KeyError, TypeError, ValueError):
        return table
    for name, words in classes.items():
        at = table.column_names.index(name) if name in table.column_names else -1
        if at >= 0 and pa.types.is_integer(table[name].type):
            numbers = table[name].to_pylist()
            named = [words[i] if i is not None and 0 <= i < len(words) else None for i in numbers]
            table = table.set_column(at, name, pa.array(named, pa.string()))
    return table
