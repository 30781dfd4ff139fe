"""Exports of selected images: a CSV or Parquet table, a ZIP with the originals, a list of ids, or the core's.

Each export is a generator of bytes that holds one block of rows, or one original, at a time. What does not
belong here: the formats of other tools (`clipper/export`), who may download it (`server/export_route.py`).
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clipper.export.formats.dataset import BLOCK_ROWS, EXCLUDED, Selection, original
from clipper.export.formats.folders import Plan
from clipper.export.formats.names import Names
from clipper.export.formats.tables import escape_formula
from clipper.export.formats.writing import PIECE_BYTES, Spool, zip_entry
from clipper.export.run import FOLDERS, stream
from clipper.metadata.columns import FILE, FOLDER, INSIGHT
from clipper.metadata.join import without_missing
from clipper.query import Scores
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import TagRows, tags_of_rows
from viewer.dataset.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_OWN = ("metadata.json", "table.csv", "missing.txt")  # the names of an archive's own files
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
    "ids": "text/plain; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    **dict.fromkeys(FOLDERS, "application/zip"),
    "images": "application/vnd.apache.parquet",
}
OF_CORE = {**dict.fromkeys(FOLDERS), "images": "parquet"}  # the kinds that the core writes, and its names


@dataclass(frozen=True)
class Export:
    """An export: rows (k,) of a dataset in this order, and the rows of each tag at that time.

    `similarities` are those of all images to the query in view, by row. `label` is the column
    of the classes, for formats that have some; "" for none.
    """

    name: ClassVar = "selection"
    kinds: ClassVar = ("csv", "parquet", "zip", "ids", *OF_CORE)

    dataset: Dataset
    rows: np.ndarray
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)
    similarities: Scores | None = None
    label: str = ""

    @property
    def plan(self) -> Plan:
        """The export as the core knows it."""
        tagged = any(map(len, self.tags.values()))
        selection = Selection(
            self.dataset.atlas, self.rows, lambda rows: tags_of_rows(self.tags, rows), tagged=tagged
        )
        return Plan(selection, label=self.label)

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


def write_export(export: Export, kind: str) -> Iterator[bytes]:
    """Yield an export in one of its kinds, in pieces."""
    if kind in OF_CORE:
        return stream(export.plan, OF_CORE[kind] or kind)
    makers = {"csv": _csv, "parquet": _parquet, "zip": _zip, "ids": _ids}
    return makers[kind](export)


def class_column(dataset: Dataset, colour: str) -> str:
    """Return the column of classes for an export: the one that colours the map, if an image has one of it."""
    columns = {**dataset.atlas.columns, **dataset.atlas.insight_columns}
    column = columns.get(colour)
    return colour if column is not None and column.role == "category" else ""


def without_excluded(rows: np.ndarray, tags: TagRows) -> np.ndarray:
    """Return those of some rows (k,) that no person has excluded from exports, in the same order."""
    excluded = tags.get(EXCLUDED)
    return rows if excluded is None else rows[~is_member(rows, excluded)]


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

    spool, writer = Spool(), None
    for block in export.blocks():
        writer = writer or pq.ParquetWriter(pa.PythonFile(spool, mode="w"), block.schema)
        writer.write_table(block)
        yield spool.drain()
    if writer:
        writer.close()
    yield spool.drain()


def _zip(export: Export) -> Iterator[bytes]:
    """Yield a ZIP with the originals under their ids and their metadata: a folder that Clipper can index."""
    spool, lost = Spool(), []
    with zipfile.ZipFile(spool, "w") as archive:
        used, names = Names(_OWN), dict[str, str]()
        for row in export.rows.tolist():
            data = original(export.dataset.atlas, row)
            if isinstance(data, str):
                lost.append(f"{export.dataset.atlas.ids[row]}: {data}")
                continue
            image_id = export.dataset.atlas.ids[row]
            names[image_id] = used.of(image_id)
            archive.writestr(zip_entry(names[image_id]), data, zipfile.ZIP_DEFLATED, 0)
            del data
            if spool.size >= PIECE_BYTES:
                yield spool.drain()
        with archive.open(zip_entry("metadata.json"), "w", force_zip64=True) as file:
            for text in _metadata(export, names):
                file.write(text.encode("utf-8", "replace"))
                yield spool.drain()
        with archive.open(zip_entry("table.csv"), "w", force_zip64=True) as file:
            for piece in _csv(export):
                file.write(piece)
                yield spool.drain()
        if lost:
            archive.writestr(zip_entry("missing.txt"), "\n".join(lost) + "\n")
    yield spool.drain()


def _metadata(export: Export, names: Mapping[str, str]) -> Iterator[str]:
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
            if image_id in names:
                lines.append(f"{json.dumps(names[image_id])}: {json.dumps(values, default=str)}")
        if lines:
            yield before + ",\n".join(lines)
            before = ",\n"
    yield "\n}\n" if before != "{\n" else "{}\n"
