"""Exports that are one file: a Parquet table with the images in it, a CSV table, a list of paths.

What does not belong here: folders (`folders.py`), and where the file goes (`writing.py`).
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clipper.export.formats.dataset import original
from clipper.export.formats.folders import FILE_NAME, Plan, csv_text
from clipper.export.formats.writing import Spool

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# A group of rows is written when its images have so many bytes, or so many rows.
GROUP_BYTES, GROUP_ROWS = 32 << 20, 1024
# A spreadsheet reads a cell that starts with one of these as a formula; full-width forms count too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
IMAGE, LABEL = "image", "label"


def parquet(plan: Plan) -> Iterator[bytes]:
    """Yield a Parquet table with the images' bytes, which Hugging Face's `datasets` decodes.

    A row has `image`, a struct of `bytes` and `path`; `file_name`; the columns; and `label`, the number of a
    class, where a label is asked for. With images by path, `bytes` are missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if plan.label:
        plan.check_single("parquet")
    classes = plan.selection.classes(plan.label) if plan.label else []
    spool = Spool()
    schema = _schema(plan, classes)

    # Images are compressed already; so small are the columns beside them that nothing is gained.
    with pq.ParquetWriter(
        pa.PythonFile(spool, mode="w"), schema, compression={"image.bytes": "none"}
    ) as writer:
        for rows, images in _groups(plan):
            writer.write_table(_table(plan, rows, images, schema, classes), row_group_size=len(rows))
            yield spool.drain()
    yield spool.drain()


def csv_table(plan: Plan) -> Iterator[bytes]:
    """Yield a CSV table: `file_name`, the columns, tags. No cell of it is a spreadsheet's formula."""
    names = plan.selection.names
    yield csv_text([[escape_formula(name) for name in (FILE_NAME, *names)]]).encode("utf-8", "replace")
    for rows in plan.selection.blocks():
        lines = (
            [_place(plan, row), *(values.get(name) for name in names)]
            for row, values in zip(rows.tolist(), plan.selection.values(rows), strict=True)
        )
        text = csv_text([escape_formula(cell) for cell in line] for line in lines)
        yield text.encode("utf-8", "replace")
        plan.placed.names.update(dict.fromkeys(rows.tolist(), ""))


def path_list(plan: Plan) -> Iterator[bytes]:
    """Yield the paths of the images, one a line; a name with a line break in it is left out."""
    dataset = plan.selection.dataset
    for rows in plan.selection.blocks():
        lines = []
        for row in rows.tolist():
            path = dataset.path(row)
            if "\n" in path or "\r" in path:
                plan.placed.lost[dataset.ids[row]] = "has a line break in its name"
                continue
            plan.placed.at_home(dataset, row)
            lines += [f"{path}\n"] if row in plan.placed.names else []
        yield "".join(lines).encode("utf-8", "surrogateescape")


def escape_formula(cell: object) -> object:
    """Change a text cell so that no spreadsheet reads it as a formula; numbers stay as they are."""
    if isinstance(cell, (list, tuple)):
        return json.dumps(list(cell), ensure_ascii=False)
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _place(plan: Plan, row: int) -> str:
    dataset = plan.selection.dataset
    return dataset.path(row) if plan.images == "paths" else dataset.ids[row]


def _groups(plan: Plan) -> "Iterator[tuple[np.ndarray, list[bytes | None]]]":
    """Yield rows with their images, some at a time; an image that is lost is left out."""
    import numpy as np

    rows: list[int] = []
    images: list[bytes | None] = []
    size = 0
    for row in plan.selection.rows.tolist():
        data = None if plan.images == "paths" else original(plan.selection.dataset, row)
        if isinstance(data, str):
            plan.placed.lost[plan.selection.dataset.ids[row]] = data
            continue
        plan.placed.names[row] = ""
        rows.append(row)
        images.append(data)
        size += len(data or b"")
        if size >= GROUP_BYTES or len(rows) >= GROUP_ROWS:
            yield np.array(rows, np.int64), images
            rows, images, size = [], [], 0
    if rows:
        yield np.array(rows, np.int64), images


def _schema(plan: Plan, classes: list[str]) -> "pa.Schema":
    """Return the table's schema, with the features that `datasets` reads of it."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [pa.field(IMAGE, image), pa.field(FILE_NAME, pa.string())]
    fields += [pa.field(LABEL, pa.int64())] if plan.label else []
    taken = {one.name for one in fields}
    fields += [one for one in plan.selection.table(plan.selection.rows[:0]).schema if one.name not in taken]
    features = {one.name: _feature(one.type) for one in fields} | {IMAGE: {"_type": "Image"}}
    if plan.label:
        features[LABEL] = {"names": classes, "_type": "ClassLabel"}
    document = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": document})


def _feature(kind: "pa.DataType") -> dict[str, Any]:
    import pyarrow as pa

    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


def _table(
    plan: Plan, rows: "np.ndarray", images: list[bytes | None], schema: "pa.Schema", classes: list[str]
) -> "pa.Table":
    import pyarrow as pa

    dataset = plan.selection.dataset
    ids = [dataset.ids[row] for row in rows.tolist()]
    paths = ids if plan.images != "paths" else [dataset.path(row) for row in rows.tolist()]
    cells: dict[str, Any] = {
        IMAGE: pa.StructArray.from_arrays(
            [pa.array(images, pa.binary()), pa.array(paths, pa.string())], ["bytes", "path"]
        ),
        FILE_NAME: pa.array(ids, pa.string()),
    }
    if plan.label:
        number = {label: at for at, label in enumerate(classes)}
        labels = plan.selection.labels(plan.label, rows)
        cells[LABEL] = pa.array([number[one[0]] if one else None for one in labels], pa.int64())
    values = plan.selection.table(rows)
    cells |= {name: values[name] for name in values.column_names if name not in cells}
    return pa.table([cells[name] for name in schema.names], schema=schema)
