"""Exports of selected images: a CSV or Parquet table, a ZIP with the originals, or a list of ids.

Each export is a generator of bytes that holds one block of rows, or one original, at a time. What does not
belong here: who may download it (`server/export_route.py`).
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clipper.hashing import content_hash
from clipper.metadata.columns import FILE, FOLDER, INSIGHT
from clipper.metadata.join import without_missing
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import TagRows, tags_of_rows
from viewer.dataset.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 4096  # rows
# Characters that have a special meaning in the file names of some system.
_ODD = re.compile(r"""[\x00-\x1f\\:*?"<>|]""")
EXCLUDED = "excluded"  # exports leave out the images with this tag, unless the visitor asks for them
PIECE_BYTES = 1 << 18  # the least that is sent at once, except at the end
# A spreadsheet reads a cell that starts with one of these as a formula; full-width forms count too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
    "ids": "text/plain; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
}


@dataclass(frozen=True)
class Export:
    """An export: rows (k,) of a dataset in this order, and the rows of each tag at that time.

    `similarities` (n,) float32 are those of all images to the query in view, by row.
    """

    name: ClassVar = "selection"
    kinds: ClassVar = ("csv", "parquet", "zip", "ids")

    dataset: Dataset
    rows: np.ndarray
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)
    similarities: np.ndarray | None = None

    def pieces(self, kind: str) -> Iterator[bytes]:
        """Yield the export in one of its kinds, in pieces."""
        return write_export(self, kind)

    def blocks(self) -> Iterator["pa.Table"]:
        """Yield tables of some rows each: id, path, x, y, similarity, metadata, insights, tags."""
        for start in range(0, max(len(self.rows), 1), BLOCK_ROWS):
            yield self._block(self.rows[start : start + BLOCK_ROWS])

    def _block(self, rows: np.ndarray) -> "pa.Table":
        import pyarrow as pa

        atlas = self.dataset.atlas
        xy = np.asarray(atlas.xy[rows], np.float32)
        columns: dict[str, Any] = {
            "id": pa.array([atlas.ids[row] for row in rows.tolist()], pa.string()),
            "path": pa.array([atlas.path(row) for row in rows.tolist()], pa.string()),
            "x": pa.array(xy[:, 0]),
            "y": pa.array(xy[:, 1]),
        }
        if self.similarities is not None:
            columns["similarity"] = pa.array(self.similarities[rows].astype(np.float32))
        metadata = atlas.metadata_table.take(pa.array(rows, pa.int64()))
        columns |= {name: metadata[name] for name in metadata.column_names if name not in columns}
        if (found := atlas.insight_table) is not None:
            found = found.take(pa.array(rows, pa.int64()))
            columns |= {name: found[name] for name in found.column_names}
        tags = self.dataset.tag_column_name
        if self.tags or tags in columns:
            columns[tags] = pa.array(tags_of_rows(self.tags, rows), pa.list_(pa.string()))
        return pa.table(columns)


class _Spool:
    """A write-only file; `drain` returns the bytes written since its last call."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def flush(self) -> None:
        """Do nothing: no bytes are held elsewhere."""

    def close(self) -> None:
        self.closed = True

    def drain(self) -> bytes:
        data, self._parts, self.size = b"".join(self._parts), [], 0
        return data


def write_export(export: Export, kind: str) -> Iterator[bytes]:
    """Yield an export in one of its kinds, in pieces."""
    makers = {"csv": _csv, "parquet": _parquet, "zip": _zip, "ids": _ids}
    return makers[kind](export)


def without_excluded(rows: np.ndarray, tags: TagRows) -> np.ndarray:
    """Return those of some rows (k,) that no person has excluded from exports, in the same order."""
    excluded = tags.get(EXCLUDED)
    return rows if excluded is None else rows[~is_member(rows, excluded)]


def escape_formula(cell: object) -> object:
    """Change a text cell so that no spreadsheet reads it as a formula; numbers stay as they are."""
    if isinstance(cell, (list, tuple)):
        return json.dumps(list(cell), ensure_ascii=False)
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _ids(export: Export) -> Iterator[bytes]:
    ids = export.dataset.atlas.ids
    for start in range(0, len(export.rows), BLOCK_ROWS):
        lines = [ids[row].replace("\n", " ") for row in export.rows[start : start + BLOCK_ROWS].tolist()]
        yield (("\n" if start else "") + "\n".join(lines)).encode()


def _csv(export: Export) -> Iterator[bytes]:
    for number, block in enumerate(export.blocks()):
        text = io.StringIO()
        writer = csv.writer(text)
        if number == 0:
            writer.writerow([escape_formula(name) for name in block.column_names])
        columns = [block[name].to_pylist() for name in block.column_names]
        writer.writerows([escape_formula(cell) for cell in row] for row in zip(*columns, strict=True))
        yield text.getvalue().encode("utf-8", "replace")


def _parquet(export: Export) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    spool, writer = _Spool(), None
    for block in export.blocks():
        writer = writer or pq.ParquetWriter(pa.PythonFile(spool, mode="w"), block.schema)
        writer.write_table(block)
        yield spool.drain()
    if writer:
        writer.close()
    yield spool.drain()


def _zip(export: Export) -> Iterator[bytes]:
    """Yield a ZIP with the originals under their ids and their metadata: a folder that Clipper can index."""
    spool, lost = _Spool(), []
    with zipfile.ZipFile(spool, "w") as archive:
        names = _Names()
        for row in export.rows.tolist():
            data = _original(export.dataset, row)
            if isinstance(data, str):
                lost.append(f"{export.dataset.atlas.ids[row]}: {data}")
                continue
            archive.writestr(_entry(names.of(export.dataset.atlas.ids[row])), data, zipfile.ZIP_DEFLATED, 0)
            del data
            if spool.size >= PIECE_BYTES:
                yield spool.drain()
        with archive.open(_entry("metadata.json"), "w", force_zip64=True) as file:
            for text in _metadata(export, names):
                file.write(text.encode("utf-8", "replace"))
                yield spool.drain()
        with archive.open(_entry("table.csv"), "w", force_zip64=True) as file:
            for piece in _csv(export):
                file.write(piece)
                yield spool.drain()
        if lost:
            archive.writestr(_entry("missing.txt"), "\n".join(lost) + "\n")
    yield spool.drain()


class _Names:
    """The name of each image in an archive: its id, changed where another system would read it as a path."""

    def __init__(self) -> None:
        self._used: set[str] = {"metadata.json", "table.csv", "missing.txt"}
        self.by_id: dict[str, str] = {}

    def of(self, image_id: str) -> str:
        parts = [_ODD.sub("_", part) for part in image_id.split("/")]
        name = "/".join(part if part.strip(". ") else "_" for part in parts)
        stem, dot, ending = name.rpartition(".")
        number = 2
        while name.lower() in self._used:
            name = f"{stem} ({number}){dot}{ending}" if dot else f"{name} ({number})"
            number += 1
        self._used.add(name.lower())
        self.by_id[image_id] = name
        return name


def _entry(name: str) -> zipfile.ZipInfo:
    """Make an entry of the archive. Its length follows its bytes, as it must in a stream.

    Some programs do not find the length behind a file that is only stored. So images, which are compressed
    already, are "deflated" at level 0.
    """
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _metadata(export: Export, names: _Names) -> Iterator[str]:
    """Yield the archive's metadata.json: what people gave, without what Clipper finds in the files."""
    columns = {**export.dataset.atlas.columns, **export.dataset.atlas.insight_columns}
    own = {name for name, column in columns.items() if column.origin in {FILE, FOLDER, INSIGHT}}
    before = "{\n"
    for block in export.blocks():
        lines = []
        for row in block.drop_columns(["path", "x", "y"]).to_pylist():
            image_id = row.pop("id")
            row.pop("similarity", None)
            values = {name: value for name, value in without_missing(row).items() if name not in own}
            if image_id in names.by_id:
                lines.append(f"{json.dumps(names.by_id[image_id])}: {json.dumps(values, default=str)}")
        if lines:
            yield before + ",\n".join(lines)
            before = ",\n"
    yield "\n}\n" if before != "{\n" else "{}\n"


def _original(dataset: Dataset, row: int) -> bytes | str:
    """Return an original's bytes as they were indexed, or the reason why they are not available."""
    try:
        data: bytes = dataset.atlas.image(row)
    except Exception as error:  # noqa: BLE001 - an error of a folder or a network costs only this image
        return str(error) or type(error).__name__
    return data if content_hash(data) == dataset.atlas.hashes[row] else "has changed since it was indexed"
