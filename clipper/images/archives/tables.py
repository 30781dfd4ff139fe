"""Images in the rows of a table: Parquet and Arrow files as Hugging Face's datasets write them.

The image is a struct of `bytes` and `path`, or bytes that begin as an image does; or a list of these. What
does not belong here: the table's other columns, which are metadata.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.files.places import MAX_LISTED, Member, Packing, listed_at
from clipper.images.formats import HEAD_BYTES, READABLE_ENDINGS, ending_of, readable_format

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The ending of an image without a name, by the format that its first bytes tell; `.jpg` for others: what an
# image really is, its bytes decide.
_ENDINGS = {
    "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "TIFF": ".tif", "AVIF": ".avif", "BMP": ".bmp",
    "JPEG 2000": ".jp2", "HEIF": ".heic", "JPEG XL": ".jxl", "Photoshop": ".psd", "ICO": ".ico",
}  # fmt: skip
_BATCH = 64  # rows that are read at a time
_SAMPLE = 16  # cells in which a column of bytes must begin as images do, and batches in which they are sought
# How columns of images are called, and words in the names of columns with other pictures.
_IMAGE_NAMES = frozenset(
    {"image", "images", "img", "imgs", "jpg", "jpeg", "png", "webp", "picture", "photo", "pixel_values"}
)
_OTHER_NAMES = ("mask", "label", "seg", "depth", "annot", "target", "condition", "truth", "overlay")


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
        self._checked: set[str] = set()
        self.column = self._find_column()

    def members(self, *, stem: str, max_bytes: int) -> Iterator[Member]:
        """Yield each row's image, or images.

        Args:
            stem: of the table's name: an image without a path of its own is called `<stem>/<row>.<ending>`.
            max_bytes: of an image.
        """
        row = 0
        for batch in self._batches():
            for cell in batch.column(0):
                yield from self._members_of(cell.as_py(), row, stem=stem, max_bytes=max_bytes)
                row += 1

    def _members_of(self, cell: Any, row: int, *, stem: str, max_bytes: int) -> Iterator[Member]:
        if not self.is_list:
            yield _member(*_image(cell), f"{stem}/{row:08d}", row, max_bytes=max_bytes)
            return
        for position, one in enumerate((cell or [None])[:MAX_LISTED]):
            name, at = f"{stem}/{row:08d}-{position}", listed_at(row, position)
            yield replace(_member(*_image(one), name, at, max_bytes=max_bytes), packing=Packing.LISTED)

    def read(self, row: int, position: int = 0) -> bytes:
        """Read the image of a row; of a list of images the one at `position`.

        Raises:
            BadImageError: the row is gone.
        """
        group = next((i for i, end in enumerate(self._ends) if row < end), None)
        if group is None:
            raise BadImageError("is gone from its table")
        start = self._ends[group - 1] if group else 0
        cell = self._group(group)[row - start].as_py()
        if self.is_list:
            if not cell or position >= len(cell):
                raise BadImageError("is gone from its table")
            cell = cell[position]
        return _image(cell)[0] or b""

    def other_columns(self) -> "pa.Table | None":
        """Return the columns that hold no image; None if there are none.

        The names of classes, which Hugging Face's datasets keep beside the numbers, take the numbers' place.
        """
        without = {self.column, self.objects, *self.left_out}
        names = [name for name in self._schema.names if name not in without]
        return _with_class_names(self._columns(names), self._features) if names else None

    def objects_column(self) -> "tuple[pa.ChunkedArray, dict[str, Any]] | None":
        """Return the column of boxes, and Hugging Face's description of it; None if there is none."""
        if not self.objects:
            return None
        described = self._features.get(self.objects)
        column = self._columns([self.objects]).column(0)
        return column, described if isinstance(described, dict) else {"feature": described}

    def _columns(self, names: list[str]) -> "pa.Table":
        return self._parquet.read(columns=names) if self._is_parquet else self._arrow_columns(names)

    def _arrow_columns(self, names: list[str]) -> "pa.Table":
        """Return columns of an Arrow file, once checked: a wrong place in them would end the process."""
        for name in names:
            if name not in self._checked:
                self._table[name].validate(full=True)
                self._checked.add(name)
        return self._table.select(names)

    @cached_property
    def _schema(self) -> "pa.Schema":
        return self._parquet.schema_arrow if self._is_parquet else self._table.schema

    @cached_property
    def _features(self) -> dict[str, Any]:
        """What Hugging Face's datasets say of the columns."""
        try:
            features = json.loads((self._schema.metadata or {})[b"huggingface"])["info"]["features"]
        except (KeyError, TypeError, ValueError, RecursionError):
            return {}
        return features if isinstance(features, dict) else {}

    @cached_property
    def left_out(self) -> list[str]:
        """The other columns that hold files, such as masks."""
        fields = [field for field in self._schema if field.name != self.column]
        return [str(field.name) for field in fields if _holds_files(field.type)]

    @cached_property
    def objects(self) -> str | None:
        """The column that holds the boxes of objects; None if there is none."""
        found = (field.name for field in self._schema if field.name == "objects" and _holds_boxes(field.type))
        return next(found, None)

    @cached_property
    def is_list(self) -> bool:
        """Whether a cell holds a list of images."""
        return _is_list(self._schema.field(self.column).type)

    def _find_column(self) -> str:
        """Return the column of images; of several the one that is called so, and none of masks."""
        fields = sorted((field for field in self._schema if _holds_files(field.type)), key=_likeness)
        without: list[str] = []
        for field in fields:
            kind = _type_of(self._features.get(field.name))
            heads = [] if kind else self._heads(field.name)
            are_images = 2 * sum(map(bool, map(readable_format, heads))) > len(heads)
            if kind == "Image" or are_images:
                return str(field.name)
            if not kind and not heads:
                without.append(str(field.name))
        if without:  # images that are elsewhere, of which each row is named; or a table without rows
            return without[0]
        raise BadImageError(
            "has no column of images: a struct of `bytes` and `path`, or bytes that begin as an image does"
        )

    def _heads(self, name: str) -> list[bytes]:
        """Return the first bytes of some cells that have any."""
        heads: list[bytes] = []
        for batch in islice(self._batches_of(name), _SAMPLE):
            for cell in batch.column(0).drop_null():
                value = cell.as_py()
                files = value if isinstance(value, list) else [value]
                heads += [data[:HEAD_BYTES] for one in files if (data := _image(one)[0])]
            if len(heads) >= _SAMPLE:
                break
        return heads

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
            return self._arrow_columns([self.column])[self.column]
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
        return iter(self._arrow_columns([name]).to_batches(max_chunksize=_BATCH))


def _member(data: bytes | None, path: str | None, name: str, offset: int, *, max_bytes: int) -> Member:
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
    key = None if reason or data is None else content_hash(data)
    return Member(path or f"{name}{ending}", offset, size, size, Packing.ROW, key, reason)


def _image(value: Any) -> tuple[bytes | None, str | None]:
    """Return the bytes and the path of a cell."""
    if isinstance(value, dict):
        path = value.get("path")
        return value.get("bytes"), str(path) if path else None
    return value, None


def _likeness(field: "pa.Field") -> int:
    """Return how little a column's name is that of the images: 0 for one that is called so."""
    name = str(field.name).lower()
    if name in _IMAGE_NAMES:
        return 0
    return 2 if any(word in name for word in _OTHER_NAMES) else 1


def _type_of(feature: Any) -> str:
    """Return what Hugging Face says that a column holds, "Image" for example; "" if it says nothing."""
    while isinstance(feature, list | dict):
        if isinstance(feature, list):
            feature = feature[0] if feature else None
        elif isinstance(feature.get("feature"), list | dict):
            feature = feature["feature"]
        else:
            return str(feature.get("_type", ""))
    return ""


def _holds_files(kind: "pa.DataType") -> bool:
    """Whether cells hold the bytes of a file, with or without its path, or lists of them."""
    import pyarrow as pa

    inner = kind.value_type if _is_list(kind) else kind
    is_file = pa.types.is_struct(inner) and inner.get_field_index("bytes") >= 0
    return bool(is_file or _is_binary(inner))


def _holds_boxes(kind: "pa.DataType") -> bool:
    """Whether cells hold boxes: a list for each field, or a list of objects with fields."""
    import pyarrow as pa

    inner = kind.value_type if _is_list(kind) else kind
    return bool(pa.types.is_struct(inner) and inner.get_field_index("bbox") >= 0)


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _with_class_names(table: "pa.Table", features: dict[str, Any]) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    for name, feature in features.items():
        words = feature.get("names") if isinstance(feature, dict) else None
        at = table.column_names.index(name) if name in table.column_names else -1
        if isinstance(words, list) and at >= 0 and pa.types.is_integer(table[name].type):
            numbers = _whole(table[name])
            known = np.where((numbers >= 0) & (numbers < len(words)), numbers, len(words))
            named = pa.array([*map(str, words), None], pa.string()).take(pa.array(known))
            table = table.set_column(at, name, named)
    return table


def _whole(column: "pa.ChunkedArray") -> "np.ndarray":
    """Return integers, (n,) int64; -1 for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(column.cast(pa.int64()), -1).to_numpy())
